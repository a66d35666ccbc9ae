//! The program `postroom`: the server, its accounts and its clients.

mod account;
mod archive;
mod backup;
mod bans;
mod cert;
mod channel;
mod check;
mod command_line;
mod config;
mod config_command;
mod desk;
mod folder_arguments;
mod generate;
mod log;
mod passwords;
mod reload;
mod report;
mod restore;
mod running;
mod serve;
mod whom;

use std::error::Error;
use std::io::{self, Write as _};
use std::process::ExitCode;

use clap::{CommandFactory as _, FromArgMatches as _, Parser, Subcommand};
use postroom_client::{
    BoardArguments, ChatArguments, ClientError, Environment, ExitStatus, HistoryArguments,
    ImArguments, MailArguments, PostArguments, ReadArguments, SendArguments, TailArguments,
};
use postroom_model::Safe;

/// A messaging server: a message left at one listener is read at any other.
#[derive(Debug, Parser)]
#[command(version, arg_required_else_help = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Start the server
    Serve(config::SettingsArguments),
    /// Check the settings of a server, or print them with their origins
    #[command(subcommand)]
    Config(config_command::ConfigCommand),
    /// Add, rename, delete and list accounts, set passwords, block senders
    Account(account::AccountArguments),
    /// List and delete channels
    Channel(channel::ChannelArguments),
    /// Print how a running server is
    Status(running::ListArguments),
    /// List the sessions of a running server
    Sessions(running::ListArguments),
    /// End the sessions of an account, or of an address
    Kick(running::KickArguments),
    /// Make a running server read its settings, certificate and passwords again
    Reload(running::ReloadArguments),
    /// Set what the log of a running server has, until its next reload or start
    LogLevel(running::LogLevelArguments),
    /// Copy the store to a file, also of a running server
    Backup(backup::BackupArguments),
    /// Make the store of a folder of a backup, where no server runs
    Restore(restore::RestoreArguments),
    /// Ban a name or addresses: nobody logs in with it, or connects from them
    Ban(bans::BanArguments),
    /// Lift the ban of a name or of addresses
    Unban(bans::UnbanArguments),
    /// List the bans in force
    Bans(running::ListArguments),
    /// Read the whole store and print the damaged records
    Check(check::CheckArguments),
    /// Make a self-signed certificate and its key, to try TLS
    Cert(cert::CertArguments),
    /// Write man pages and completions, for packages
    #[command(hide = true)]
    Generate(generate::GenerateArguments),
    #[command(flatten)]
    Client(Client),
}

#[derive(Debug, Subcommand)]
enum Client {
    /// Read and write mail at a terminal
    Mail(MailArguments),
    /// Leave one message, for scripts
    Send(SendArguments),
    /// Read messages, for scripts
    Read(ReadArguments),
    /// Talk with users who are logged in, at a terminal
    Im(ImArguments),
    /// Chat with everyone who is logged in, at a terminal
    Chat(ChatArguments),
    /// Post a text to the board, or fetch the latest
    Board(BoardArguments),
    /// Print the posts of a channel as they come
    Tail(TailArguments),
    /// Post a text in a channel, for scripts
    Post(PostArguments),
    /// Print what was said in a channel
    History(HistoryArguments),
}

/// Why the program ends with a status other than 0.
enum Failure {
    /// The command line was not understood, or asked for help.
    Usage(clap::Error),
    /// A client failed.
    Client(ClientError),
    /// The server, or a command about its accounts, failed.
    Other(Box<dyn Error>),
}

impl<E: Error + 'static> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::Other(error.into())
    }
}

fn main() -> ExitCode {
    match parse().and_then(run) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            failure.tell();
            failure.status().into()
        }
    }
}

/// How the server and the commands of operators end; clients say more.
const STATUS: &str = "\
Exit status:
  0  done; for check: nothing is damaged
  1  not done; standard error says why
  2  the command line is wrong";

