//! Clients as the tests begin with them.

use postroom_simulator::{Driver, PORT, PeerKey};

/// A client that has sent these lines and looked at the answers.
pub(crate) fn client(driver: &mut Driver, protocol: &str, lines: &str) -> PeerKey {
    let key = driver.connect(protocol);
    driver.send(key, lines.as_bytes());
    driver.settle();
    driver.look(key);
    key
}

/// A client of the chat with a name, that has sent these commands.
pub(crate) fn chat(driver: &mut Driver, name: &str, commands: &str) -> PeerKey {
    client(driver, "chat", &format!("/setname {name}\n{commands}"))
}

/// A client of im whose password is `1`, with a connection back, on which it answers
/// nothing.
pub(crate) fn silent_im(driver: &mut Driver, name: &str) -> PeerKey {
    let key = driver.connect("im");
    driver.listen(key);
    driver.send(key, format!("/login {name} 1\n/port {PORT}\n").as_bytes());
    driver.settle();
    driver.look(key);
    key
}
