//! The listeners: what `listen` says of each, and what follows from that.

use std::io;
use std::net::{SocketAddr, ToSocketAddrs};

use postroom_engine::{Listener, ListenerOptions, Proof};
use postroom_model::{Access, Anonymous, Guest, Passwords, Registration};
use postroom_protocol::Protocol;
use postroom_server::ListenerSettings;
use serde::{Deserialize, Serialize};
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
    #[error(
        "the listener \"{listener}\" would be open to the network: {risk}; {remedy}, or accept it \
         with --allow-open"
    )]
    Open { listener: String, risk: &'static str, remedy: &'static str },
    #[error(
        "the listener \"{listener}\" would let nobody in: the protocol board has no login, and \
         board.anonymous is \"none\" there; to let anyone read, or post, set it to \"read\" or \
         \"post\" and start with --allow-open"
    )]
    NobodyMay { listener: String },
}

/// What follows the name of a protocol whose listener has TLS.
const TLS: &str = "+tls";

fn protocol_names() -> String {
    Protocol::all().map(|protocol| protocol.name).collect::<Vec<_>>().join(", ")
}

/// Who may register.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum RegistrationSetting {
    /// Open where only this machine reaches the listener.
    Auto,
    Open,
    Closed,
}

/// Who needs a password.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum PasswordSetting {
    /// Optional where only this machine reaches the listener.
    Auto,
    Optional,
    Required,
}

/// What clients may do that do not log in.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum AnonymousSetting {
    /// Post where only this machine reaches the listener, and nothing elsewhere.
    Auto,
    Post,
    Read,
    None,
}

impl RegistrationSetting {
    fn resolve(self, is_open: bool) -> Registration {
        match self {
            Self::Auto if is_open => Registration::Open,
            Self::Open => Registration::Open,
            Self::Auto | Self::Closed => Registration::Closed,
        }
    }
}

impl PasswordSetting {
    fn resolve(self, is_open: bool) -> Passwords {
        match self {
            Self::Auto if is_open => Passwords::Optional,
            Self::Optional => Passwords::Optional,
            Self::Auto | Self::Required => Passwords::Required,
        }
    }
}

impl AnonymousSetting {
    fn resolve(self, is_open: bool) -> Anonymous {
        match self {
            Self::Auto if is_open => Anonymous::Post,
            Self::Post => Anonymous::Post,
            Self::Read => Anonymous::Read,
            Self::Auto | Self::None => Anonymous::None,
        }
    }
}

/// The options of a listener, each in place of the setting of the same name.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Options {
    proof: Option<ProofSetting>,
    dial_back: Option<DialBack>,
    registration: Option<RegistrationSetting>,
    passwords: Option<PasswordSetting>,
    anonymous: Option<AnonymousSetting>,
    /// Whether connections begin with a header of the PROXY protocol.
    proxy: Option<Switch>,
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq)]
#[serde(rename_all = "lowercase")]
enum Switch {
    On,
    Off,
}

impl Options {
    /// Parses words such as `proof=command`, for a listener of this protocol.
    fn parse<'a>(
        protocol: &Protocol,
        words: impl Iterator<Item = &'a str>,
    ) -> Result<Self, String> {
        let mut table = Table::new();
        for word in words {
            let (key, value) = word
                .split_once('=')
                .ok_or_else(|| format!("\"{word}\" is no option; write it as OPTION=VALUE"))?;
            let applies = match key {
                "dial_back" => protocol.name == "im",
                "registration" | "passwords" => protocol.has_accounts,
                "anonymous" => protocol.guest.is_some(),
                _ => true,
            };
            if !applies {
                return Err(format!("the option {key} is not for {}", protocol.name));
            }
            if table.insert(key.to_owned(), Value::String(value.to_owned())).is_some() {
                return Err(format!("the option {key} is given twice"));
            }
        }
        Value::Table(table)
            .try_into()
            .map_err(|error: toml::de::Error| one_line(&error.to_string()))
            .and_then(Self::checked)
    }

    /// Refuses what cannot be behind a proxy.
    fn checked(self) -> Result<Self, String> {
        if self.proxy == Some(Switch::On) && self.proof == Some(ProofSetting::Tcp) {
            return Err("proxy=on goes with proof=command alone, since a proxy's TCP \
                        acknowledges what its client has not received"
                .to_owned());
        }
        if self.proxy == Some(Switch::On) && self.dial_back == Some(DialBack::On) {
            return Err("proxy=on goes with dial_back=off alone, since the server cannot dial \
                        a client behind a proxy"
                .to_owned());
        }
        Ok(self)
    }
}

