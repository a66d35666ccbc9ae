//! What clients, the store and the clock do, one step after the other.

use std::time::Duration;

use postroom_store::{Call, Fate};
use proptest::prelude::*;

use super::client::{Client, PROTOCOLS};
use super::world::World;

/// One step. Clients and what is held are counted around.
#[derive(Clone, Copy, Debug)]
pub(super) enum Step {
    Connect {
        protocol: usize,
        name: usize,
    },
    /// A client says something, and sends as much of what it has said as `bytes`.
    Say {
        client: usize,
        which: usize,
        bytes: usize,
    },
    Send {
        client: usize,
        bytes: usize,
    },
    /// It looks at what it has received.
    Look {
        client: usize,
    },
    /// It reads, or does not.
    Stall {
        client: usize,
        is_stalled: bool,
    },
    DeliveryReceipt {
        client: usize,
    },
    HalfClose {
        client: usize,
    },
    Reset {
        client: usize,
    },
    ResetBack {
        client: usize,
    },
    /// Jobs that are held finish, or the last of them alone.
    Finish {
        which: usize,
    },
    Dialled {
        which: usize,
        is_connected: bool,
    },
    Settle,
    Pass(Duration),
    FillDisk(bool),
}

pub(super) fn steps() -> impl Strategy<Value = Vec<Step>> {
    prop::collection::vec(step(), 1..80)
}

fn step() -> impl Strategy<Value = Step> {
    let client = || 0..8_usize;
    prop_oneof![
        6 => (0..5_usize, 0..4_usize)
            .prop_map(|(protocol, name)| Step::Connect { protocol, name }),
        14 => (client(), 0..64_usize, 0..80_usize)
            .prop_map(|(client, which, bytes)| Step::Say { client, which, bytes }),
        6 => (client(), 1..80_usize).prop_map(|(client, bytes)| Step::Send { client, bytes }),
        4 => client().prop_map(|client| Step::Look { client }),
        1 => (client(), any::<bool>())
            .prop_map(|(client, is_stalled)| Step::Stall { client, is_stalled }),
        3 => client().prop_map(|client| Step::DeliveryReceipt { client }),
        1 => client().prop_map(|client| Step::HalfClose { client }),
        1 => client().prop_map(|client| Step::Reset { client }),
        1 => client().prop_map(|client| Step::ResetBack { client }),
        6 => (0..8_usize).prop_map(|which| Step::Finish { which }),
        2 => (0..4_usize, any::<bool>())
            .prop_map(|(which, is_connected)| Step::Dialled { which, is_connected }),
        8 => Just(Step::Settle),
        2 => prop::sample::select(vec![1, 300, 3_000, 5_000])
            .prop_map(|millis| Step::Pass(Duration::from_millis(millis))),
        1 => any::<bool>().prop_map(Step::FillDisk),
    ]
}

/// What becomes of the calls, one after the other and again from the first.
pub(super) fn fates() -> impl Strategy<Value = Vec<Fate>> {
    let fate = prop_oneof![
        8 => Just(Fate::CarriedOut),
        4 => Just(Fate::Late),
        1 => Just(Fate::Unavailable),
        1 => any::<bool>().prop_map(|carried_out| Fate::Unknown { carried_out }),
    ];
    prop::collection::vec(fate, 1..20)
}

/// What a store may let become of a call that `fate` is meant for.
pub(super) fn allowed(call: &Call, fate: Fate) -> Fate {
    match (call, fate) {
        (Call::Release { .. } | Call::Return { .. }, Fate::Unavailable | Fate::Unknown { .. }) => {
            Fate::CarriedOut
        }
        (
            Call::Open { .. } | Call::Compose { .. } | Call::Confirm { .. } | Call::Post { .. },
            fate,
        ) => fate,
        (_, Fate::Unknown { .. }) => Fate::Unavailable,
        (_, fate) => fate,
    }
}

impl World {
    /// A world in which these steps were taken.
    pub(super) fn after(steps: Vec<Step>, fates: Vec<Fate>, room: usize) -> Self {
        let mut world = Self::new(fates, room);
        for step in steps {
            world.step(step);
        }
        world
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Connect { protocol, name } => self.connect(protocol, name),
            Step::Say { client, which, bytes } => {
                let text = self.next_text();
                self.with(client, |client| client.say(which, &text));
                self.send(client, bytes);
            }
            Step::Send { client, bytes } => self.send(client, bytes),
            Step::Look { client } => self.look(client),
            Step::Stall { client, is_stalled } => {
                if let Some(key) = self.key(client) {
                    self.driver.set_stalled(key, is_stalled);
                }
            }
            Step::DeliveryReceipt { client } => {
                if let Some(back) = self.key(client).and_then(|key| self.driver.back(key)) {
                    self.driver.look(back);
                    self.driver.send(back, b"302\n");
                }
            }
            Step::HalfClose { client } => self.half_close(client),
            Step::Reset { client } => self.reset(client),
            Step::ResetBack { client } => {
                if let Some(back) = self.key(client).and_then(|key| self.driver.back(key)) {
                    self.driver.break_off(back);
                }
            }
            Step::Finish { which } => self.finish(which),
            Step::Dialled { which, is_connected } => self.dialled(which, is_connected),
            Step::Settle => self.settle(),
            Step::Pass(time) => self.pass(time),
            Step::FillDisk(is_full) => self.driver.disk.set_full(is_full),
        }
    }

    fn connect(&mut self, protocol: usize, name: usize) {
        self.driver.engine.make_places(self.driver.now, true);
        self.settle();
        if self.driver.engine.has_place() {
            let protocol = PROTOCOLS[protocol];
            let key = self.driver.connect(protocol);
            self.driver.listen(key);
            self.clients.push(Client::new(key, protocol, name));
        }
    }

    fn send(&mut self, client: usize, bytes: usize) {
        self.with_driver(client, |driver, client| {
            let sent = client.take_outbox(bytes);
            driver.send(client.key, &sent);
        });
    }

    fn half_close(&mut self, client: usize) {
        self.with_driver(client, |driver, client| {
            let rest = std::mem::take(&mut client.outbox);
            driver.send(client.key, &rest);
            driver.half_close(client.key);
            client.has_ended = true;
        });
    }

    fn reset(&mut self, client: usize) {
        self.with_driver(client, |driver, client| {
            driver.break_off(client.key);
            (client.has_ended, client.was_reset) = (true, true);
        });
    }
}
