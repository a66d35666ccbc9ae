//! Latency from one to another: the next message is sent when the last has
//! come, and nothing else goes on.

use crate::Outcome;
use crate::cli::PrivateOptions;
use crate::drive::fleet::Extent;
use crate::drive::side::Side;
use crate::measure::disk::{Place, Syncs};
use crate::measure::measurement::Measurement;
use crate::measure::rounds::{self, Player, Workload};
use crate::measure::table::MESSAGES;
use crate::report;
use crate::workloads::channel::{Audience, Pace, Plan, Protocol};
use crate::workloads::fanout;

/// Syncs of a round: enough for a median.
const SYNCS: u32 = 1000;

pub(crate) fn run(options: &PrivateOptions) -> anyhow::Result<Outcome> {
    let PrivateOptions { messages, body, rounds, stored, .. } = *options;
    let mut players = fanout::sides(&options.sides)
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
    // With two present, a post to the room goes where a private one would.
    let public = options.stored && side.dialect == Protocol::Chat;
    let audience = if public { Audience::Everyone } else { Audience::Private };
    let body = options.body as usize;
    let plan = Plan { audience, members: 2, senders: 1, unseen: 1, witnesses: None, body };
    fanout::player(side, &plan, Pace::Seen(Extent::Total(options.messages.into())))
}

/// Tells what a stored message costs beyond the rival, which stores nothing, and
/// beyond a sync of its own.
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
