//! TLS: certificates for servers, and what clients need to connect.

use std::fs;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use postroom_protocol::Protocol;
use rcgen::{
    BasicConstraints, Certificate, CertificateParams, DnType, IsCa, Issuer, KeyPair, date_time_ymd,
};
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{
    ClientConfig, ClientConnection, RootCertStore, ServerConfig, StreamOwned,
    SupportedProtocolVersion, version,
};

/// What `Client` uses over TLS.
pub(crate) type TlsStream = StreamOwned<ClientConnection, TcpStream>;

/// A certification authority.
pub(crate) struct Authority {
    certificate: Certificate,
    issuer: Issuer<'static, KeyPair>,
}

/// Until when a certificate is valid.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Valid {
    Now,
    /// It was, until the year 2001.
    Before,
}

impl Authority {
    pub(crate) fn new() -> Self {
        let mut parameters = CertificateParams::default();
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        parameters.distinguished_name.push(DnType::CommonName, "the authority of the tests");
        let key = KeyPair::generate().unwrap();
        let certificate = parameters.self_signed(&key).unwrap();
        Self { certificate, issuer: Issuer::new(parameters, key) }
    }

    /// Writes a certificate for these names and its key to a folder, over earlier ones.
    pub(crate) fn issue(&self, folder: &Path, names: &[&str], valid: Valid) -> Pair {
        let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
        let mut parameters = CertificateParams::new(names).unwrap();
        if valid == Valid::Before {
            parameters.not_after = date_time_ymd(2001, 1, 1);
        }
        let key = KeyPair::generate().unwrap();
        let certificate = parameters.signed_by(&key, &self.issuer).unwrap();
        let pair = Pair::in_folder(folder);
        fs::write(&pair.certificate, certificate.pem()).unwrap();
        fs::write(&pair.key, key.serialize_pem()).unwrap();
        fs::write(&pair.authority, self.certificate.pem()).unwrap();
        pair
    }

    /// What a client needs that trusts this authority, with both versions of TLS.
    pub(crate) fn client(&self) -> Arc<ClientConfig> {
        self.client_with(&[&version::TLS13, &version::TLS12])
    }

    pub(crate) fn client_with(
        &self,
        versions: &[&'static SupportedProtocolVersion],
    ) -> Arc<ClientConfig> {
        let mut roots = RootCertStore::empty();
        roots.add(self.certificate.der().clone()).unwrap();
        let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
        let builder = builder.with_protocol_versions(versions).unwrap();
        Arc::new(builder.with_root_certificates(roots).with_no_client_auth())
    }
}

/// The files of a certificate.
#[derive(Clone, Debug)]
pub(crate) struct Pair {
    pub(crate) certificate: PathBuf,
    pub(crate) key: PathBuf,
    /// The certificate of the authority, for clients.
    pub(crate) authority: PathBuf,
}

impl Pair {
    fn in_folder(folder: &Path) -> Self {
        Self {
            certificate: folder.join("certificate.pem"),
            key: folder.join("key.pem"),
            authority: folder.join("authority.pem"),
        }
    }

    /// The settings of a server with this certificate.
    pub(crate) fn settings(&self) -> [String; 2] {
        [
            format!("--set=tls.certificate={}", self.certificate.display()),
            format!("--set=tls.key={}", self.key.display()),
        ]
    }

    /// What a server in a test needs.
    pub(crate) fn server(&self) -> Arc<ServerConfig> {
        let builder = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()));
        let builder = builder.with_safe_default_protocol_versions().unwrap().with_no_client_auth();
        let certificate = CertificateDer::from_pem_file(&self.certificate).unwrap();
        let key = PrivateKeyDer::from_pem_file(&self.key).unwrap();
        Arc::new(builder.with_single_cert(vec![certificate], key).unwrap())
    }

    /// The arguments of a server with this certificate that listens for each protocol,
    /// with TLS and without.
    pub(crate) fn arguments(&self) -> Vec<String> {
        let listen = Protocol::all().flat_map(|protocol| {
            let name = protocol.name;
            let dial_back = if name == "im" { " dial_back=on" } else { "" };
            [
                format!("--listen={name}=127.0.0.1:0"),
                format!("--listen={name}+tls=127.0.0.1:0{dial_back}"),
            ]
        });
        listen.chain(self.settings()).collect()
    }
}

/// Begins TLS over a connection; the first bytes do the handshake.
pub(crate) fn over(stream: TcpStream, settings: &Arc<ClientConfig>) -> TlsStream {
    let name = ServerName::try_from("localhost").unwrap();
    let connection = ClientConnection::new(Arc::clone(settings), name).unwrap();
    StreamOwned::new(connection, stream)
}
