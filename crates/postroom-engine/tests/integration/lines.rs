//! The protocol of transcripts whose clients say several lines at once, which no line protocol
//! can: see [`LINES`].

use postroom_model::{
    Access, Channel, Event, Name, PresenceTerms, Reply, Request, Terms, Text, Unknown,
};
use postroom_protocol::{Close, Input, Outputs, PostHandling, Protocol, Reading, Session, Stream};
use postroom_simulator::{Driver, PeerKey};
use postroom_testing::transcript::LINES;

/// Between the lines of a text: the record separator of ASCII.
const LINE_BREAK: u8 = 0x1e;

static PROTOCOL: Protocol = Protocol {
    name: LINES,
    default_port: 1,
    has_accounts: true,
    guest: None,
    reports: false,
    is_handed_over: false,
    posts: PostHandling::Queued,
    refusal: "",
    begin: |_, _: Access, _| Box::new(Lines::default()),
};

/// A client that says several lines at once connects.
pub(crate) fn connect(driver: &mut Driver) -> PeerKey {
    driver.connect_to(&PROTOCOL)
}

/// The same, with a name and these commands.
pub(crate) fn lines(driver: &mut Driver, name: &str, commands: &str) -> PeerKey {
    let key = connect(driver);
    driver.send(key, format!("/name {name}\n{commands}").as_bytes());
    driver.settle();
    driver.look(key);
    key
}

/// A session that makes one request at a time.
#[derive(Debug, Default)]
struct Lines {
    received: Vec<u8>,
    awaits_reply: bool,
    is_ending: bool,
}

impl Session for Lines {
    fn input(&mut self, input: Input<'_>, outputs: &mut Outputs) -> Reading {
        match input {
            Input::Bytes { stream: Stream::Front, bytes, .. } => {
                self.received.extend_from_slice(bytes);
            }
            Input::End { .. } => self.is_ending = true,
            Input::Reply(reply) => {
                self.awaits_reply = false;
                outputs.front.extend_from_slice(answer(&reply).as_bytes());
            }
            Input::Event(Event::Told(_)) => panic!("nobody tells {LINES} anything"),
            Input::Ended(_) | Input::Stop => outputs.close = Some(Close::Asked),
            _ => {}
        }
        while !self.awaits_reply
            && let Some(end) = self.received.iter().position(|byte| *byte == b'\n')
        {
            let line: Vec<_> = self.received.drain(..=end).collect();
            outputs.requests.push(request(&line[..end]).expect("a command of this protocol"));
            self.awaits_reply = true;
        }
        if self.is_ending && !self.awaits_reply {
            outputs.close = Some(Close::Asked);
            return Reading::Nothing;
        }
        Reading::Bytes
    }
}

fn request(line: &[u8]) -> Option<Request> {
    let mut parts = line.splitn(3, |byte| *byte == b' ');
    let (command, to) = (parts.next()?, std::str::from_utf8(parts.next()?).ok()?);
    let separated = parts.next().unwrap_or_default().iter();
    let lines: Vec<_> =
        separated.map(|byte| if *byte == LINE_BREAK { b'\n' } else { *byte }).collect();
    let text = Text::from_lines(&lines).ok()?;
    let name = || Name::new(to).ok();
    Some(match command {
        b"/name" => {
            let presence = PresenceTerms::SOLE;
            let terms = Terms { admits_strangers: true, presence: Some(presence) };
            Request::LogIn { name: name()?, password: None, terms }
        }
        b"/post" => {
            let channel = Channel::parse(to).or_else(|| Channel::from_stored(to))?;
            Request::Post { channels: vec![channel], text, awaits_delivery: true }
        }
        b"/tell" => Request::Tell { recipient: name()?, text, awaits_delivery: true },
        b"/send" => Request::Compose { recipient: name()?, text, unknown: Unknown::Refuse },
        _ => return None,
    })
}

fn answer(reply: &Reply) -> &'static str {
    match reply {
        Reply::LoggedIn { .. } => "named\n",
        Reply::Posted(_) => "posted\n",
        Reply::Told => "told\n",
        Reply::Composed(_) => "sent\n",
        _ => "refused\n",
    }
}
