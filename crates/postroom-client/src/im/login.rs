//! From a name to a connection that the server has opened back.

use std::fmt::Display;
use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use postroom_model::{Name, Password};

use super::{Im, Login, PROTOCOL, State};
use crate::ClientError;
use crate::connection::Connection;
use crate::console::Prompt;
use crate::exchange::is_transient;
use crate::parse::parse_name;
use crate::password::{AGAIN, PASSWORDS_MAX};

impl Im<'_> {
    /// Tries the name of the command line, or asks for one.
    pub(super) fn begin(&mut self) -> Result<(), ClientError> {
        match self.name.take() {
            Some(name) => self.take_name(&name),
            None => self.ask_name(),
        }
    }

    fn ask_name(&mut self) -> Result<(), ClientError> {
        self.state = State::Naming;
        self.live.await_nothing();
        self.live.console.ask(Some(self.prompt.clone()))
    }

    pub(super) fn take_name(&mut self, word: &str) -> Result<(), ClientError> {
        let name = match parse_name(word.trim()) {
            Ok(name) => name,
            Err(error) => return self.refused(error),
        };
        let login = Login { name, passwords_refused: 0 };
        if let Some(password) = self.password.clone() {
            return self.log_in(login, &password);
        }
        if !self.live.console.is_interactive() {
            return Err(ClientError::PasswordMissing { name: login.name });
        }
        self.ask_secret(login, "Password: ")
    }

    fn ask_secret(&mut self, login: Login, prompt: &str) -> Result<(), ClientError> {
        self.state = State::NamingSecret(login);
        self.live.await_nothing();
        self.live.console.ask(Some(Prompt::secret(prompt)))
    }

    pub(super) fn take_secret(&mut self, login: Login, typed: &str) -> Result<(), ClientError> {
        if typed.is_empty() {
            return self.ask_name();
        }
        match Password::from_bytes(typed.as_bytes()) {
            Ok(password) => self.log_in(login, &password),
            Err(error) => self.refuse_secret(login, &error),
        }
    }

    /// What was typed cannot be sent as a password; another may be.
    pub(super) fn refuse_secret(
        &mut self,
        login: Login,
        error: &dyn Display,
    ) -> Result<(), ClientError> {
        self.live.console.say(&format!("The password cannot be used: {error}."))?;
        self.ask_secret(login, AGAIN)
    }

    fn log_in(&mut self, login: Login, password: &Password) -> Result<(), ClientError> {
        if password.as_bytes().contains(&b' ') {
            let error = ClientError::PasswordSpace { name: login.name.clone() };
            if !self.live.console.is_interactive() {
                return Err(error);
            }
            self.live.console.say(&error.to_string())?;
            return self.ask_secret(login, AGAIN);
        }
        let name = login.name.as_str().as_bytes();
        let line = [b"/login ", name, b" ", password.as_bytes()].concat();
        self.state = State::LoggingIn(login);
        self.live.await_answer(Duration::ZERO);
        self.live.console.ask(None)?;
        self.live.connection.send(&line)
    }

    /// The account is there already, so that no password helps.
    pub(super) fn is_elsewhere(&mut self, name: Name) -> Result<(), ClientError> {
        let server = self.live.connection.server().clone();
        self.refused(ClientError::Elsewhere { server, name })
    }

    /// The server did not take the password: a person may try another.
    pub(super) fn password_refused(&mut self, mut login: Login) -> Result<(), ClientError> {
        let (server, name) = (self.live.connection.server().clone(), login.name.clone());
        let error = ClientError::MessengerRefused { server, name };
        login.passwords_refused += 1;
        if !self.live.console.is_interactive() || login.passwords_refused == PASSWORDS_MAX {
            return Err(error);
        }
        self.password = None;
        self.live.console.say(&error.to_string())?;
        self.ask_secret(login, AGAIN)
    }

    /// A person may try another name; a script has to be told.
    fn refused(&mut self, error: ClientError) -> Result<(), ClientError> {
        if !self.live.console.is_interactive() {
            return Err(error);
        }
        self.password = None;
        self.live.console.say(&error.to_string())?;
        self.ask_name()
    }

    /// Has the server connect back, to where it sees this client already.
    pub(super) fn logged_in(&mut self, name: &Name) -> Result<(), ClientError> {
        let (listener, port) = listen(self.live.connection.stream()).map_err(|source| {
            ClientError::Listen { server: self.live.connection.server().clone(), source }
        })?;
        self.prompt = Prompt::standing(format!("{name}@{}> ", self.live.connection.server()));
        self.own = Some(name.clone());
        self.live.console.say(&format!("Logged in as {name}."))?;
        self.state = State::BeingDialled(listener);
        self.live.await_answer(Duration::ZERO);
        self.live.connection.send(format!("/port {port}").as_bytes())
    }

    pub(super) fn dialled(&mut self) {
        let state = std::mem::replace(&mut self.state, State::Here);
        if let State::BeingDialled(listener) = state {
            self.state = State::Accepting(listener);
        }
    }

    /// Takes the connection of the server, and of nobody else.
    pub(super) fn accept(&mut self) -> Result<(), ClientError> {
        let State::Accepting(listener) = &self.state else { return Ok(()) };
        let stream = accept_from(listener, self.live.connection.stream()).map_err(|source| {
            ClientError::Listen { server: self.live.connection.server().clone(), source }
        })?;
        let Some(stream) = stream else { return Ok(()) };
        self.pushes =
            Some(Connection::new(stream, self.live.connection.server().clone(), PROTOCOL)?);
        self.state = State::Here;
        self.live.await_nothing();
        self.live.console.ask(Some(self.prompt.clone()))
    }
}

/// Listens at the address that the server knows this client by.
fn listen(known: &TcpStream) -> io::Result<(TcpListener, u16)> {
    let mut address = known.local_addr()?;
    address.set_port(0);
    let listener = TcpListener::bind(address)?;
    listener.set_nonblocking(true)?;
    let port = listener.local_addr()?.port();
    Ok((listener, port))
}

/// The first connection that waits and comes from the host at the other end of
/// `known`. Others are closed.
fn accept_from(listener: &TcpListener, known: &TcpStream) -> io::Result<Option<TcpStream>> {
    let server = known.peer_addr()?;
    loop {
        match listener.accept() {
            Ok((stream, peer)) if is_same_host(peer, server) => return Ok(Some(stream)),
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
            Err(error) if is_transient(&error) => return Ok(None),
            Err(error) => return Err(error),
        }
    }
}

fn is_same_host(one: SocketAddr, other: SocketAddr) -> bool {
    one.ip() == other.ip()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_server_may_connect_back() {
        let server = TcpListener::bind("127.0.0.1:0").unwrap();
        let known = TcpStream::connect(server.local_addr().unwrap()).unwrap();
        let (listener, port) = listen(&known).unwrap();
        assert_eq!(listener.local_addr().unwrap().ip(), known.local_addr().unwrap().ip());

        // Another address of the same loopback network stands for another host.
        let stranger = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None);
        let stranger = stranger.unwrap();
        stranger.bind(&SocketAddr::from(([127, 0, 0, 2], 0)).into()).unwrap();
        stranger.connect(&SocketAddr::from(([127, 0, 0, 1], port)).into()).unwrap();
        assert!(accept_from(&listener, &known).unwrap().is_none());

        let _back = TcpStream::connect(("127.0.0.1", port)).unwrap();
        assert!(accept_from(&listener, &known).unwrap().is_some());
    }
}
