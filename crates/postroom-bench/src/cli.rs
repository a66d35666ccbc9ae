//! The command line: one subcommand for each workload.

use std::net::{SocketAddr, ToSocketAddrs as _};
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};

use crate::drive::login::Login;
use crate::workloads::channel::SHORTEST_TEXT;

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
    /// A room where a few post and all others get it, each post in each hand
    Fanout(FanoutOptions),
    /// One message at a time from one to another, with nothing else going on
    Private(PrivateOptions),
    /// What a member that never reads costs the others, and how it ends
    SlowMember(SlowMemberOptions),
    /// Resident memory of connections that are logged in and silent
    Idle(IdleOptions),
    /// Fill a store with accounts and messages, through the protocol
    Fill(FillOptions),
    /// Time from starting the server to its `ready`
    Start(StartOptions),
    /// The floor of this machine: the same load against a bare echo server
    Echo(EchoOptions),
    /// The echo server that `echo` starts
    #[command(hide = true)]
    EchoServer,
}

/// The server that is measured, and perhaps one to compare it with.
#[derive(Debug, Args)]
pub(crate) struct SideOptions {
    /// Address of the server's `mailbox` listener
    #[arg(long, value_name = "HOST:PORT", value_parser = address)]
    pub(crate) server: SocketAddr,
    /// Process id of the server [default: the owner of the listening socket]
    #[arg(long, value_name = "PID")]
    pub(crate) server_pid: Option<u32>,
    /// Do the same work against this server too, rounds in ABBA order
    #[arg(long, value_name = "redis=HOST:PORT", value_parser = redis)]
    pub(crate) against: Option<SocketAddr>,
    /// Print the medians as a Markdown table
    #[arg(long)]
    pub(crate) markdown: bool,
}

