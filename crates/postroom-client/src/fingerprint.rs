//! Fingerprints of certificates.

use std::fmt;
use std::str::FromStr;

use ring::digest::{SHA256, SHA256_OUTPUT_LEN, digest};
use thiserror::Error;

/// The SHA-256 of a certificate; written as `openssl x509 -fingerprint -sha256` does.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Fingerprint([u8; SHA256_OUTPUT_LEN]);

/// A word is no [`Fingerprint`].
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
#[error("it must be a SHA-256 fingerprint: 64 hexadecimal digits, with or without colons")]
pub struct FingerprintError;

impl Fingerprint {
    /// That of a certificate in DER.
    #[must_use]
    pub fn of(certificate: &[u8]) -> Self {
        let mut bytes = [0; SHA256_OUTPUT_LEN];
        bytes.copy_from_slice(digest(&SHA256, certificate).as_ref());
        Self(bytes)
    }
}

impl FromStr for Fingerprint {
    type Err = FingerprintError;

    fn from_str(word: &str) -> Result<Self, Self::Err> {
        let digits: Vec<u8> = word
            .chars()
            .filter(|character| *character != ':')
            .map(|digit| digit.to_digit(16).and_then(|digit| u8::try_from(digit).ok()))
            .collect::<Option<_>>()
            .ok_or(FingerprintError)?;
        if digits.len() != 2 * SHA256_OUTPUT_LEN {
            return Err(FingerprintError);
        }
        let mut bytes = [0; SHA256_OUTPUT_LEN];
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
            *byte = pair[0] << 4 | pair[1];
        }
        Ok(Self(bytes))
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, byte) in self.0.iter().enumerate() {
            let colon = if at == 0 { "" } else { ":" };
            write!(formatter, "{colon}{byte:02X}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_is_read_with_and_without_colons() {
        let fingerprint = Fingerprint::of(b"");
        let shown = fingerprint.to_string();
        assert!(shown.starts_with("E3:B0:C4:42:98:FC:1C:14:"), "{shown}");
        assert_eq!(shown.parse(), Ok(fingerprint));
        assert_eq!(shown.replace(':', "").to_lowercase().parse(), Ok(fingerprint));
        for word in ["", "E3", "zz", &shown[3..], &format!("{shown}:00")] {
            assert_eq!(word.parse::<Fingerprint>(), Err(FingerprintError), "{word}");
        }
    }
}
