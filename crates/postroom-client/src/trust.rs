//! Which servers a client trusts over TLS.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{Resumption, WebPkiServerVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, OtherError, RootCertStore,
    SignatureScheme,
};

use crate::settings::{Anchor, Security};
use crate::tls_failure::PinDiffers;
use crate::{ClientError, Fingerprint};

/// Maximum bytes of a file of certificates: those of all authorities have a fifth of it.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// What a client needs for TLS with one server.
#[derive(Clone, Debug)]
pub(crate) struct Trust {
    pub(crate) settings: Arc<ClientConfig>,
    /// Whom the certificate must be for.
    pub(crate) name: ServerName<'static>,
}

impl Trust {
    /// For the server of this name; `None` where the connection is to be plain.
    pub(crate) fn new(security: &Security, host: &str) -> Result<Option<Self>, ClientError> {
        let Security::Tls(anchor) = security else { return Ok(None) };
        let provider = Arc::new(ring::default_provider());
        let verifier: Arc<dyn ServerCertVerifier> = match anchor {
            Anchor::Pin(pin) => Arc::new(Pinned { pin: *pin, provider: Arc::clone(&provider) }),
            Anchor::Authorities(file) => by_authorities(authorities_in(file)?, &provider)?,
            Anchor::System => by_authorities(authorities_of_system()?, &provider)?,
        };
        let mut settings = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(ClientError::TlsUnusable)?
            .dangerous()
            .with_custom_certificate_verifier(verifier)
            .with_no_client_auth();
        settings.resumption = Resumption::disabled();
        let name = match ServerName::try_from(host.to_owned()) {
            Ok(name) => name,
            // Only the certificate counts.
            Err(_) if matches!(anchor, Anchor::Pin(_)) => {
                settings.enable_sni = false;
                ServerName::IpAddress(std::net::Ipv4Addr::UNSPECIFIED.into())
            }
            Err(_) => return Err(ClientError::HostForTls { host: host.to_owned() }),
        };
        Ok(Some(Self { settings: Arc::new(settings), name }))
    }
}

/// Accepts what one of the authorities has signed, for the server's name.
fn by_authorities(
    roots: RootCertStore,
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<dyn ServerCertVerifier>, ClientError> {
    match WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider)).build()
    {
        Ok(verifier) => Ok(verifier),
        // It has no authority.
        Err(_) => Err(ClientError::NoAuthorities),
    }
}

fn authorities_in(path: &Path) -> Result<RootCertStore, ClientError> {
    let refused = |source| ClientError::AuthorityFile { path: path.to_path_buf(), source };
    let malformed = |what: &str| refused(io::Error::new(io::ErrorKind::InvalidData, what));
    let mut text = Vec::new();
    let file = File::open(path).map_err(refused)?;
    file.take(FILE_BYTES_MAX).read_to_end(&mut text).map_err(refused)?;
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&text) {
        let certificate = certificate.ok().and_then(|certificate| roots.add(certificate).ok());
        certificate.ok_or_else(|| malformed("it has a malformed certificate"))?;
    }
    if roots.is_empty() { Err(malformed("it has no certificate in PEM")) } else { Ok(roots) }
}

fn authorities_of_system() -> Result<RootCertStore, ClientError> {
    let mut roots = RootCertStore::empty();
    // Some that cannot be read take nothing from the others.
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() { Err(ClientError::NoAuthorities) } else { Ok(roots) }
}

/// Accepts one certificate, whatever is in it.
#[derive(Debug)]
struct Pinned {
    pin: Fingerprint,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _name: &ServerName<'_>,
        _ocsp: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let found = Fingerprint::of(certificate);
        if found == self.pin {
            return Ok(ServerCertVerified::assertion());
        }
        let differs = OtherError(Arc::new(PinDiffers(found)));
        Err(Error::InvalidCertificate(CertificateError::Other(differs)))
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signed, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
