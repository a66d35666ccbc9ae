//! The program `postroom`: the server, its accounts and its clients.

mod account;
mod config;
mod log;
mod passwords;
mod report;
mod serve;

use std::error::Error;
use std::io::{self, Write as _};
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use postroom_client::{
    BoardArguments, ChatArguments, ImArguments, MailArguments, ReadArguments, SendArguments,
};

/// A post office with many counters: a message left at one is read at another.
#[derive(Debug, Parser)]
#[command(version, arg_required_else_help = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Start the server
    Serve(serve::ServeArguments),
    /// Add accounts with passwords, change passwords, list accounts; while no
    /// server runs
    Account(account::AccountArguments),
    /// Read and write mail at a terminal
    Mail(MailArguments),
    /// Leave one message, for scripts
    Send(SendArguments),
    /// Read messages, for scripts
    Read(ReadArguments),
    /// Talk with those who are there, at a terminal
    Im(ImArguments),
    /// Talk in the chat room, at a terminal
    Chat(ChatArguments),
    /// Put a text on the board, or fetch the latest
    Board(BoardArguments),
}

fn main() -> ExitCode {
    match run(Arguments::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(error.as_ref());
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> Result<(), Box<dyn Error>> {
    match command {
        Command::Serve(arguments) => serve::serve(&arguments)?,
        Command::Account(arguments) => account::account(&arguments)?,
        Command::Mail(arguments) => postroom_client::mail(&arguments)?,
        Command::Send(arguments) => postroom_client::send(&arguments)?,
        Command::Read(arguments) => postroom_client::read(&arguments)?,
        Command::Im(arguments) => postroom_client::im(&arguments)?,
        Command::Chat(arguments) => postroom_client::chat(&arguments)?,
        Command::Board(arguments) => postroom_client::board(&arguments)?,
    }
    Ok(())
}

fn complain(error: &dyn Error) {
    // Whoever closed it does not want to know.
    let _ = writeln!(io::stderr(), "postroom: {error}");
}
