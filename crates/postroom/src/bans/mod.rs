//! `postroom ban`, `postroom unban` and `postroom bans`: on a running server or in the folder
//! of one that does not run.

mod requests;
mod time;

use std::io::{self, Write as _};
use std::num::NonZeroU32;

use clap::Args;
use postroom_store::Timestamp;
use postroom_web::{BanDone, BanLine, BanOrder, ClientError, Problem, UnbanOrder, Whom};
use thiserror::Error;

use crate::config::ConfigError;
use crate::desk::{Desk, DeskError};
use crate::folder_arguments::FolderArguments;
use crate::running::ListArguments;
use crate::whom::{WhomArguments, WhomError, shown};

/// The command line of `postroom ban`.
#[derive(Debug, Args)]
pub(crate) struct BanArguments {
    #[command(flatten)]
    whose: Whose,
    /// How long, such as 30m, 12h or 7d [default: until the ban is lifted]
    #[arg(long = "for", value_name = "TIME", value_parser = time::parse)]
    lasts: Option<NonZeroU32>,
}

/// The command line of `postroom unban`.
#[derive(Debug, Args)]
pub(crate) struct UnbanArguments {
    #[command(flatten)]
    whose: Whose,
}

#[derive(Debug, Args)]
struct Whose {
    #[command(flatten)]
    folder: FolderArguments,
    #[command(flatten)]
    whom: WhomArguments,
}

#[derive(Debug, Error)]
pub(crate) enum BanError {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    Desk(#[from] DeskError),
    #[error("{}; list the bans with: {hint}", .problem.detail)]
    NotBanned { problem: Problem, hint: String },
    #[error(transparent)]
    Whom(#[from] WhomError),
    #[error("cannot write to standard output: {0}")]
    Output(io::Error),
}

/// Bans someone, and prints how long.
pub(crate) fn ban(arguments: &BanArguments) -> Result<(), BanError> {
    let whom = arguments.whose.whom.whom()?;
    let mut desk = desk(&arguments.whose.folder)?;
    let done = desk.ban(BanOrder { whom, seconds: arguments.lasts })?;
    print(&said(&done, desk.is_server()))
}

/// Lifts a ban.
pub(crate) fn unban(arguments: &UnbanArguments) -> Result<(), BanError> {
    let whom = arguments.whose.whom.whom()?;
    let mut desk = desk(&arguments.whose.folder)?;
    let done = desk.unban(UnbanOrder { whom }).map_err(|error| match error {
        DeskError::Server(ClientError::Refused(problem)) if problem.problem == "not-banned" => {
            BanError::NotBanned { problem, hint: arguments.whose.folder.hint("bans") }
        }
        error => error.into(),
    })?;
    print(&said(&done, desk.is_server()))
}

/// Prints the bans in force, in the order in which they began.
pub(crate) fn bans(arguments: &ListArguments) -> Result<(), BanError> {
    let mut desk = desk(&arguments.folder)?;
    if !arguments.json {
        print("KIND\tBANNED\tSINCE\tUNTIL")?;
    }
    let mut next = Some(0);
    while let Some(from) = next {
        let page = desk.bans(from)?;
        for line in &page.bans {
            print(&if arguments.json { crate::running::json(line) } else { row(line) })?;
        }
        next = page.next;
    }
    Ok(())
}

/// Where the bans are: at the server, or in its folder.
fn desk(arguments: &FolderArguments) -> Result<Desk, BanError> {
    Ok(Desk::open(&arguments.load()?, arguments)?)
}

fn print(line: &str) -> Result<(), BanError> {
    writeln!(io::stdout(), "{line}").map_err(BanError::Output)
}

/// A line of the list.
fn row(BanLine { whom, since_ms, until_ms }: &BanLine) -> String {
    let kind = match whom {
        Whom::Name(_) => "name",
        Whom::Addresses(_) => "addresses",
    };
    let until = until_ms.map_or_else(|| "-".to_owned(), |until| Timestamp(until).to_string());
    format!("{kind}\t{}\t{}\t{until}", shown(whom), Timestamp(*since_ms))
}

/// What was done, in one sentence. A server has also ended sessions.
fn said(done: &BanDone, is_server: bool) -> String {
    let (ban, was_banned, is_account, sessions) = match done {
        BanDone::Banned { ban, was_banned, is_account, sessions } => {
            (ban, *was_banned, *is_account, *sessions)
        }
        BanDone::Unbanned { whom } => return format!("lifted the ban of {}", shown(whom)),
    };
    let whom = shown(&ban.whom);
    let until = ban.until_ms.map(|until| Timestamp(until).to_string());
    let until = until.as_deref().unwrap_or("the ban is lifted");
    let unknown = match &ban.whom {
        Whom::Name(_) if !is_account => ", a name that no account has,",
        _ => "",
    };
    let before = if was_banned { "; it was banned already" } else { "" };
    let ended = match (is_server, sessions) {
        (false, _) => String::new(),
        (true, 1) => "; ended 1 session".to_owned(),
        (true, sessions) => format!("; ended {sessions} sessions"),
    };
    format!("banned {whom}{unknown} until {until}{before}{ended}")
}
