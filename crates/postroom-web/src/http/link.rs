//! Sessions: what clients of HTTP ask of the event loop, and the replies.

use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use postroom_engine::{HttpConnection, HttpOutput, HttpSession};
use postroom_model::{Mark, MessageId, Name, Reply, Request, Told};
use postroom_protocol::HttpInput;
use postroom_server::{HttpBusy, HttpGate};
use postroom_store::{Damaged, HistoryFrom, HistoryQuery, HistoryRows, KeptRows, NotKept};
use tokio::sync::futures::Notified;
use tokio::sync::{Notify, oneshot};

/// Live lines that wait for a client that takes none.
const LINES_MAX: usize = 64;

/// Why a request has no reply.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum NoReply {
    /// As many requests as may wait do.
    Busy,
    /// The client says too much: it has to wait so long.
    TooMuch(Duration),
    /// The session has ended: an operator has ended it, or the server stops.
    Ended,
}

/// What a request comes to.
type Answer = Result<Reply, NoReply>;

/// Who waits for the answer to a question.
#[derive(Debug)]
enum Waiting {
    Reply(oneshot::Sender<Answer>),
    History(oneshot::Sender<Result<HistoryRows, NoReply>>),
    Kept(oneshot::Sender<Result<Result<KeptRows, NotKept>, NoReply>>),
}

/// The event loop, as the connections know it.
#[derive(Debug)]
pub(super) struct Link {
    gate: HttpGate,
    sessions: Mutex<HashMap<HttpSession, Arc<Shared>>>,
}

/// What a session has asked, and what has happened to it.
#[derive(Debug, Default)]
struct Shared {
    asked: Mutex<Asked>,
    /// A message has come into the mailbox of its account.
    mail: Notify,
    /// Live lines to its account that its client has not been told yet.
    lines: Mutex<Lines>,
    /// There is one.
    line: Notify,
    /// It has ended.
    end: Notify,
}

/// Live lines that wait for a client.
#[derive(Debug, Default)]
pub(super) struct Lines {
    /// The earliest first.
    pub(super) waiting: Vec<Told>,
    /// Those for which there was no room.
    pub(super) missed: usize,
}

#[derive(Debug, Default)]
struct Asked {
    last: u64,
    /// Requests, in the order of which the replies come.
    waiting: VecDeque<(u64, Waiting)>,
    has_ended: bool,
}

/// A session of a connection. It ends when this is dropped.
#[derive(Debug)]
pub(super) struct Session {
    link: Arc<Link>,
    key: HttpSession,
    whose: Whose,
    shared: Arc<Shared>,
}

/// Who a session is counted for.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(super) enum Whose {
    /// An account that has logged in.
    Account(Name),
    /// A client without a login, at this address.
    Address(IpAddr),
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    // Nothing panics while it has a lock.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Link {
    pub(super) fn new(gate: HttpGate) -> Self {
        Self { gate, sessions: Mutex::default() }
    }

    /// A connection is closed.
    pub(super) fn closed(&self, connection: HttpConnection) {
        self.gate.closed(connection);
    }

    /// Begins a session of a connection.
    pub(super) fn enter(self: &Arc<Self>, connection: HttpConnection, whose: Whose) -> Session {
        let key = self.gate.enter(connection);
        let shared = Arc::<Shared>::default();
        lock(&self.sessions).insert(key, Arc::clone(&shared));
        Session { link: Arc::clone(self), key, whose, shared }
    }

    /// Takes what the event loop tells of a session.
    pub(super) fn take(&self, output: HttpOutput) {
        match output {
            HttpOutput::Session(key, input) => {
                let shared = lock(&self.sessions).get(&key).map(Arc::clone);
                // A session that is over needs nothing more.
                let Some(shared) = shared else {
                    return;
                };
                match input {
                    HttpInput::Reply(reply) => {
                        let first = lock(&shared.asked).take_reply();
                        answer(first, Ok(reply));
                    }
                    HttpInput::Mail => shared.mail.notify_one(),
                    HttpInput::Ended(_) => shared.end(),
                    HttpInput::Told(line) => {
                        lock(&shared.lines).add(line);
                        shared.line.notify_one();
                    }
                }
            }
            HttpOutput::TooMuch { session, number, wait } => {
                if let Some(Waiting::Reply(to)) = self.take_number(session, number) {
                    answer(Some(to), Err(NoReply::TooMuch(wait)));
                }
            }
            HttpOutput::History { session, number, rows } => {
                if let Some(Waiting::History(to)) = self.take_number(session, number) {
                    // Who has gone needs no answer.
                    let _ = to.send(Ok(rows));
                }
            }
            HttpOutput::Kept { session, number, rows } => {
                if let Some(Waiting::Kept(to)) = self.take_number(session, number) {
                    let _ = to.send(Ok(rows));
                }
            }
            // The thread knows the connections and the feeds.
            HttpOutput::Close(_)
            | HttpOutput::Post(_)
            | HttpOutput::PostDeleted { .. }
            | HttpOutput::Gone(_)
            | HttpOutput::Withheld(..) => {}
        }
    }

    fn take_number(&self, session: HttpSession, number: u64) -> Option<Waiting> {
        let shared = lock(&self.sessions).get(&session).map(Arc::clone)?;
        let mut asked = lock(&shared.asked);
        let at = asked.waiting.iter().position(|(other, _)| *other == number)?;
        asked.waiting.remove(at).map(|(_, waiting)| waiting)
    }

    /// Tells the store of records that could not be read.
    pub(super) fn damaged(&self, damaged: Vec<Damaged>) {
        self.gate.damaged(damaged);
    }
}

