//! Fan-out: a few members of a channel post, and all others receive it.

use clap::Args;

use crate::drive::fleet::Extent;
use crate::measure::rounds::{self, Player, Workload};
use crate::measure::table::DELIVERIES;
use crate::options::{at_least_one, seconds};
use crate::outcome::Outcome;
use crate::workloads::channel::{
    Audience, ChannelSideOptions, Pace, Plan, player, post_bytes, sides,
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
    let players: anyhow::Result<Vec<Player>> =
        sides(&options.sides).into_iter().map(|side| player(side, &plan, pace)).collect();
    Ok(rounds::play(&workload, players?)?.outcome)
}
