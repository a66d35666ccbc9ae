//! Fan-out: a few members of a channel post, and all others receive it.

use clap::Args;

use crate::drive::fleet::Extent;
use crate::drive::side::Side;
use crate::measure::bare_server::{BareServer, Work};
use crate::measure::measurement::Measurement;
use crate::measure::rounds::{self, Player, Workload};
use crate::measure::table::DELIVERIES;
use crate::options::{at_least_one, seconds};
use crate::outcome::Outcome;
use crate::report;
use crate::workloads::channel::{
    Audience, ChannelSideOptions, Pace, Plan, Protocol, player, post_bytes, sides,
};

#[derive(Debug, Args)]
pub(crate) struct FanoutOptions {
    #[command(flatten)]
    pub(crate) sides: ChannelSideOptions,
    /// Members of the channel; the first of them are the senders
    #[arg(long, default_value_t = 500, value_parser = at_least_one())]
    pub(crate) members: u32,
    /// Members that post
    #[arg(long, default_value_t = 4, value_parser = at_least_one())]
    pub(crate) senders: u32,
    /// Posts of each sender that some witness may lack
    #[arg(long, default_value_t = 16, value_parser = at_least_one())]
    pub(crate) unseen: u32,
    /// Members, none of them a sender, that must have a post before it counts as
    /// seen [default: all members but the post's sender]
    #[arg(long, value_parser = at_least_one())]
    pub(crate) witnesses: Option<u32>,
    /// Bytes of a post
    #[arg(long, default_value_t = 100, value_parser = post_bytes())]
    pub(crate) body: u32,
    /// Length of a round
    #[arg(long, default_value_t = 5, value_parser = at_least_one())]
    pub(crate) seconds: u32,
    /// Rounds of each side
    #[arg(long, default_value_t = 5, value_parser = at_least_one())]
    pub(crate) rounds: u32,
    /// Also measure the floor: a bare server that writes the same lines to the same
    /// number of connections and does nothing else
    #[arg(long)]
    pub(crate) floor: bool,
    /// Lines of a write of the floor [default: senders times unseen]
    #[arg(long, value_name = "LINES", requires = "floor", value_parser = at_least_one())]
    pub(crate) floor_lines: Option<u32>,
}

pub(crate) fn run(options: &FanoutOptions) -> anyhow::Result<Outcome> {
    let FanoutOptions { members, senders, unseen, witnesses, body, rounds, .. } = *options;
    let audience = Audience::Everyone;
    let plan = Plan { audience, members, senders, unseen, witnesses, body: body as usize };
    let pace = Pace::Seen(Extent::For(seconds(options.seconds)));
    let workload = Workload {
        name: "fanout",
        table: &DELIVERIES,
        settings: [members, senders, unseen, body].map(|count| count.to_string()).to_vec(),
        rounds,
        markdown: options.sides.markdown,
    };
    let mut players = sides(&options.sides)
        .into_iter()
        .map(|side| player(side, &plan, pace))
        .collect::<anyhow::Result<Vec<Player>>>()?;
    // It serves until the last round is over.
    let floor = options.floor.then(|| BareServer::start(Work::Repeat)).transpose()?;
    if let Some(server) = &floor {
        let side = Side::new(Protocol::Bare, server.address, Some(server.process()));
        let lines = options.floor_lines.unwrap_or(senders.saturating_mul(unseen));
        // One sender, whose posts all go into one write, in place of several whose posts
        // the server may send together.
        let plan = Plan { senders: 1, unseen: lines, ..plan };
        players.push(player(side, &plan, pace)?);
    }
    let played = rounds::play(&workload, players)?;
    if floor.is_some() {
        report_floor(&played.medians);
    }
    Ok(played.outcome)
}

/// Prints the server CPU of each side as a multiple of that of the last, the floor.
fn report_floor(medians: &[(&'static str, Measurement)]) {
    let Some(((_, floor), sides)) = medians.split_last() else {
        return;
    };
    for (label, side) in sides {
        if let Some(ratio) = side.ratio_to(floor).server_cpu_us {
            report::line(&format!("server CPU of {label}: {ratio:.2} of bare writes"));
        }
    }
}
