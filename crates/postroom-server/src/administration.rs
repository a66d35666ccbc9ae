//! Questions of operators, from other threads: a bounded queue, and who waits for an answer.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};

use mio::Waker;
use postroom_engine::{AdminAnswer, AdminRequest, AdminTicket};
use slab::Slab;
use thiserror::Error;
use tracing::Level;

use crate::metrics::ServerMetrics;
use crate::new_settings::{ReloadSummary, SettingsError};

/// Questions that may wait for the event loop.
const WAITING_MAX: usize = 64;
/// Questions that a turn takes.
const TAKEN_MAX: usize = 16;

/// Takes an answer, on the thread of the event loop: it must not wait.
type Reply = Box<dyn FnOnce(AdminAnswer) + Send>;

/// Takes what came of a reload, or why nothing has changed, in the same way.
type ReloadReply = Box<dyn FnOnce(Result<ReloadSummary, String>) + Send>;

/// Takes what a server has counted, in the same way.
type TakeMetrics = Box<dyn FnOnce(ServerMetrics) + Send>;

enum Asked {
    OfEngine { request: AdminRequest, reply: Reply },
    Reload(ReloadReply),
    SetLogLevel(Level),
    Metrics(TakeMetrics),
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
        self.send(Asked::OfEngine { request, reply: Box::new(reply) })
    }

    /// Makes the server read its settings, its certificate and its passwords again. `reply`
    /// gets what came of it, or why nothing has changed, in the same way.
    pub fn reload(
        &self,
        reply: impl FnOnce(Result<ReloadSummary, String>) + Send + 'static,
    ) -> Result<(), NotAsked> {
        self.send(Asked::Reload(Box::new(reply)))
    }

    /// Sets what the log has, until the server starts again or reads its settings again.
    pub fn set_log_level(&self, level: Level) -> Result<(), NotAsked> {
        self.send(Asked::SetLogLevel(level))
    }

    /// Asks what the server has counted. `take` gets it in the same way.
    pub fn ask_metrics(
        &self,
        take: impl FnOnce(ServerMetrics) + Send + 'static,
    ) -> Result<(), NotAsked> {
        self.send(Asked::Metrics(Box::new(take)))
    }

    fn send(&self, asked: Asked) -> Result<(), NotAsked> {
        self.asked.try_send(asked).map_err(|error| match error {
            TrySendError::Full(_) => NotAsked::Busy,
            TrySendError::Disconnected(_) => NotAsked::Stopped,
        })?;
        // If it cannot be woken, it takes the question when it wakes for something else.
        let _ = self.waker.wake();
        Ok(())
    }
}

/// A question for the event loop.
pub(crate) enum Question {
    OfEngine(AdminTicket, AdminRequest),
    Reload(ReloadReply),
    SetLogLevel(Level),
    Metrics(TakeMetrics),
}

/// The event loop's side of the queue.
pub(crate) struct Administration {
    administrator: Administrator,
    asked: Receiver<Asked>,
    replies: Slab<Reply>,
    reloads: Reloads,
    /// What is left of this turn.
    left: usize,
}

/// Reloads: one read at a time, for all who asked before it began.
#[derive(Default)]
struct Reloads {
    is_wanted: bool,
    waiting: Vec<ReloadReply>,
    /// Those who wait for the read under way, if there is one.
    under_way: Option<Vec<ReloadReply>>,
}

impl Administration {
    pub(crate) fn new(waker: Arc<Waker>) -> Self {
        let (sender, asked) = sync_channel(WAITING_MAX);
        let administrator = Administrator { asked: sender, waker };
        let (replies, reloads) = (Slab::new(), Reloads::default());
        Self { administrator, asked, replies, reloads, left: 0 }
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
    pub(crate) fn next(&mut self) -> Option<Question> {
        let Some(left) = self.left.checked_sub(1) else {
            let _ = self.administrator.waker.wake();
            return None;
        };
        let asked = self.asked.try_recv().ok()?;
        self.left = left;
        Some(match asked {
            Asked::OfEngine { request, reply } => {
                Question::OfEngine(AdminTicket(self.replies.insert(reply)), request)
            }
            Asked::Reload(reply) => Question::Reload(reply),
            Asked::SetLogLevel(level) => Question::SetLogLevel(level),
            Asked::Metrics(take) => Question::Metrics(take),
        })
    }

    /// Passes an answer on.
    pub(crate) fn answer(&mut self, ticket: AdminTicket, answer: AdminAnswer) {
        if let Some(reply) = self.replies.try_remove(ticket.0) {
            reply(answer);
        }
    }

    /// An operator wants the settings to be read, and may want to be told of it.
    pub(crate) fn reload(&mut self, reply: Option<ReloadReply>) {
        self.reloads.is_wanted = true;
        self.reloads.waiting.extend(reply);
    }

    /// Whether a read is to begin now.
    pub(crate) fn begin_reload(&mut self) -> bool {
        let Reloads { is_wanted, waiting, under_way } = &mut self.reloads;
        let begins = under_way.is_none() && std::mem::take(is_wanted);
        if begins {
            *under_way = Some(std::mem::take(waiting));
        }
        begins
    }

    /// Whether settings are to be read, or being read.
    pub(crate) fn is_reloading(&self) -> bool {
        self.reloads.is_wanted || self.reloads.under_way.is_some()
    }

    /// The read has ended.
    pub(crate) fn end_reload(&mut self, came_of_it: &Result<ReloadSummary, SettingsError>) {
        for reply in self.reloads.under_way.take().into_iter().flatten() {
            let told = match came_of_it {
                Ok(summary) => Ok(summary.clone()),
                Err(error) => Err(error.to_string()),
            };
            reply(told);
        }
    }
}
