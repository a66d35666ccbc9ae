//! Reading the settings of a running server again.

use postroom_server::{NewSettings, SettingsError, SettingsSource};
use thiserror::Error;

use crate::config::{Config, SettingsArguments};
use crate::passwords;

/// The settings in use, and where to read others.
pub(crate) struct Reloading {
    pub(crate) arguments: SettingsArguments,
    pub(crate) running: Config,
    /// How many connections the limit of open files allows.
    pub(crate) connections_max: usize,
}

/// The settings could be used, but for the listeners that there are.
#[derive(Debug, Error)]
#[error("the listeners in use stay until a restart, and cannot have these settings: {0}")]
struct NotWithThese(SettingsError);

impl SettingsSource for Reloading {
    fn read(&mut self) -> Result<NewSettings, SettingsError> {
        let wanted = self.arguments.load()?;
        // A start would have to accept them, too.
        let listeners = wanted.listeners()?;
        wanted.certificate(&listeners)?;
        if wanted.passwords != self.running.passwords {
            passwords::open(&wanted.passwords)?;
        }
        let (running, mut summary) = self.running.reloaded(&wanted)?;
        let listeners = running.listeners().map_err(|error| NotWithThese(error.into()))?;
        let certificate =
            running.certificate(&listeners).map_err(|error| NotWithThese(error.into()))?;
        summary.files.extend(certificate.is_some().then_some("certificate"));
        let has_passwords = !running.passwords.as_os_str().is_empty();
        summary.files.extend(has_passwords.then_some("passwords"));
        let mut settings = running.server_settings(&listeners);
        let most = &mut settings.engine.connections_max;
        *most = (*most).min(self.connections_max);
        let (limits, log_level) = (running.limits(), running.log.level()?);
        let listeners = listeners.iter().map(|settings| settings.listener.options).collect();
        self.running = running;
        Ok(NewSettings { settings, limits, listeners, certificate, log_level, summary })
    }
}
