//! The servers under test: the requests for each, and their answers.

use std::io::BufReader;
use std::net::SocketAddr;

use clap::Args;

use crate::drive::answer::Expected;
use crate::drive::dial;
use crate::drive::digits;
use crate::drive::fleet::Fleet;
use crate::drive::login::Login;
use crate::drive::request::Template;
use crate::drive::tls;
use crate::measure::process;
use crate::options::{address, redis};
use crate::report;

/// Accounts and keys that messages are sent to.
pub(crate) const RECIPIENT: &str = "r";

/// Accounts that the connections log in as and whose mailboxes they read.
pub(crate) const OWN: &str = "bench";

/// Accounts that the setup logs in as, apart from the measured ones.
pub(crate) const SETUP: &str = "setup";

/// The protocol that a server speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// The protocol `mailbox`.
    Mailbox,
    /// RESP, with a list for each mailbox.
    Redis,
    /// The server sends back what it received.
    Echo,
}

impl Dialect {
    pub(crate) fn label(self) -> &'static str {
        match self {
            Self::Mailbox => "postroom",
            Self::Redis => "redis",
            Self::Echo => "echo",
        }
    }

    /// The request that sends to `<prefix>NNN`, and the expected answer.
    pub(crate) fn send(self, prefix: &str, count: u32, body: usize) -> (Template, Expected) {
        let digits = digits::width(count);
        match self {
            Self::Mailbox => (Template::compose(prefix, digits, body), Expected::Sent),
            Self::Redis => (Template::rpush(prefix, digits, body), Expected::Integer),
            Self::Echo => {
                let template = Template::compose(prefix, digits, body);
                let length = template.length();
                (template, Expected::Echo(length))
            }
        }
    }

    /// The request that reads the mailbox with the connection's own number,
    /// `<prefix>NNN`, and the expected answer.
    pub(crate) fn read(self, prefix: &str, count: u32) -> (Template, Expected) {
        match self {
            Self::Redis => (Template::lpop(prefix, digits::width(count)), Expected::Bulk),
            Self::Mailbox | Self::Echo => (Template::read(), Expected::Letter),
        }
    }

    /// The login, if the server has accounts.
    fn login(self) -> Option<Login> {
        match self {
            Self::Mailbox => Some(Login::Mailbox),
            Self::Redis | Self::Echo => None,
        }
    }

    /// The command that ends a connection.
    pub(crate) fn farewell(self) -> &'static [u8] {
        self.login().map_or(b"", Login::farewell)
    }
}

/// The server that is measured, and perhaps one to compare it with.
#[derive(Debug, Args)]
pub(crate) struct SideOptions {
    /// Address of the server's `mailbox` listener
    #[arg(long, value_name = "HOST:PORT", value_parser = address)]
    pub(crate) server: SocketAddr,
    /// Process id of the server [default: the owner of the listening socket]
    #[arg(long, value_name = "PID")]
    pub(crate) server_pid: Option<u32>,
    /// Do the same work against this server too, rounds in ABBA order
    #[arg(long, value_name = "redis=HOST:PORT", value_parser = redis)]
    pub(crate) against: Option<SocketAddr>,
    /// The server's listener has TLS; its certificate is not checked
    #[arg(long)]
    pub(crate) tls: bool,
    /// Print the medians as a Markdown table
    #[arg(long)]
    pub(crate) markdown: bool,
}

/// One of the compared servers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Side<D = Dialect> {
    pub(crate) dialect: D,
    pub(crate) address: SocketAddr,
    /// `None` if this user cannot see the server's process.
    pub(crate) process: Option<u32>,
    /// Whether connections are TLS.
    pub(crate) tls: bool,
}

impl<D> Side<D> {
    /// Without `process`, the owner of the listening socket is looked up.
    pub(crate) fn new(dialect: D, address: SocketAddr, process: Option<u32>) -> Self {
        let process = process.or_else(|| process::listening_at(address));
        if process.is_none() {
            report::note(&format!(
                "found no process that listens at {address}; its CPU time is unknown"
            ));
        }
        Self { dialect, address, process, tls: false }
    }
}

impl Side {
    /// The server and, if given, the rival to compare it with.
    pub(crate) fn all(options: &SideOptions) -> Vec<Self> {
        let own = Self::new(Dialect::Mailbox, options.server, options.server_pid);
        let own = Self { tls: options.tls, ..own };
        let rival = options.against.map(|address| Self::new(Dialect::Redis, address, None));
        std::iter::once(own).chain(rival).collect()
    }

    /// Opens connections, logged in as `<prefix>NNN` if the server has accounts.
    pub(crate) fn connect(
        &self,
        prefix: &str,
        connections: u32,
        in_flight: u32,
        expected: Expected,
    ) -> anyhow::Result<Fleet> {
        let width = digits::width(connections);
        let name = |number: u32| format!("{prefix}{number:0width$}");
        let streams = match self.dialect.login() {
            Some(login) if self.tls => {
                let opened =
                    dial::log_in_with(self.address, tls::connect, connections, login, &name)?;
                return Fleet::new(
                    opened.into_iter().map(BufReader::into_inner),
                    in_flight,
                    expected,
                );
            }
            Some(login) => dial::log_in(self.address, connections, login, &name)?
                .into_iter()
                .map(BufReader::into_inner)
                .collect::<Vec<_>>(),
            None => dial::open(self.address, connections)?,
        };
        Fleet::new(streams, in_flight, expected)
    }
}
