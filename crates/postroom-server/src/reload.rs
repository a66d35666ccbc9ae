//! Taking over new settings.

use postroom_engine::{Level as LogLevel, LogLine, What};
use postroom_store::Store;
use socket2::SockRef;
use tracing::Level;

use crate::event_loop::{Listening, Server};
use crate::listener::KeepAlive;
use crate::log_line;
use crate::new_settings::{NewSettings, ReloadSummary, SettingsError, logs_requests};
use crate::settings::ServerSettings;

impl<S: Store> Server<S> {
    /// Takes settings over that were read, if they can be used.
    pub(crate) fn use_settings(&mut self, read: Result<NewSettings, SettingsError>) {
        let came_of_it = read.map(|settings| self.replace_settings(settings));
        match &came_of_it {
            Ok(ReloadSummary { needs_restart, .. }) if !needs_restart.is_empty() => {
                let settings = needs_restart.join(", ");
                tracing::warn!(settings, "settings have changed that need a restart");
            }
            Ok(_) => {}
            Err(error) => tracing::error!("the settings in use are kept: {error}"),
        }
        self.administration.end_reload(&came_of_it);
    }

    /// Tells the service manager of the end of a reload, once all files are read.
    pub(crate) fn tell_end_of_reload(&mut self) {
        let reads = self.administration.is_reloading() || self.engine.reads_passwords();
        if self.manager.is_reloading() && !reads {
            self.manager.ready(self.now, self.listeners.len());
        }
    }

    fn replace_settings(&mut self, new: NewSettings) -> ReloadSummary {
        let NewSettings { settings, limits, listeners, certificate, log_level, mut summary } = new;
        let ServerSettings { engine, commits, stop_limit, keep_alive } = settings;
        let key = "log.level";
        if self.log_level_set.take().is_some_and(|level| level != log_level)
            && !summary.changed.iter().any(|changed| changed == key)
        {
            summary.changed.push(key.to_owned());
        }
        let changed = match &*summary.changed {
            [] => "none".to_owned(),
            changed => changed.join(", "),
        };
        self.use_log_level(log_level, "settings read again", changed);
        self.engine.set_settings(engine, limits);
        for (listening, options) in self.listeners.iter().zip(listeners) {
            self.engine.set_access(listening.key, options.access, options.dials_back);
        }
        self.commits.set_settings(commits);
        self.stop_limit = stop_limit;
        self.set_keep_alive(keep_alive);
        if certificate.is_some() {
            self.tls = certificate;
            tracing::info!("the certificate was read; new connections get it");
        }
        summary
    }

    /// New connections inherit it from their listeners.
    fn set_keep_alive(&mut self, keep_alive: KeepAlive) {
        if keep_alive == self.keep_alive {
            return;
        }
        self.keep_alive = keep_alive;
        for Listening { bound, .. } in &self.listeners {
            if let Err(error) = keep_alive.apply(&SockRef::from(&bound.listener)) {
                tracing::error!(%error, "cannot set connection.peer_dead_after_ms");
            }
        }
    }

    /// Sets what the log has.
    pub(crate) fn set_log_level(&mut self, level: Level) {
        let subject = level.to_string().to_lowercase();
        self.use_log_level(level, "log level set", subject);
        self.log_level_set = Some(level);
        self.engine.set_logs_requests(logs_requests(level));
    }

    /// Sets what the log has, and logs what an operator has done with it while the log has
    /// such lines.
    fn use_log_level(&mut self, level: Level, what: &'static str, subject: String) {
        let what = What::Administered { what, subject };
        let line = LogLine { level: LogLevel::Info, origin: None, what };
        if level >= Level::INFO {
            self.log.set_level(level);
            log_line::write(line);
        } else {
            log_line::write(line);
            self.log.set_level(level);
        }
    }
}
