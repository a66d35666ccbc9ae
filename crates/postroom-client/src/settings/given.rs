//! What the command line of each client says.

use std::path::PathBuf;

use super::error::{Origin, SettingsError};
use super::keys::Draft;
use super::layer::Layer;
use crate::arguments::{
    BoardArguments, ChatArguments, DefaultsArguments, HistoryArguments, ImArguments, MailArguments,
    PostArguments, ReadArguments, SendArguments, ServerArguments, TailArguments, TlsArguments,
};
use crate::server_address::GivenServer;

/// What a command line says.
#[derive(Debug)]
pub(crate) struct Given {
    pub(super) said: Layer,
    pub(super) file: DefaultsFile,
}

/// Which file of defaults is read.
#[derive(Debug)]
pub(super) enum DefaultsFile {
    /// None.
    None,
    /// The user's, if there is one.
    Usual,
    /// This one.
    This(PathBuf),
}

type Result<T> = std::result::Result<T, SettingsError>;

impl Given {
    fn new(said: Draft, tls: &TlsArguments, defaults: &DefaultsArguments) -> Result<Self> {
        let TlsArguments { tls, ca, pin, no_tls } = tls.clone();
        let tls = if no_tls { Some(false) } else { tls.then_some(true) };
        let said = Draft { tls, ca, pin, ..said }.finish();
        let said = said
            .map_err(|cause| SettingsError::Contradiction { origin: Origin::CommandLine, cause })?;
        let file = match defaults.clone() {
            DefaultsArguments { no_config: true, .. } => DefaultsFile::None,
            DefaultsArguments { config: None, .. } => DefaultsFile::Usual,
            DefaultsArguments { config: Some(path), .. } => DefaultsFile::This(path),
        };
        Ok(Self { said, file })
    }
}

/// What an option says about the login.
fn draft(
    server: Option<GivenServer>,
    name: Option<&String>,
    password_file: Option<&PathBuf>,
) -> Draft {
    let (name, password_file) = (name.cloned(), password_file.cloned());
    Draft { server, name, password_file, ..Draft::default() }
}

impl ServerArguments {
    /// The server that they name.
    fn given(&self) -> Result<Option<GivenServer>> {
        let Some(address) = &self.address else { return Ok(self.server.clone()) };
        let given = match self.port {
            None => address.parse(),
            Some(port) => GivenServer::with_port(address, port),
        };
        given.map(Some).map_err(|cause| SettingsError::Address { word: address.clone(), cause })
    }
}

impl MailArguments {
    pub(crate) fn given(&self) -> Result<Given> {
        let Self { name, password_file, .. } = self;
        let said = draft(self.server.given()?, name.as_ref(), password_file.as_ref());
        let said = Draft { history: self.no_history.then_some(false), ..said };
        Given::new(said, &self.tls, &self.defaults)
    }
}

impl ImArguments {
    pub(crate) fn given(&self) -> Result<Given> {
        let Self { name, password_file, .. } = self;
        let said = draft(self.server.given()?, name.as_ref(), password_file.as_ref());
        let history = self.no_history.then_some(false);
        let reconnect = self.no_reconnect.then_some(false);
        let said = Draft { history, reconnect, ..said };
        Given::new(said, &self.tls, &self.defaults)
    }
}

impl ChatArguments {
    pub(crate) fn given(&self) -> Result<Given> {
        let Self { name, password_file, .. } = self;
        let said = draft(self.server.given()?, name.as_ref(), password_file.as_ref());
        let history = self.no_history.then_some(false);
        let reconnect = self.no_reconnect.then_some(false);
        let said = Draft { history, reconnect, ..said };
        Given::new(said, &self.tls, &self.defaults)
    }
}

impl BoardArguments {
    pub(crate) fn given(&self) -> Result<Given> {
        Given::new(draft(self.server.given()?, None, None), &self.tls, &self.defaults)
    }
}

impl SendArguments {
    pub(crate) fn given(&self) -> Result<Given> {
        let Self { server, name, password_file, .. } = self;
        let said = draft(server.clone(), name.as_ref(), password_file.as_ref());
        Given::new(said, &self.tls, &self.defaults)
    }
}

impl ReadArguments {
    pub(crate) fn given(&self) -> Result<Given> {
        let Self { server, name, password_file, .. } = self;
        let said = draft(server.clone(), name.as_ref(), password_file.as_ref());
        let said = Draft { reconnect: self.no_reconnect.then_some(false), ..said };
        Given::new(said, &self.tls, &self.defaults)
    }
}

impl TailArguments {
    pub(crate) fn given(&self) -> Result<Given> {
        let Self { server, name, password_file, .. } = self;
        let said = draft(server.clone(), name.as_ref(), password_file.as_ref());
        let said = Draft { reconnect: self.no_reconnect.then_some(false), ..said };
        Given::new(said, &self.tls, &self.defaults)
    }
}

impl PostArguments {
    pub(crate) fn given(&self) -> Result<Given> {
        let Self { server, name, password_file, .. } = self;
        let said = draft(server.clone(), name.as_ref(), password_file.as_ref());
        Given::new(said, &self.tls, &self.defaults)
    }
}

impl HistoryArguments {
    pub(crate) fn given(&self) -> Result<Given> {
        let Self { server, name, password_file, .. } = self;
        let said = draft(server.clone(), name.as_ref(), password_file.as_ref());
        Given::new(said, &self.tls, &self.defaults)
    }
}
