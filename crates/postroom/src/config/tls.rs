//! The certificate of the listeners with TLS.

use std::path::PathBuf;

use postroom_engine::{EngineSettings, ListenerName};
use postroom_server::{CertificateError, CertificateFiles, ListenerSettings, TlsSettings};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::Config;
use super::defaults::millis;

/// The files of the certificate; empty for none.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Tls {
    certificate: PathBuf,
    key: PathBuf,
    pub(super) handshake_limit_ms: u64,
}

/// Why the listeners with TLS cannot be opened.
#[derive(Debug, Error)]
pub(crate) enum TlsError {
    #[error(
        "the listener {listener} needs a certificate: set tls.certificate and tls.key to its two \
         files; `postroom cert --out DIR` makes a pair to try"
    )]
    Missing { listener: ListenerName },
    #[error(transparent)]
    Certificate(#[from] CertificateError),
}

impl Default for Tls {
    fn default() -> Self {
        let limit = EngineSettings::default().handshake_limit;
        Self { certificate: PathBuf::new(), key: PathBuf::new(), handshake_limit_ms: millis(limit) }
    }
}

impl Config {
    /// The certificate, if a listener needs one.
    pub(crate) fn certificate(
        &self,
        listeners: &[ListenerSettings],
    ) -> Result<Option<TlsSettings>, TlsError> {
        let needs = listeners.iter().find(|settings| settings.listener.options.tls);
        let Some(needs) = needs else {
            return Ok(None);
        };
        let Tls { certificate, key, .. } = self.tls.clone();
        if certificate.as_os_str().is_empty() || key.as_os_str().is_empty() {
            return Err(TlsError::Missing { listener: needs.listener.name() });
        }
        Ok(Some(CertificateFiles { certificate, key }.read()?))
    }
}
