//! The servers under test: the requests for each, and their answers.

use std::io::BufReader;
use std::net::SocketAddr;

use anyhow::bail;
use clap::{Args, ValueEnum as _};

use crate::drive::answer::Expected;
use crate::drive::dial;
use crate::drive::digits;
use crate::drive::fleet::Fleet;
use crate::drive::login::Login;
use crate::drive::request::Template;
use crate::drive::tls;
use crate::measure::process;
use crate::options::address;
use crate::report;

/// Accounts and keys that messages are sent to.
pub(crate) const RECIPIENT: &str = "r";

/// Accounts that the connections log in as and whose mailboxes they read.
pub(crate) const OWN: &str = "bench";

/// Accounts that the setup logs in as, apart from the measured ones.
pub(crate) const SETUP: &str = "setup";

/// The protocol that a server speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Dialect {
    /// The protocol `mailbox`.
    Mailbox,
    /// The protocol `http`.
    Http,
    /// The same of `postroom-bench web-server`.
    Web,
    /// RESP, with a list for each mailbox.
    Redis,
    /// The server sends back what it received.
    #[value(skip)]
    Echo,
}

/// A server, and what it speaks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    pub(crate) dialect: Dialect,
    pub(crate) address: SocketAddr,
}

impl Dialect {
    pub(crate) fn label(self) -> &'static str {
        match self {
            Self::Mailbox => "postroom",
            Self::Http => "postroom http",
            Self::Web => "axum and rusqlite",
            Self::Redis => "redis",
            Self::Echo => "echo",
        }
    }

    /// The request that sends to `<prefix>NNN`, and the expected answer.
    pub(crate) fn send(self, prefix: &str, count: u32, body: usize) -> (Template, Expected) {
        let digits = digits::width(count);
        match self {
            Self::Mailbox => (Template::compose(prefix, digits, body), Expected::Sent),
            Self::Http | Self::Web => (Template::post(prefix, digits, body), Expected::Created),
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
    pub(crate) fn read(self, prefix: &str, count: u32) -> anyhow::Result<(Template, Expected)> {
        match self {
            Self::Redis => Ok((Template::lpop(prefix, digits::width(count)), Expected::Bulk)),
            Self::Mailbox | Self::Echo => Ok((Template::read(), Expected::Letter)),
            Self::Http | Self::Web => bail!("reads are not measured over HTTP"),
        }
    }

    /// The login, if the server has accounts.
    fn login(self) -> Option<Login> {
        match self {
            Self::Mailbox => Some(Login::Mailbox),
            Self::Http | Self::Web | Self::Redis | Self::Echo => None,
        }
    }

    /// The command that ends a connection.
    pub(crate) fn farewell(self) -> &'static [u8] {
        self.login().map_or(b"", Login::farewell)
    }
}

/// `HOST:PORT` of the protocol `mailbox`, or `DIALECT=HOST:PORT`.
fn place(text: &str) -> Result<Place, String> {
    let (dialect, place) = match text.split_once('=') {
        Some((dialect, place)) => (Dialect::from_str(dialect, false)?, place),
        None => (Dialect::Mailbox, text),
    };
    Ok(Place { dialect, address: address(place)? })
}

/// The server that is measured, and perhaps one to compare it with.
#[derive(Debug, Args)]
pub(crate) struct SideOptions {
    /// Address of the server's `mailbox` listener, or `http=` and that of its `http` listener
    #[arg(long, value_name = "[http=]HOST:PORT", value_parser = place)]
    pub(crate) server: Place,
    /// Process id of the server [default: the owner of the listening socket]
    #[arg(long, value_name = "PID")]
    pub(crate) server_pid: Option<u32>,
    /// Do the same work against this server too, rounds in turn: `redis=`, `mailbox=`, or
    /// `web=` for that of `web-server`; may be given several times
    #[arg(long, value_name = "KIND=HOST:PORT", value_parser = place)]
    pub(crate) against: Vec<Place>,
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
    /// The server, and those to compare it with.
    pub(crate) fn all(options: &SideOptions) -> Vec<Self> {
        let Place { dialect, address } = options.server;
        let own = Self { tls: options.tls, ..Self::new(dialect, address, options.server_pid) };
        let rival = options
            .against
            .iter()
            .map(|Place { dialect, address }| Self::new(*dialect, *address, None));
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_named_with_its_address() {
        let named = |text| place(text).map(|place| (place.dialect, place.address));
        let address = ([127, 0, 0, 1], 7399).into();
        assert_eq!(named("redis=127.0.0.1:7399"), Ok((Dialect::Redis, address)));
        assert_eq!(named("127.0.0.1:7399"), Ok((Dialect::Mailbox, address)));
        assert_eq!(named("http=127.0.0.1:7399"), Ok((Dialect::Http, address)));
        assert!(place("redis=7399").is_err());
        assert!(place("echo=127.0.0.1:7399").is_err());
    }
}
