//! Salts for hashes of passwords.

use std::io;

use postroom_office::password::SALT_BYTES;
use rustix::rand::{GetRandomFlags, getrandom};

/// Random bytes for one hash, from the operating system.
pub fn salt() -> io::Result<[u8; SALT_BYTES]> {
    let mut salt = [0; SALT_BYTES];
    // A request of 16 bytes succeeds in full or fails.
    getrandom(&mut salt, GetRandomFlags::empty())?;
    Ok(salt)
}
