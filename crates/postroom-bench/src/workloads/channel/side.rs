//! The servers whose channels are compared.

use std::net::SocketAddr;

use clap::Args;

use super::{Channel, Pace, Plan, Protocol};
use crate::drive::side::Side;
use crate::measure::rounds::{Load, Player};
use crate::measure::tally::Tally;
use crate::options::{address, ngircd};
use crate::report;

/// The server whose channel is measured, and perhaps one to compare it with.
#[derive(Debug, Args)]
pub(crate) struct ChannelSideOptions {
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

/// The server and, if given, the IRC server to compare it with.
pub(crate) fn sides(options: &ChannelSideOptions) -> Vec<Side<Protocol>> {
    let own = Side::new(Protocol::Chat, options.server, options.server_pid);
    let rival = options.against.map(|address| Side::new(Protocol::Irc, address, None));
    std::iter::once(own).chain(rival).collect()
}

/// The player whose members post at `pace` in a channel of `side`.
pub(crate) fn player(side: Side<Protocol>, plan: &Plan, pace: Pace) -> anyhow::Result<Player> {
    let channel = Channel::open(side.dialect, side.address, plan)?;
    Ok(Player::new(side.dialect.label(), side.process, Talk { channel, pace }))
}

/// The load of posts in a channel.
#[derive(Debug)]
struct Talk {
    channel: Channel,
    pace: Pace,
}

impl Load for Talk {
    fn run(&mut self) -> anyhow::Result<Tally> {
        self.channel.run(self.pace)
    }

    fn end(self: Box<Self>) -> anyhow::Result<()> {
        // Between two members no posts gather.
        if let (3.., Some(posts)) = (self.channel.members.len(), self.channel.posts_a_read()) {
            let label = self.channel.protocol.label();
            report::line(&format!("{label}: {posts:.1} posts a read"));
        }
        self.channel.end()
    }
}
