//! A round of requests, each with its answer.

use crate::drive::fleet::{Extent, Fleet};
use crate::drive::request::Requests;
use crate::drive::side::Side;
use crate::measure::rounds::{Load, Player, Workload};
use crate::measure::table::ROUNDS;
use crate::measure::tally::Tally;

#[derive(Debug)]
pub(crate) struct Exchange {
    pub(crate) fleet: Fleet,
    pub(crate) requests: Requests,
    /// How long a round is.
    pub(crate) extent: Extent,
    /// What ends each connection.
    pub(crate) farewell: &'static [u8],
}

impl Exchange {
    /// `side` with this load.
    pub(crate) fn player(side: Side, fleet: Fleet, requests: Requests, extent: Extent) -> Player {
        let farewell = side.dialect.farewell();
        let exchange = Self { fleet, requests, extent, farewell };
        Player::new(side.dialect.label(), side.process, exchange)
    }

    /// How the rows of such a workload begin.
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
