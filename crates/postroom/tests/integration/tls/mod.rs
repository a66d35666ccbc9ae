//! Listeners with TLS: who may connect, what proves receipt, and the certificate.

mod certificate;
mod clients;
mod handshake;
mod proof;

use std::sync::Arc;

use rustls::ClientConfig;

use crate::harness::logged::LoggedServer;
use crate::harness::support::Server;
use crate::harness::tls::{Authority, Pair, Valid};
use tempfile::TempDir;

/// A server with TLS, and what its clients need.
struct Secured {
    server: LoggedServer,
    authority: Authority,
    client: Arc<ClientConfig>,
    pair: Pair,
    /// The folder of the certificate.
    folder: TempDir,
}

impl Secured {
    fn start(arguments: &[&str]) -> Self {
        let (folder, authority) = (TempDir::new().unwrap(), Authority::new());
        let pair = authority.issue(folder.path(), &["localhost", "127.0.0.1"], Valid::Now);
        let all = pair.arguments();
        let all: Vec<_> = all.iter().map(String::as_str).chain(arguments.iter().copied()).collect();
        let mut server = LoggedServer::start(&["al"], &all);
        let client = authority.client();
        server.use_tls(Arc::clone(&client));
        Self { server, authority, client, pair, folder }
    }

    /// A server with this certificate; clients that are not under test connect without TLS.
    fn with(pair: &Pair) -> Server {
        let arguments = pair.arguments();
        let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
        Server::with(&arguments)
    }

    /// A port of a listener with TLS, in words.
    fn port(&self, protocol: &str) -> String {
        self.server.address(&format!("{protocol}+tls")).port().to_string()
    }
}
