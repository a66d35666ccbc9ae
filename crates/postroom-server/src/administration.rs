//! Questions of operators, from other threads: a bounded queue, and who waits for an answer.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};

use mio::Waker;
use postroom_engine::{AdminAnswer, AdminRequest, AdminTicket};
use slab::Slab;
use thiserror::Error;

/// Questions that may wait for the event loop.
const WAITING_MAX: usize = 64;
/// Questions that a turn takes.
const TAKEN_MAX: usize = 16;

/// Takes an answer, on the thread of the event loop: it must not wait.
type Reply = Box<dyn FnOnce(AdminAnswer) + Send>;

struct Asked {
    request: AdminRequest,
    reply: Reply,
}

/// Asks a running server, from any thread.
#[derive(Clone)]
pub struct Administrator {
    asked: SyncSender<Asked>,
    waker: Arc<Waker>,
}

/// Why a server was not asked.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
pub enum NotAsked {
    /// As many questions as may wait do.
    #[error("the server is busy; try again")]
    Busy,
    /// It has stopped.
    #[error("the server has stopped")]
    Stopped,
}

impl Administrator {
    /// Asks the server. `reply` gets the answer, on the thread of the event loop, which it
    /// must not hold up; it is dropped if the server stops before there is one.
    pub fn ask(
        &self,
        request: AdminRequest,
        reply: impl FnOnce(AdminAnswer) + Send + 'static,
    ) -> Result<(), NotAsked> {
        let asked = Asked { request, reply: Box::new(reply) };
        self.asked.try_send(asked).map_err(|error| match error {
            TrySendError::Full(_) => NotAsked::Busy,
            TrySendError::Disconnected(_) => NotAsked::Stopped,
        })?;
        // If it cannot be woken, it takes the question when it wakes for something else.
        let _ = self.waker.wake();
        Ok(())
    }
}

/// The event loop's side of the queue.
pub(crate) struct Administration {
    administrator: Administrator,
    asked: Receiver<Asked>,
    replies: Slab<Reply>,
    /// What is left of this turn.
    left: usize,
}

impl Administration {
    pub(crate) fn new(waker: Arc<Waker>) -> Self {
        let (sender, asked) = sync_channel(WAITING_MAX);
        let administrator = Administrator { asked: sender, waker };
        Self { administrator, asked, replies: Slab::new(), left: 0 }
    }

    /// Asks this server.
    pub(crate) fn administrator(&self) -> Administrator {
        self.administrator.clone()
    }

    pub(crate) fn begin_turn(&mut self) {
        self.left = TAKEN_MAX;
    }

    /// Takes the next question of this turn. Those beyond wait for the next turn, for which
    /// the loop is woken.
    pub(crate) fn next(&mut self) -> Option<(AdminTicket, AdminRequest)> {
        let Some(left) = self.left.checked_sub(1) else {
            let _ = self.administrator.waker.wake();
            return None;
        };
        let Asked { request, reply } = self.asked.try_recv().ok()?;
        self.left = left;
        Some((AdminTicket(self.replies.insert(reply)), request))
    }

    /// Passes an answer on.
    pub(crate) fn answer(&mut self, ticket: AdminTicket, answer: AdminAnswer) {
        if let Some(reply) = self.replies.try_remove(ticket.0) {
            reply(answer);
        }
    }
}
