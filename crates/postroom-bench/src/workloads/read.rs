//! Durable read: each connection empties its own mailbox, or list, asking for
//! the next message only when it has the last.

use anyhow::ensure;

use crate::Outcome;
use crate::cli::ReadOptions;
use crate::drive::exchange::{self, Exchange};
use crate::drive::fleet::Extent;
use crate::drive::request::{Numbers, Requests};
use crate::drive::side::{OWN, Side};
use crate::measure::rounds::{self, Player};

/// The next READ proves that the last answer arrived, so that there is one.
const IN_FLIGHT: u32 = 1;

pub(crate) fn run(options: &ReadOptions) -> anyhow::Result<Outcome> {
    let share = options.messages / options.rounds;
    ensure!(
        share > 0,
        "{} messages are too few for {} rounds; give --messages more",
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
    let (template, expected) = side.dialect.read(OWN, connections);
    let fleet = side.connect(OWN, connections, IN_FLIGHT, expected)?;
    let requests = Requests::new(template, Numbers::Own, IN_FLIGHT);
    Ok(Exchange::player(side, fleet, requests, extent))
}
