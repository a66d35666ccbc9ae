//! The settings of HTTP.

use postroom_web::{HostName, HttpSettings, OriginName};
use serde::{Deserialize, Serialize};

use super::{AnonymousSetting, Config, ConfigError};

/// `http` of the settings.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Http {
    pub(super) anonymous: AnonymousSetting,
    hosts: Vec<String>,
    origins: Vec<String>,
}

impl Default for Http {
    fn default() -> Self {
        Self { anonymous: AnonymousSetting::Auto, hosts: Vec::new(), origins: Vec::new() }
    }
}

impl Config {
    /// What HTTP lets in.
    pub(crate) fn http(&self) -> Result<HttpSettings, ConfigError> {
        let Http { hosts, origins, .. } = &self.http;
        Ok(HttpSettings {
            hosts: all("http.hosts", hosts, HostName::parse)?,
            origins: all("http.origins", origins, OriginName::parse)?,
        })
    }
}

fn all<T, E: ToString>(
    key: &str,
    words: &[String],
    parse: impl Fn(&str) -> Result<T, E>,
) -> Result<Vec<T>, ConfigError> {
    let one = |word: &String| {
        parse(word).map_err(|cause| ConfigError::Value {
            key: key.to_owned(),
            origin: "settings".to_owned(),
            value: word.clone(),
            cause: cause.to_string(),
        })
    };
    words.iter().map(one).collect()
}
