//! Fan-out: a few members of a room post, and everyone else gets it.

use crate::Outcome;
use crate::cli::{self, FanoutOptions, RoomSideOptions};
use crate::drive::fleet::Extent;
use crate::drive::side::Side;
use crate::measure::rounds::{self, Load, Player, Workload};
use crate::measure::table::DELIVERIES;
use crate::measure::tally::Tally;
use crate::workloads::channel::{Audience, Pace, Plan, Protocol, Room};

pub(crate) fn run(options: &FanoutOptions) -> anyhow::Result<Outcome> {
    let FanoutOptions { members, senders, unseen, witnesses, body, rounds, .. } = *options;
    let audience = Audience::Everyone;
    let plan = Plan { audience, members, senders, unseen, witnesses, body: body as usize };
    let pace = Pace::Seen(Extent::For(cli::seconds(options.seconds)));
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

/// The server, and the one to compare it with.
pub(crate) fn sides(options: &RoomSideOptions) -> Vec<Side<Protocol>> {
    let own = Side::new(Protocol::Chat, options.server, options.server_pid);
    let rival = options.against.map(|address| Side::new(Protocol::Irc, address, None));
    std::iter::once(own).chain(rival).collect()
}

/// `side` with everyone in the room, who post at `pace`.
pub(crate) fn player(side: Side<Protocol>, plan: &Plan, pace: Pace) -> anyhow::Result<Player> {
    let room = Room::open(side.dialect, side.address, plan)?;
    Ok(Player::new(side.dialect.label(), side.process, Talk { room, pace }))
}

/// A round of posts.
#[derive(Debug)]
struct Talk {
    room: Room,
    pace: Pace,
}

impl Load for Talk {
    fn run(&mut self) -> anyhow::Result<Tally> {
        self.room.run(self.pace)
    }

    fn end(self: Box<Self>) -> anyhow::Result<()> {
        self.room.end()
    }
}