/// A listener whose settings are being put together.
struct Draft<'a> {
    /// As it is configured.
    text: &'a str,
    protocol: &'static Protocol,
    tls: bool,
    address: SocketAddr,
    options: Options,
}

impl Config {
    /// The configured listeners, or else all protocols at their default addresses.
    pub(crate) fn listeners(&self) -> Result<Vec<ListenerSettings>, ListenerError> {
        if self.listen.is_empty() {
            let standard = |protocol: &'static Protocol| {
                let (address, options) = (protocol.default_address(), Options::default());
                let draft = Draft { text: protocol.name, protocol, tls: false, address, options };
                self.listener(&draft)
            };
            return Protocol::all().map(standard).collect();
        }
        self.listen.iter().map(|listener| self.listener(&parse(listener)?)).collect()
    }

    fn listener(&self, draft: &Draft<'_>) -> Result<ListenerSettings, ListenerError> {
        let Draft { protocol, tls, address, options, .. } = *draft;
        let proxy_header = options.proxy == Some(Switch::On);
        let proof = match options.proof.unwrap_or(self.proof) {
            ProofSetting::Tcp if !proxy_header => Proof::Tcp,
            ProofSetting::Tcp | ProofSetting::Command => Proof::Command,
        };
        let dials_back = match options.dial_back.unwrap_or(self.im.dial_back) {
            // Behind a proxy the peer's address is the proxy's. The connection back is
            // plain TCP, so what TLS would hide would be open.
            DialBack::Auto => proof == Proof::Tcp && !tls,
            DialBack::On => !proxy_header,
            DialBack::Off => false,
        };
        let access = self.access(draft, proof)?;
        let options = ListenerOptions { proof, dials_back, proxy_header, tls, access };
        Ok(ListenerSettings { listener: Listener { protocol, options }, address })
    }

    /// What clients may do. Beyond this machine nothing is open unless the operator says so,
    /// of this very listener: who accepts that one is open has not said it of the others.
    fn access(&self, draft: &Draft<'_>, proof: Proof) -> Result<Access, ListenerError> {
        let options = draft.options;
        let is_loopback = draft.address.ip().to_canonical().is_loopback();
        let is_reached_from_afar = !is_loopback || proof == Proof::Command;
        let registration = options.registration.unwrap_or(self.accounts.registration);
        let passwords = options.passwords.unwrap_or(self.accounts.passwords);
        let anonymous = options.anonymous.unwrap_or(match draft.protocol.guest {
            Some(Guest::Board) => self.board.anonymous,
            Some(Guest::Web) => self.http.anonymous,
            None => AnonymousSetting::Auto,
        });
        let listener = || draft.text.to_owned();
        let is_open_anyway = || {
            let (registration, passwords) = (registration.resolve(false), passwords.resolve(false));
            let anonymous = anonymous.resolve(false);
            risk(draft, Access { registration, passwords, anonymous }, !is_loopback).is_some()
        };
        let is_open = !is_reached_from_afar || self.allow_open && is_open_anyway();
        let anonymous = anonymous.resolve(is_open);
        if anonymous == Anonymous::None && !draft.protocol.has_accounts {
            return Err(ListenerError::NobodyMay { listener: listener() });
        }
        let (registration, passwords) = (registration.resolve(is_open), passwords.resolve(is_open));
        let access = Access { registration, passwords, anonymous };
        match risk(draft, access, !is_loopback) {
            Some((risk, remedy)) if !is_open => {
                Err(ListenerError::Open { listener: listener(), risk, remedy })
            }
            _ => Ok(access),
        }
    }
}

/// Why a listener that other machines reach is open, and what to do instead.
fn risk(
    draft: &Draft<'_>,
    access: Access,
    is_on_network: bool,
) -> Option<(&'static str, &'static str)> {
    if !draft.protocol.has_accounts {
        return Some((
            "anyone may use it without a login",
            "listen on 127.0.0.1 and let people come over ssh",
        ));
    }
    if is_on_network && !draft.tls {
        return Some((
            "nothing on it is encrypted, passwords included",
            "use TLS, as in mailbox+tls=0.0.0.0:5401, or listen on 127.0.0.1 and let people come \
             over ssh",
        ));
    }
    if access.passwords == Passwords::Optional {
        return Some((
            "anyone may log in to an account that has no password",
            "set accounts.passwords to \"required\"",
        ));
    }
    let is_open = draft.protocol.guest.is_some() && access.anonymous == Anonymous::Post;
    is_open.then_some((
        "anyone may leave messages and post without a login",
        "set http.anonymous to \"read\" or \"none\"",
    ))
}

