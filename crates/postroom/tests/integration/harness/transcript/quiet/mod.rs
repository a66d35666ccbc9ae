//! The stage without input and output: sessions and the office, with the
//! server's part played by the test.

mod settings;
mod store;

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::time::Duration;

use postroom_model::{Mark, Name, Notice, Reply};
use postroom_office::password::Checker;
use postroom_office::{Audience, News, Office, SessionKey};
use postroom_protocol::{Close, Dial, Input, Outputs, Protocol, Session, Settings, Stream, Timer};
use postroom_store::{Limits, Timestamp};
use postroom_store_sqlite::SqliteStore;
use tempfile::TempDir;

use super::{Stage, Transcript};
use settings::{limits, millis, settings};
use store::{empty_board, open, set_password, temporary_folder};

/// When requests are committed and answered.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Settling {
    /// After each part of what is sent.
    Each,
    /// After all of it, or when the session takes no more.
    Late,
}

/// Sessions over an office of their own.
pub(crate) struct Quiet {
    folder: TempDir,
    office: Option<Office<SqliteStore>>,
    limits: Limits,
    settings: Settings,
    settling: Settling,
    now: Duration,
    protocols: BTreeMap<String, String>,
    protocol: String,
    clients: BTreeMap<String, Client>,
    /// Who listens on a port.
    listening: BTreeSet<String>,
    dial_limit: Duration,
    /// Dials that failed, by account.
    dial_failures: HashMap<Name, usize>,
    keeps_board: bool,
}

struct Client {
    session: Box<dyn Session>,
    visit: SessionKey,
    /// Answers that the client has not looked at.
    output: VecDeque<u8>,
    /// The same of the stream that the server opened.
    back: Option<VecDeque<u8>>,
    /// What is heard once the client has looked at all answers.
    unheard: Vec<Mark>,
    deadlines: BTreeMap<usize, Duration>,
    dial_limit: Option<Duration>,
    closed: Option<Close>,
    /// What the session has no room for so far: it waits in the socket.
    waiting: VecDeque<Vec<u8>>,
    ended: bool,
    /// Behind what waits comes the end.
    end_waits: bool,
}

/// The port of whoever listens, which no one else can reach here.
const PORT: u16 = 30_232;

/// The server's own rules for dials.
const PORT_MIN: u16 = 1_024;
const DIAL_FAILURES_MAX: usize = 3;

/// Time for a dial, unless the transcript says otherwise.
const DIAL_LIMIT: Duration = Duration::from_secs(3);

/// The client, and which of its streams a name in a transcript means.
fn stream(name: &str) -> (&str, Stream) {
    match name.strip_suffix(".b") {
        Some(client) => (client, Stream::Back),
        None => (name, Stream::Front),
    }
}

impl Quiet {
    pub(crate) fn start(transcript: &Transcript, settling: Settling) -> Self {
        let (settings, limits) = (settings(transcript), limits(transcript));
        let folder = temporary_folder();
        let mut store = open(&folder, limits);
        for (name, password) in &transcript.accounts {
            set_password(&mut store, name, password);
        }
        Self {
            folder,
            office: Some(Office::new(store, 16)),
            limits,
            settings,
            settling,
            now: Duration::ZERO,
            protocols: BTreeMap::new(),
            protocol: transcript.protocol().to_owned(),
            clients: BTreeMap::new(),
            listening: BTreeSet::new(),
            dial_limit: millis(transcript, "im.dial_limit_ms").unwrap_or(DIAL_LIMIT),
            dial_failures: HashMap::new(),
            keeps_board: transcript.setting("board.persist") != Some("false"),
        }
    }

    fn office(&mut self) -> &mut Office<SqliteStore> {
        self.office.as_mut().expect("the office is open")
    }

    fn client(&mut self, name: &str) -> &mut Client {
        self.clients.get_mut(name).unwrap_or_else(|| panic!("{name:?} is not connected"))
    }

    fn connect(&mut self, name: &str) {
        let protocol = self.protocols.get(name).unwrap_or(&self.protocol);
        let protocol = Protocol::find(protocol).unwrap();
        let mut outputs = Outputs::default();
        let session = (protocol.begin)(&self.settings, &mut outputs);
        let client = Client {
            session,
            visit: self.office().enter(),
            output: VecDeque::new(),
            back: None,
            unheard: Vec::new(),
            deadlines: BTreeMap::new(),
            dial_limit: None,
            closed: None,
            waiting: VecDeque::new(),
            ended: false,
            end_waits: false,
        };
        self.clients.insert(name.to_owned(), client);
        self.apply(name, outputs);
    }

    fn feed(&mut self, name: &str, input: Input<'_>) {
        let mut outputs = Outputs::default();
        self.client(name).session.input(input, &mut outputs);
        self.apply(name, outputs);
    }

