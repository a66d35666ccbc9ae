//! The listeners: what `listen` says of each, and what follows from that.

use std::io;
use std::net::{SocketAddr, ToSocketAddrs};

use postroom_engine::{Listener, ListenerOptions, Proof};
use postroom_protocol::{PROTOCOLS, Protocol};
use postroom_server::ListenerSettings;
use serde::Deserialize;
use thiserror::Error;
use toml::{Table, Value};

use super::sources::one_line;
use super::{Config, DialBack, ProofSetting};

/// Why there is no such listener.
#[derive(Debug, Error)]
pub(crate) enum ListenerError {
    #[error(
        "there is no protocol \"{name}\" (in \"{listener}\"); the protocols are: {}, \
         each also with TLS, as in mailbox+tls",
        protocol_names()
    )]
    Protocol { name: String, listener: String },
    #[error(
        "\"{listener}\" is not a listener; write it as PROTOCOL=HOST:PORT, for example \
         mailbox=127.0.0.1:4401, with a port from 0 to 65535"
    )]
    Form { listener: String },
    #[error("cannot find the address in \"{listener}\": {cause}")]
    Address { listener: String, cause: io::Error },
    #[error("cannot understand the options in \"{listener}\": {cause}")]
    Options { listener: String, cause: String },
}

/// What follows the name of a protocol whose listener has TLS.
const TLS: &str = "+tls";

fn protocol_names() -> String {
    PROTOCOLS.iter().map(|protocol| protocol.name).collect::<Vec<_>>().join(", ")
}

/// The options of a listener, each in place of the setting of the same name.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Options {
    proof: Option<ProofSetting>,
    dial_back: Option<DialBack>,
}

impl Options {
    /// Parses words such as `proof=command`.
    fn parse<'a>(words: impl Iterator<Item = &'a str>) -> Result<Self, String> {
        let mut table = Table::new();
        for word in words {
            let (key, value) = word
                .split_once('=')
                .ok_or_else(|| format!("\"{word}\" is no option; write it as OPTION=VALUE"))?;
            if table.insert(key.to_owned(), Value::String(value.to_owned())).is_some() {
                return Err(format!("the option {key} is given twice"));
            }
        }
        Value::Table(table)
            .try_into()
            .map_err(|error: toml::de::Error| one_line(&error.to_string()))
    }
}

impl Config {
    /// The configured listeners, or else all protocols at their default addresses.
    pub(crate) fn listeners(&self) -> Result<Vec<ListenerSettings>, ListenerError> {
        if self.listen.is_empty() {
            let standard = |protocol: &'static Protocol| {
                self.listener(protocol, false, protocol.default_address(), Options::default())
            };
            return Ok(PROTOCOLS.iter().map(standard).collect());
        }
        self.listen.iter().map(|listener| self.parse(listener)).collect()
    }

    /// Parses `PROTOCOL=HOST:PORT` or `PROTOCOL+tls=HOST:PORT`, with options after it.
    fn parse(&self, listener: &str) -> Result<ListenerSettings, ListenerError> {
        let malformed = || ListenerError::Form { listener: listener.to_owned() };
        let mut words = listener.split_ascii_whitespace();
        let place = words.next().ok_or_else(malformed)?;
        let (name, address) = place.split_once('=').ok_or_else(malformed)?;
        let (protocol, tls) = match name.strip_suffix(TLS) {
            Some(protocol) => (protocol, true),
            None => (name, false),
        };
        let protocol = Protocol::find(protocol).ok_or_else(|| ListenerError::Protocol {
            name: name.to_owned(),
            listener: listener.to_owned(),
        })?;
        let options = Options::parse(words)
            .map_err(|cause| ListenerError::Options { listener: listener.to_owned(), cause })?;
        let address = resolve(address)
            .map_err(|cause| match cause.kind() {
                io::ErrorKind::InvalidInput => malformed(),
                _ => ListenerError::Address { listener: listener.to_owned(), cause },
            })?
            .ok_or_else(malformed)?;
        Ok(self.listener(protocol, tls, address, options))
    }

    fn listener(
        &self,
        protocol: &'static Protocol,
        tls: bool,
        address: SocketAddr,
        options: Options,
    ) -> ListenerSettings {
        let proof = match options.proof.unwrap_or(self.proof) {
            ProofSetting::Tcp => Proof::Tcp,
            ProofSetting::Command => Proof::Command,
        };
        let dials_back = match options.dial_back.unwrap_or(self.im.dial_back) {
            // Behind a proxy the peer's address is the proxy's. The connection back is
            // plain TCP, so what TLS would hide would be open.
            DialBack::Auto => proof == Proof::Tcp && !tls,
            DialBack::On => true,
            DialBack::Off => false,
        };
        let options = ListenerOptions { proof, dials_back, tls };
        ListenerSettings { listener: Listener { protocol, options }, address }
    }
}

fn resolve(address: &str) -> io::Result<Option<SocketAddr>> {
    Ok(address.to_socket_addrs()?.next())
}

#[cfg(test)]
mod tests {
    use super::super::Overrides;
    use super::*;

    fn listeners(listen: &[&str], set: &[&str]) -> Result<Vec<ListenerSettings>, String> {
        let owned = |words: &[&str]| words.iter().map(|&word| word.to_owned()).collect();
        let overrides =
            Overrides { listen: owned(listen), set: owned(set), ..Overrides::default() };
        let config = Config::from_sources(None, std::iter::empty(), &overrides).unwrap();
        config.listeners().map_err(|error| error.to_string())
    }

    #[test]
    fn an_option_of_a_listener_stands_in_place_of_the_setting_for_all() {
        let listeners = listeners(
            &["im=127.0.0.1:1", "im=127.0.0.1:2 proof=command", "im=[::1]:3  dial_back=off"],
            &["proof=tcp"],
        );
        let options = |proof, dials_back| ListenerOptions { proof, dials_back, tls: false };
        let expected =
            [options(Proof::Tcp, true), options(Proof::Command, false), options(Proof::Tcp, false)];
        let listeners = listeners.unwrap();
        assert_eq!(listeners.iter().map(|of| of.listener.options).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn clients_of_tls_are_dialled_back_only_where_that_is_wanted() {
        let listeners = listeners(
            &["im+tls=127.0.0.1:1", "im+tls=127.0.0.1:2 dial_back=on", "im=127.0.0.1:3"],
            &[],
        );
        let listeners = listeners.unwrap();
        let told: Vec<_> = listeners.iter().map(|of| of.listener.options.dials_back).collect();
        assert_eq!(told, [false, true, true]);
        let names: Vec<_> = listeners.iter().map(|of| of.listener.name().to_string()).collect();
        assert_eq!(names, ["im+tls", "im+tls", "im"]);
    }

    #[test]
    fn what_is_no_option_is_refused_in_one_sentence() {
        for (listener, part) in [
            ("im=127.0.0.1:1 proof", "\"proof\" is no option; write it as OPTION=VALUE"),
            ("im=127.0.0.1:1 proof=hope", "`hope`"),
            ("im=127.0.0.1:1 prof=tcp", "`prof`"),
            ("im=127.0.0.1:1 proof=tcp proof=tcp", "the option proof is given twice"),
        ] {
            let error = listeners(&[listener], &[]).unwrap_err();
            let begin = format!("cannot understand the options in \"{listener}\": ");
            assert!(error.starts_with(&begin) && error.contains(part), "{error}");
            assert!(!error.contains('\n'), "{error}");
        }
        assert!(listeners(&[" "], &[]).unwrap_err().contains("is not a listener"));
    }
}
