//! `postroom account`: accounts, on a running server or in the folder of one that does not
//! run.

mod export;
mod import;
mod list;
mod password;
mod requests;
mod words;

use std::io::{self, Write};
use std::path::PathBuf;

use clap::{Args, Subcommand};
use postroom_client::ClientError;
use postroom_model::{Name, NameError, PasswordError};
use postroom_web::{AccountDone, AccountOrder, ClientError as AdminError};
use thiserror::Error;

use crate::config::ConfigError;
use crate::desk::{Desk, DeskError};
use crate::folder_arguments::FolderArguments;
use export::ExportArguments;
use import::{ImportArguments, ImportError};
use password::read_password;
use words::{Done, InFile};

/// The command line of `postroom account`.
#[derive(Debug, Args)]
pub(crate) struct AccountArguments {
    #[command(flatten)]
    folder: FolderArguments,
    #[command(subcommand)]
    command: AccountCommand,
}

#[derive(Debug, Subcommand)]
enum AccountCommand {
    #[command(flatten)]
    Change(Change),
    /// List the senders whom an account has blocked
    Blocked {
        /// The account
        name: String,
        /// Print a line of JSON for each
        #[arg(long)]
        json: bool,
    },
    /// List all accounts and reserved names
    List {
        /// Print a line of JSON for each
        #[arg(long)]
        json: bool,
    },
    /// Write what there is of an account as JSON Lines: whom it has blocked, unread messages,
    /// posts
    Export(ExportArguments),
    /// Add an account with the blocked senders and unread messages of an export
    Import(ImportArguments),
}

#[derive(Debug, Subcommand)]
enum Change {
    /// Add an account with a password
    Add(PasswordArguments),
    /// Set or change the password of an account
    Passwd(PasswordArguments),
    /// Remove the password of an account: where accounts need none, anyone can log in to it
    RemovePassword(NameArguments),
    /// Give an account another name; if it has a password, the old name stays reserved
    Rename {
        /// The account
        name: String,
        /// Its new name
        to: String,
    },
    /// Delete an account, its unread messages, its posts and its password; a name that had a
    /// password stays reserved
    Delete(NameArguments),
    /// Let the reserved name of a deleted or renamed account be registered again
    Release(NameArguments),
    /// Refuse the messages of a sender to an account with a password
    Block(BlockArguments),
    /// Accept the messages of a blocked sender again
    Unblock(BlockArguments),
}

#[derive(Debug, Args)]
struct NameArguments {
    /// The account
    name: String,
}

#[derive(Debug, Args)]
struct BlockArguments {
    /// The account
    name: String,
    /// The sender
    sender: String,
}

#[derive(Debug, Args)]
struct PasswordArguments {
    /// The account
    name: String,
    /// A file with the password [default: prompt for it]
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
}

