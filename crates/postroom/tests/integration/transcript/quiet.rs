//! The stage without input and output: sessions and the office, with the
//! server's part played by the test.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::{Duration, Instant};

use argon2::password_hash::PasswordHasher as _;
use argon2::{Algorithm, Argon2, Params, Version};
use postroom_model::{Mark, Name, Notice, Reply};
use postroom_office::password::{Checker, SALT_BYTES};
use postroom_office::{Audience, News, Office, SessionId};
use postroom_protocol::{Close, Dial, Input, Outputs, Protocol, Session, Settings, Stream, Timer};
use postroom_store::{Call, Limits, PasswordHash, Store, Ticket, Timestamp};
use postroom_store_sqlite::{DataFolder, OpenError, SqliteStore};
use tempfile::TempDir;

use super::{Stage, Transcript};
use crate::support::PATIENCE;

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
}

struct Client {
    session: Box<dyn Session>,
    visit: SessionId,
    /// Answers that the client has not looked at.
    output: VecDeque<u8>,
    /// The same of the stream that the server opened.
    back: Option<VecDeque<u8>>,
    /// What is heard once the client has looked at all answers.
    unheard: Vec<Mark>,
    deadlines: BTreeMap<usize, Duration>,
    dial_limit: Option<Duration>,
    closed: Option<Close>,
    ended: bool,
}

/// The port of whoever listens, which no one else can reach here.
const PORT: u16 = 30_232;

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
        let number = |key| transcript.setting(key).map(|value| value.parse::<u32>().unwrap());
        let millis = |key| number(key).map(|value| Duration::from_millis(value.into()));
        let standard = Settings::default();
        let settings = Settings {
            login_limit: millis("connection.login_limit_ms").unwrap_or(standard.login_limit),
            pause: millis("connection.pause_ms").unwrap_or(standard.pause),
            hearing_limit: millis("im.confirm_limit_ms").unwrap_or(standard.hearing_limit),
            broadcast_verb: transcript
                .setting("im.broadcast_verb")
                .map_or(standard.broadcast_verb, Into::into),
            stores_for_absent: transcript.setting("im.offline") == Some("store"),
            announces: transcript.setting("chat.announce") != Some("false"),
            ..Settings::default()
        };
        let limits = Limits {
            mailbox_capacity: number("mailbox.capacity")
                .unwrap_or(Limits::default().mailbox_capacity),
            accounts_max: number("accounts.max").unwrap_or(Limits::default().accounts_max),
            channels_max: number("channels.max").unwrap_or(Limits::default().channels_max),
            channel_posts: number("channels.posts").unwrap_or(Limits::default().channel_posts),
            disk_reserve_bytes: 0,
        };
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
            dial_limit: millis("im.dial_limit_ms").unwrap_or(DIAL_LIMIT),
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
            ended: false,
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
        client.unheard.extend(outputs.heard_once_acknowledged);
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
        let is_heard = dial.port == PORT && self.listening.contains(name);
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
                office.note(client.visit, Notice::Heard(mark));
            }
        }
    }

    fn reply(&mut self, visit: SessionId, reply: Reply) {
        if let Some(name) = self.name_of(visit) {
            self.feed(&name, Input::Reply(reply));
        }
    }

    fn name_of(&self, visit: SessionId) -> Option<String> {
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
                let checked = check.run(&mut Checker::default(), [7; SALT_BYTES]);
                self.office().checked(checked);
            }
            for news in news {
                match news {
                    News::Reply(visit, reply) => self.reply(visit, reply),
                    News::Event(audience, event) => self.event(&audience, &event),
                }
            }
            self.write_all();
            if !self.office().is_unsettled() {
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
        let client = self.client(name);
        if client.closed.is_some() {
            return;
        }
        assert!(client.session.takes_bytes(), "nothing is under way, and yet it takes nothing");
        let proof = client.is_proof();
        self.feed(name, Input::Bytes { stream: Stream::Front, bytes, proof });
        if self.settling == Settling::Each {
            self.settle();
        }
    }

    /// Ends a session as the server does when the connection is gone.
    fn leave(&mut self, name: &str) -> Vec<u8> {
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

/// In memory where there is such a folder: the disk is not what is tested here.
fn temporary_folder() -> TempDir {
    TempDir::new_in("/dev/shm").or_else(|_| TempDir::new()).unwrap()
}

fn open(folder: &TempDir, limits: Limits) -> SqliteStore {
    let begun = Instant::now();
    let folder = loop {
        match DataFolder::open(folder.path()) {
            Ok(folder) => break folder,
            // A process that another test is just starting has the lock for as
            // long as it is still a copy of this one.
            Err(OpenError::InUse { .. }) if begun.elapsed() < PATIENCE => {}
            Err(error) => panic!("{error}"),
        }
    };
    // A transcript is too short for the log to be moved.
    let (store, _checkpointer) = SqliteStore::open(folder, limits).unwrap();
    store
}

/// A hash that costs next to nothing, so that each split can be tried.
fn set_password(store: &mut SqliteStore, name: &str, password: &str) {
    let cheap = Params::new(Params::MIN_M_COST, 1, 1, None).unwrap();
    let hash = Argon2::new(Algorithm::Argon2id, Version::V0x13, cheap)
        .hash_password_with_salt(password.as_bytes(), &[7; 16])
        .unwrap()
        .to_string();
    let password = PasswordHash(hash.into_boxed_str());
    store.submit(Ticket(0), Call::SetPassword { name: Name::new(name).unwrap(), password });
    store.settle(Timestamp(0), &mut Vec::new()).unwrap();
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
        self.leave(client)
    }

    fn end(&mut self, name: &str) {
        let (client, stream) = stream(name);
        let this = self.client(client);
        this.ended |= stream == Stream::Front;
        let proof = this.is_proof();
        self.feed(client, Input::End { stream, proof });
        self.settle();
    }

    fn reset(&mut self, name: &str) {
        match stream(name) {
            (client, Stream::Front) => drop(self.leave(client)),
            (_, Stream::Back) => self.end(name),
        }
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
        self.office = Some(Office::new(open(&self.folder, self.limits), 16));
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
        let rests = names.into_iter().map(|name| (name.clone(), self.leave(&name))).collect();
        self.kill();
        rests
    }

    fn clients(&self) -> Vec<String> {
        self.clients.keys().cloned().collect()
    }
}
