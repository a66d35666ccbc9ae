//! The default of each setting: that of the crate which it is for, where there is one.

use std::path::PathBuf;
use std::time::Duration;

use postroom_engine::{EngineSettings, RateLimits, RecentLimits};
use postroom_server::{KeepAlive, ServerSettings};
use postroom_store::Limits;

use super::{
    Accounts, AnonymousSetting, Board, Channels, Chat, Commit, Config, Connection, DialBack, Disk,
    Http, Im, Log, LogFormat, Mailbox, Metrics, Offline, Origins, Prefix, ProofSetting, Rates,
    Retention, Stop, Store, Tls,
};

impl Default for Config {
    fn default() -> Self {
        Self {
            data: "./postroom-data".into(),
            listen: Vec::new(),
            allow_open: false,
            passwords: PathBuf::new(),
            report: PathBuf::new(),
            report_bytes_max: 64 << 20,
            proof: ProofSetting::Tcp,
            log: Log::default(),
            metrics: Metrics::default(),
            mailbox: Mailbox::default(),
            accounts: Accounts::default(),
            channels: Channels::default(),
            im: Im::default(),
            board: Board::default(),
            chat: Chat::default(),
            http: Http::default(),
            retention: Retention::default(),
            disk: Disk::default(),
            store: Store::default(),
            rates: Rates::default(),
            tls: Tls::default(),
            connection: Connection::default(),
            stop: Stop::default(),
            origins: Origins::default(),
        }
    }
}

impl Default for Log {
    fn default() -> Self {
        Self { format: LogFormat::Text, level: "info".into() }
    }
}

impl Default for Mailbox {
    fn default() -> Self {
        let limits = Limits::default();
        Self {
            capacity: limits.mailbox_capacity,
            per_sender_percent: limits.mailbox_percent_of_sender,
            keep_read_days: 0,
            keep_read_max: 0,
        }
    }
}

impl Default for Store {
    fn default() -> Self {
        Self {
            commit: Commit::Auto,
            slow_sync_ms: millis(ServerSettings::default().commits.slow_sync),
        }
    }
}

impl Default for Channels {
    fn default() -> Self {
        let recent = RecentLimits::default();
        let rates = EngineSettings::default().creation.channels;
        Self {
            max: Limits::default().channels_max,
            new_per_hour: rates.per_hour,
            new_per_hour_loopback: rates.per_hour_local,
            posts: Limits::default().channel_posts,
            recent_posts: recent.posts,
            recent_bytes: recent.bytes,
            recent_bytes_in_all: recent.bytes_in_all,
        }
    }
}

impl Default for Im {
    fn default() -> Self {
        let engine = EngineSettings::default();
        Self {
            broadcast_verb: engine.session.im.broadcast_verb.to_string(),
            offline: Offline::Refuse,
            dial_back: DialBack::Auto,
            confirm_limit_ms: millis(engine.session.im.delivery_limit),
            unanswered_limit_ms: millis(engine.session.im.unanswered_limit),
            dial_limit_ms: millis(engine.dial_limit),
        }
    }
}

impl Default for Board {
    fn default() -> Self {
        Self { persist: true, anonymous: AnonymousSetting::Auto }
    }
}

impl Default for Chat {
    fn default() -> Self {
        Self { announce: EngineSettings::default().session.chat.announces }
    }
}

impl Default for Disk {
    fn default() -> Self {
        Self { reserve_bytes: Limits::default().disk_reserve_bytes }
    }
}

impl Default for Connection {
    fn default() -> Self {
        let engine = EngineSettings::default();
        Self {
            max: engine.connections_max,
            per_address_max: engine.peers.connections,
            new_per_minute: engine.peers.new_per_minute,
            loopback: engine.peers.loopback,
            trusted: engine.peers.trusted.into_iter().map(Prefix).collect(),
            proxies: engine.proxies.addresses.into_iter().map(Prefix).collect(),
            proxy_limit_ms: millis(engine.proxies.header_limit),
            line_bytes_max: engine.session.line_bytes_max,
            output_bytes_max: engine.session.output_bytes_max,
            output_bytes_in_all: engine.output_bytes_in_all,
            login_limit_ms: millis(engine.session.login_limit),
            pause_ms: millis(engine.session.pause),
            paused_bytes_max: engine.session.paused_bytes_max,
            drain_limit_ms: millis(engine.drain_limit),
            peer_dead_after_ms: millis(KeepAlive::default().peer_dead_after),
        }
    }
}

impl Default for Rates {
    fn default() -> Self {
        let RateLimits { words, words_of_network, logins, logins_of_network, loopback } =
            RateLimits::default();
        Self {
            words_per_second: words.per_second,
            words_burst: words.burst,
            words_per_second_of_network: words_of_network.per_second,
            words_burst_of_network: words_of_network.burst,
            logins_per_second: logins.per_second,
            logins_burst: logins.burst,
            logins_per_second_of_network: logins_of_network.per_second,
            logins_burst_of_network: logins_of_network.burst,
            loopback,
        }
    }
}

impl Default for Stop {
    fn default() -> Self {
        Self { limit_ms: millis(ServerSettings::default().stop_limit) }
    }
}

pub(super) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
