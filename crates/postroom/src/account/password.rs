//! The password that a command is given.

use std::io::{self, BufRead as _, IsTerminal as _};
use std::path::Path;

use postroom_client::password_from_file;
use postroom_model::Password;

use super::AccountError;

/// Reads a password from a file, from a terminal without echo, or from a pipe.
pub(super) fn read_password(file: Option<&Path>) -> Result<Password, AccountError> {
    match file {
        Some(path) => Ok(password_from_file(path)?),
        None if io::stdin().is_terminal() => ask_twice(),
        None => {
            let mut line = String::new();
            io::stdin().lock().read_line(&mut line).map_err(AccountError::Ask)?;
            Ok(Password::from_bytes(line.trim_end_matches(['\r', '\n']).as_bytes())?)
        }
    }
}

fn ask_twice() -> Result<Password, AccountError> {
    let ask = |prompt| rpassword::prompt_password(prompt).map_err(AccountError::Ask);
    let (first, second) = (ask("Password: ")?, ask("Again: ")?);
    if first != second {
        return Err(AccountError::Differ);
    }
    Ok(Password::from_bytes(first.as_bytes())?)
}
