//! A client of `im`, as the original is: it listens on a port of its own for
//! stream b.

use std::net::{SocketAddr, TcpListener};

use crate::harness::logged::password;
use crate::harness::support::{Client, Server};

pub(crate) const LOGGED_IN: &str = "101 Authentication successful";
pub(crate) const NOT_LOGGED_IN: &str = "102 Authentication Failed";
pub(crate) const LOGGED_IN_ALREADY: &str = "103 You are already logged in";
pub(crate) const CONNECTED: &str = "201 Build connection successful";
pub(crate) const NOT_CONNECTED: &str = "202 Build connection failed";
pub(crate) const RECEIVED: &str = "302 Message receipt successful";
pub(crate) const DELIVERED: &str = "303 Message delivery successful";
pub(crate) const NOT_DELIVERED: &str = "304 Message delivery failed";
pub(crate) const BYE: &str = "310 Bye bye";

/// Both streams of a user who is logged in.
pub(crate) struct ImClient {
    pub(crate) a: Client,
    pub(crate) b: Client,
}

impl ImClient {
    /// Logs in and accepts stream b.
    pub(crate) fn enter(server: &Server, name: &str) -> Self {
        let mut a = log_in(server, name);
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        assert_eq!(a.ask(&port_of(&listener)), CONNECTED);
        Self { a, b: Client::accept(&listener) }
    }

    /// Reads a push and confirms it.
    pub(crate) fn receive(&mut self) -> String {
        let push = self.b.line();
        self.b.send(&format!("{RECEIVED}\n"));
        push
    }
}

/// A client of `im` after 101.
pub(crate) fn log_in(server: &Server, name: &str) -> Client {
    let mut client = server.connect("im");
    assert_eq!(client.ask(&login(name)), LOGGED_IN);
    client
}

/// The command that logs a user in.
pub(crate) fn login(name: &str) -> String {
    format!("/login {name} {}", password(name))
}

/// The command that asks the server to dial a listener.
pub(crate) fn port_of(listener: &TcpListener) -> String {
    dial(listener.local_addr().unwrap())
}

pub(crate) fn dial(address: SocketAddr) -> String {
    format!("/port {}", address.port())
}

/// Whether no connection waits to be accepted.
pub(crate) fn was_not_dialled(listener: &TcpListener) -> bool {
    listener.set_nonblocking(true).unwrap();
    listener.accept().is_err_and(|error| error.kind() == std::io::ErrorKind::WouldBlock)
}
