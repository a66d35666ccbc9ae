//! Latency between two members of an otherwise idle server: each message is sent
//! after the last has arrived.

use std::path::PathBuf;

use clap::Args;

use crate::drive::fleet::Extent;
use crate::drive::side::Side;
use crate::measure::disk::{Place, Syncs};
use crate::measure::measurement::Measurement;
use crate::measure::rounds::{self, Player, Workload};
use crate::measure::table::MESSAGES;
use crate::options::at_least_one;
use crate::outcome::Outcome;
use crate::report;
use crate::workloads::channel::{
    self, Audience, ChannelSideOptions, Pace, Plan, Protocol, post_bytes, sides,
};

/// Syncs of a round: enough for a median.
const SYNCS: u32 = 1000;

#[derive(Debug, Args)]
pub(crate) struct PrivateOptions {
    #[command(flatten)]
    pub(crate) sides: ChannelSideOptions,
    /// Messages of a round
    #[arg(long, default_value_t = 5000, value_parser = at_least_one())]
    pub(crate) messages: u32,
    /// Bytes of a message
    #[arg(long, default_value_t = 100, value_parser = post_bytes())]
    pub(crate) body: u32,
    /// Rounds of each side
    #[arg(long, default_value_t = 5, value_parser = at_least_one())]
    pub(crate) rounds: u32,
    /// Let the server store each message before it is shown, by posting to a
    /// channel without other members
    #[arg(long)]
    pub(crate) stored: bool,
    /// Also measure what a sync costs on the disk of this folder
    #[arg(long, value_name = "DIR", requires_all = ["stored", "against"])]
    pub(crate) sync_folder: Option<PathBuf>,
}

pub(crate) fn run(options: &PrivateOptions) -> anyhow::Result<Outcome> {
    let PrivateOptions { messages, body, rounds, stored, .. } = *options;
    let mut players = sides(&options.sides)
        .into_iter()
        .map(|side| player(side, options))
        .collect::<anyhow::Result<Vec<Player>>>()?;
    if let Some(folder) = &options.sync_folder {
        for place in [Place::Over, Place::Behind] {
            players.push(Player::new(place.label(), None, Syncs::new(folder, place, SYNCS)?));
        }
    }
    let workload = Workload {
        name: if stored { "stored" } else { "private" },
        table: &MESSAGES,
        settings: [messages, body].map(|count| count.to_string()).to_vec(),
        rounds,
        markdown: options.sides.markdown,
    };
    let played = rounds::play(&workload, players)?;
    compare(&played.medians);
    Ok(played.outcome)
}

fn player(side: Side<Protocol>, options: &PrivateOptions) -> anyhow::Result<Player> {
    // With two members, a post has the same recipient as a private message.
    let public = options.stored && side.dialect == Protocol::Chat;
    let audience = if public { Audience::Everyone } else { Audience::Private };
    let body = options.body as usize;
    let plan = Plan { audience, members: 2, senders: 1, unseen: 1, witnesses: None, body };
    channel::player(side, &plan, Pace::Seen(Extent::Total(options.messages.into())))
}

/// Prints what a stored message costs beyond one of the rival, which stores
/// nothing, and one sync.
fn compare(medians: &[(&'static str, Measurement)]) {
    if let [(own, ours), (rival, theirs), syncs @ ..] = medians {
        for (sync, alone) in syncs {
            report::line(&format!(
                "p50 of {own} beyond {rival} and one synced {sync}: {:.0} us",
                ours.p50_us - theirs.p50_us - alone.p50_us
            ));
        }
    }
}
