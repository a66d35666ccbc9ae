//! Hashing and checking passwords with argon2id.
//!
//! Pure computation: the salt is an argument, and so is the time when it is
//! done.

use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _};
use argon2::{Argon2, PasswordHash as Phc};
use postroom_model::Password;
use postroom_store::PasswordHash;
use thiserror::Error;

/// Bytes of a salt.
pub const SALT_BYTES: usize = 16;

/// The hash cannot be computed; there may be too little memory.
#[derive(Debug, Error)]
#[error("cannot hash the password: {0}")]
pub struct HashError(argon2::password_hash::Error);

/// Hashes a password with the parameters that the argon2 library holds to be
/// right today; they are kept in the hash.
pub fn hash(password: &Password, salt: [u8; SALT_BYTES]) -> Result<PasswordHash, HashError> {
    let hash =
        Argon2::default().hash_password_with_salt(password.as_bytes(), &salt).map_err(HashError)?;
    Ok(PasswordHash(hash.to_string().into_boxed_str()))
}

/// Whether `given` is the password behind `hash`. Takes as long when nothing was
/// given.
#[must_use]
pub fn verify(given: Option<&Password>, hash: &PasswordHash) -> bool {
    let Ok(hash) = Phc::new(&hash.0) else {
        return false;
    };
    let typed = given.map_or(&b"\0"[..], Password::as_bytes);
    Argon2::default().verify_password(typed, &hash).is_ok() && given.is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_password_itself_fits_its_hash() {
        let password = Password::from_bytes(b"hunter2").unwrap();
        let hashed = hash(&password, [7; SALT_BYTES]).unwrap();
        assert!(hashed.0.starts_with("$argon2id$"));
        assert!(verify(Some(&password), &hashed));
        assert!(!verify(Some(&Password::from_bytes(b"hunter3").unwrap()), &hashed));
        assert!(!verify(None, &hashed));
        assert!(!verify(Some(&password), &PasswordHash("nonsense".into())));
    }
}
