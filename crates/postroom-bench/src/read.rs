//! Durable read: each connection empties its own mailbox, or list, asking for
//! the next message only when it has the last.

use anyhow::ensure;

use crate::Outcome;
use crate::cli::ReadOptions;
use crate::fleet::Extent;
use crate::request::{Numbers, Requests};
use crate::rounds::{self, Player, Workload};
use crate::side::{OWN, Side};

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
        rounds::prepare(side, OWN, options.connections, total, options.body)?;
    }
    let players: anyhow::Result<Vec<Player>> =
        sides.into_iter().map(|side| player(side, options)).collect();
    let workload = Workload {
        name: "read",
        connections: options.connections,
        in_flight: IN_FLIGHT,
        rounds: options.rounds,
        extent: Extent::Each(share.into()),
        markdown: options.sides.markdown,
    };
    rounds::play(&workload, players?)
}

fn player(side: Side, options: &ReadOptions) -> anyhow::Result<Player> {
    let (template, expected) = side.dialect.read(OWN, options.connections);
    let fleet = side.connect(OWN, options.connections, IN_FLIGHT, expected)?;
    let requests = Requests::new(template, Numbers::Own, IN_FLIGHT);
    Ok(Player::new(side, fleet, requests))
}