/// The command line, with the exit status in the help of each command.
fn definition() -> clap::Command {
    Arguments::command().mut_subcommands(with_status)
}

fn with_status(command: clap::Command) -> clap::Command {
    let command = command.mut_subcommands(with_status);
    if command.get_after_help().is_some() { command } else { command.after_help(STATUS) }
}

fn parse() -> Result<Command, Failure> {
    let mut definition = definition();
    let words = command_line::with_text_last(std::env::args_os(), &mut definition);
    words
        .and_then(|words| definition.try_get_matches_from_mut(words))
        .and_then(|matches| Arguments::from_arg_matches(&matches))
        .map(|arguments| arguments.command)
        .map_err(Failure::Usage)
}

fn run(command: Command) -> Result<(), Failure> {
    match command {
        Command::Serve(arguments) => serve::serve(&arguments)?,
        Command::Config(command) => config_command::config(&command)?,
        Command::Account(arguments) => account::account(&arguments)?,
        Command::Channel(arguments) => channel::channel(&arguments)?,
        Command::Status(arguments) => running::status(&arguments)?,
        Command::Sessions(arguments) => running::sessions(&arguments)?,
        Command::Kick(arguments) => running::kick(&arguments)?,
        Command::Reload(arguments) => running::reload(&arguments)?,
        Command::LogLevel(arguments) => running::log_level(&arguments)?,
        Command::Backup(arguments) => backup::backup(&arguments)?,
        Command::Restore(arguments) => restore::restore(&arguments)?,
        Command::Ban(arguments) => bans::ban(&arguments)?,
        Command::Unban(arguments) => bans::unban(&arguments)?,
        Command::Bans(arguments) => bans::bans(&arguments)?,
        Command::Check(arguments) => check::check(&arguments)?,
        Command::Cert(arguments) => cert::cert(&arguments)?,
        Command::Generate(arguments) => generate::generate(&arguments, &definition())?,
        Command::Client(client) => run_client(client).map_err(Failure::Client)?,
    }
    Ok(())
}

fn run_client(client: Client) -> Result<(), ClientError> {
    let environment = Environment::of_process();
    match client {
        Client::Mail(arguments) => postroom_client::mail(&arguments, &environment),
        Client::Send(arguments) => postroom_client::send(&arguments, &environment),
        Client::Read(arguments) => postroom_client::read(&arguments, &environment),
        Client::Im(arguments) => postroom_client::im(&arguments, &environment),
        Client::Chat(arguments) => postroom_client::chat(&arguments, &environment),
        Client::Board(arguments) => postroom_client::board(&arguments, &environment),
        Client::Tail(arguments) => postroom_client::tail(&arguments, &environment),
        Client::Post(arguments) => postroom_client::post(&arguments, &environment),
        Client::History(arguments) => postroom_client::history(&arguments, &environment),
    }
}

impl Failure {
    /// Prints the error. If standard error is closed, the user does not want it.
    fn tell(&self) {
        let _ = match self {
            Self::Usage(error) => error.print(),
            Self::Client(error) if error.is_quiet() => Ok(()),
            // It may quote a file, or a word of the command line.
            Self::Client(error) => writeln!(io::stderr(), "postroom: {}", Safe(&error.to_string())),
            Self::Other(error) => writeln!(io::stderr(), "postroom: {}", Safe(&error.to_string())),
        };
    }

    fn status(&self) -> u8 {
        let is_client = || {
            std::env::args_os().nth(1).and_then(|name| Some(Client::has_subcommand(name.to_str()?)))
                == Some(true)
        };
        match self {
            Self::Usage(error) if error.use_stderr() && is_client() => ExitStatus::Usage.code(),
            // The exit code is 0 if help was requested.
            Self::Usage(error) => u8::try_from(error.exit_code()).unwrap_or(2),
            Self::Client(error) => error.exit_status().code(),
            Self::Other(_) => 1,
        }
    }
}