/// Who has gone needs no answer.
fn answer(to: Option<oneshot::Sender<Answer>>, told: Answer) {
    if let Some(to) = to {
        let _ = to.send(told);
    }
}

impl Lines {
    fn add(&mut self, line: Told) {
        if self.waiting.len() < LINES_MAX {
            self.waiting.push(line);
        } else {
            self.missed += 1;
        }
    }
}

impl Asked {
    /// The first who waits for a reply.
    fn take_reply(&mut self) -> Option<oneshot::Sender<Answer>> {
        let is_reply = |(_, waiting): &(u64, Waiting)| matches!(waiting, Waiting::Reply(_));
        let at = self.waiting.iter().position(is_reply)?;
        match self.waiting.remove(at) {
            Some((_, Waiting::Reply(to))) => Some(to),
            _ => None,
        }
    }
}

impl Shared {
    fn end(&self) {
        let mut asked = lock(&self.asked);
        asked.has_ended = true;
        for (_, waiting) in asked.waiting.drain(..) {
            match waiting {
                Waiting::Reply(to) => answer(Some(to), Err(NoReply::Ended)),
                Waiting::History(to) => drop(to.send(Err(NoReply::Ended))),
                Waiting::Kept(to) => drop(to.send(Err(NoReply::Ended))),
            }
        }
        self.end.notify_waiters();
    }
}

impl Session {
    /// Asks, and waits for the reply.
    pub(super) async fn ask(&self, request: Request) -> Answer {
        self.send(request)?.await.unwrap_or(Err(NoReply::Ended))
    }

    /// Asks. The replies come in the order of the requests.
    pub(super) fn send(&self, request: Request) -> Result<oneshot::Receiver<Answer>, NoReply> {
        let (sender, told) = oneshot::channel();
        // What is asked first is sent first: its reply comes first.
        let mut asked = lock(&self.shared.asked);
        if asked.has_ended {
            return Err(NoReply::Ended);
        }
        asked.last += 1;
        let number = asked.last;
        self.link.gate.ask(self.key, number, request).map_err(|_| NoReply::Busy)?;
        asked.waiting.push_back((number, Waiting::Reply(sender)));
        Ok(told)
    }

    /// Asks which posts a page of a channel's history has.
    pub(super) async fn history(&self, query: HistoryQuery) -> Result<HistoryRows, NoReply> {
        let ask = |number| self.link.gate.history(self.key, number, query);
        self.question(Waiting::History, ask).await
    }

    /// Asks which messages a page has of what the account has read and sent.
    pub(super) async fn kept(
        &self,
        from: HistoryFrom<MessageId>,
        count: usize,
    ) -> Result<Result<KeptRows, NotKept>, NoReply> {
        let ask = |number| self.link.gate.kept(self.key, number, from, count);
        self.question(Waiting::Kept, ask).await
    }

    /// Asks a question that has a number, and waits for its answer.
    async fn question<T>(
        &self,
        waiting: fn(oneshot::Sender<Result<T, NoReply>>) -> Waiting,
        ask: impl FnOnce(u64) -> Result<(), HttpBusy>,
    ) -> Result<T, NoReply> {
        let (sender, told) = oneshot::channel();
        {
            let mut asked = lock(&self.shared.asked);
            if asked.has_ended {
                return Err(NoReply::Ended);
            }
            asked.last += 1;
            let number = asked.last;
            ask(number).map_err(|_| NoReply::Busy)?;
            asked.waiting.push_back((number, waiting(sender)));
        }
        told.await.unwrap_or(Err(NoReply::Ended))
    }

    /// Who it is counted for.
    pub(super) fn whose(&self) -> &Whose {
        &self.whose
    }

    /// Whether it has no login.
    pub(super) fn is_anonymous(&self) -> bool {
        matches!(self.whose, Whose::Address(_))
    }

    /// It has logged in.
    pub(super) fn set_account(&mut self, account: Name) {
        self.whose = Whose::Account(account);
    }

    /// Waits until it has ended.
    pub(super) async fn ended(&self) {
        let end = self.shared.end.notified();
        let mut end = std::pin::pin!(end);
        end.as_mut().enable();
        if !self.has_ended() {
            end.await;
        }
    }

    /// Waits until a message comes into the mailbox, from when this was called on.
    pub(super) fn mail(&self) -> Notified<'_> {
        self.shared.mail.notified()
    }

    /// Waits for live lines, and takes them.
    pub(super) async fn lines(&self) -> Lines {
        loop {
            let lines = std::mem::take(&mut *lock(&self.shared.lines));
            if !lines.waiting.is_empty() || lines.missed > 0 {
                return lines;
            }
            self.shared.line.notified().await;
        }
    }

    /// Its client has proved that it has a live line.
    pub(super) fn delivered(&self, mark: Mark) {
        self.link.gate.delivered(self.key, mark);
    }

    /// Whether it has ended.
    pub(super) fn has_ended(&self) -> bool {
        lock(&self.shared.asked).has_ended
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        lock(&self.link.sessions).remove(&self.key);
        self.link.gate.leave(self.key);
    }
}
