//! The settings of accounts and logins.

use std::time::Duration;

use postroom_engine::{EngineSettings, LoginLimits};
use postroom_store::Limits;
use serde::{Deserialize, Serialize};

use super::defaults::millis;
use super::listeners::{PasswordSetting, RegistrationSetting};

#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Accounts {
    pub(super) registration: RegistrationSetting,
    pub(super) passwords: PasswordSetting,
    pub(super) max: u32,
    pub(super) new_per_hour: u32,
    pub(super) new_per_hour_loopback: u32,
    password_checks_max: usize,
    password_checks_per_address_max: usize,
    account_delay_max_ms: u64,
    address_delay_max_ms: u64,
}

impl Default for Accounts {
    fn default() -> Self {
        let EngineSettings { logins, creation, .. } = EngineSettings::default();
        Self {
            registration: RegistrationSetting::Auto,
            passwords: PasswordSetting::Auto,
            max: Limits::default().accounts_max,
            new_per_hour: creation.accounts.per_hour,
            new_per_hour_loopback: creation.accounts.per_hour_local,
            password_checks_max: logins.checks_max,
            password_checks_per_address_max: logins.checks_per_network_max,
            account_delay_max_ms: millis(logins.account_delay_max),
            address_delay_max_ms: millis(logins.network_delay_max),
        }
    }
}

impl Accounts {
    /// The settings with a least value, and that.
    pub(super) fn least(&self) -> [(&'static str, u64, u64); 3] {
        [
            ("accounts.max", u64::from(self.max), 1),
            ("accounts.password_checks_max", self.password_checks_max as u64, 1),
            (
                "accounts.password_checks_per_address_max",
                self.password_checks_per_address_max as u64,
                1,
            ),
        ]
    }

    pub(super) fn login_limits(&self) -> LoginLimits {
        LoginLimits {
            checks_max: self.password_checks_max,
            checks_per_network_max: self.password_checks_per_address_max,
            account_delay_max: Duration::from_millis(self.account_delay_max_ms),
            network_delay_max: Duration::from_millis(self.address_delay_max_ms),
        }
    }
}
