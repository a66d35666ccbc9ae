//! Durable read: each connection empties its own mailbox, or list, one message
//! at a time.

use anyhow::ensure;
use clap::Args;

use crate::drive::exchange::{self, Exchange};
use crate::drive::fleet::Extent;
use crate::drive::request::{Numbers, Requests};
use crate::drive::side::{OWN, Side, SideOptions};
use crate::measure::rounds::{self, Player};
use crate::options::at_least_one;
use crate::outcome::Outcome;

/// One, since the next READ confirms that the last answer arrived.
const IN_FLIGHT: u32 = 1;

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

pub(crate) fn run(options: &ReadOptions) -> anyhow::Result<Outcome> {
    let share = options.messages / options.rounds;
    ensure!(
        share > 0,
        "{} messages are too few for {} rounds; use a larger --messages",
        options.messages,
        options.rounds
    );
    let sides = Side::all(&options.sides);
    for side in &sides {
        let total = u64::from(options.connections) * u64::from(options.messages);
        exchange::prepare(side, OWN, options.connections, total, options.body)?;
    }
    let extent = Extent::Each(share.into());
    let players: anyhow::Result<Vec<Player>> =
        sides.into_iter().map(|side| player(side, options.connections, extent)).collect();
    let ReadOptions { connections, rounds, .. } = *options;
    let markdown = options.sides.markdown;
    let workload = Exchange::workload("read", connections, IN_FLIGHT, rounds, markdown);
    Ok(rounds::play(&workload, players?)?.outcome)
}

fn player(side: Side, connections: u32, extent: Extent) -> anyhow::Result<Player> {
    let (template, expected) = side.dialect.read(OWN, connections)?;
    let fleet = side.connect(OWN, connections, IN_FLIGHT, expected)?;
    let requests = Requests::new(template, Numbers::Own, IN_FLIGHT);
    Ok(Exchange::player(side, fleet, requests, extent))
}
