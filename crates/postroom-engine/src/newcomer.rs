//! New connections: whose they are, and who serves them.

use std::net::SocketAddr;

use postroom_model::Peer;

use crate::key::{ConnectionKey, HttpConnection};
use crate::listener::ListenerKey;

/// A new connection, and who serves it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Opened {
    /// The engine and its driver.
    Here(ConnectionKey),
    /// Another driver, which the socket is to be given to.
    HandedOver(HttpConnection),
}

/// A connection is to be closed at once: its peer has met a limit, or is banned.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Refused {
    /// What it is told before, if anything.
    pub farewell: &'static str,
}

/// Whose address a new connection has.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum AddressOf {
    /// The client's, as the socket has it.
    Socket,
    /// The client's, as a proxy has told.
    Client,
    /// A proxy's, behind which are any number of clients.
    Proxy,
}

/// A connection that is to have a session.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Newcomer {
    pub(crate) listener: ListenerKey,
    pub(crate) peer: SocketAddr,
    pub(crate) address_of: AddressOf,
}

impl Newcomer {
    pub(crate) fn origin(&self) -> Peer {
        let address = self.peer.ip().to_canonical();
        let is_shared = address.is_loopback() || self.address_of == AddressOf::Proxy;
        let is_local = address.is_loopback() && self.address_of == AddressOf::Socket;
        Peer { network: address.into(), is_shared, is_local }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Delays after failed logins and what may be created depend on it.
    #[test]
    fn an_address_that_a_proxy_tells_is_one_client_unless_it_is_loopback() {
        let of = |peer: &str, address_of| {
            let listener = crate::ListenerKey(0);
            let Peer { is_shared, is_local, .. } =
                Newcomer { listener, peer: peer.parse().unwrap(), address_of }.origin();
            (is_shared, is_local)
        };
        for (address_of, remote, loopback) in [
            (AddressOf::Socket, (false, false), (true, true)),
            (AddressOf::Client, (false, false), (true, false)),
            (AddressOf::Proxy, (true, false), (true, false)),
        ] {
            assert_eq!(of("192.0.2.1:1", address_of), remote, "{address_of:?}");
            assert_eq!(of("[2001:db8::1]:1", address_of), remote, "{address_of:?}");
            assert_eq!(of("127.0.0.1:1", address_of), loopback, "{address_of:?}");
            assert_eq!(of("[::1]:1", address_of), loopback, "{address_of:?}");
        }
    }
}
