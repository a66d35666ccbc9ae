//! Coming back: a session whose connection is lost connects again, and logs in again with
//! the name and the password that it has. The line that is being typed stays.

use std::time::Instant;

use postroom_model::{Name, Password, Safe};

use super::absent::{Absent, Left, Meaning};
use super::comeback::{Account, Comeback, Phase};
use super::session::{Protocol, Session, help_lines};
use super::{Flow, Live};
use crate::ClientError;
use crate::backoff::{Backoff, LASTING};
use crate::connection::Connection;
use crate::console::{Prompt, may_hold_password};

impl<P: Protocol> Session<'_, P> {
    /// Whether the account is being logged in again, so that nobody is to be asked and what
    /// was said at the first login is not to be said again.
    pub(crate) fn is_returning(&self) -> bool {
        let comeback = self.comeback.as_ref();
        comeback.is_some_and(|comeback| matches!(comeback.phase, Phase::Away { .. }))
    }

    /// Whether a person can be asked.
    pub(crate) fn can_ask(&self) -> bool {
        self.live.console.is_interactive() && !self.is_returning()
    }

    /// The account's password has changed.
    pub(crate) fn change_password(&mut self, password: Password) {
        if let Some(account) = self.comeback.as_mut().and_then(Comeback::account) {
            account.password = Some(password);
        }
    }

    /// The account is logged in; returns whether it was before.
    pub(super) fn arrive(&mut self, name: &Name) -> bool {
        let was_away = self.is_returning();
        let account = Account { name: name.clone(), password: self.tried.take() };
        if let Some(comeback) = &mut self.comeback {
            comeback.phase = Phase::Here { account, since: Instant::now() };
        }
        was_away
    }

    /// Connects again after an error, as often as it takes, and begins the login. Fails with
    /// the error where coming back is not wanted, or would not help.
    pub(super) fn recover(&mut self, error: ClientError) -> Result<Flow, ClientError> {
        if !self.can_return(&error) {
            return Err(error);
        }
        self.depart(&error)?;
        loop {
            let Err(error) = self.connect_again() else { return Ok(Flow::On) };
            match error {
                Obstacle::Left(Left::Quit) => return Ok(Flow::Done),
                Obstacle::Failed(error) if error.may_pass() => self.tell(&error)?,
                Obstacle::Left(Left::Failed(error)) | Obstacle::Failed(error) => return Err(error),
            }
        }
    }

    fn can_return(&self, error: &ClientError) -> bool {
        let has_been_here =
            self.comeback.as_ref().is_some_and(|comeback| !matches!(comeback.phase, Phase::New));
        has_been_here && !self.is_leaving() && error.may_pass()
    }

    /// Says that the connection is lost, and what may be lost with it.
    fn depart(&mut self, error: &ClientError) -> Result<(), ClientError> {
        self.live.await_nothing();
        let Some(comeback) = &mut self.comeback else { return Ok(()) };
        let (account, since) = match std::mem::replace(&mut comeback.phase, Phase::New) {
            Phase::Here { account, since } => (account, since),
            phase => {
                comeback.phase = phase;
                return self.tell(error);
            }
        };
        if since.elapsed() >= LASTING {
            comeback.backoff = Backoff::new();
        }
        let prompt = format!("(not connected) {}@{}> ", account.name, comeback.server.server());
        comeback.told = error.in_short();
        let said = format!(
            "Connection lost: {}. Connecting again; {} or Ctrl-C leaves.",
            comeback.told,
            P::LEAVE_WORD
        );
        comeback.phase = Phase::Away { account };
        self.live.console.say(&said)?;
        self.tell_doubt()?;
        P::lost(self);
        self.live.console.ask(Some(Prompt::standing(prompt)))
    }

    /// Names the lines that are not sent again, since they may have arrived.
    fn tell_doubt(&mut self) -> Result<(), ClientError> {
        let (lines, more) = self.doubt.lost(Instant::now(), P::SETTLED_AFTER);
        if more > 0 {
            let said = format!("Perhaps lost, and not sent again: {more} lines, and these:");
            self.live.console.say(&said)?;
        }
        lines.iter().try_for_each(|line| {
            let mut shown = line.as_str();
            if may_hold_password(line) {
                shown = line.split_whitespace().next().unwrap_or_default();
            }
            self.live.console.say(&format!("Perhaps lost, and not sent again: {}", Safe(shown)))
        })
    }

    /// Says why it takes longer, unless that was said last.
    fn tell(&mut self, error: &ClientError) -> Result<(), ClientError> {
        let Some(comeback) = &mut self.comeback else { return Ok(()) };
        let obstacle = error.in_short();
        if comeback.told == obstacle {
            return Ok(());
        }
        let said = format!("Not connected yet: {obstacle}.");
        comeback.told = obstacle;
        self.live.console.say(&said)
    }

    /// Pauses, connects once and begins the login.
    fn connect_again(&mut self) -> Result<(), Obstacle> {
        let Some(comeback) = &mut self.comeback else { return Ok(()) };
        let Live { console, signals, timeout, connection, .. } = &mut self.live;
        let mut absent = Absent::new(&mut **console, signals, meaning::<P>);
        absent.pause(comeback.backoff.pause()).map_err(Obstacle::Left)?;
        let opened = Connection::open(comeback.server.clone(), P::NAME, *timeout, &mut absent)
            .and_then(Connection::kept_alive);
        *connection = opened.map_err(|error| absent.obstacle(error))?;
        if let Some(account) = comeback.account() {
            self.name = Some(account.name.as_str().to_owned());
            self.password = account.password.clone();
        }
        P::start(self).map_err(Obstacle::Failed)
    }
}

/// What keeps a session from coming back.
enum Obstacle {
    Left(Left),
    Failed(ClientError),
}

impl Absent<'_> {
    fn obstacle(self, error: ClientError) -> Obstacle {
        match error {
            ClientError::Interrupted => Obstacle::Left(self.left.unwrap_or(Left::Quit)),
            error => Obstacle::Failed(error),
        }
    }
}

/// What a typed line means while there is no connection.
fn meaning<P: Protocol>(line: &str) -> Meaning {
    match line.trim() {
        "/help" => Meaning::Help(help_lines::<P>()),
        line if P::leaves(line) => Meaning::Leave,
        _ => Meaning::Message,
    }
}