/// Parses `PROTOCOL=HOST:PORT` or `PROTOCOL+tls=HOST:PORT`, with options after it.
fn parse(listener: &str) -> Result<Draft<'_>, ListenerError> {
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
    let options = Options::parse(protocol, words)
        .map_err(|cause| ListenerError::Options { listener: listener.to_owned(), cause })?;
    let address = resolve(address)
        .map_err(|cause| match cause.kind() {
            io::ErrorKind::InvalidInput => malformed(),
            _ => ListenerError::Address { listener: listener.to_owned(), cause },
        })?
        .ok_or_else(malformed)?;
    Ok(Draft { text: listener, protocol, tls, address, options })
}

fn resolve(address: &str) -> io::Result<Option<SocketAddr>> {
    Ok(address.to_socket_addrs()?.next())
}

#[cfg(test)]
mod tests {
    use super::super::Overrides;
    use super::*;

    fn overrides(listen: &[&str], set: &[&str]) -> Overrides {
        let owned = |words: &[&str]| words.iter().map(|&word| word.to_owned()).collect();
        Overrides { listen: owned(listen), set: owned(set), ..Overrides::default() }
    }

    fn listeners(overrides: &Overrides) -> Result<Vec<ListenerSettings>, String> {
        let config = Config::from_sources(None, std::iter::empty(), overrides).unwrap();
        config.listeners().map_err(|error| {
            let error = error.to_string();
            assert!(!error.contains('\n'), "one sentence: {error}");
            error
        })
    }

    /// What clients may do at one listener.
    fn access(listener: &str, set: &[&str], allow_open: bool) -> Result<Access, String> {
        let overrides = Overrides { allow_open, ..overrides(&[listener], set) };
        listeners(&overrides).map(|listeners| listeners[0].listener.options.access)
    }

    const CLOSED: Access = Access {
        registration: Registration::Closed,
        passwords: Passwords::Required,
        anonymous: Anonymous::None,
    };

    #[test]
    fn an_option_of_a_listener_stands_in_place_of_the_setting_for_all() {
        let listen = [
            "im=127.0.0.1:1",
            "im=127.0.0.1:2 proof=command",
            "im=[::1]:3  dial_back=off",
            "im=127.0.0.1:4 proxy=on",
            "im=127.0.0.1:5 proxy=off",
        ];
        let listeners = listeners(&overrides(&listen, &["proof=tcp"])).unwrap();
        let options = |of: &ListenerSettings| {
            let ListenerOptions { proof, dials_back, proxy_header, .. } = of.listener.options;
            (proof, dials_back, proxy_header)
        };
        let expected = [
            (Proof::Tcp, true, false),
            (Proof::Command, false, false),
            (Proof::Tcp, false, false),
            (Proof::Command, false, true),
            (Proof::Tcp, true, false),
        ];
        assert_eq!(listeners.iter().map(options).collect::<Vec<_>>(), expected);
        let set = ["accounts.registration=closed", "accounts.passwords=required"];
        let listener = "mailbox=127.0.0.1:1 registration=open passwords=optional";
        assert_eq!(access(listener, &set, false), Ok(Access::OPEN));
        assert_eq!(
            access("mailbox=127.0.0.1:1", &set, false),
            Ok(Access { anonymous: Anonymous::Post, ..CLOSED })
        );
    }

