//! The floor of this machine: the load of `send` against a server that only
//! sends back what it receives.

use clap::Args;

use crate::drive::exchange::Exchange;
use crate::drive::fleet::Extent;
use crate::drive::request::{Numbers, Requests};
use crate::drive::side::{Dialect, OWN, RECIPIENT, Side};
use crate::measure::bare_server::{BareServer, Work};
use crate::measure::rounds;
use crate::options::{at_least_one, seconds};
use crate::outcome::Outcome;

/// As many as `send` has by default, so that requests have the same size.
const RECIPIENTS: u32 = 100_000;

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

pub(crate) fn run(options: &EchoOptions) -> anyhow::Result<Outcome> {
    let server = BareServer::start(Work::Echo)?;
    let side = Side::new(Dialect::Echo, server.address, Some(server.process()));
    let in_flight = options.in_flight;
    let (template, expected) = side.dialect.send(RECIPIENT, RECIPIENTS, options.body);
    let fleet = side.connect(OWN, options.connections, in_flight, expected)?;
    let requests = Requests::new(template, Numbers::random(RECIPIENTS), in_flight);
    let EchoOptions { connections, rounds, markdown, .. } = *options;
    let workload = Exchange::workload("echo", connections, in_flight, rounds, markdown);
    let extent = Extent::For(seconds(options.seconds));
    let player = Exchange::player(side, fleet, requests, extent);
    Ok(rounds::play(&workload, vec![player])?.outcome)
}
