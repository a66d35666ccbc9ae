//! `postroom channel`: channels, on a running server or in the folder of one that does not
//! run.

mod requests;

use std::io::{self, Write as _};

use clap::{Args, Subcommand};
use postroom_web::{ChannelDone, ChannelLine, ChannelPage};
use thiserror::Error;

use crate::config::ConfigError;
use crate::desk::{Desk, DeskError, now};
use crate::folder_arguments::FolderArguments;

/// The command line of `postroom channel`.
#[derive(Debug, Args)]
pub(crate) struct ChannelArguments {
    #[command(flatten)]
    folder: FolderArguments,
    #[command(subcommand)]
    command: ChannelCommand,
}

#[derive(Debug, Subcommand)]
enum ChannelCommand {
    /// List the channels that have posts or members
    List {
        /// Print a line of JSON for each
        #[arg(long)]
        json: bool,
    },
    /// Delete the posts of a channel; its members stay in it
    Delete {
        /// The channel, such as rust or '#rust'; @board for all texts of the board
        channel: String,
    },
}

#[derive(Debug, Error)]
pub(crate) enum ChannelError {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    Desk(#[from] DeskError),
    #[error("cannot write to standard output: {0}")]
    Output(io::Error),
}

/// Runs one of the channel commands.
pub(crate) fn channel(arguments: &ChannelArguments) -> Result<(), ChannelError> {
    let config = arguments.folder.load()?;
    let mut desk = Desk::open(&config, &arguments.folder)?;
    match &arguments.command {
        ChannelCommand::List { json } => list(&mut desk, *json),
        ChannelCommand::Delete { channel } => {
            let done = desk.delete_channel(channel)?;
            print(&words(&done))
        }
    }
}

/// Prints the channels in the order of their names.
fn list(desk: &mut Desk, is_json: bool) -> Result<(), ChannelError> {
    if !is_json {
        print("CHANNEL\tPOSTS\tMEMBERS\tSECONDS SINCE THE LATEST\tACCESS")?;
    }
    let mut after = None;
    loop {
        let ChannelPage { channels, next } = desk.channels(after.as_deref())?;
        for line in &channels {
            let json = || serde_json::to_string(line).expect("what was JSON can be JSON");
            print(&if is_json { json() } else { shown(line) })?;
        }
        if next.is_none() {
            return Ok(());
        }
        after = next;
    }
}

fn shown(line: &ChannelLine) -> String {
    let ChannelLine { channel, posts, members, latest_ms, private } = line;
    let age = latest_ms.map(|latest| now().0.saturating_sub(latest) / 1_000);
    let age = age.map_or_else(|| "-".to_owned(), |age| age.to_string());
    let access = if *private { "private" } else { "public" };
    format!("{channel}\t{posts}\t{members}\t{age}\t{access}")
}

/// What was done, in one sentence.
fn words(ChannelDone::Deleted { channel, posts, members }: &ChannelDone) -> String {
    let posted = if *posts == 1 { "post" } else { "posts" };
    let members = match members {
        0 => String::new(),
        1 => "; its member stays in it".to_owned(),
        members => format!("; its {members} members stay in it"),
    };
    format!("deleted the channel {channel} and {posts} {posted}{members}")
}

fn print(line: &str) -> Result<(), ChannelError> {
    writeln!(io::stdout(), "{line}").map_err(ChannelError::Output)
}