    fn apply(&mut self, name: &str, outputs: Outputs) {
        let now = self.now;
        let client = self.client(name);
        client.output.extend(outputs.front);
        match &mut client.back {
            Some(back) => back.extend(outputs.back),
            None => assert!(outputs.back.is_empty(), "there is no second stream yet"),
        }
        client.unheard.extend(outputs.delivered_once_acknowledged);
        for (timer, after) in outputs.timers {
            let number = Timer::ALL.iter().position(|known| *known == timer).unwrap();
            match after {
                Some(after) => client.deadlines.insert(number, now + after),
                None => client.deadlines.remove(&number),
            };
        }
        if let Some(close) = outputs.close {
            assert!(client.closed.is_none(), "closed twice");
            client.closed = Some(close);
            client.deadlines.clear();
        }
        let (visit, is_closed) = (client.visit, client.closed.is_some());
        for request in outputs.requests {
            self.office().ask(visit, request);
        }
        for notice in outputs.notices {
            self.office().note(visit, notice);
        }
        if is_closed {
            self.office().depart(visit);
        }
        if let Some(dial) = outputs.dial {
            self.dial(name, &dial);
        }
    }

    fn dial(&mut self, name: &str, dial: &Dial) {
        let failures = self.dial_failures.entry(dial.account.clone()).or_default();
        let is_tried = dial.port >= PORT_MIN && *failures < DIAL_FAILURES_MAX;
        let is_heard = is_tried && dial.port == PORT && self.listening.contains(name);
        *failures += usize::from(is_tried && !is_heard);
        let limit = self.now + self.dial_limit;
        let client = self.client(name);
        if is_heard {
            client.back = Some(VecDeque::new());
            self.feed(name, Input::Dialled(true));
        } else {
            client.dial_limit = Some(limit);
        }
    }

    /// Tells the office what clients have looked at.
    fn acknowledge(&mut self) {
        let office = self.office.as_mut().expect("the office is open");
        for client in self.clients.values_mut().filter(|client| client.output.is_empty()) {
            for mark in client.unheard.drain(..) {
                office.note(client.visit, Notice::Delivered(mark));
            }
        }
    }

    fn reply(&mut self, visit: SessionKey, reply: Reply) {
        if let Some(name) = self.name_of(visit) {
            self.feed(&name, Input::Reply(reply));
        }
    }

    fn name_of(&self, visit: SessionKey) -> Option<String> {
        let found = self.clients.iter().find(|(_, client)| client.visit == visit);
        found.map(|(name, _)| name.clone())
    }

    fn event(&mut self, audience: &Audience, event: &postroom_model::Event) {
        let mut sessions = Vec::new();
        self.office().audience(audience, &mut sessions);
        for session in sessions {
            if let Some(name) = self.name_of(session)
                && self.client(&name).closed.is_none()
            {
                self.feed(&name, Input::Event(event));
            }
        }
    }

    /// Commits and answers until nothing is left to do.
    fn settle(&mut self) {
        loop {
            self.acknowledge();
            let mut news = Vec::new();
            let office = self.office();
            office.settle(Timestamp(0), &mut news).unwrap();
            while let Some(check) = self.office().take_check() {
                let checked = check.run(&mut Checker::default());
                self.office().checked(checked);
            }
            for news in news {
                match news {
                    News::Reply(visit, reply) => self.reply(visit, reply),
                    News::Event(audience, event) => self.event(&audience, &event),
                    other => panic!("no damage, no password file: {other:?}"),
                }
            }
            self.write_all();
            let takes_more = self.clients().iter().any(|name| self.take_waiting(name));
            if !takes_more && !self.office().is_unsettled() {
                return;
            }
        }
    }

    /// The clients' operating systems take all that is written at once.
    fn write_all(&mut self) {
        for name in self.clients() {
            let client = self.client(&name);
            if client.closed.is_none() && !client.session.takes_bytes() {
                self.feed(&name, Input::Written);
            }
        }
    }

    fn send_part(&mut self, name: &str, bytes: &[u8]) {
        if self.client(name).closed.is_none() && !self.client(name).session.takes_bytes() {
            self.settle();
        }
        self.client(name).waiting.push_back(bytes.to_vec());
        self.take_waiting(name);
        if self.settling == Settling::Each {
            self.settle();
        }
    }

    /// Gives a session what waits for it; whether it took any.
    fn take_waiting(&mut self, name: &str) -> bool {
        let mut takes_more = false;
        while self.client(name).closed.is_none() && self.client(name).session.takes_bytes() {
            let client = self.client(name);
            let (stream, proof) = (Stream::Front, client.is_proof());
            if let Some(bytes) = client.waiting.pop_front() {
                self.feed(name, Input::Bytes { stream, bytes: &bytes, proof });
            } else if std::mem::take(&mut client.end_waits) {
                self.feed(name, Input::End { stream, proof });
            } else {
                break;
            }
            takes_more = true;
        }
        takes_more
    }