    #[test]
    fn clients_of_tls_are_dialled_back_only_where_that_is_wanted() {
        let listen = ["im+tls=127.0.0.1:1", "im+tls=127.0.0.1:2 dial_back=on", "im=127.0.0.1:3"];
        let listeners = listeners(&overrides(&listen, &[])).unwrap();
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
            ("im=127.0.0.1:1 anonymous=read", "the option anonymous is not for im"),
            ("chat=127.0.0.1:1 dial_back=off", "the option dial_back is not for chat"),
            ("board=127.0.0.1:1 passwords=required", "the option passwords is not for board"),
            ("im=127.0.0.1:1 proxy=yes", "`yes`"),
            ("im=127.0.0.1:1 proxy=on proof=tcp", "proxy=on goes with proof=command alone"),
            ("im=127.0.0.1:1 proxy=on dial_back=on", "proxy=on goes with dial_back=off alone"),
        ] {
            let error = listeners(&overrides(&[listener], &[])).unwrap_err();
            let begin = format!("cannot understand the options in \"{listener}\": ");
            assert!(error.starts_with(&begin) && error.contains(part), "{error}");
        }
        assert!(listeners(&overrides(&[" "], &[])).unwrap_err().contains("is not a listener"));
    }

    #[test]
    fn loopback_is_open_unless_it_is_behind_a_proxy() {
        for address in ["127.0.0.1:1", "127.9.9.9:1", "[::1]:1", "[::ffff:127.0.0.1]:1"] {
            for protocol in ["mailbox", "mailbox-verbose", "im", "chat", "board", "http"] {
                let listener = format!("{protocol}={address}");
                assert_eq!(access(&listener, &[], false), Ok(Access::OPEN), "{listener}");
                let proxied = format!("{listener} proof=command");
                let closed = access(&proxied, &[], false);
                let accepted = access(&proxied, &[], true);
                if protocol == "board" {
                    assert!(closed.unwrap_err().contains("would let nobody in"));
                    assert_eq!(accepted, Ok(Access::OPEN), "{proxied}");
                } else {
                    assert_eq!((closed, accepted), (Ok(CLOSED), Ok(CLOSED)), "{proxied}");
                }
            }
        }
    }

    #[test]
    fn what_is_open_to_the_network_is_refused_unless_it_is_allowed() {
        let wide = "[::]:1";
        for (listener, risk) in [
            (format!("mailbox={wide}"), "not"),
            ("mailbox=0.0.0.0:1".to_owned(), "nothing on it is encrypted"),
            ("im=192.0.2.1:1 passwords=required".to_owned(), "nothing on it is encrypted"),
            ("chat=127.0.0.1:1 proof=command passwords=optional".to_owned(), "has no password"),
            (format!("board={wide}"), "would let nobody in"),
            (format!("board={wide} anonymous=none"), "would let nobody in"),
            (format!("board={wide} anonymous=read"), "without a login"),
            ("board=127.0.0.1:1 proof=command anonymous=read".to_owned(), "without a login"),
            ("http=0.0.0.0:1 anonymous=none".to_owned(), "nothing on it is encrypted"),
            ("http+tls=0.0.0.0:1 anonymous=post".to_owned(), "anyone may leave messages"),
            ("http=127.0.0.1:1 proof=command anonymous=post".to_owned(), "may leave messages"),
        ] {
            let error = access(&listener, &[], false).unwrap_err();
            assert!(error.contains(risk) && error.contains("--allow-open"), "{error}");
            let allowed = access(&listener, &[], true);
            let is_refused = listener.contains("board") && listener.contains("none");
            assert_eq!(allowed.is_err(), is_refused, "{listener}: {allowed:?}");
        }
        let set = ["allow_open=true", "accounts.passwords=required"];
        let allowed = access("mailbox=0.0.0.0:1", &set, false).unwrap();
        assert_eq!(allowed.passwords, Passwords::Required, "what is set stays so");
        assert_eq!(allowed.registration, Registration::Open);
    }

    #[test]
    fn what_http_allows_without_a_login_is_a_setting_and_an_option() {
        let anonymous = |listener: &str, set: &[&str]| {
            access(listener, set, false).map(|access| access.anonymous)
        };
        let (near, far) = ("http=127.0.0.1:1", "http+tls=0.0.0.0:1");
        assert_eq!(anonymous(near, &[]), Ok(Anonymous::Post));
        assert_eq!(anonymous(near, &["board.anonymous=read"]), Ok(Anonymous::Post));
        assert_eq!(anonymous(near, &["http.anonymous=none"]), Ok(Anonymous::None));
        let both = format!("{near} anonymous=read");
        assert_eq!(anonymous(&both, &["http.anonymous=none"]), Ok(Anonymous::Read));
        assert_eq!(anonymous(far, &[]), Ok(Anonymous::None));
        assert_eq!(anonymous(far, &["http.anonymous=read"]), Ok(Anonymous::Read));
        assert!(anonymous(far, &["http.anonymous=post"]).unwrap_err().contains("--allow-open"));
        let proxied = "http=127.0.0.1:1 proof=command";
        assert_eq!(anonymous(proxied, &[]), Ok(Anonymous::None));
        assert!(anonymous("chat=127.0.0.1:1 anonymous=none", &[]).is_err());
    }

    #[test]
    fn who_accepts_one_open_listener_opens_no_other() {
        let listen = ["chat+tls=0.0.0.0:1", "board=0.0.0.0:2 anonymous=read", "im=0.0.0.0:3"];
        let overrides = Overrides { allow_open: true, ..overrides(&listen, &[]) };
        let listeners = listeners(&overrides).unwrap();
        let access: Vec<_> = listeners.iter().map(|of| of.listener.options.access).collect();
        assert_eq!(access[0], CLOSED);
        assert_eq!((access[1].anonymous, access[2]), (Anonymous::Read, Access::OPEN));
    }
}
