//! `postroom-bench`: puts load on a running server over loopback sockets and
//! prints what it measured.
//!
//! Server and generator share the machine, so CPU that the generator uses is
//! missing on the server. The generator therefore has one thread, formats its
//! requests once, makes one read and one write call per wake-up of a
//! connection, and allocates nothing in that loop (`drive/fleet.rs`).

// One pattern for modules: a module with parts is `name/mod.rs`.
#![deny(clippy::self_named_module_files)]

mod cli;
mod drive;
mod measure;
mod options;
mod outcome;
mod report;
mod workloads;

use std::process::ExitCode;

use clap::Parser as _;

use cli::{Cli, Command};
use measure::{bare_server, machine};
use outcome::Outcome;
use workloads::{
    beside, crash, echo, fanout, fill, idle, private, read, send, slow_member, start, web_server,
};

fn main() -> ExitCode {
    match run(&Cli::parse().command) {
        Ok(Outcome::Clean) => ExitCode::SUCCESS,
        Ok(Outcome::WrongAnswers) => ExitCode::FAILURE,
        Err(error) => {
            report::failure(&error);
            ExitCode::FAILURE
        }
    }
}

fn run(command: &Command) -> anyhow::Result<Outcome> {
    if !matches!(command, Command::BareServer { .. }) {
        report::line(&machine::facts());
    }
    match command {
        Command::Send(options) => send::run(options),
        Command::Read(options) => read::run(options),
        Command::Fanout(options) => fanout::run(options),
        Command::Private(options) => private::run(options),
        Command::SlowMember(options) => slow_member::run(options),
        Command::Beside(options) => beside::run(options),
        Command::Idle(options) => idle::run(options),
        Command::Fill(options) => fill::run(options),
        Command::Start(options) => start::run(options),
        Command::Crash(options) => crash::run(options),
        Command::Echo(options) => echo::run(options),
        Command::WebServer(options) => web_server::run(options),
        Command::BareServer { work } => bare_server::run(*work),
    }
}
