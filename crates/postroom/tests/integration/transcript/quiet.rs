//! The stage without input and output: sessions and the office, with the
//! server's part played by the test.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use argon2::password_hash::PasswordHasher as _;
use argon2::{Algorithm, Argon2, Params, Version};
use postroom_model::Name;
use postroom_office::{Office, SessionId};
use postroom_protocol::{Close, Input, Outputs, Protocol, Session, Settings, Timer};
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
}

struct Client {
    session: Box<dyn Session>,
    visit: SessionId,
    /// Answers that the client has not looked at.
    output: VecDeque<u8>,
    deadlines: BTreeMap<usize, Duration>,
    closed: Option<Close>,
    ended: bool,
}

impl Quiet {
    pub(crate) fn start(transcript: &Transcript, settling: Settling) -> Self {
        let number = |key| transcript.setting(key).map(|value| value.parse::<u32>().unwrap());
        let millis = |key| number(key).map(|value| Duration::from_millis(value.into()));
        let standard = Settings::default();
        let settings = Settings {
            login_limit: millis("connection.login_limit_ms").unwrap_or(standard.login_limit),
            pause: millis("connection.pause_ms").unwrap_or(standard.pause),
            ..standard
        };
        let limits = Limits {
            mailbox_capacity: number("mailbox.capacity")
                .unwrap_or(Limits::default().mailbox_capacity),
            accounts_max: number("accounts.max").unwrap_or(Limits::default().accounts_max),
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
            deadlines: BTreeMap::new(),
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
        client.output.extend(outputs.bytes);
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
        let visit = client.visit;
        for request in outputs.requests {
            self.office().ask(visit, request);
        }
    }

    /// Commits and answers until nothing is left to do.
    fn settle(&mut self) {
        loop {
            let mut replies = Vec::new();
            let office = self.office();
            office.settle(Timestamp(0), &mut replies).unwrap();
            let checks: Vec<_> = office.take_checks().collect();
            for check in checks {
                self.office().checked(check.run());
            }
            for (visit, reply) in replies {
                let found = self.clients.iter().find(|(_, client)| client.visit == visit);
                if let Some(name) = found.map(|(name, _)| name.clone()) {
                    self.feed(&name, Input::Reply(reply));
                }
            }
            if !self.office().is_unsettled() {
                return;
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
        self.feed(name, Input::Bytes { bytes, proof });
        if self.settling == Settling::Each {
            self.settle();
        }
    }

    /// Ends a session as the server does when the connection is gone.
    fn leave(&mut self, name: &str) -> Vec<u8> {
        let client = self.clients.remove(name).expect("this client is connected");
        self.office().leave(client.visit);
        self.settle();
        client.output.into()
    }
}

impl Client {
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
        if !self.clients.contains_key(client) {
            self.connect(client);
        }
        for part in parts {
            self.send_part(client, part);
        }
        self.settle();
    }

    fn line(&mut self, client: &str) -> Result<Vec<u8>, String> {
        let output = &mut self.client(client).output;
        let Some(end) = output.iter().position(|byte| *byte == b'\n') else {
            return Err(format!("the server sent only {:?}", output.make_contiguous()));
        };
        let mut line: Vec<u8> = output.drain(..=end).collect();
        line.pop();
        Ok(line)
    }

    fn rest(&mut self, client: &str) -> Vec<u8> {
        let this = self.client(client);
        assert!(this.closed.is_some(), "the server does not end the connection of {client:?}");
        // The client has the answers, and ends its side too.
        if !this.ended {
            let proof = this.is_proof();
            self.feed(client, Input::End { proof });
        }
        self.leave(client)
    }

    fn end(&mut self, client: &str) {
        let this = self.client(client);
        this.ended = true;
        let proof = this.is_proof();
        self.feed(client, Input::End { proof });
        self.settle();
    }

    fn reset(&mut self, client: &str) {
        self.leave(client);
    }

    fn choose(&mut self, client: &str, protocol: &str) {
        self.protocols.insert(client.to_owned(), protocol.to_owned());
    }

    fn pause(&mut self, time: Duration) {
        self.now += time;
        let names: Vec<_> = self.clients.keys().cloned().collect();
        for name in names {
            for (number, timer) in Timer::ALL.into_iter().enumerate() {
                let now = self.now;
                let deadlines = &mut self.client(&name).deadlines;
                if deadlines.get(&number).is_some_and(|at| *at <= now) {
                    deadlines.remove(&number);
                    self.feed(&name, Input::Elapsed(timer));
                }
            }
        }
        self.settle();
    }

    fn is_silent(&mut self, client: &str) -> bool {
        let client = self.client(client);
        client.output.is_empty() && client.closed.is_none()
    }

    fn kill(&mut self) {
        self.clients.clear();
        self.office = None;
        self.office = Some(Office::new(open(&self.folder, self.limits), 16));
    }

    fn restart(&mut self) -> Vec<(String, Vec<u8>)> {
        let names: Vec<_> = self.clients.keys().cloned().collect();
        let rests = names.into_iter().map(|name| (name.clone(), self.leave(&name))).collect();
        self.kill();
        rests
    }

    fn clients(&self) -> Vec<String> {
        self.clients.keys().cloned().collect()
    }
}
