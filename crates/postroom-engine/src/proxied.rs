//! Connections of proxies, before a header has told whose they are.
//!
//! Such a connection has a place among all connections and a deadline, and no session. The
//! driver shows what has come of the header and takes nothing from the socket before the
//! header is whole, so that what follows it is the client's. At most a quarter of all
//! connections may wait so, as for those before their login; beyond it the one that has waited
//! longest is closed: the header of an honest proxy comes with the connection.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Instant;

use postroom_protocol::{ProxyHeader, ProxyHeaderError, Stream};
use postroom_store::Store;

use crate::Engine;
use crate::connection::{Connection, Ending, Phase};
use crate::key::ConnectionKey;
use crate::listener::ListenerKey;
use crate::newcomer::{AddressOf, Newcomer, Opened, Refused};
use crate::refusal::Refusal;
use crate::timers::Deadline;

/// What came of the beginning of a connection that a proxy passes on.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum HeaderRead {
    /// More of the header must come.
    More,
    /// The connection is open.
    Whole {
        /// Bytes of the header.
        length: usize,
        /// Who serves it.
        opened: Opened,
    },
    /// The connection is forgotten: the driver closes it.
    Refused(Refused),
}

#[derive(Clone, Copy, Debug)]
struct Awaited {
    listener: ListenerKey,
    proxy: SocketAddr,
    arrival: u64,
}

/// The connections whose header has not come.
#[derive(Debug, Default)]
pub(crate) struct AwaitedHeaders {
    all: BTreeMap<ConnectionKey, Awaited>,
    /// In the order of their arrival.
    order: BTreeMap<u64, ConnectionKey>,
    last_arrival: u64,
}

impl AwaitedHeaders {
    fn add(&mut self, key: ConnectionKey, listener: ListenerKey, proxy: SocketAddr) {
        self.last_arrival += 1;
        let arrival = self.last_arrival;
        self.all.insert(key, Awaited { listener, proxy, arrival });
        self.order.insert(arrival, key);
    }

    pub(crate) fn remove(&mut self, key: ConnectionKey) {
        if let Some(awaited) = self.all.remove(&key) {
            self.order.remove(&awaited.arrival);
        }
    }

    fn oldest(&self) -> Option<ConnectionKey> {
        self.order.values().next().copied()
    }
}

impl<S: Store> Engine<S> {
    /// A connection was accepted by a listener that reads headers of proxies.
    pub(crate) fn await_header(
        &mut self,
        listener: ListenerKey,
        proxy: SocketAddr,
    ) -> Result<ConnectionKey, Refused> {
        let address = proxy.ip().to_canonical();
        let proxies = &self.settings.proxies;
        if !proxies.addresses.iter().any(|prefix| prefix.contains(&address)) {
            self.log_refused(listener, proxy, Refusal::NotAProxy);
            return Err(Refused { farewell: "" });
        }
        let until = self.now + proxies.header_limit;
        let connection = Connection::new(None, Stream::Front, Phase::Header);
        let key = ConnectionKey::from_index(self.connections.insert(connection));
        self.headers.add(key, listener, proxy);
        let drain = &mut self.connections[key.index()].drain;
        self.timers.set(drain, Deadline::Drain(key), Some(until));
        Ok(key)
    }

    /// Shows all that has come of a connection whose listener reads headers of proxies, and
    /// whether its end has. To be called until the header is whole; so many of the bytes
    /// are then to be dropped, and all others are the client's.
    pub fn header(
        &mut self,
        now: Instant,
        key: ConnectionKey,
        bytes: &[u8],
        is_over: bool,
    ) -> HeaderRead {
        self.now = now;
        let Some(awaited) = self.headers.all.get(&key).copied() else {
            return HeaderRead::More;
        };
        let refused = match ProxyHeader::parse(bytes) {
            Ok(Some(header)) => return self.header_is_whole(key, awaited, header),
            Ok(None) if !is_over => return HeaderRead::More,
            Ok(None) => Refusal::HeaderCut,
            Err(ProxyHeaderError::Malformed) => Refusal::HeaderMalformed,
            Err(ProxyHeaderError::TooLong) => Refusal::HeaderTooLong,
        };
        self.log_refused(awaited.listener, awaited.proxy, refused);
        self.forget(key);
        HeaderRead::Refused(Refused { farewell: "" })
    }

    fn header_is_whole(
        &mut self,
        key: ConnectionKey,
        Awaited { listener, proxy, .. }: Awaited,
        ProxyHeader { length, client }: ProxyHeader,
    ) -> HeaderRead {
        let newcomer = match client {
            Some(peer) => Newcomer { listener, peer, address_of: AddressOf::Client },
            None => Newcomer { listener, peer: proxy, address_of: AddressOf::Proxy },
        };
        match self.admit(newcomer) {
            Ok(is_counted) => {
                self.headers.remove(key);
                let drain = &mut self.connections[key.index()].drain;
                self.timers.set(drain, Deadline::Drain(key), None);
                HeaderRead::Whole { length, opened: self.begin(key, newcomer, is_counted) }
            }
            Err(refused) => {
                self.forget(key);
                HeaderRead::Refused(refused)
            }
        }
    }

    /// Closes connections that wait for their header where they are too many.
    pub(crate) fn evict_before_header(&mut self, most: usize) {
        while self.headers.all.len() > most
            && let Some(key) = self.headers.oldest()
        {
            self.log_header(key, Refusal::HeadersTooMany);
            self.remove(key, Ending::AsItsPhase);
        }
    }

    /// The time of a connection is over, perhaps that for its header.
    pub(crate) fn log_late_header(&mut self, key: ConnectionKey) {
        self.log_header(key, Refusal::HeaderLate);
    }

    fn log_header(&mut self, key: ConnectionKey, refused: Refusal) {
        if let Some(Awaited { listener, proxy, .. }) = self.headers.all.get(&key).copied() {
            self.log_refused(listener, proxy, refused);
        }
    }

    /// The server stops: nobody is known to be there.
    pub(crate) fn close_before_header(&mut self) {
        while let Some(key) = self.headers.oldest() {
            self.remove(key, Ending::AsItsPhase);
        }
    }
}
