//! Fills a store through the protocol: every account gets its first message,
//! then its second, as mail would come; a round of the table is one for all.

use crate::Outcome;
use crate::cli::FillOptions;
use crate::drive::exchange::Exchange;
use crate::drive::fleet::Extent;
use crate::drive::request::{Numbers, Requests};
use crate::drive::side::{Dialect, RECIPIENT, SETUP, Side};
use crate::measure::rounds;

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
