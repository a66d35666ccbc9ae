//! Settings that a running server takes over, and those that need a restart.

use postroom_server::ReloadSummary;
use toml::{Table, Value};

use super::sources::{collect_keys, insert, one_line};
use super::{Config, ConfigError};

/// The settings that are read at the start alone.
const NEED_RESTART: [&str; 18] = [
    "data",
    "listen",
    "passwords",
    "report",
    "report_bytes_max",
    "proof",
    "log.format",
    "metrics.address",
    "mailbox.per_sender_percent",
    "mailbox.keep_read_days",
    "mailbox.keep_read_max",
    "channels.posts",
    "board.persist",
    "http.hosts",
    "http.origins",
    "disk.reserve_bytes",
    "retention.messages_days",
    "retention.posts_days",
];

impl Config {
    /// What a server with these settings uses when it is to use others: them, but for what
    /// needs a restart.
    pub(crate) fn reloaded(&self, wanted: &Self) -> Result<(Self, ReloadSummary), ConfigError> {
        let (running, mut used) = (self.table()?, wanted.table()?);
        let mut summary = ReloadSummary::default();
        let differing: Vec<_> = collect_keys(&running)
            .into_iter()
            .zip(collect_keys(&used))
            .filter(|(running, wanted)| running != wanted)
            .map(|(running, _)| running)
            .collect();
        for (key, value) in differing {
            if NEED_RESTART.contains(&key.as_str()) {
                insert(&mut used, &key, value);
                summary.needs_restart.push(key);
            } else {
                summary.changed.push(key);
            }
        }
        let used: Self = Value::Table(used)
            .try_into()
            .map_err(|error: toml::de::Error| ConfigError::Invalid(one_line(error.message())))?;
        Ok((Self { origins: wanted.origins.clone(), ..used }.checked()?, summary))
    }

    /// All settings, as a file has them.
    pub(super) fn table(&self) -> Result<Table, ConfigError> {
        // A path that is not UTF-8 cannot be written as TOML.
        Table::try_from(self).map_err(|error| ConfigError::Show(one_line(&error.to_string())))
    }
}

#[cfg(test)]
mod tests {
    use super::super::Overrides;
    use super::super::sources::Keys;
    use super::*;

    fn with(set: &[&str]) -> Config {
        let set = set.iter().map(|&setting| setting.to_owned()).collect();
        let overrides = Overrides { set, ..Overrides::default() };
        Config::from_sources(None, std::iter::empty(), &overrides).unwrap()
    }

    #[test]
    fn what_needs_a_restart_stays_and_is_told_each_time() {
        let running = with(&["mailbox.capacity=5", "proof=tcp", "log.level=info"]);
        let wanted = with(&["mailbox.capacity=7", "proof=command", "log.level=debug"]);
        let (used, summary) = running.reloaded(&wanted).unwrap();
        assert_eq!(summary.changed, ["log.level", "mailbox.capacity"]);
        assert_eq!(summary.needs_restart, ["proof"]);
        let expected = with(&["mailbox.capacity=7", "proof=tcp", "log.level=debug"]);
        assert_eq!(used.table().unwrap(), expected.table().unwrap());
        let (_, again) = used.reloaded(&wanted).unwrap();
        assert_eq!((again.changed.len(), again.needs_restart), (0, vec!["proof".to_owned()]));
    }

    #[test]
    fn the_settings_that_need_a_restart_exist() {
        let keys = Keys::new();
        for key in NEED_RESTART {
            assert!(keys.0.iter().any(|(known, _)| known == key), "{key}");
        }
    }
}
