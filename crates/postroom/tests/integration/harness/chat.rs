//! A client of `chat`.

use super::support::{Client, Server};

/// A client that has been greeted and has no name yet.
pub(crate) fn connect(server: &Server) -> Client {
    let mut client = server.connect("chat");
    read_greeting(&mut client);
    client
}

/// A client with a name.
pub(crate) fn enter(server: &Server, name: &str) -> Client {
    let mut client = connect(server);
    set_name(&mut client, name);
    client
}

pub(crate) fn read_greeting(client: &mut Client) {
    let greeting = client.line();
    assert!(greeting.contains("/setname"), "{greeting}");
}

pub(crate) fn set_name(client: &mut Client, name: &str) {
    let answer = client.ask(&format!("/setname {name}"));
    assert!(answer.starts_with("Username accepted"), "{answer}");
}
