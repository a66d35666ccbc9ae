//! Connections that keep many messages unanswered.

use std::sync::atomic::AtomicBool;

use clap::Args;

use super::{Crowd, Crowded, HonestOptions};
use crate::drive::exchange::Exchange;
use crate::drive::fleet::Extent;
use crate::drive::request::{Numbers, Requests};
use crate::drive::side::{RECIPIENT, Side};
use crate::measure::rounds::Load as _;
use crate::options::{at_least_one, seconds};

/// Accounts that the crowd logs in as.
const CROWD: &str = "crowd";

#[derive(Debug, Args)]
pub(super) struct SendersOptions {
    #[command(flatten)]
    pub(super) honest: HonestOptions,
    /// Connections of the crowd
    #[arg(long, default_value_t = 2000, value_parser = at_least_one())]
    crowd: u32,
    /// Messages that each connection of the crowd keeps unanswered
    #[arg(long, default_value_t = 16, value_parser = at_least_one())]
    in_flight: u32,
}

impl SendersOptions {
    pub(super) fn crowd(&self, side: &Side) -> anyhow::Result<Senders> {
        let Self { crowd, in_flight, .. } = *self;
        let HonestOptions { recipients, body, .. } = self.honest;
        let (template, expected) = side.dialect.send(RECIPIENT, recipients, body);
        let exchange = Exchange {
            fleet: side.connect(CROWD, crowd, in_flight, expected)?,
            requests: Requests::new(template, Numbers::random(recipients), in_flight),
            // As long as the honest senders.
            extent: Extent::For(seconds(self.honest.seconds)),
            farewell: side.dialect.farewell(),
        };
        Ok(Senders { exchange, label: format!("{crowd} x {in_flight}") })
    }
}

#[derive(Debug)]
pub(super) struct Senders {
    exchange: Exchange,
    label: String,
}

impl Crowd for Senders {
    fn labels(&self) -> (&'static str, String) {
        ("senders", self.label.clone())
    }

    fn run(&mut self, is_there: bool, _over: &AtomicBool) -> anyhow::Result<Crowded> {
        if !is_there {
            return Ok(Crowded::default());
        }
        let tally = self.exchange.run()?;
        Ok(Crowded { requests: tally.answers, wrong: tally.first_wrong, ..Crowded::default() })
    }
}
