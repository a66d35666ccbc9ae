//! The limits of the engine.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use ipnet::IpNet;
use postroom_office::{CreationLimits, LoginLimits};
use postroom_protocol::Settings;

/// What an engine is told at its start.
#[derive(Clone, Debug)]
pub struct EngineSettings {
    /// What each session is told.
    pub session: Settings,
    /// Bytes that wait for all peers together.
    pub output_bytes_in_all: usize,
    /// Connections at one time.
    pub connections_max: usize,
    /// Those of each peer.
    pub peers: PeerLimits,
    /// Those of proxies that tell whose connections they pass on.
    pub proxies: ProxySettings,
    /// How long a connection that the server ends is kept for its reader.
    pub drain_limit: Duration,
    /// How long a handshake of TLS may take.
    pub handshake_limit: Duration,
    /// Those of logins with a password.
    pub logins: LoginLimits,
    /// What peers may create.
    pub creation: CreationLimits,
    /// How long a client may take to be dialled back.
    pub dial_limit: Duration,
    /// How often clients may post, say something or log in.
    pub rates: RateLimits,
    /// How many recent posts are kept for members that read slowly.
    pub recent: RecentLimits,
    /// Whether the log has lines for single requests.
    pub logs_requests: bool,
}

impl Default for EngineSettings {
    fn default() -> Self {
        Self {
            session: Settings::default(),
            output_bytes_in_all: 256 << 20,
            connections_max: 16_384,
            peers: PeerLimits::default(),
            proxies: ProxySettings::default(),
            drain_limit: Duration::from_secs(1),
            handshake_limit: Duration::from_secs(10),
            logins: LoginLimits::default(),
            creation: CreationLimits::default(),
            dial_limit: Duration::from_secs(3),
            rates: RateLimits::default(),
            recent: RecentLimits::default(),
            logs_requests: false,
        }
    }
}

/// How many connections a peer may have: an address of IPv4, or a /64 of IPv6. A /48 may
/// have as many as four of its /64.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct PeerLimits {
    /// Connections at one time.
    pub connections: u32,
    /// New connections a minute in the long run, and so many at once after a rest.
    pub new_per_minute: u32,
    /// Whether the limits apply to clients on the loopback address, too.
    pub loopback: bool,
    /// Addresses to which they do not apply.
    pub trusted: Vec<IpNet>,
}

impl Default for PeerLimits {
    /// For a class of 500 people behind one address, with three connections each, who come
    /// at once and send a request to the board every five seconds.
    fn default() -> Self {
        Self { connections: 2_000, new_per_minute: 6_000, loopback: false, trusted: Vec::new() }
    }
}

/// The proxies that tell by the PROXY protocol whose connections they pass on.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ProxySettings {
    /// Their addresses: from others no header is taken.
    pub addresses: Vec<IpNet>,
    /// How long a header may take.
    pub header_limit: Duration,
}

impl Default for ProxySettings {
    fn default() -> Self {
        let prefix = |address: IpAddr, bits| {
            IpNet::new(address, bits).expect("no address has fewer bits than this")
        };
        let loopback = [
            prefix(Ipv4Addr::new(127, 0, 0, 0).into(), 8),
            prefix(Ipv6Addr::LOCALHOST.into(), 128),
        ];
        Self { addresses: loopback.to_vec(), header_limit: Duration::from_secs(5) }
    }
}

/// How many recent posts the engine keeps in memory, for members of channels that read
/// slowly.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct RecentLimits {
    /// Posts of a channel.
    pub posts: usize,
    /// Bytes of the posts of a channel.
    pub bytes: usize,
    /// Bytes of the posts of all channels.
    pub bytes_in_all: usize,
}

impl Default for RecentLimits {
    fn default() -> Self {
        Self { posts: 1_000, bytes: 1 << 20, bytes_in_all: 64 << 20 }
    }
}

/// How often something may be done.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Rate {
    /// Times a second, in the long run.
    pub per_second: u32,
    /// Times at once, after a rest.
    pub burst: u32,
}

/// How often clients may post, say something or log in. Who does so more often waits.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct RateLimits {
    /// Posts and live lines of a session.
    pub words: Rate,
    /// Those of all sessions of an address of IPv4, or a /64 of IPv6.
    pub words_of_network: Rate,
    /// Logins of a session.
    pub logins: Rate,
    /// Those of all sessions of an address of IPv4, or a /64 of IPv6.
    pub logins_of_network: Rate,
    /// Whether they apply to clients on the loopback address, too.
    pub loopback: bool,
}

impl Default for RateLimits {
    fn default() -> Self {
        Self {
            words: Rate { per_second: 20, burst: 200 },
            words_of_network: Rate { per_second: 200, burst: 2_000 },
            logins: Rate { per_second: 2, burst: 20 },
            logins_of_network: Rate { per_second: 20, burst: 1_000 },
            loopback: false,
        }
    }
}
