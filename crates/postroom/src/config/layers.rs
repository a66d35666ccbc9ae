//! The settings as the layers below take them.

use std::time::Duration;

use postroom_engine::{
    CreationLimits, CreationRates, EngineSettings, PeerLimits, Proof, ProxySettings, Rate,
    RateLimits, RecentLimits,
};
use postroom_protocol::{ChatSettings, ImSettings, Settings};
use postroom_server::{
    CommitPath, CommitSettings, KeepAlive, ListenerSettings, ServerSettings, logs_requests,
};
use postroom_store::{KeepRead, Limits, Retention};

use super::{Commit, Config, Offline};

impl Config {
    /// The limits of the store.
    pub(crate) fn limits(&self) -> Limits {
        Limits {
            mailbox_capacity: self.mailbox.capacity,
            mailbox_percent_of_sender: self.mailbox.per_sender_percent,
            accounts_max: self.accounts.max,
            channels_max: self.channels.max,
            channel_posts: self.channels.posts,
            bans_max: Limits::default().bans_max,
            keys_of_account_max: Limits::default().keys_of_account_max,
            keys_max: Limits::default().keys_max,
            disk_reserve_bytes: self.disk.reserve_bytes,
            retention: Retention {
                messages_ms: days(self.retention.messages_days),
                posts_ms: days(self.retention.posts_days),
            },
            keep_read: days(self.mailbox.keep_read_days).map(|age_ms| KeepRead {
                messages_max: self.mailbox.keep_read_max,
                age_ms: Some(age_ms),
            }),
        }
    }

    fn rate_limits(&self, listeners: &[ListenerSettings]) -> RateLimits {
        let rate = |per_second, burst| Rate { per_second, burst };
        let rates = &self.rates;
        RateLimits {
            words: rate(rates.words_per_second, rates.words_burst),
            words_of_network: rate(rates.words_per_second_of_network, rates.words_burst_of_network),
            logins: rate(rates.logins_per_second, rates.logins_burst),
            logins_of_network: rate(
                rates.logins_per_second_of_network,
                rates.logins_burst_of_network,
            ),
            // Behind a proxy all clients seem to be on its address.
            loopback: rates.loopback || listeners.iter().any(is_behind_proxy),
        }
    }

    fn peer_limits(&self) -> PeerLimits {
        let connection = &self.connection;
        PeerLimits {
            connections: connection.per_address_max,
            new_per_minute: connection.new_per_minute,
            loopback: connection.loopback,
            trusted: connection.trusted.iter().map(|trusted| trusted.0).collect(),
        }
    }

    fn proxies(&self) -> ProxySettings {
        ProxySettings {
            addresses: self.connection.proxies.iter().map(|proxy| proxy.0).collect(),
            header_limit: Duration::from_millis(self.connection.proxy_limit_ms),
        }
    }

    fn creation_limits(&self) -> CreationLimits {
        let (accounts, channels) = (&self.accounts, &self.channels);
        CreationLimits {
            accounts: CreationRates {
                per_hour: accounts.new_per_hour,
                per_hour_local: accounts.new_per_hour_loopback,
            },
            channels: CreationRates {
                per_hour: channels.new_per_hour,
                per_hour_local: channels.new_per_hour_loopback,
            },
        }
    }

    /// The settings of a server with these listeners.
    pub(crate) fn server_settings(&self, listeners: &[ListenerSettings]) -> ServerSettings {
        let connection = &self.connection;
        let engine = EngineSettings {
            session: Settings {
                line_bytes_max: connection.line_bytes_max,
                login_limit: Duration::from_millis(connection.login_limit_ms),
                pause: Duration::from_millis(connection.pause_ms),
                paused_bytes_max: connection.paused_bytes_max,
                output_bytes_max: connection.output_bytes_max,
                im: ImSettings {
                    delivery_limit: Duration::from_millis(self.im.confirm_limit_ms),
                    unanswered_limit: Duration::from_millis(self.im.unanswered_limit_ms),
                    broadcast_verb: self.im.broadcast_verb.as_str().into(),
                    stores_for_absent: matches!(self.im.offline, Offline::Store),
                },
                chat: ChatSettings { announces: self.chat.announce },
            },
            output_bytes_in_all: connection.output_bytes_in_all,
            connections_max: connection.max,
            peers: self.peer_limits(),
            proxies: self.proxies(),
            handshake_limit: Duration::from_millis(self.tls.handshake_limit_ms),
            drain_limit: Duration::from_millis(connection.drain_limit_ms),
            logins: self.accounts.login_limits(),
            creation: self.creation_limits(),
            dial_limit: Duration::from_millis(self.im.dial_limit_ms),
            rates: self.rate_limits(listeners),
            recent: RecentLimits {
                posts: self.channels.recent_posts,
                bytes: self.channels.recent_bytes,
                bytes_in_all: self.channels.recent_bytes_in_all,
            },
            logs_requests: self.log.level().is_ok_and(logs_requests),
        };
        ServerSettings {
            engine,
            commits: CommitSettings {
                path: match self.store.commit {
                    Commit::Auto => CommitPath::Auto,
                    Commit::Inline => CommitPath::Inline,
                    Commit::Thread => CommitPath::Thread,
                },
                slow_sync: Duration::from_millis(self.store.slow_sync_ms),
            },
            stop_limit: Duration::from_millis(self.stop.limit_ms),
            keep_alive: KeepAlive {
                peer_dead_after: Duration::from_millis(connection.peer_dead_after_ms),
            },
        }
    }
}

/// Days in milliseconds; 0 stands for no limit.
fn days(days: u32) -> Option<u64> {
    (days > 0).then_some(u64::from(days) * 86_400_000)
}

/// Whether the address of each client seems to be a proxy's.
fn is_behind_proxy(listener: &ListenerSettings) -> bool {
    let options = listener.listener.options;
    options.proof == Proof::Command && !options.proxy_header
}
