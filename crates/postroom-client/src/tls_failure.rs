//! Why TLS with a server failed, in words for people.

use std::error::Error;
use std::fmt;
use std::io;

use postroom_model::Safe;
use rustls::{CertificateError, Error as TlsError};
use thiserror::Error;

use crate::fingerprint::Fingerprint;

/// Names of a certificate that an error shows.
const NAMES_MAX: usize = 5;

/// Why TLS with a server failed; each reads on after the server's address.
#[derive(Debug, Error)]
pub enum TlsFailure {
    /// No known authority has signed the certificate.
    #[error(
        "has a certificate that is not trusted: no certificate authority that is trusted here has \
         signed it; give the authority's certificate with --ca, or the fingerprint of the server's \
         with --pin"
    )]
    NotTrusted,
    /// The certificate is another server's.
    #[error(
        "has a certificate for another name ({}); connect to a name in it, or give its fingerprint \
         with --pin",
        names(.0)
    )]
    OtherName(
        /// The names in it.
        Vec<String>,
    ),
    /// The certificate has expired.
    #[error("has a certificate that has expired; its operator must replace it")]
    Expired,
    /// The certificate is not valid yet.
    #[error(
        "has a certificate that is not valid yet; check the clocks of this computer and the server"
    )]
    NotYetValid,
    /// The certificate is not the one that was pinned.
    #[error(
        "has a certificate other than the pinned one; its SHA-256 fingerprint is {0}, which is to \
         be trusted only if the server's operator confirms it"
    )]
    PinDiffers(
        /// That of the server's certificate.
        Fingerprint,
    ),
    /// The certificate is not accepted for another reason.
    #[error("has a certificate that cannot be used: {0}")]
    Certificate(
        /// What is wrong with it.
        CertificateError,
    ),
    /// The server sent something else than TLS.
    #[error(
        "does not speak TLS at this port; check that the port is a listener with TLS, or connect \
         in plain text with --no-tls"
    )]
    NotTls,
    /// The server closed the connection during the handshake.
    #[error(
        "closed the connection during the TLS handshake; check that the port is a listener with TLS"
    )]
    EndedEarly,
    /// The server speaks TLS, and this client does not.
    #[error("speaks TLS at this port; add --tls, or use the port of a listener without TLS")]
    Wanted,
    /// Another failure.
    #[error("cannot complete the TLS handshake: {0}")]
    Other(
        /// What TLS says.
        TlsError,
    ),
}

impl TlsFailure {
    /// The failure that TLS tells of.
    pub(crate) fn of(error: TlsError) -> Self {
        match error {
            TlsError::InvalidCertificate(error) => Self::of_certificate(error),
            TlsError::InvalidMessage(_) => Self::NotTls,
            other => Self::Other(other),
        }
    }

    fn of_certificate(error: CertificateError) -> Self {
        use CertificateError as Refused;
        match error {
            Refused::UnknownIssuer | Refused::BadSignature => Self::NotTrusted,
            Refused::NotValidForNameContext { presented, .. } => Self::OtherName(presented),
            Refused::NotValidForName => Self::OtherName(Vec::new()),
            Refused::Expired | Refused::ExpiredContext { .. } => Self::Expired,
            Refused::NotValidYet | Refused::NotValidYetContext { .. } => Self::NotYetValid,
            Refused::Other(other) => match other.0.downcast_ref::<PinDiffers>() {
                Some(PinDiffers(found)) => Self::PinDiffers(*found),
                None => Self::Certificate(Refused::Other(other)),
            },
            other => Self::Certificate(other),
        }
    }
}

impl From<TlsFailure> for io::Error {
    fn from(failure: TlsFailure) -> Self {
        Self::new(io::ErrorKind::InvalidData, failure)
    }
}

/// The certificate is not the one that was pinned; this is the server's.
#[derive(Debug)]
pub(crate) struct PinDiffers(pub(crate) Fingerprint);

impl fmt::Display for PinDiffers {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "the certificate is {}, which is not the pinned one", self.0)
    }
}

impl Error for PinDiffers {}

fn names(names: &[String]) -> String {
    if names.is_empty() {
        return "it has none".to_owned();
    }
    let shown: Vec<_> =
        names.iter().take(NAMES_MAX).map(|name| Safe(plain(name)).to_string()).collect();
    let more = if names.len() > NAMES_MAX { ", and more" } else { "" };
    format!("it is for {}{more}", shown.join(", "))
}

/// A name of a certificate without the type that rustls shows with it, as in
/// `DnsName("localhost")` and `IpAddress(127.0.0.1)`.
fn plain(name: &str) -> &str {
    let typed = name.split_once('(').and_then(|(_, name)| name.strip_suffix(')'));
    typed.map_or(name, |name| name.trim_matches('"'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_a_certificate_are_shown_without_their_types() {
        let presented = ["DnsName(\"localhost\")", "IpAddress(127.0.0.1)", "other"];
        let failure = TlsFailure::OtherName(presented.map(str::to_owned).to_vec());
        let said = failure.to_string();
        assert!(said.contains("(it is for localhost, 127.0.0.1, other); connect"), "{said}");
    }
}
