//! TLS to a server whose certificate does not matter.

use std::net::{SocketAddr, TcpStream};
use std::sync::{Arc, LazyLock};

use anyhow::Context as _;
use rustls::client::Resumption;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::ring;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    ClientConfig, ClientConnection, DigitallySignedStruct, Error, SignatureScheme, StreamOwned,
};

use crate::drive::dial;

/// A connection of TLS, which blocks.
pub(crate) type TlsStream = StreamOwned<ClientConnection, TcpStream>;

/// What connects, over TCP or over TLS.
#[derive(Debug)]
pub(crate) enum Wire {
    Plain(TcpStream),
    Tls(Box<TlsStream>),
}

impl From<TcpStream> for Wire {
    fn from(stream: TcpStream) -> Self {
        Self::Plain(stream)
    }
}

impl From<TlsStream> for Wire {
    fn from(stream: TlsStream) -> Self {
        Self::Tls(Box::new(stream))
    }
}

/// Connects and shakes hands.
pub(crate) fn connect(address: SocketAddr) -> anyhow::Result<TlsStream> {
    static SETTINGS: LazyLock<Result<Arc<ClientConfig>, Error>> = LazyLock::new(settings);
    let settings = SETTINGS.as_ref().map_err(Clone::clone).context("setting up TLS")?;
    let name = ServerName::IpAddress(address.ip().into());
    let connection = ClientConnection::new(Arc::clone(settings), name).context("beginning TLS")?;
    let mut stream = StreamOwned::new(connection, dial::connect(address)?);
    while stream.conn.is_handshaking() {
        let shaken = stream.conn.complete_io(&mut stream.sock);
        shaken.with_context(|| format!("shaking hands with {address}; has it TLS?"))?;
    }
    Ok(stream)
}

fn settings() -> Result<Arc<ClientConfig>, Error> {
    let mut settings = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Unchecked))
        .with_no_client_auth();
    settings.resumption = Resumption::disabled();
    Ok(Arc::new(settings))
}

/// Accepts every certificate: to check it is the client's work, which is not measured.
#[derive(Debug)]
struct Unchecked;

impl ServerCertVerifier for Unchecked {
    fn verify_server_cert(
        &self,
        _certificate: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _name: &ServerName<'_>,
        _ocsp: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        ring::default_provider().signature_verification_algorithms.supported_schemes()
    }
}
