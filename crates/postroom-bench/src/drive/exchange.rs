//! A load of requests and answers.

use anyhow::{Context as _, ensure};

use crate::drive::fleet::{Extent, Fleet};
use crate::drive::request::{Numbers, Requests};
use crate::drive::side::{SETUP, Side};
use crate::measure::rounds::{Load, Player, Workload};
use crate::measure::table::ROUNDS;
use crate::measure::tally::Tally;

/// Connections and requests in flight of a setup, which is not measured.
const SETUP_CONNECTIONS: u32 = 4;
const SETUP_IN_FLIGHT: u32 = 250;

#[derive(Debug)]
pub(crate) struct Exchange {
    pub(crate) fleet: Fleet,
    pub(crate) requests: Requests,
    /// How long a round is.
    pub(crate) extent: Extent,
    /// The protocol's command that ends a connection.
    pub(crate) farewell: &'static [u8],
}

impl Exchange {
    /// The player that puts this load on `side`.
    pub(crate) fn player(side: Side, fleet: Fleet, requests: Requests, extent: Extent) -> Player {
        let farewell = side.dialect.farewell();
        let exchange = Self { fleet, requests, extent, farewell };
        Player::new(side.dialect.label(), side.process, exchange)
    }

    /// The workload, as the table's rows name it.
    pub(crate) fn workload(
        name: &'static str,
        connections: u32,
        in_flight: u32,
        rounds: u32,
        markdown: bool,
    ) -> Workload {
        let settings = [connections, in_flight].map(|count| count.to_string()).to_vec();
        Workload { name, table: &ROUNDS, settings, rounds, markdown }
    }
}

impl Load for Exchange {
    fn run(&mut self) -> anyhow::Result<Tally> {
        self.fleet.run(&mut self.requests, self.extent)
    }

    fn end(self: Box<Self>) -> anyhow::Result<()> {
        self.fleet.end(self.farewell)
    }
}

/// Sends `total` messages to the accounts `<prefix>NNN` in turn, before
/// anything is measured.
pub(crate) fn prepare(
    side: &Side,
    prefix: &str,
    accounts: u32,
    total: u64,
    body: usize,
) -> anyhow::Result<()> {
    let (template, expected) = side.dialect.send(prefix, accounts, body);
    let requests = Requests::new(template, Numbers::cycle(accounts), SETUP_IN_FLIGHT);
    let fleet = side.connect(SETUP, SETUP_CONNECTIONS, SETUP_IN_FLIGHT, expected)?;
    let label = side.dialect.label();
    let farewell = side.dialect.farewell();
    let mut exchange = Exchange { fleet, requests, extent: Extent::Total(total), farewell };
    let tally = exchange.run().context(label)?;
    ensure!(
        tally.wrong == 0,
        "{label} refused {} of {total} messages of the setup, the first with `{}`; \
         does it have room for them (`--capacity`)?",
        tally.wrong,
        tally.first_wrong.unwrap_or_default()
    );
    Box::new(exchange).end()
}
