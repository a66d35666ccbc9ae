//! Durable send: COMPOSE, or RPUSH, to recipients picked at random.

use clap::Args;

use crate::drive::exchange::{self, Exchange};
use crate::drive::fleet::Extent;
use crate::drive::request::{Numbers, Requests};
use crate::drive::side::{OWN, RECIPIENT, Side, SideOptions};
use crate::measure::rounds::{self, Player};
use crate::options::{at_least_one, seconds};
use crate::outcome::Outcome;

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
    /// Skip the message that each recipient gets before the first round
    #[arg(long)]
    pub(crate) no_setup: bool,
}

pub(crate) fn run(options: &SendOptions) -> anyhow::Result<Outcome> {
    let sides = Side::all(&options.sides);
    if !options.no_setup {
        // Otherwise the first rounds would include the cost of new accounts.
        for side in &sides {
            let recipients = options.recipients;
            exchange::prepare(side, RECIPIENT, recipients, recipients.into(), options.body)?;
        }
    }
    let players: anyhow::Result<Vec<Player>> =
        sides.into_iter().map(|side| player(side, options)).collect();
    let SendOptions { connections, in_flight, rounds, .. } = *options;
    let markdown = options.sides.markdown;
    let workload = Exchange::workload("send", connections, in_flight, rounds, markdown);
    Ok(rounds::play(&workload, players?)?.outcome)
}

fn player(side: Side, options: &SendOptions) -> anyhow::Result<Player> {
    let in_flight = options.in_flight;
    let (template, expected) = side.dialect.send(RECIPIENT, options.recipients, options.body);
    let fleet = side.connect(OWN, options.connections, in_flight, expected)?;
    let requests = Requests::new(template, Numbers::random(options.recipients), in_flight);
    let extent = Extent::For(seconds(options.seconds));
    Ok(Exchange::player(side, fleet, requests, extent))
}