    /// Ends a session as the server does when the connection is gone.
    fn remove(&mut self, name: &str) -> Vec<u8> {
        let client = self.clients.remove(name).expect("this client is connected");
        self.office().leave(client.visit);
        self.settle();
        client.output.into_iter().chain(client.back.into_iter().flatten()).collect()
    }
}

impl Client {
    fn output_of(&mut self, name: &str) -> Result<&mut VecDeque<u8>, String> {
        match stream(name) {
            (_, Stream::Front) => Ok(&mut self.output),
            (_, Stream::Back) => self.back.as_mut().ok_or("it was not dialled".to_owned()),
        }
    }

    /// The client has seen all answers when it has looked at them.
    fn is_proof(&self) -> bool {
        self.session.awaits_proof() && self.output.is_empty()
    }
}

impl Stage for Quiet {
    fn send(&mut self, client: &str, parts: &[&[u8]]) {
        if let (client, stream @ Stream::Back) = stream(client) {
            for bytes in parts {
                self.feed(client, Input::Bytes { stream, bytes, proof: false });
            }
        } else {
            if !self.clients.contains_key(client) {
                self.connect(client);
            }
            for part in parts {
                self.send_part(client, part);
            }
        }
        self.settle();
    }

    fn line(&mut self, name: &str) -> Result<Vec<u8>, String> {
        self.settle();
        if !self.clients.contains_key(stream(name).0) {
            self.connect(name);
        }
        let output = self.client(stream(name).0).output_of(name)?;
        let Some(end) = output.iter().position(|byte| *byte == b'\n') else {
            let got = String::from_utf8_lossy(output.make_contiguous()).into_owned();
            return Err(format!("the server sent only {got:?}"));
        };
        let mut line: Vec<u8> = output.drain(..=end).collect();
        line.pop();
        Ok(line)
    }

    fn rest(&mut self, name: &str) -> Vec<u8> {
        self.settle();
        let (client, stream) = stream(name);
        let this = self.client(client);
        assert!(this.closed.is_some(), "the server does not end the connection of {name:?}");
        if stream == Stream::Back {
            return this.back.take().unwrap_or_default().into();
        }
        // The client has the answers, and ends its side too.
        if !this.ended {
            let proof = this.is_proof();
            self.feed(client, Input::End { stream, proof });
        }
        self.remove(client)
    }

    fn end(&mut self, name: &str) {
        let (client, stream) = stream(name);
        let this = self.client(client);
        this.ended |= stream == Stream::Front;
        if stream == Stream::Front && !this.waiting.is_empty() {
            this.end_waits = true;
        } else {
            let proof = this.is_proof();
            self.feed(client, Input::End { stream, proof });
        }
        self.settle();
    }

    fn reset(&mut self, name: &str) {
        match stream(name) {
            (client, Stream::Front) => drop(self.remove(client)),
            (_, Stream::Back) => self.end(name),
        }
    }

    fn leave(&mut self, name: &str) {
        self.end(name);
        self.remove(name);
    }

    fn choose(&mut self, client: &str, protocol: &str) {
        self.protocols.insert(client.to_owned(), protocol.to_owned());
    }

    fn pause(&mut self, time: Duration) {
        self.now += time;
        for name in self.clients() {
            for (number, timer) in Timer::ALL.into_iter().enumerate() {
                let now = self.now;
                let deadlines = &mut self.client(&name).deadlines;
                if deadlines.get(&number).is_some_and(|at| *at <= now) {
                    deadlines.remove(&number);
                    self.feed(&name, Input::Elapsed(timer));
                }
            }
            let now = self.now;
            if self.client(&name).dial_limit.take_if(|at| *at <= now).is_some() {
                self.feed(&name, Input::Dialled(false));
            }
        }
        self.settle();
    }

    fn is_silent(&mut self, name: &str) -> bool {
        let client = self.client(stream(name).0);
        client.closed.is_none() && client.output_of(name).is_ok_and(|output| output.is_empty())
    }

    fn listen(&mut self, client: &str) {
        self.listening.insert(client.to_owned());
    }

    fn port(&self, client: &str) -> Option<u16> {
        self.listening.contains(client).then_some(PORT)
    }

    fn kill(&mut self) {
        self.clients.clear();
        self.office = None;
        let mut store = open(&self.folder, self.limits);
        if !self.keeps_board {
            empty_board(&mut store);
        }
        self.office = Some(Office::new(store, 16));
    }

    fn stop(&mut self) {
        for name in self.clients() {
            if self.client(&name).closed.is_none() {
                self.feed(&name, Input::Stop);
            }
        }
        self.settle();
    }

    fn start(&mut self) {
        assert!(self.clients.is_empty(), "all clients are closed before the server starts again");
        self.kill();
    }

    fn restart(&mut self) -> Vec<(String, Vec<u8>)> {
        let names: Vec<_> = self.clients();
        let rests = names.into_iter().map(|name| (name.clone(), self.remove(&name))).collect();
        self.kill();
        rests
    }

    fn clients(&self) -> Vec<String> {
        self.clients.keys().cloned().collect()
    }
}
