//! `postroom config`: checks the settings of a server, or prints them with their origins.

use std::io::{self, Write as _};

use clap::{Args, Subcommand};

use crate::config::SettingsArguments;
use crate::serve::{ServeError, check_settings};

#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Say whether the server would start with these settings, and change nothing
    Check(SettingsArguments),
    /// Print all settings, each with its origin, as a file for --config
    Show(ShowArguments),
}

/// The command line of `postroom config show`.
#[derive(Debug, Args)]
pub(crate) struct ShowArguments {
    #[command(flatten)]
    settings: SettingsArguments,
    /// Print a JSON object a line
    #[arg(long)]
    json: bool,
}

/// Runs one of the commands about settings.
pub(crate) fn config(command: &ConfigCommand) -> Result<(), ServeError> {
    let output = match command {
        ConfigCommand::Check(arguments) => check(arguments)?,
        ConfigCommand::Show(arguments) => show(arguments)?,
    };
    let mut stdout = io::stdout().lock();
    stdout.write_all(output.as_bytes()).and_then(|()| stdout.flush()).map_err(ServeError::Output)
}

fn check(arguments: &SettingsArguments) -> Result<String, ServeError> {
    check_settings(&arguments.load()?)?;
    Ok(match &arguments.config {
        Some(path) => format!("the settings are valid; the file {} was read\n", path.display()),
        None => "the settings are valid; no file was read\n".to_owned(),
    })
}

fn show(arguments: &ShowArguments) -> Result<String, ServeError> {
    let settings = arguments.settings.load()?.settings()?;
    let mut lines = String::new();
    for setting in settings {
        if arguments.json {
            let object = serde_json::to_string(&setting).map_err(io::Error::from);
            lines.push_str(&object.map_err(ServeError::Output)?);
        } else {
            lines.push_str(&setting.to_string());
        }
        lines.push('\n');
    }
    Ok(lines)
}
