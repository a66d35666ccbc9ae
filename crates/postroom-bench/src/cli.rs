//! The command line: one subcommand for each workload.

use clap::{Parser, Subcommand};

use crate::measure::bare_server::{self, Work};
use crate::workloads::beside::BesideOptions;
use crate::workloads::crash::CrashOptions;
use crate::workloads::echo::EchoOptions;
use crate::workloads::fanout::FanoutOptions;
use crate::workloads::fill::FillOptions;
use crate::workloads::idle::IdleOptions;
use crate::workloads::private::PrivateOptions;
use crate::workloads::read::ReadOptions;
use crate::workloads::send::SendOptions;
use crate::workloads::slow_member::SlowMemberOptions;
use crate::workloads::start::StartOptions;
use crate::workloads::web_server::WebServerOptions;

/// Measures a running Postroom server over loopback sockets.
#[derive(Debug, Parser)]
#[command(version)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Durable send: COMPOSE to random recipients, K in flight a connection
    Send(SendOptions),
    /// Durable read: every connection reads its own mailbox, one READ at a time
    Read(ReadOptions),
    /// A channel in which a few members post and every member gets every post
    Fanout(FanoutOptions),
    /// One message at a time between two members of an otherwise idle server
    Private(PrivateOptions),
    /// What members that read slowly cost the others, and what they miss
    SlowMember(SlowMemberOptions),
    /// What a crowd costs honest senders beside it
    Beside(BesideOptions),
    /// Resident memory of idle connections that are logged in
    Idle(IdleOptions),
    /// Fill a store with accounts and messages, through the protocol
    Fill(FillOptions),
    /// Time from the start of the server until it prints `ready`
    Start(StartOptions),
    /// Time from a start after a kill until the server is ready, and answers a client
    Crash(CrashOptions),
    /// The floor of this machine: the same load against a bare echo server
    Echo(EchoOptions),
    /// What most would write for HTTP: axum and `SQLite`, a commit a message
    WebServer(WebServerOptions),
    /// The server that `echo` and `fanout --floor` start
    #[command(name = bare_server::SUBCOMMAND, hide = true)]
    BareServer { work: Work },
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
