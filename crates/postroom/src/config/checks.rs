//! The values that a setting may have.

use super::{Config, ConfigError, Mailbox};

impl Config {
    /// Refuses values with which a server could not serve.
    pub(super) fn checked(self) -> Result<Self, ConfigError> {
        let least = [
            ("mailbox.capacity", u64::from(self.mailbox.capacity), 1),
            ("channels.max", u64::from(self.channels.max), 1),
            ("channels.posts", u64::from(self.channels.posts), 1),
            ("channels.recent_posts", self.channels.recent_posts as u64, 1),
            ("channels.recent_bytes", self.channels.recent_bytes as u64, 65_536),
            ("channels.recent_bytes_in_all", self.channels.recent_bytes_in_all as u64, 65_536),
            ("im.confirm_limit_ms", self.im.confirm_limit_ms, 1),
            ("im.unanswered_limit_ms", self.im.unanswered_limit_ms, 1),
            ("rates.words_per_second", self.rates.words_per_second.into(), 1),
            ("rates.words_burst", self.rates.words_burst.into(), 1),
            ("rates.words_per_second_of_network", self.rates.words_per_second_of_network.into(), 1),
            ("rates.words_burst_of_network", self.rates.words_burst_of_network.into(), 1),
            ("rates.logins_per_second", self.rates.logins_per_second.into(), 1),
            ("rates.logins_burst", self.rates.logins_burst.into(), 1),
            (
                "rates.logins_per_second_of_network",
                self.rates.logins_per_second_of_network.into(),
                1,
            ),
            ("rates.logins_burst_of_network", self.rates.logins_burst_of_network.into(), 1),
            ("connection.max", self.connection.max as u64, 1),
            ("connection.per_address_max", self.connection.per_address_max.into(), 1),
            ("connection.proxy_limit_ms", self.connection.proxy_limit_ms, 1),
            ("tls.handshake_limit_ms", self.tls.handshake_limit_ms, 1),
            ("connection.new_per_minute", self.connection.new_per_minute.into(), 1),
            ("connection.output_bytes_in_all", self.connection.output_bytes_in_all as u64, 1 << 20),
            ("connection.line_bytes_max", self.connection.line_bytes_max as u64, 128),
            ("connection.peer_dead_after_ms", self.connection.peer_dead_after_ms, 15_000),
        ];
        for (key, value, least) in self.accounts.least().into_iter().chain(least) {
            if value < least {
                return Err(ConfigError::Invalid(format!("{key} is at least {least}")));
            }
        }
        // A text made safe has at most twice its bytes; with a name it must fit an
        // output line of 32,768 bytes.
        if self.connection.line_bytes_max > 8_192 {
            return Err(ConfigError::Invalid("connection.line_bytes_max is at most 8192".into()));
        }
        if !(1..=100).contains(&self.mailbox.per_sender_percent) {
            let rule = "mailbox.per_sender_percent is 1 to 100";
            return Err(ConfigError::Invalid(rule.into()));
        }
        self.mailbox.keep_read_rule().map_or(Ok(()), |rule| Err(ConfigError::Invalid(rule)))?;
        if self.connection.peer_dead_after_ms > 3_600_000 {
            let rule = "connection.peer_dead_after_ms is at most 3600000";
            return Err(ConfigError::Invalid(rule.into()));
        }
        let verb = self.im.broadcast_verb.as_bytes();
        if !verb.starts_with(b"/") || !verb.iter().all(u8::is_ascii_graphic) || verb.len() > 64 {
            let rule = "im.broadcast_verb is one word that begins with a slash";
            return Err(ConfigError::Invalid(rule.into()));
        }
        self.metrics_address()?;
        self.log.level().map(|_| self)
    }
}

/// Messages that an account may be let keep: their numbers are in memory.
const KEEP_READ_MAX: u32 = 1_000_000;

impl Mailbox {
    /// Which rule the settings break for what is kept of what was read, if any.
    fn keep_read_rule(&self) -> Option<String> {
        match (self.keep_read_days, self.keep_read_max) {
            (_, max) if max > KEEP_READ_MAX => {
                Some(format!("mailbox.keep_read_max is at most {KEEP_READ_MAX}"))
            }
            (0, 1..) => Some(
                "mailbox.keep_read_max keeps nothing while mailbox.keep_read_days is \
                 0; set both, or neither"
                    .to_owned(),
            ),
            (1.., 0) => Some(
                "mailbox.keep_read_days keeps nothing while mailbox.keep_read_max is \
                 0; set both, or neither"
                    .to_owned(),
            ),
            _ => None,
        }
    }
}
