//! A store in memory whose calls end as the seed has it.

use postroom_store::{Call, Fate, Limits, MemoryDisk, MemoryStore, Timestamp};

use crate::copied::Copied;
use crate::passwords::register_all;
use crate::random::Random;
use crate::scenario::{Scenario, StoreTroubles};
use crate::world::TroubledDisk;

impl TroubledDisk for MemoryDisk {
    fn prepare(&mut self, scenario: &Scenario) {
        register_all(&mut Self::open(self, scenario.rules.limits), scenario.accounts());
    }

    fn trouble(&mut self, troubles: StoreTroubles, mut random: Random) {
        self.decide(move |call| allowed(call, fate(troubles, &mut random)));
    }

    fn calm(&mut self) {
        self.carry_out();
    }

    fn set_full(&mut self, is_full: bool) {
        Self::set_full(self, is_full);
    }

    fn cut(&mut self) {}

    fn close(&mut self) {}

    fn flip_bit(&mut self) -> bool {
        false
    }

    fn open_damaged(&mut self, limits: Limits) -> Option<MemoryStore> {
        Some(Self::open(self, limits))
    }

    fn read_backup(&self, copy: &[u8], _: Limits, _: Timestamp) -> Copied {
        let lines = str::from_utf8(copy).expect("texts are UTF-8").lines();
        Copied::with_texts(lines.map(|line| line.split_once(' ').expect("a text has a place")))
    }

    fn writes_lost(&self) -> u64 {
        0
    }

    fn keep_house(&mut self) {}
}

fn fate(troubles: StoreTroubles, random: &mut Random) -> Fate {
    if random.chance(troubles.late) {
        Fate::Late
    } else if random.chance(troubles.unavailable) {
        Fate::Unavailable
    } else if random.chance(troubles.unknown) {
        Fate::Unknown { carried_out: random.chance(500) }
    } else {
        Fate::CarriedOut
    }
}

/// What a store may let become of a call that `fate` is meant for.
fn allowed(call: &Call, fate: Fate) -> Fate {
    match (call, fate) {
        (Call::Release { .. } | Call::Return { .. }, Fate::Unavailable | Fate::Unknown { .. }) => {
            Fate::CarriedOut
        }
        (
            Call::Open { .. }
            | Call::Compose { .. }
            | Call::ComposeAll { .. }
            | Call::Once { .. }
            | Call::Confirm { .. }
            | Call::Post { .. }
            | Call::DeletePost { .. }
            | Call::ChangePassword { .. }
            | Call::SetPassword { .. }
            | Call::Import { .. }
            | Call::RemovePassword { .. }
            | Call::Delete { .. }
            | Call::Rename { .. }
            | Call::ReleaseName { .. }
            | Call::Block { .. }
            | Call::ManageChannel { .. }
            | Call::Ban { .. }
            | Call::Unban { .. },
            fate,
        ) => fate,
        (_, Fate::Unknown { .. }) => Fate::Unavailable,
        (_, fate) => fate,
    }
}
