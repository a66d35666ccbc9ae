//! `postroom account`: accounts while no server runs.

use std::io::{self, BufRead, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use clap::{Args, Subcommand};
use postroom_client::{ClientError, password_from_file};
use postroom_model::{Blocked, Name, NameError, Password, PasswordError};
use postroom_office::password::{self, HashError};
use postroom_store::{
    AccountId, AccountSummary, Admits, Call, Completion, Key, Outcome, PasswordHash, Standing,
    Store, StoreFailure, Ticket, Timestamp,
};
use postroom_store_sqlite::{DataFolder, OpenError, SqliteStore};
use thiserror::Error;

use crate::config::{Config, ConfigError, Overrides};
use crate::passwords;

/// The command line of `postroom account`.
#[derive(Debug, Args)]
pub(crate) struct AccountArguments {
    /// The settings of the server
    #[arg(long, value_name = "FILE", global = true)]
    config: Option<PathBuf>,
    /// The data folder [default: ./postroom-data]
    #[arg(long, value_name = "DIR", global = true)]
    data: Option<PathBuf>,
    #[command(subcommand)]
    command: AccountCommand,
}

#[derive(Debug, Subcommand)]
enum AccountCommand {
    /// Add an account with a password
    Add(PasswordArguments),
    /// Set or change the password of an account
    Passwd(PasswordArguments),
    /// Refuse the messages of a sender to an account with a password
    Block(BlockArguments),
    /// Accept the messages of a blocked sender again
    Unblock(BlockArguments),
    /// List the senders whom an account has blocked
    Blocked {
        /// The account
        name: String,
    },
    /// Delete an account, its unread messages and its password; a name that had a password
    /// stays reserved
    Delete {
        /// The account
        name: String,
    },
    /// Let the reserved name of a deleted account be registered again
    Release {
        /// The name
        name: String,
    },
    /// List all accounts: name, unread messages, and "open", "password" or "deleted"
    List,
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
    Open(#[from] OpenError),
    #[error(transparent)]
    Store(#[from] StoreFailure),
    #[error("\"{name}\" is not a name: {cause}")]
    Name { name: String, cause: NameError },
    #[error("there is an account {name} already; change its password with: {hint}")]
    Exists { name: Name, hint: String },
    #[error("there is no account {name}; add it with: {hint}")]
    Unknown { name: Name, hint: String },
    #[error("the account {name} was deleted, and its name is reserved; release it with: {hint}")]
    Deleted { name: Name, hint: String },
    #[error("the name {name} is not reserved; list accounts and reserved names with: {hint}")]
    NotReserved { name: Name, hint: String },
    #[error("there is no account {name}; list the accounts with: {hint}")]
    NothingToDelete { name: Name, hint: String },
    #[error(transparent)]
    PasswordFile(#[from] ClientError),
    #[error("cannot ask for the password: {0}; give it with --password-file")]
    Ask(io::Error),
    #[error("the password is not accepted: {0}")]
    Password(#[from] PasswordError),
    #[error("the two passwords differ; nothing was changed")]
    Differ,
    #[error("cannot make a salt: {0}")]
    Salt(io::Error),
    #[error(transparent)]
    Hash(#[from] HashError),
    #[error("there are as many accounts as there may be (accounts.max)")]
    TooMany,
    #[error(
        "the account {name} has no password, and only an account with one can block senders; give \
         it one with: {hint}"
    )]
    HasNoPassword { name: Name, hint: String },
    #[error("too many senders are blocked; unblock one first")]
    TooManyBlocked,
    #[error("the disk is full; nothing was changed")]
    DiskFull,
    #[error("cannot write to standard output: {0}")]
    Output(io::Error),
}

/// Runs one of the account commands.
pub(crate) fn account(arguments: &AccountArguments) -> Result<(), AccountError> {
    let overrides = Overrides { data: arguments.data.clone(), ..Overrides::default() };
    let config = Config::load(arguments.config.as_deref(), &overrides)?;
    let folder = DataFolder::open_existing(&config.data)?;
    // Kept until the store is closed, although so few changes never need a checkpoint.
    let (mut store, _checkpointer) = SqliteStore::open(folder, config.limits())?;
    warn_of_damage(&mut store, arguments);
    match &arguments.command {
        AccountCommand::Add(new) => add(&mut store, arguments, new)
            .and_then(|(name, done)| tell(&name, &done, &config.passwords)),
        AccountCommand::Passwd(known) => change(&mut store, arguments, known)
            .and_then(|(name, done)| tell(&name, &done, &config.passwords)),
        AccountCommand::Block(block) => set_blocked(&mut store, arguments, block, true),
        AccountCommand::Unblock(block) => set_blocked(&mut store, arguments, block, false),
        AccountCommand::Blocked { name } => blocked(&mut store, arguments, name),
        AccountCommand::Delete { name } => delete(&mut store, arguments, name, &config.passwords),
        AccountCommand::Release { name } => release(&mut store, arguments, name),
        AccountCommand::List => list(&mut store),
    }
}

/// Warns of damaged records; they do not prevent the command.
fn warn_of_damage(store: &mut SqliteStore, arguments: &AccountArguments) {
    let damaged = store.take_damaged().len();
    if damaged > 0 {
        let hint = arguments.hint("check");
        let _ = writeln!(
            io::stderr(),
            "postroom: {damaged} records of the store are damaged and left out; list them with: {hint}"
        );
    }
}

impl AccountArguments {
    /// A command of this program for the same store, as a shell command line.
    fn hint(&self, command: &str) -> String {
        let given = |option, path: &Option<PathBuf>| {
            let path = path.as_deref().map(Path::to_string_lossy);
            path.map(|path| format!(" {option} {}", quoted(&path))).unwrap_or_default()
        };
        let (config, data) = (given("--config", &self.config), given("--data", &self.data));
        format!("postroom {command}{config}{data}")
    }
}

/// A word, quoted for a shell.
fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || "/._-+=:,@%".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', "'\\''"))
}

/// Adds an account; returns its name and a description of the change.
fn add(
    store: &mut SqliteStore,
    arguments: &AccountArguments,
    new: &PasswordArguments,
) -> Result<(Name, String), AccountError> {
    let name = parse_name(&new.name)?;
    if let Some(known) = find(store, arguments, &name)? {
        let hint = arguments.hint(&format!("account passwd {}", known.name));
        return Err(AccountError::Exists { name: known.name, hint });
    }
    set_password(store, &name, new)?;
    let done = format!("added the account {name} with a password");
    Ok((name, done))
}

/// Changes the password of an account; returns its name and a description of the
/// change.
fn change(
    store: &mut SqliteStore,
    arguments: &AccountArguments,
    known: &PasswordArguments,
) -> Result<(Name, String), AccountError> {
    let AccountSummary { name, standing, .. } = known_account(store, arguments, &known.name)?;
    set_password(store, &name, known)?;
    let done = if standing == Standing::Password {
        format!("changed the password of the account {name}")
    } else {
        format!("set a password for the account {name}, which had none")
    };
    Ok((name, done))
}

/// The account of a name, which must not be that of a deleted one.
fn find(
    store: &mut SqliteStore,
    arguments: &AccountArguments,
    name: &Name,
) -> Result<Option<AccountSummary>, AccountError> {
    let found = summaries(store)?.into_iter().find(|account| account.name == *name);
    match found {
        Some(AccountSummary { name, standing: Standing::Deleted, .. }) => {
            let hint = arguments.hint(&format!("account release {name}"));
            Err(AccountError::Deleted { name, hint })
        }
        found => Ok(found),
    }
}

fn set_password(
    store: &mut SqliteStore,
    name: &Name,
    arguments: &PasswordArguments,
) -> Result<(), AccountError> {
    let password = hashed(&read_password(arguments.password_file.as_deref())?)?;
    match call(store, Call::SetPassword { name: name.clone(), password })? {
        Outcome::TooManyAccounts => Err(AccountError::TooMany),
        Outcome::DiskFull => Err(AccountError::DiskFull),
        _ => Ok(()),
    }
}

fn parse_name(word: &str) -> Result<Name, AccountError> {
    Name::new(word).map_err(|cause| AccountError::Name { name: word.to_owned(), cause })
}

fn known_account(
    store: &mut SqliteStore,
    arguments: &AccountArguments,
    word: &str,
) -> Result<AccountSummary, AccountError> {
    let name = parse_name(word)?;
    find(store, arguments, &name)?.ok_or_else(|| {
        let hint = arguments.hint(&format!("account add {name}"));
        AccountError::Unknown { name, hint }
    })
}

/// Opens an account that is known, whatever its password.
fn open(
    store: &mut SqliteStore,
    arguments: &AccountArguments,
    word: &str,
) -> Result<(AccountId, Name), AccountError> {
    let name = known_account(store, arguments, word)?.name;
    let call = Call::Open { name, key: Key::Trusted, admits: Admits::NONE, may_create: 0 };
    match self::call(store, call)? {
        Outcome::Opened { account, name, .. } => Ok((account, name)),
        outcome => unreachable!("a known account is opened: {outcome:?}"),
    }
}

/// Blocks a sender, or no longer, and prints the change in one line.
fn set_blocked(
    store: &mut SqliteStore,
    arguments: &AccountArguments,
    BlockArguments { name, sender }: &BlockArguments,
    is_blocked: bool,
) -> Result<(), AccountError> {
    let (sender, (account, name)) = (parse_name(sender)?, open(store, arguments, name)?);
    let done = match call(store, Call::Block { account, sender: sender.clone(), is_blocked })? {
        Outcome::HasNoPassword => {
            let hint = arguments.hint(&format!("account passwd {name}"));
            return Err(AccountError::HasNoPassword { name, hint });
        }
        Outcome::TooManyBlocked => return Err(AccountError::TooManyBlocked),
        Outcome::DiskFull => return Err(AccountError::DiskFull),
        Outcome::BlockSet(Blocked { is_new: false, .. }) if is_blocked => {
            format!("{name} has blocked {sender} already")
        }
        Outcome::BlockSet(Blocked { is_new: false, .. }) => {
            format!("{name} has not blocked {sender}")
        }
        _ if is_blocked => format!("{name} has blocked {sender}: messages from it are refused"),
        _ => format!("{name} has unblocked {sender}"),
    };
    writeln!(io::stdout(), "{done}").map_err(AccountError::Output)
}

/// Prints the senders whom an account has blocked, one a line.
fn blocked(
    store: &mut SqliteStore,
    arguments: &AccountArguments,
    word: &str,
) -> Result<(), AccountError> {
    let (account, _) = open(store, arguments, word)?;
    let mut output = io::stdout().lock();
    if let Outcome::BlockedNames(names) = call(store, Call::ListBlocked { account })? {
        for name in names {
            writeln!(output, "{name}").map_err(AccountError::Output)?;
        }
    }
    output.flush().map_err(AccountError::Output)
}

/// Deletes an account, and prints in one line what is gone and what remains to be done.
fn delete(
    store: &mut SqliteStore,
    arguments: &AccountArguments,
    word: &str,
    password_file: &Path,
) -> Result<(), AccountError> {
    let name = parse_name(word)?;
    find(store, arguments, &name)?;
    match call(store, Call::Delete { name: name.clone() })? {
        Outcome::Deleted { name, unread, is_reserved } => {
            let messages = if unread == 1 { "message" } else { "messages" };
            let hint = arguments.hint(&format!("account release {name}"));
            let reserved = is_reserved.then(|| format!("; its name is reserved until: {hint}"));
            let is_in_file = !password_file.as_os_str().is_empty()
                && passwords::names(password_file, &name).unwrap_or(true);
            let file = password_file.display();
            let in_file =
                is_in_file.then(|| format!("; remove it from the password file {file}, too"));
            let (reserved, in_file) = (reserved.unwrap_or_default(), in_file.unwrap_or_default());
            let done = format!(
                "deleted the account {name} and {unread} unread {messages}{reserved}{in_file}"
            );
            writeln!(io::stdout(), "{done}").map_err(AccountError::Output)
        }
        Outcome::DiskFull => Err(AccountError::DiskFull),
        _ => {
            let hint = arguments.hint("account list");
            Err(AccountError::NothingToDelete { name, hint })
        }
    }
}

/// Releases the name of a deleted account, and prints the change in one line.
fn release(
    store: &mut SqliteStore,
    arguments: &AccountArguments,
    word: &str,
) -> Result<(), AccountError> {
    let name = parse_name(word)?;
    match call(store, Call::ReleaseName { name: name.clone() })? {
        Outcome::NameReleased => writeln!(io::stdout(), "the name {name} can be registered again")
            .map_err(AccountError::Output),
        Outcome::DiskFull => Err(AccountError::DiskFull),
        _ => {
            let hint = arguments.hint("account list");
            Err(AccountError::NotReserved { name, hint })
        }
    }
}

/// Prints the change in one line, and whether the password file overrides it.
fn tell(name: &Name, done: &str, file: &Path) -> Result<(), AccountError> {
    let shown = file.display();
    let overridden = if file.as_os_str().is_empty() {
        String::new()
    } else {
        match passwords::names(file, name) {
            Ok(false) => String::new(),
            Ok(true) => format!(
                "; but the password file {shown} names it, too, and as long as it does, \
                 the password there is the one that counts"
            ),
            Err(error) => format!("; {error}; if it names {name}, the password there counts"),
        }
    };
    writeln!(io::stdout(), "{done}{overridden}").map_err(AccountError::Output)
}

fn hashed(password: &Password) -> Result<PasswordHash, AccountError> {
    Ok(password::hash(password, postroom_server::salt().map_err(AccountError::Salt)?)?)
}

/// Reads a password from a file, from a terminal without echo, or from a pipe.
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
    for AccountSummary { name, unread, standing } in summaries(store)? {
        let standing = match standing {
            Standing::Open => "open",
            Standing::Password => "password",
            Standing::Deleted => "deleted",
        };
        writeln!(output, "{name}\t{unread}\t{standing}").map_err(AccountError::Output)?;
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
    let outcome = completed.pop().and_then(Completion::into_outcome);
    Ok(outcome.expect("this store carries out each call"))
}
