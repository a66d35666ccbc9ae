//! The driver of HTTP, as the event loop knows it, and the event loop, as that knows it.

use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};

use mio::Waker;
use postroom_engine::{HttpConnection, HttpOutput, HttpSession, ListenerName, ListenerOptions};
use postroom_model::{Channel, Mark, MessageId, Request};
use postroom_store::{Damaged, HistoryFrom, HistoryQuery};
use rustls::ServerConfig;
use thiserror::Error;

/// Requests that may wait for the event loop.
const WAITING_MAX: usize = 4_096;

/// A connection of an HTTP listener, for its driver.
#[derive(Debug)]
pub struct HttpHandover {
    /// Its key.
    pub connection: HttpConnection,
    /// Its socket, which does not block.
    pub socket: TcpStream,
    /// The address of its client.
    pub peer: SocketAddr,
    /// The address of this side.
    pub local: SocketAddr,
    /// The name of its listener.
    pub listener: ListenerName,
    /// What it inherits from its listener.
    pub options: ListenerOptions,
    /// What TLS needs, where the listener has it.
    pub tls: Option<Arc<ServerConfig>>,
}

/// What the driver of HTTP is told.
#[derive(Debug)]
pub enum ToHttp {
    /// Here is a connection.
    Connection(Box<HttpHandover>),
    /// What has come of its requests, and what has happened.
    Told(Vec<HttpOutput>),
    /// The server stops: requests that have come are answered, no more are taken.
    Stop,
}

/// The driver of HTTP, as the event loop knows it.
pub trait HttpDriver: Send {
    /// Takes something, on the thread of the event loop, which it must not hold up.
    fn tell(&mut self, told: ToHttp);
}

pub(crate) enum Asked {
    Enter(HttpConnection, HttpSession),
    Ask(HttpSession, u64, Box<Request>),
    History(HttpSession, u64, HistoryQuery),
    Kept(HttpSession, u64, HistoryFrom<MessageId>, usize),
    Watch(Channel, bool),
    Delivered(HttpSession, Mark),
    Damaged(Vec<Damaged>),
    Leave(HttpSession),
    Closed(HttpConnection),
}

/// As many requests as may wait for the event loop do.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
#[error("the server is busy; try again")]
pub struct HttpBusy;

/// What is shared by both sides of the queue.
#[derive(Debug, Default)]
struct Shared {
    /// Requests that wait.
    waiting: AtomicUsize,
    /// The loop has been woken, and has not looked yet.
    is_woken: AtomicBool,
    last_session: AtomicU64,
}

/// Asks the event loop for the clients of HTTP, from any thread.
#[derive(Clone, Debug)]
pub struct HttpGate {
    asked: Sender<Asked>,
    shared: Arc<Shared>,
    waker: Arc<Waker>,
}

impl HttpGate {
    /// Begins a session of a connection.
    #[must_use]
    pub fn enter(&self, connection: HttpConnection) -> HttpSession {
        let session = HttpSession(self.shared.last_session.fetch_add(1, Ordering::Relaxed) + 1);
        self.send(Asked::Enter(connection, session));
        session
    }

    /// Asks by a session, which gets one reply. `number` is for a request that is not taken.
    pub fn ask(&self, session: HttpSession, number: u64, request: Request) -> Result<(), HttpBusy> {
        self.take_place()?;
        self.send(Asked::Ask(session, number, Box::new(request)));
        Ok(())
    }

    /// Asks by a session about the posts of a channel. It counts as a request that waits.
    pub fn history(
        &self,
        session: HttpSession,
        number: u64,
        query: HistoryQuery,
    ) -> Result<(), HttpBusy> {
        self.take_place()?;
        self.send(Asked::History(session, number, query));
        Ok(())
    }

    /// Asks by a session that has logged in about what its account has read and sent: from
    /// where on, and for how many messages at most. It counts as a request that waits.
    pub fn kept(
        &self,
        session: HttpSession,
        number: u64,
        from: HistoryFrom<MessageId>,
        count: usize,
    ) -> Result<(), HttpBusy> {
        self.take_place()?;
        self.send(Asked::Kept(session, number, from, count));
        Ok(())
    }

    /// Wants to be told of the posts in a channel from now on, or no more.
    pub fn watch(&self, channel: Channel, watches: bool) {
        self.send(Asked::Watch(channel, watches));
    }

    /// The client of a session has proved that it has a live line.
    pub fn delivered(&self, session: HttpSession, mark: Mark) {
        self.send(Asked::Delivered(session, mark));
    }

    /// Tells of records of the store that could not be read.
    pub fn damaged(&self, damaged: Vec<Damaged>) {
        self.send(Asked::Damaged(damaged));
    }

    /// Ends a session.
    pub fn leave(&self, session: HttpSession) {
        self.send(Asked::Leave(session));
    }

    /// A connection is closed.
    pub fn closed(&self, connection: HttpConnection) {
        self.send(Asked::Closed(connection));
    }

    fn take_place(&self) -> Result<(), HttpBusy> {
        if self.shared.waiting.fetch_add(1, Ordering::AcqRel) >= WAITING_MAX {
            self.shared.waiting.fetch_sub(1, Ordering::AcqRel);
            return Err(HttpBusy);
        }
        Ok(())
    }

    fn send(&self, asked: Asked) {
        // Who asks a server that has ended gets no answer.
        let is_sent = self.asked.send(asked).is_ok();
        if is_sent && !self.shared.is_woken.swap(true, Ordering::SeqCst) {
            self.wake();
        }
    }

    /// The event loop begins to look at what was asked.
    pub(crate) fn looks(&self) {
        // What was sent before another side saw this is seen from now on.
        self.shared.is_woken.swap(false, Ordering::SeqCst);
    }

    /// Wakes the event loop.
    pub(crate) fn wake(&self) {
        // If it cannot be woken, it looks when it wakes for something else.
        let _ = self.waker.wake();
    }
}

/// The event loop's side of the queue.
pub(crate) struct HttpQueue {
    pub(crate) gate: HttpGate,
    asked: Receiver<Asked>,
    driver: Option<Box<dyn HttpDriver>>,
    /// What the driver has not been told yet.
    told: Vec<HttpOutput>,
}

impl HttpQueue {
    pub(crate) fn new(waker: Arc<Waker>, driver: Option<Box<dyn HttpDriver>>) -> Self {
        let (sender, asked) = channel();
        Self {
            gate: HttpGate { asked: sender, shared: Arc::default(), waker },
            asked,
            driver,
            told: Vec::new(),
        }
    }

    pub(crate) fn has_driver(&self) -> bool {
        self.driver.is_some()
    }

    /// Takes what was asked first.
    pub(crate) fn take(&mut self) -> Option<Asked> {
        let asked = self.asked.try_recv().ok()?;
        if matches!(asked, Asked::Ask(..) | Asked::History(..) | Asked::Kept(..)) {
            self.gate.shared.waiting.fetch_sub(1, Ordering::AcqRel);
        }
        Some(asked)
    }

    pub(crate) fn add(&mut self, output: HttpOutput) {
        self.told.push(output);
    }

    /// Tells the driver what has gathered: it is woken once for all of it.
    pub(crate) fn flush(&mut self) {
        if !self.told.is_empty() {
            let told = std::mem::take(&mut self.told);
            self.tell(ToHttp::Told(told));
        }
    }

    pub(crate) fn tell(&mut self, told: ToHttp) {
        if let Some(driver) = &mut self.driver {
            driver.tell(told);
        }
    }

    pub(crate) fn stop(&mut self) {
        self.tell(ToHttp::Stop);
    }
}
