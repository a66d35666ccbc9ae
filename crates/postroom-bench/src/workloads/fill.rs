//! Fills a store through the protocol. Every account gets its first message,
//! then its second, and so on, in the order in which mail would arrive; a round
//! of the table is one message for each account.

use std::net::SocketAddr;

use clap::Args;

use crate::drive::exchange::Exchange;
use crate::drive::fleet::Extent;
use crate::drive::request::{Numbers, Requests};
use crate::drive::side::{Dialect, RECIPIENT, SETUP, Side};
use crate::measure::rounds;
use crate::options::{address, at_least_one};
use crate::outcome::Outcome;

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
    /// Messages for each account; a round of the table is one for each
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

pub(crate) fn run(options: &FillOptions) -> anyhow::Result<Outcome> {
    let side = Side::new(Dialect::Mailbox, options.server, options.server_pid);
    let (template, expected) = side.dialect.send(RECIPIENT, options.accounts, options.body);
    let fleet = side.connect(SETUP, options.connections, options.in_flight, expected)?;
    let requests = Requests::new(template, Numbers::cycle(options.accounts), options.in_flight);
    let FillOptions { connections, in_flight, messages, .. } = *options;
    let workload = Exchange::workload("fill", connections, in_flight, messages, false);
    let extent = Extent::Total(options.accounts.into());
    let player = Exchange::player(side, fleet, requests, extent);
    Ok(rounds::play(&workload, vec![player])?.outcome)
}
