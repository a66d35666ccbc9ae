//! `postroom account`: accounts while no server runs.

use std::io::{self, BufRead, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use clap::{Args, Subcommand};
use postroom_client::{ClientError, password_from_file};
use postroom_model::{Name, NameError, Password, PasswordError};
use postroom_office::password::{self, HashError, SALT_BYTES};
use postroom_store::{
    AccountSummary, Call, Completion, Outcome, PasswordHash, Store, StoreFailure, Ticket, Timestamp,
};
use postroom_store_sqlite::{DataFolder, OpenError, SqliteStore};
use thiserror::Error;

use crate::config::{Config, ConfigError, Overrides};

/// What `postroom account` is told on the command line.
#[derive(Debug, Args)]
pub(crate) struct AccountArguments {
    /// The settings of the server
    #[arg(long, value_name = "FILE", global = true)]
    config: Option<PathBuf>,
    /// Where everything is kept [default: ./postroom-data]
    #[arg(long, value_name = "DIR", global = true)]
    data: Option<PathBuf>,
    #[command(subcommand)]
    command: AccountCommand,
}

#[derive(Debug, Subcommand)]
enum AccountCommand {
    /// Add an account that only its password opens
    Add(PasswordArguments),
    /// Give an account a password, or another one
    Passwd(PasswordArguments),
    /// List all accounts: name, unread messages, whether a password is needed
    List,
}

#[derive(Debug, Args)]
struct PasswordArguments {
    /// The account
    name: String,
    /// A file that holds the password; else it is asked for
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
}

#[derive(Debug, Error)]
pub(crate) enum AccountError {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error(transparent)]
    Store(#[from] StoreFailure),
    #[error("\"{name}\" is no name: {cause}")]
    Name { name: String, cause: NameError },
    #[error(
        "there is an account {0} already; change its password with: postroom account passwd {0}"
    )]
    Exists(Name),
    #[error("there is no account {0}; add it with: postroom account add {0}")]
    Unknown(Name),
    #[error(transparent)]
    PasswordFile(#[from] ClientError),
    #[error("cannot ask for the password: {0}; give it with --password-file")]
    Ask(io::Error),
    #[error("the password is not accepted: {0}")]
    Password(#[from] PasswordError),
    #[error("the two passwords differ; nothing was changed")]
    Differ,
    #[error("cannot make a salt: {0}")]
    Salt(rustix::io::Errno),
    #[error(transparent)]
    Hash(#[from] HashError),
    #[error("there are as many accounts as there may be (accounts.max)")]
    TooMany,
    #[error("the disk is full; nothing was changed")]
    DiskFull,
    #[error("cannot write to standard output: {0}")]
    Output(io::Error),
}

/// Runs one of the account commands.
pub(crate) fn account(arguments: &AccountArguments) -> Result<(), AccountError> {
    let overrides = Overrides { data: arguments.data.clone(), ..Overrides::default() };
    let config = Config::load(arguments.config.as_deref(), &overrides)?;
    let folder = DataFolder::open(&config.data)?;
    let (mut store, _) = SqliteStore::open(folder, config.limits())?;
    match &arguments.command {
        AccountCommand::Add(new) => set_password(&mut store, new, false),
        AccountCommand::Passwd(known) => set_password(&mut store, known, true),
        AccountCommand::List => list(&mut store),
    }
}

fn set_password(
    store: &mut SqliteStore,
    arguments: &PasswordArguments,
    must_exist: bool,
) -> Result<(), AccountError> {
    let name = Name::new(&arguments.name)
        .map_err(|cause| AccountError::Name { name: arguments.name.clone(), cause })?;
    match summaries(store)?.into_iter().find(|account| account.name == name) {
        Some(account) if !must_exist => return Err(AccountError::Exists(account.name)),
        None if must_exist => return Err(AccountError::Unknown(name)),
        _ => {}
    }
    let password = hashed(&read_password(arguments.password_file.as_deref())?)?;
    match call(store, Call::SetPassword { name, password })? {
        Outcome::TooManyAccounts => Err(AccountError::TooMany),
        Outcome::DiskFull => Err(AccountError::DiskFull),
        _ => Ok(()),
    }
}

fn hashed(password: &Password) -> Result<PasswordHash, AccountError> {
    let mut salt = [0; SALT_BYTES];
    // 16 bytes come at once or not at all.
    rustix::rand::getrandom(&mut salt, rustix::rand::GetRandomFlags::empty())
        .map_err(AccountError::Salt)?;
    Ok(password::hash(password, salt)?)
}

/// From a file, from a person without echo, or from a pipe.
fn read_password(file: Option<&Path>) -> Result<Password, AccountError> {
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

fn list(store: &mut SqliteStore) -> Result<(), AccountError> {
    let mut output = io::stdout().lock();
    for AccountSummary { name, unread, has_password } in summaries(store)? {
        let password = if has_password { "password" } else { "open" };
        writeln!(output, "{name}\t{unread}\t{password}").map_err(AccountError::Output)?;
    }
    output.flush().map_err(AccountError::Output)
}

fn summaries(store: &mut SqliteStore) -> Result<Vec<AccountSummary>, AccountError> {
    match call(store, Call::ListAccounts)? {
        Outcome::Accounts(accounts) => Ok(accounts),
        _ => Ok(Vec::new()),
    }
}

/// Makes one call of a store that completes it at once.
fn call(store: &mut SqliteStore, call: Call) -> Result<Outcome, AccountError> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let mut completed: Vec<Completion> = Vec::new();
    store.submit(Ticket(0), call);
    store.settle(Timestamp(u64::try_from(now.as_millis()).unwrap_or(u64::MAX)), &mut completed)?;
    let completion = completed.pop().expect("this store completes each call as it settles");
    Ok(completion.receipt.into_inner())
}
