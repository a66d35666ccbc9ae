//! Durable send: COMPOSE, or RPUSH, to recipients picked at random.

use crate::Outcome;
use crate::cli::{self, SendOptions};
use crate::drive::exchange::{self, Exchange};
use crate::drive::fleet::Extent;
use crate::drive::request::{Numbers, Requests};
use crate::drive::side::{OWN, RECIPIENT, Side};
use crate::measure::rounds::{self, Player};

pub(crate) fn run(options: &SendOptions) -> anyhow::Result<Outcome> {
    let sides = Side::all(&options.sides);
    if !options.no_setup {
        // Otherwise the first rounds would also pay for making the accounts.
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
    let extent = Extent::For(cli::seconds(options.seconds));
    Ok(Exchange::player(side, fleet, requests, extent))
}
