//! Hashing and checking passwords with argon2id.
//!
//! Pure computation: the salt is an argument.

use argon2::password_hash::PasswordHasher as _;
use argon2::password_hash::phc::Output;
use argon2::{Algorithm, Argon2, Block, Params, PasswordHash as Phc, Version};
use postroom_model::Password;
use postroom_store::PasswordHash;
use subtle::ConstantTimeEq as _;
use thiserror::Error;

/// Bytes of a salt.
pub const SALT_BYTES: usize = 16;

/// The hash cannot be computed; there may be too little memory.
#[derive(Debug, Error)]
#[error("cannot hash the password: {0}")]
pub struct HashError(argon2::password_hash::Error);

/// Hashes a password with the default parameters of the argon2 library; the hash
/// records them.
pub fn hash(password: &Password, salt: [u8; SALT_BYTES]) -> Result<PasswordHash, HashError> {
    hash_with(&Argon2::default(), password, salt)
}

fn hash_with(
    argon2: &Argon2<'_>,
    password: &Password,
    salt: [u8; SALT_BYTES],
) -> Result<PasswordHash, HashError> {
    let hash = argon2.hash_password_with_salt(password.as_bytes(), &salt).map_err(HashError)?;
    Ok(PasswordHash(hash.to_string().into_boxed_str()))
}

/// The value in the store for an account of the password file. It is not a hash, so no
/// password matches it: the file decides, and an account whose line is removed stays
/// locked.
pub(crate) const FROM_FILE: &str = "file:";

/// Whether the office may have stored this value: a hash, or the lock of an account of
/// the password file.
#[must_use]
pub fn is_well_formed(password: &PasswordHash) -> bool {
    let is_hash =
        Phc::new(&password.0).is_ok_and(|hash| hash.salt.is_some() && hash.hash.is_some());
    is_hash || password.0.starts_with(FROM_FILE)
}

/// Compares two passwords in a time that reveals nothing of them but their length.
pub(crate) fn are_same(one: &Password, other: &Password) -> bool {
    one.as_bytes().ct_eq(other.as_bytes()).into()
}

/// Checks passwords one after the other, reusing its memory, and hashes new ones.
#[derive(Debug, Default)]
pub struct Checker {
    blocks: Vec<Block>,
    /// What new passwords are hashed with.
    argon2: Argon2<'static>,
}

impl Checker {
    /// For tests: one whose hashes cost so much, and not the default.
    #[must_use]
    pub fn with_cost(cost: Params) -> Self {
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, cost);
        Self { blocks: Vec::new(), argon2 }
    }

    /// Hashes a new password; the hash records its parameters.
    pub fn hash(
        &self,
        password: &Password,
        salt: [u8; SALT_BYTES],
    ) -> Result<PasswordHash, HashError> {
        hash_with(&self.argon2, password, salt)
    }

    /// Whether `given` is the password of `hash`. It takes as long if the hash is malformed.
    #[must_use]
    pub fn verify(&mut self, given: &Password, hash: &PasswordHash) -> bool {
        let Ok(hash) = Phc::new(&hash.0) else {
            self.waste(given);
            return false;
        };
        self.fits(given.as_bytes(), &hash).unwrap_or(false)
    }

    fn fits(&mut self, typed: &[u8], hash: &Phc) -> argon2::password_hash::Result<bool> {
        let version = hash.version.map(Version::try_from).transpose()?.unwrap_or_default();
        let algorithm = Algorithm::try_from(hash.algorithm.as_str())?;
        let argon2 = Argon2::new(algorithm, version, Params::try_from(hash)?);
        let (Some(salt), Some(expected)) = (&hash.salt, &hash.hash) else {
            return Ok(false);
        };
        let mut output = vec![0; expected.len()];
        self.run(&argon2, typed, salt, &mut output)?;
        // `Output` compares in constant time.
        Ok(Output::new(&output)? == *expected)
    }

    /// Takes as long as a comparison with a hash.
    pub(crate) fn waste(&mut self, given: &Password) {
        let mut output = [0; Params::DEFAULT_OUTPUT_LEN];
        // The result is not used.
        let argon2 = self.argon2.clone();
        let _ = self.run(&argon2, given.as_bytes(), &[0; SALT_BYTES], &mut output);
    }

    fn run(
        &mut self,
        argon2: &Argon2<'_>,
        typed: &[u8],
        salt: &[u8],
        output: &mut [u8],
    ) -> argon2::Result<()> {
        let count = argon2.params().block_count();
        if self.blocks.len() < count {
            self.blocks.resize(count, Block::new());
        }
        argon2.hash_password_into_with_memory(typed, salt, output, &mut self.blocks[..count])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_password_itself_fits_its_hash() {
        let password = Password::from_bytes(b"hunter2").unwrap();
        let hashed = hash(&password, [7; SALT_BYTES]).unwrap();
        assert!(hashed.0.starts_with("$argon2id$"));
        assert!(is_well_formed(&hashed) && is_well_formed(&PasswordHash(FROM_FILE.into())));
        assert!(!is_well_formed(&PasswordHash("nonsense".into())));
        let mut checker = Checker::default();
        for _ in 0..2 {
            assert!(checker.verify(&password, &hashed));
            let other = Password::from_bytes(b"hunter3").unwrap();
            assert!(!checker.verify(&other, &hashed));
            assert!(!checker.verify(&password, &PasswordHash("nonsense".into())));
        }
    }
}
