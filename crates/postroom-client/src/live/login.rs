//! Names and passwords: how a person is asked for them, again where the server
//! refuses them.

use std::fmt::Display;

use postroom_model::Password;

use super::session::{Login, Protocol, Session, State};
use crate::ClientError;
use crate::console::Prompt;
use crate::parse::parse_name;
use crate::password::{AGAIN, PASSWORDS_MAX};

impl<P: Protocol> Session<'_, P> {
    /// Tries the name of the command line, or asks for one.
    pub(crate) fn begin(&mut self) -> Result<(), ClientError> {
        match self.name.take() {
            Some(name) => self.take_name(&name),
            None => self.ask_name(),
        }
    }

    /// Asks for a name.
    pub(crate) fn ask_name(&mut self) -> Result<(), ClientError> {
        self.state = State::Naming;
        self.live.await_nothing();
        self.live.console.ask(Some(Prompt::open("Username: ")))
    }

    /// Begins the login of a name that was typed or given.
    pub(crate) fn take_name(&mut self, word: &str) -> Result<(), ClientError> {
        match parse_name(word.trim()) {
            Ok(name) => P::begin_login(self, Login { name, passwords_refused: 0 }),
            Err(error) if self.can_ask() => {
                self.live.console.say(&error.to_string())?;
                self.ask_name()
            }
            Err(error) => Err(error),
        }
    }

    /// Asks for the password.
    pub(crate) fn ask_password(&mut self, login: Login, prompt: &str) -> Result<(), ClientError> {
        self.state = State::NamingPassword(login);
        self.live.await_nothing();
        self.live.console.ask(Some(Prompt::secret(prompt)))
    }

    /// Logs in with a password that was typed; an empty one chooses another name.
    pub(super) fn take_password(&mut self, login: Login, typed: &str) -> Result<(), ClientError> {
        if typed.is_empty() {
            return self.ask_name();
        }
        match Password::from_bytes(typed.as_bytes()) {
            Ok(password) => P::log_in(self, login, &password),
            Err(error) => self.refuse_password(login, &error),
        }
    }

    /// Says why what was typed cannot be sent as a password, and asks again.
    pub(super) fn refuse_password(
        &mut self,
        login: Login,
        error: &dyn Display,
    ) -> Result<(), ClientError> {
        self.live.console.say(&format!("The password cannot be used: {error}."))?;
        self.ask_password(login, AGAIN)
    }

    /// The server refused the login: a person may try another password, a few
    /// times. `error` is for a script, and for the last time.
    pub(crate) fn retry(
        &mut self,
        mut login: Login,
        with_password: bool,
        reason: &str,
        error: ClientError,
    ) -> Result<(), ClientError> {
        login.passwords_refused += u32::from(with_password);
        if !self.can_ask() || login.passwords_refused == PASSWORDS_MAX {
            return Err(error);
        }
        self.password = None;
        self.live.console.say(reason)?;
        self.ask_password(login, AGAIN)
    }

    /// The server refused the name, whatever the password: a person may choose
    /// another name.
    pub(crate) fn choose_another_name(&mut self) -> Result<(), ClientError> {
        self.password = None;
        self.ask_name()
    }
}
