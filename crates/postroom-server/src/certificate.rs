//! The certificate of the server and its key.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::crypto::ring;
use rustls::pki_types::pem::{self, PemObject as _};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::NoServerSessionStorage;
use rustls::{Error, ServerConfig};
use thiserror::Error;

/// Maximum bytes of a file: a chain of certificates has a few thousand.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// Where the certificate and its key are, each a file of PEM.
#[derive(Clone, Debug)]
pub struct CertificateFiles {
    /// The certificate, and those that lead from it to one that clients know.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

/// What TLS needs for a connection.
#[derive(Clone, Debug)]
pub struct TlsSettings {
    /// For line protocols.
    pub(crate) lines: Arc<ServerConfig>,
    /// For HTTP, whose version the handshake settles.
    pub(crate) http: Arc<ServerConfig>,
}

/// Why a certificate and its key cannot be used.
#[derive(Debug, Error)]
pub enum CertificateError {
    /// A file cannot be read.
    #[error("cannot read the file {} ({setting}): {cause}", path.display())]
    Read {
        /// The setting that names it.
        setting: &'static str,
        /// The file.
        path: PathBuf,
        /// The operating system's error.
        cause: io::Error,
    },
    /// A file holds something else.
    #[error("the file {} ({setting}) has {what}; it must be PEM, such as `postroom cert` writes", path.display())]
    Malformed {
        /// The setting that names it.
        setting: &'static str,
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        what: &'static str,
    },
    /// The key is another certificate's.
    #[error(
        "the key in {} (tls.key) does not belong to the certificate in {} (tls.certificate); \
         name the two files of one pair",
        files.key.display(), files.certificate.display()
    )]
    Mismatch {
        /// The files.
        files: CertificateFiles,
    },
    /// They cannot be used for another reason.
    #[error(
        "the certificate in {} (tls.certificate) with the key in {} (tls.key) cannot be used: {cause}",
        files.certificate.display(), files.key.display()
    )]
    Unusable {
        /// The files.
        files: CertificateFiles,
        /// What TLS says.
        cause: Error,
    },
}

impl TlsSettings {
    fn new(lines: ServerConfig) -> Self {
        let mut http = lines.clone();
        http.alpn_protocols = vec![b"http/1.1".to_vec()];
        Self { lines: Arc::new(lines), http: Arc::new(http) }
    }
}

impl CertificateFiles {
    /// Reads both files and checks that they are a pair.
    pub fn read(&self) -> Result<TlsSettings, CertificateError> {
        let certificates = self.certificates()?;
        let key = self.private_key()?;
        let unusable = |cause| match cause {
            Error::InconsistentKeys(_) => CertificateError::Mismatch { files: self.clone() },
            cause => CertificateError::Unusable { files: self.clone(), cause },
        };
        settings(certificates, key).map(TlsSettings::new).map_err(unusable)
    }

    fn certificates(&self) -> Result<Vec<CertificateDer<'static>>, CertificateError> {
        const SETTING: &str = "tls.certificate";
        let malformed = |what| CertificateError::Malformed {
            setting: SETTING,
            path: self.certificate.clone(),
            what,
        };
        let text = read(SETTING, &self.certificate)?;
        let certificates = CertificateDer::pem_slice_iter(&text).collect::<Result<Vec<_>, _>>();
        match certificates {
            Ok(certificates) if certificates.is_empty() => Err(malformed("no certificate")),
            Ok(certificates) => Ok(certificates),
            Err(_) => Err(malformed("a malformed certificate")),
        }
    }

    fn private_key(&self) -> Result<PrivateKeyDer<'static>, CertificateError> {
        const SETTING: &str = "tls.key";
        let text = read(SETTING, &self.key)?;
        PrivateKeyDer::from_pem_slice(&text).map_err(|error| CertificateError::Malformed {
            setting: SETTING,
            path: self.key.clone(),
            what: match error {
                pem::Error::NoItemsFound => "no private key",
                _ => "a malformed private key",
            },
        })
    }
}

fn read(setting: &'static str, path: &Path) -> Result<Vec<u8>, CertificateError> {
    let refused = |cause| CertificateError::Read { setting, path: path.to_path_buf(), cause };
    // A named pipe may block for ever, and no later SIGHUP would be heeded.
    if !fs::metadata(path).map_err(refused)?.is_file() {
        return Err(refused(io::Error::other("it is not a regular file")));
    }
    let file = File::open(path).map_err(refused)?;
    let mut text = Vec::new();
    file.take(FILE_BYTES_MAX).read_to_end(&mut text).map_err(refused)?;
    Ok(text)
}

/// TLS 1.2 and 1.3, with tickets that resume a session and that the server does not
/// remember: an idle client costs no memory. Early data is off, as it is by default: it
/// could be sent twice.
fn settings(
    certificates: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
) -> Result<ServerConfig, Error> {
    let provider = Arc::new(ring::default_provider());
    let mut settings = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(certificates, key)?;
    settings.session_storage = Arc::new(NoServerSessionStorage {});
    settings.ticketer = ring::Ticketer::new()?;
    settings.send_tls13_tickets = 1;
    Ok(settings)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_regular_files_are_read() {
        for path in ["/dev/null", "/"].map(PathBuf::from) {
            let error = CertificateFiles { certificate: path.clone(), key: path }.read();
            let told = error.unwrap_err().to_string();
            assert!(told.ends_with("(tls.certificate): it is not a regular file"), "{told}");
        }
    }
}
