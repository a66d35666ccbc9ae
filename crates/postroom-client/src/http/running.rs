//! Runs what hyper does on one connection until there is a result. No task outlives a call, and
//! all waiting is done by the transport.

use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Instant;

use std::cell::RefCell;
use std::io;

use super::wire::Wire;
use crate::signals::Signals;

/// What carries a connection's bytes on; it ends with the connection.
pub(super) type Driver = Pin<Box<dyn Future<Output = hyper::Result<()>>>>;

/// Set where a part of hyper has something for another.
#[derive(Debug, Default)]
struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Runs a future of the connection to its end. Fails with `TimedOut` at the deadline, with
/// `Interrupted` by a signal, and with `BrokenPipe` where the connection has ended without it.
pub(super) fn run<F: Future>(
    wire: &RefCell<Wire>,
    driver: &mut Option<Driver>,
    future: F,
    deadline: Instant,
    signals: &Signals,
) -> io::Result<F::Output> {
    let woken = Arc::new(Woken::default());
    let waker = Waker::from(Arc::clone(&woken));
    let mut context = Context::from_waker(&waker);
    let mut future = pin!(future);
    loop {
        woken.0.store(false, Ordering::Relaxed);
        wire.borrow_mut().take_receiving();
        if let Some(running) = driver
            && running.as_mut().poll(&mut context).is_ready()
        {
            *driver = None;
        }
        if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
            return Ok(output);
        }
        if woken.0.load(Ordering::Relaxed) {
            continue;
        }
        if driver.is_none() {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        let mut wire = wire.borrow_mut();
        let receiving = wire.take_receiving();
        wire.transport.wait(receiving, deadline, &mut &*signals)?;
    }
}
