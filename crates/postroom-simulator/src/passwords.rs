//! Accounts with a password.

use argon2::password_hash::PasswordHasher as _;
use argon2::{Algorithm, Argon2, Params, Version};
use postroom_model::Name;
use postroom_store::{Call, Limits, MemoryDisk, PasswordHash, Store, Ticket, Timestamp};

/// Gives an account on a disk a password, whose hash costs next to nothing.
pub fn set_password(disk: &MemoryDisk, limits: Limits, name: &str, password: &str) {
    set(&mut disk.open(limits), name, password);
}

/// Gives an account of a store a password.
pub(crate) fn set(store: &mut impl Store, name: &str, password: &str) {
    let name = Name::new(name).expect("a name");
    store.submit(Ticket(0), Call::SetPassword { name, password: cheap_hash(password) });
    store.settle(Timestamp(0), &mut Vec::new()).expect("the disk works");
}

/// Deletes an account on a disk.
pub fn delete(disk: &MemoryDisk, limits: Limits, name: &str) {
    let (mut store, name) = (disk.open(limits), Name::new(name).expect("a name"));
    store.submit(Ticket(0), Call::Delete { name });
    store.settle(Timestamp(0), &mut Vec::new()).expect("the disk works");
}

/// A hash of a password that costs next to nothing to check.
fn cheap_hash(password: &str) -> PasswordHash {
    let cheap = Params::new(Params::MIN_M_COST, 1, 1, None).expect("the least parameters");
    let hash = Argon2::new(Algorithm::Argon2id, Version::V0x13, cheap)
        .hash_password_with_salt(password.as_bytes(), &[7; 16])
        .expect("a password can be hashed");
    PasswordHash(hash.to_string().into_boxed_str())
}