#[derive(Debug, Error)]
pub(crate) enum AccountError {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    Desk(#[from] DeskError),
    #[error("\"{name}\" is not a name: {cause}")]
    Name { name: String, cause: NameError },
    #[error("{problem}; {what} with: {hint}")]
    Hint { problem: AdminError, what: &'static str, hint: String },
    #[error(transparent)]
    PasswordFile(#[from] ClientError),
    #[error("cannot ask for the password: {0}; give it with --password-file")]
    Ask(io::Error),
    #[error("the password is not accepted: {0}")]
    Password(#[from] PasswordError),
    #[error("the two passwords differ; nothing was changed")]
    Differ,
    #[error("cannot write to standard output: {0}")]
    Output(io::Error),
    #[error("cannot write {}: {cause}", path.display())]
    Write { path: PathBuf, cause: io::Error },
    #[error(transparent)]
    Import(#[from] ImportError),
    #[error("the server has not told everything; export the account again")]
    CutOff,
}

/// Runs one of the account commands.
pub(crate) fn account(arguments: &AccountArguments) -> Result<(), AccountError> {
    let config = arguments.folder.load()?;
    let desk = || Desk::open(&config, &arguments.folder);
    match &arguments.command {
        AccountCommand::Export(of) => export::export(arguments, &config.data, of),
        AccountCommand::Import(of) => {
            let import = import::read(of)?;
            import.carry_out(&mut desk()?, arguments, &config.passwords)
        }
        AccountCommand::List { json } => list::accounts(&mut desk()?, *json),
        AccountCommand::Blocked { name, json } => {
            list::blocked(&mut desk()?, &parse_name(name)?, *json)
                .map_err(|error| arguments.advise(error, None))
        }
        AccountCommand::Change(change) => {
            let done = change.carry_out(desk, arguments)?;
            let rest = done.what_remains(&config.passwords);
            writeln!(io::stdout(), "{}{rest}", done.what).map_err(AccountError::Output)
        }
    }
}

impl AccountArguments {
    /// What to do about a refusal.
    fn advise(&self, error: AccountError, change: Option<&Change>) -> AccountError {
        let AccountError::Desk(DeskError::Server(AdminError::Refused(problem))) = error else {
            return error;
        };
        let is_to_change = matches!(
            change,
            Some(Change::RemovePassword(_) | Change::Rename { .. } | Change::Delete(_))
        );
        let is_of_known = change.is_some() && !is_to_change;
        let name = problem.account.as_deref().unwrap_or_default();
        let (what, command) = match problem.problem.as_str() {
            "account-exists" if is_to_change => ("list the accounts", "account list".to_owned()),
            "account-exists" => ("change its password", format!("account passwd {name}")),
            "no-such-account" if is_of_known => ("add it", format!("account add {name}")),
            "no-such-account" => ("list the accounts", "account list".to_owned()),
            "name-reserved" => ("release it", format!("account release {name}")),
            "name-not-reserved" => ("list accounts and reserved names", "account list".to_owned()),
            "no-password" => ("give it one", format!("account passwd {name}")),
            _ => return DeskError::refused(problem).into(),
        };
        let problem = AdminError::Refused(problem);
        AccountError::Hint { problem, what, hint: self.folder.hint(&command) }
    }
}

impl Change {
    fn carry_out(
        &self,
        desk: impl FnOnce() -> Result<Desk, DeskError>,
        arguments: &AccountArguments,
    ) -> Result<Done, AccountError> {
        let (name, in_file) = self.subject();
        let name = parse_name(name)?;
        // A person types the password; the server does not wait for that.
        let order = self.order(name.to_string())?;
        let done = desk()?.ask(order);
        let done = done.map_err(|error| arguments.advise(error.into(), Some(self)))?;
        let is_overridden = matches!(done, AccountDone::PasswordSet { in_password_file: true, .. });
        let in_file = if is_overridden { InFile::IsOverridden } else { in_file };
        Ok(Done { what: words::done(arguments, &done), name, in_file })
    }

    /// Whose account it is, and what the change means for its line in the password file.
    fn subject(&self) -> (&str, InFile) {
        match self {
            Self::Add(PasswordArguments { name, .. })
            | Self::Passwd(PasswordArguments { name, .. })
            | Self::RemovePassword(NameArguments { name }) => (name, InFile::Overrides),
            Self::Rename { name, .. } | Self::Delete(NameArguments { name }) => {
                (name, InFile::Remove)
            }
            Self::Release(NameArguments { name })
            | Self::Block(BlockArguments { name, .. })
            | Self::Unblock(BlockArguments { name, .. }) => (name, InFile::Nothing),
        }
    }

    /// What is to be done; asks for the password, if there is to be one.
    fn order(&self, account: String) -> Result<AccountOrder, AccountError> {
        let name = |word| parse_name(word).map(|name| name.to_string());
        let password = |arguments: &PasswordArguments| {
            read_password(arguments.password_file.as_deref())
                .map(|password| String::from_utf8_lossy(password.as_bytes()).into_owned())
        };
        Ok(match self {
            Self::Add(of) => AccountOrder::Add { account, password: password(of)? },
            Self::Passwd(of) => AccountOrder::Passwd { account, password: password(of)? },
            Self::RemovePassword(_) => AccountOrder::RemovePassword { account },
            Self::Rename { to, .. } => AccountOrder::Rename { account, to: name(to)? },
            Self::Delete(_) => AccountOrder::Delete { account },
            Self::Release(_) => AccountOrder::Release { account },
            Self::Block(of) => AccountOrder::Block { account, sender: parse_sender(&of.sender)? },
            Self::Unblock(of) => {
                AccountOrder::Unblock { account, sender: parse_sender(&of.sender)? }
            }
        })
    }
}

fn parse_name(word: &str) -> Result<Name, AccountError> {
    Name::new(word).map_err(|cause| AccountError::Name { name: word.to_owned(), cause })
}

/// The name of a sender: that of an account, or `@web`.
fn parse_sender(word: &str) -> Result<String, AccountError> {
    let name = Name::of_sender(word);
    name.map(|name| name.as_str().to_owned())
        .map_err(|cause| AccountError::Name { name: word.to_owned(), cause })
}
