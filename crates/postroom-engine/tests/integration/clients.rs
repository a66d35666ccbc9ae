//! Clients as the tests begin with them, and accounts with a password.

use argon2::password_hash::PasswordHasher as _;
use argon2::{Algorithm, Argon2, Params, Version};
use postroom_model::Name;
use postroom_store::{Call, Limits, MemoryDisk, PasswordHash, Store as _, Ticket, Timestamp};

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

/// Gives an account a password, whose hash costs next to nothing.
pub(crate) fn set_password(disk: &MemoryDisk, limits: Limits, name: &str, password: &str) {
    let cheap = Params::new(Params::MIN_M_COST, 1, 1, None).unwrap();
    let hash = Argon2::new(Algorithm::Argon2id, Version::V0x13, cheap)
        .hash_password_with_salt(password.as_bytes(), &[7; 16])
        .unwrap()
        .to_string();
    let password = PasswordHash(hash.into_boxed_str());
    carry_out(disk, limits, Call::SetPassword { name: Name::new(name).unwrap(), password });
}

/// Has a store on the disk carry out a call.
pub(crate) fn carry_out(disk: &MemoryDisk, limits: Limits, call: Call) {
    let mut store = disk.open(limits);
    store.submit(Ticket(0), call);
    store.settle(Timestamp(0), &mut Vec::new()).unwrap();
}
