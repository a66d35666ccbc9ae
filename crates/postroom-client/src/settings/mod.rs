//! Where a client connects, and as whom: the command line, then the environment, then
//! `client.toml`, then what is built in; the first that says something decides.
//!
//! Two rules keep what is given for one server from another. TLS that any source asks for
//! is used unless a source above it says otherwise in words, so that no address, however
//! given, falls back to plain text. And a password file is for the server and the name
//! beside it: where a source above it names another, it is not used.

mod client;
mod environment;
mod error;
mod file;
mod given;
mod keys;
mod layer;

use std::path::PathBuf;

use postroom_model::{Name, Password};

use crate::ClientError;
use crate::parse::parse_name;
use crate::password::password_from_file;
use crate::server_address::{GivenServer, ServerAddress};

pub(crate) use client::Client;
pub use environment::Environment;
pub use error::{Origin, SettingsError};
pub(crate) use layer::{Anchor, Security};

use client::Speaks;
use given::{DefaultsFile, Given};
use layer::Layer;

/// The host where nothing names one.
const HOST_DEFAULT: &str = "127.0.0.1";

/// What a client was told, by all sources together.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) server: ServerAddress,
    /// What is spoken there.
    pub(crate) speaks: Speaks,
    pub(crate) security: Security,
    pub(crate) name: Option<String>,
    pub(crate) password_file: Option<PathBuf>,
    /// Where the lines that are typed are kept between runs, if they are.
    pub(crate) history: Option<PathBuf>,
    /// Whether a lost connection is followed by another one, where a client can go on.
    pub(crate) reconnects: bool,
}

impl Settings {
    /// Puts all sources together for a client.
    pub(crate) fn new(
        client: Client,
        given: Given,
        environment: &Environment,
    ) -> Result<Self, SettingsError> {
        let Given { said, file } = given;
        let defaults = match file {
            DefaultsFile::None => Layer::default(),
            DefaultsFile::Usual => file::load(client, None, environment)?,
            DefaultsFile::This(path) => file::load(client, Some(&path), environment)?,
        };
        let is_given = said.server.is_some();
        let said = said.over(environment.layer(client)?.over(defaults));
        let Layer { server, name, password_file, security, history, reconnect } = said;
        let security = security.map_or(Security::Plain, Security::from);
        let server = server.unwrap_or_else(|| GivenServer::of_host(HOST_DEFAULT));
        let speaks = client.speaks(&server);
        let speaks = speaks.map_err(|advice| SettingsError::Scheme { advice, is_given })?;
        let server = server.address(client.port(speaks, &security));
        let history = environment.history_file(client).filter(|_| history != Some(false));
        let reconnects = reconnect.unwrap_or(true);
        Ok(Self { server, speaks, security, name, password_file, history, reconnects })
    }
}

impl Settings {
    /// The name, where nobody can be asked for it.
    pub(crate) fn required_name(&self) -> Result<Name, ClientError> {
        parse_name(self.name.as_deref().ok_or(ClientError::NameMissing)?)
    }

    /// The name, where nobody need be logged in.
    pub(crate) fn given_name(&self) -> Result<Option<Name>, ClientError> {
        self.name.as_deref().map(parse_name).transpose()
    }

    /// Whether HTTP is spoken with the server.
    pub(crate) fn uses_http(&self) -> bool {
        self.speaks == Speaks::Http
    }

    /// Reads the password, if there is a file for it.
    pub(crate) fn password(&self) -> Result<Option<Password>, ClientError> {
        self.password_file.as_deref().map(password_from_file).transpose()
    }
}

#[cfg(test)]
mod tests;
