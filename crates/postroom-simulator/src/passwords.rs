//! Accounts with a password, whose hashes cost next to nothing.

use argon2::Params;
use postroom_model::{Name, Password};
use postroom_office::password::{Checker, SALT_BYTES};
use postroom_store::{
    Admits, Call, Key, Limits, MemoryDisk, PasswordHash, PasswordOf, Store, Ticket, Timestamp,
};

use crate::lock::Lock;

/// Gives an account on a disk a password, whose hash costs next to nothing.
pub fn set_password(disk: &MemoryDisk, limits: Limits, name: &str, password: &str) {
    carry_out(&mut disk.open(limits), set(name, password));
}

/// Registers accounts in a store.
pub(crate) fn register_all<'a>(
    store: &mut impl Store,
    accounts: impl Iterator<Item = (&'a str, Lock)>,
) {
    for (name, lock) in accounts {
        match lock {
            Lock::Absent | Lock::Reserved => {}
            Lock::Open => carry_out(store, open(name)),
            Lock::Password(secret) => carry_out(store, set(name, &secret.to_string())),
        }
    }
}

fn open(name: &str) -> Call {
    let name = Name::new(name).expect("a name");
    Call::Open { name, key: Key::None, admits: Admits::ALL, may_create: 1 }
}

fn set(name: &str, password: &str) -> Call {
    let name = Name::new(name).expect("a name");
    let (password, of) = (cheap_hash(password), PasswordOf::Anyone);
    Call::SetPassword { name, password, of }
}

fn carry_out(store: &mut impl Store, call: Call) {
    store.submit(Ticket(0), call);
    store.settle(Timestamp(0), &mut Vec::new()).expect("the disk works");
}

/// Deletes an account on a disk.
pub fn delete(disk: &MemoryDisk, limits: Limits, name: &str) {
    let name = Name::new(name).expect("a name");
    carry_out(&mut disk.open(limits), Call::Delete { name });
}

/// What checks and hashes passwords at next to no cost.
pub(crate) fn cheap_checker() -> Checker {
    Checker::with_cost(Params::new(Params::MIN_M_COST, 1, 1, None).expect("the least parameters"))
}

/// A hash that costs next to nothing.
pub(crate) fn cheap_hash(password: &str) -> PasswordHash {
    let password = Password::from_bytes(password.as_bytes()).expect("a password");
    cheap_checker().hash(&password, [7; SALT_BYTES]).expect("a password can be hashed")
}