#[derive(Debug, Args)]
pub(crate) struct SendOptions {
    #[command(flatten)]
    pub(crate) sides: SideOptions,
    /// Connections, each logged in as its own account
    #[arg(long, default_value_t = 50, value_parser = at_least_one())]
    pub(crate) connections: u32,
    /// Requests that each connection keeps unanswered
    #[arg(long, default_value_t = 1, value_parser = at_least_one())]
    pub(crate) in_flight: u32,
    /// Messages go to this many accounts, picked at random
    #[arg(long, default_value_t = 100_000, value_parser = at_least_one())]
    pub(crate) recipients: u32,
    /// Bytes of a message's body
    #[arg(long, default_value_t = 100)]
    pub(crate) body: usize,
    /// Length of a round
    #[arg(long, default_value_t = 5, value_parser = at_least_one())]
    pub(crate) seconds: u32,
    /// Rounds of each side
    #[arg(long, default_value_t = 5, value_parser = at_least_one())]
    pub(crate) rounds: u32,
    /// Leave out the message that each recipient gets before the first round
    #[arg(long)]
    pub(crate) no_setup: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ReadOptions {
    #[command(flatten)]
    pub(crate) sides: SideOptions,
    /// Connections, each logged in as its own account
    #[arg(long, default_value_t = 50, value_parser = at_least_one())]
    pub(crate) connections: u32,
    /// Messages put into each mailbox beforehand, for all rounds together;
    /// needs a server with at least that `--capacity`
    #[arg(long, default_value_t = 10_000, value_parser = at_least_one())]
    pub(crate) messages: u32,
    /// Bytes of a message's body
    #[arg(long, default_value_t = 100)]
    pub(crate) body: usize,
    /// Rounds of each side
    #[arg(long, default_value_t = 5, value_parser = at_least_one())]
    pub(crate) rounds: u32,
}

/// The server whose room is measured, and perhaps one to compare it with.
#[derive(Debug, Args)]
pub(crate) struct RoomSideOptions {
    /// Address of the server's `chat` listener
    #[arg(long, value_name = "HOST:PORT", value_parser = address)]
    pub(crate) server: SocketAddr,
    /// Process id of the server [default: the owner of the listening socket]
    #[arg(long, value_name = "PID")]
    pub(crate) server_pid: Option<u32>,
    /// Do the same work against this IRC server too, rounds in ABBA order
    #[arg(long, value_name = "ngircd=HOST:PORT", value_parser = ngircd)]
    pub(crate) against: Option<SocketAddr>,
    /// Print the medians as a Markdown table
    #[arg(long)]
    pub(crate) markdown: bool,
}

#[derive(Debug, Args)]
pub(crate) struct FanoutOptions {
    #[command(flatten)]
    pub(crate) sides: RoomSideOptions,
    /// Members of the room; the first of them are the senders
    #[arg(long, default_value_t = 500, value_parser = at_least_one())]
    pub(crate) members: u32,
    /// Members that post
    #[arg(long, default_value_t = 4, value_parser = at_least_one())]
    pub(crate) senders: u32,
    /// Posts of each sender that a witness lacks, at most
    #[arg(long, default_value_t = 16, value_parser = at_least_one())]
    pub(crate) unseen: u32,
    /// Members that only read, and without which a post counts as unseen
    /// [default: all members that did not send it]
    #[arg(long, value_parser = at_least_one())]
    pub(crate) witnesses: Option<u32>,
    /// Bytes of a post
    #[arg(long, default_value_t = 100, value_parser = post_bytes())]
    pub(crate) body: u32,
    /// Length of a round
    #[arg(long, default_value_t = 5, value_parser = at_least_one())]
    pub(crate) seconds: u32,
    /// Rounds of each side
    #[arg(long, default_value_t = 5, value_parser = at_least_one())]
    pub(crate) rounds: u32,
}

#[derive(Debug, Args)]
pub(crate) struct PrivateOptions {
    #[command(flatten)]
    pub(crate) sides: RoomSideOptions,
    /// Messages of a round
    #[arg(long, default_value_t = 5000, value_parser = at_least_one())]
    pub(crate) messages: u32,
    /// Bytes of a message
    #[arg(long, default_value_t = 100, value_parser = post_bytes())]
    pub(crate) body: u32,
    /// Rounds of each side
    #[arg(long, default_value_t = 5, value_parser = at_least_one())]
    pub(crate) rounds: u32,
    /// Let the server store each message before it is shown: post it to the
    /// room, with nobody else there
    #[arg(long)]
    pub(crate) stored: bool,
    /// Measure next to it what a sync costs on the disk of this folder
    #[arg(long, value_name = "DIR", requires_all = ["stored", "against"])]
    pub(crate) sync_folder: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct SlowMemberOptions {
    /// Address of the server's `chat` listener
    #[arg(long, value_name = "HOST:PORT", value_parser = address)]
    pub(crate) server: SocketAddr,
    /// Process id of the server [default: the owner of the listening socket]
    #[arg(long, value_name = "PID")]
    pub(crate) server_pid: Option<u32>,
    /// Members that read; the first of them are the senders
    #[arg(long, default_value_t = 100, value_parser = at_least_one())]
    pub(crate) members: u32,
    /// Members that post
    #[arg(long, default_value_t = 4, value_parser = at_least_one())]
    pub(crate) senders: u32,
    /// Posts a second, of all senders together
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub(crate) rate: u32,
    /// Bytes of a post
    #[arg(long, default_value_t = 1000, value_parser = post_bytes())]
    pub(crate) body: u32,
    /// Length of a round
    #[arg(long, default_value_t = 10, value_parser = at_least_one())]
    pub(crate) seconds: u32,
    /// Pairs of a round with a member that never reads and one without
    #[arg(long, default_value_t = 5, value_parser = at_least_one())]
    pub(crate) rounds: u32,
    /// Print the medians as a Markdown table
    #[arg(long)]
    pub(crate) markdown: bool,
}

#[derive(Debug, Args)]
pub(crate) struct IdleOptions {
    /// Address of the server's listener
    #[arg(long, value_name = "HOST:PORT", value_parser = address)]
    pub(crate) server: SocketAddr,
    /// What is spoken there
    #[arg(long, value_enum, default_value_t = Login::Mailbox)]
    pub(crate) protocol: Login,
    /// Process id of the server [default: the owner of the listening socket]
    #[arg(long, value_name = "PID")]
    pub(crate) server_pid: Option<u32>,
    /// Connections that are to be open at once
    #[arg(long, default_value_t = 10_000, value_parser = at_least_one())]
    pub(crate) connections: u32,
    /// Log in as this many accounts, in turn; fewer of them show the price of
    /// a connection without that of an account [default: one a connection]
    #[arg(long, value_parser = at_least_one())]
    pub(crate) accounts: Option<u32>,
}

#[derive(Debug, Args)]
pub(crate) struct FillOptions {
    /// Address of the server's `mailbox` listener
    #[arg(long, value_name = "HOST:PORT", value_parser = address)]
    pub(crate) server: SocketAddr,
    /// Process id of the server [default: the owner of the listening socket]
    #[arg(long, value_name = "PID")]
    pub(crate) server_pid: Option<u32>,
    /// Accounts that get messages
    #[arg(long, default_value_t = 1_000_000, value_parser = at_least_one())]
    pub(crate) accounts: u32,
    /// Messages for each account; a round of the table is one for everyone
    #[arg(long, default_value_t = 10, value_parser = at_least_one())]
    pub(crate) messages: u32,
    /// Bytes of a message's body
    #[arg(long, default_value_t = 100)]
    pub(crate) body: usize,
    /// Connections that send
    #[arg(long, default_value_t = 4, value_parser = at_least_one())]
    pub(crate) connections: u32,
    /// Requests that each connection keeps unanswered
    #[arg(long, default_value_t = 250, value_parser = at_least_one())]
    pub(crate) in_flight: u32,
}

#[derive(Debug, Args)]
pub(crate) struct StartOptions {
    /// The `postroom` program
    #[arg(long, value_name = "PATH")]
    pub(crate) program: PathBuf,
    /// The data folder it is to start with
    #[arg(long, value_name = "DIR")]
    pub(crate) data: PathBuf,
    /// Starts, each with a stop after it
    #[arg(long, default_value_t = 5, value_parser = at_least_one())]
    pub(crate) rounds: u32,
    /// Further arguments of `postroom serve`
    #[arg(last = true)]
    pub(crate) extra: Vec<String>,
}

#[derive(Debug, Args)]
pub(crate) struct EchoOptions {
    /// Connections to the echo server
    #[arg(long, default_value_t = 50, value_parser = at_least_one())]
    pub(crate) connections: u32,
    /// Requests that each connection keeps unanswered
    #[arg(long, default_value_t = 1, value_parser = at_least_one())]
    pub(crate) in_flight: u32,
    /// Length of a round
    #[arg(long, default_value_t = 5, value_parser = at_least_one())]
    pub(crate) seconds: u32,
    /// Bytes of a message's body; the request has 16 more, as in `send`
    #[arg(long, default_value_t = 100)]
    pub(crate) body: usize,
    /// Rounds
    #[arg(long, default_value_t = 5, value_parser = at_least_one())]
    pub(crate) rounds: u32,
    /// Print the medians as a Markdown table
    #[arg(long)]
    pub(crate) markdown: bool,
}

/// A round's length as a duration.
pub(crate) fn seconds(count: u32) -> Duration {
    Duration::from_secs(u64::from(count))
}

fn at_least_one() -> clap::builder::RangedI64ValueParser<u32> {
    clap::value_parser!(u32).range(1..)
}

/// Less would not tell posts apart.
fn post_bytes() -> clap::builder::RangedI64ValueParser<u32> {
    clap::value_parser!(u32).range(i64::from(SHORTEST_TEXT)..)
}

fn address(text: &str) -> Result<SocketAddr, String> {
    text.to_socket_addrs()
        .map_err(|error| format!("`{text}` is no HOST:PORT: {error}"))?
        .next()
        .ok_or_else(|| format!("`{text}` has no address"))
}

fn redis(text: &str) -> Result<SocketAddr, String> {
    rival(text, "redis=")
}

fn ngircd(text: &str) -> Result<SocketAddr, String> {
    rival(text, "ngircd=")
}

fn rival(text: &str, prefix: &str) -> Result<SocketAddr, String> {
    let place = text
        .strip_prefix(prefix)
        .ok_or_else(|| format!("`{text}` does not begin with `{prefix}`, the one server known"))?;
    address(place)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_rival_is_named_with_its_address() {
        assert_eq!(redis("redis=127.0.0.1:7399").unwrap(), ([127, 0, 0, 1], 7399).into());
        assert_eq!(ngircd("ngircd=127.0.0.1:6667").unwrap(), ([127, 0, 0, 1], 6667).into());
        assert!(redis("127.0.0.1:7399").is_err());
        assert!(redis("redis=7399").is_err());
        assert!(ngircd("redis=127.0.0.1:7399").is_err());
    }
}
