//! One connection of HTTP: what hyper runs over a transport.

use std::cell::RefCell;
use std::io;
use std::pin::pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1::{self, SendRequest};
use hyper::{Request, Response};

use super::running::{Driver, run};
use super::wire::{End, Wire};
use crate::signals::Signals;
use crate::transport::Transport;
use crate::{ClientError, Deviation, ServerAddress};

/// What the clients call the protocol, as the listener is called.
pub(super) const PROTOCOL: &str = "http";

/// A connection that was idle for so long may be at its end: servers end it after 30 s.
const IDLE_MAX: Duration = Duration::from_secs(15);

/// A connection.
pub(super) struct Open {
    wire: Rc<RefCell<Wire>>,
    sender: SendRequest<Full<Bytes>>,
    /// `None` once the connection has ended.
    driver: Option<Driver>,
    /// When the last response ended.
    idle_since: Instant,
}

impl Open {
    /// Begins HTTP.
    pub(super) fn over(transport: Transport) -> hyper::Result<Self> {
        let wire = Rc::new(RefCell::new(Wire::new(transport)));
        let end = End(Rc::clone(&wire));
        let mut beginning = pin!(http1::handshake(end));
        // It waits for nothing.
        let mut context = Context::from_waker(Waker::noop());
        loop {
            if let Poll::Ready(begun) = beginning.as_mut().poll(&mut context) {
                let (sender, connection) = begun?;
                let driver: Driver = Box::pin(connection);
                return Ok(Self { wire, sender, driver: Some(driver), idle_since: Instant::now() });
            }
        }
    }

    /// Whether another request can be sent over it: it has not ended, and will not soon.
    pub(super) fn takes_a_request(&mut self) -> bool {
        let mut context = Context::from_waker(Waker::noop());
        if let Some(driver) = &mut self.driver
            && driver.as_mut().poll(&mut context).is_ready()
        {
            self.driver = None;
        }
        self.driver.is_some() && self.sender.is_ready() && self.idle_since.elapsed() < IDLE_MAX
    }

    /// From now on nothing is asked.
    pub(super) fn idle(&mut self) {
        self.idle_since = Instant::now();
    }

    /// Sends a request, and returns the head of its response.
    pub(super) fn send(
        &mut self,
        request: Request<Full<Bytes>>,
        deadline: Instant,
        signals: &Signals,
    ) -> io::Result<hyper::Result<Response<Incoming>>> {
        let Self { wire, sender, driver, .. } = self;
        let sending = async {
            sender.ready().await?;
            sender.send_request(request).await
        };
        run(wire, driver, sending, deadline, signals)
    }

    /// The next bytes of a body; `None` at its end.
    pub(super) fn frame(
        &mut self,
        body: &mut Incoming,
        deadline: Instant,
        signals: &Signals,
    ) -> io::Result<Option<hyper::Result<Bytes>>> {
        let frame = run(&self.wire, &mut self.driver, body.frame(), deadline, signals)?;
        // Trailers mean nothing here.
        Ok(frame.map(|frame| frame.map(|frame| frame.into_data().unwrap_or_default())))
    }

    pub(super) fn wire(&self) -> &Rc<RefCell<Wire>> {
        &self.wire
    }
}

/// The error for a wait that failed.
pub(super) fn failure(
    server: &ServerAddress,
    wire: &Rc<RefCell<Wire>>,
    wait: Duration,
    error: io::Error,
) -> ClientError {
    let error = wire.borrow_mut().take_failure().unwrap_or(error);
    ClientError::connection(server, wait, error)
}

/// The error for what hyper could not understand, or for a connection that ended.
pub(super) fn unspoken(
    server: &ServerAddress,
    timeout: Duration,
    error: &hyper::Error,
    wire: Option<&Rc<RefCell<Wire>>>,
) -> ClientError {
    if let Some(failure) = wire.and_then(|wire| wire.borrow_mut().take_failure()) {
        return ClientError::connection(server, timeout, failure);
    }
    let first_line = wire.and_then(|wire| wire.borrow().first_line());
    match first_line {
        None => ClientError::Unanswered { server: server.clone(), protocol: PROTOCOL },
        // A greeting comes before any request.
        Some(line) if error.is_parse() || !line.starts_with("HTTP/") => {
            let deviation = Deviation::unexpected("a request of HTTP", &line);
            ClientError::deviation(server, PROTOCOL, deviation)
        }
        Some(_) => ClientError::Dropped { server: server.clone() },
    }
}
