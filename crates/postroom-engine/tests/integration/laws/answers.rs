//! The bytes that a client receives do not depend on when the store's jobs finish.

use proptest::prelude::*;

use super::client::{Client, LOCKED, PROTOCOLS};
use postroom_engine::EngineSettings;
use postroom_simulator::{Driver, set_password};
use postroom_store::{Fate, Job as _, Limits, MemoryDisk};

/// What happens to what a client says.
struct Schedule {
    /// Bytes that are sent at a time.
    parts: Vec<usize>,
    /// Of the jobs that are held after a part, that which finishes.
    finishes: Vec<usize>,
    /// Whether a call waits for a later job.
    delays: Vec<bool>,
    room: usize,
}

impl Schedule {
    /// Everything at once.
    fn plain() -> Self {
        let (parts, finishes, delays) = (vec![usize::MAX], vec![0], vec![false]);
        Self { parts, finishes, delays, room: usize::MAX }
    }
}

fn schedule() -> impl Strategy<Value = Schedule> {
    let parts = prop::collection::vec(1..60_usize, 1..8);
    let finishes = prop::collection::vec(0..6_usize, 1..8);
    let delays = prop::collection::vec(any::<bool>(), 1..20).prop_map(|mut delays| {
        // A call must not wait for ever.
        delays.push(false);
        delays
    });
    (parts, finishes, delays, 1..100_usize).prop_map(|(parts, finishes, delays, room)| Schedule {
        parts,
        finishes,
        delays,
        room,
    })
}

impl std::fmt::Debug for Schedule {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { parts, finishes, delays, room } = self;
        write!(formatter, "{parts:?} {finishes:?} {delays:?} {room}")
    }
}

/// All that a client receives that says these lines and half-closes. It proves receipt of
/// nothing: which message is confirmed may depend on the time.
fn received(protocol: &'static str, said: &[usize], schedule: &Schedule) -> Vec<u8> {
    let (disk, limits) = (MemoryDisk::default(), Limits::default());
    for name in LOCKED {
        set_password(&disk, limits, name, "1");
    }
    let mut driver = Driver::on(disk, EngineSettings::default(), limits);
    driver.room = schedule.room;
    driver.held = Some(Vec::new());
    let (delays, mut turn) = (schedule.delays.clone(), 0);
    driver.disk.decide(move |_| {
        turn += 1;
        if delays[turn % delays.len()] { Fate::Late } else { Fate::CarriedOut }
    });
    let key = driver.connect(protocol);
    driver.listen(key);
    let mut client = Client::new(protocol, 0);
    for (number, which) in said.iter().enumerate() {
        client.say(*which, &format!("<{number}>"));
    }
    let mut rest = &client.outbox[..];
    for (part, which) in schedule.parts.iter().cycle().zip(schedule.finishes.iter().cycle()) {
        if rest.is_empty() {
            break;
        }
        let (bytes, later) = rest.split_at((*part).min(rest.len()));
        driver.send(key, bytes);
        driver.settle();
        finish(&mut driver, *which);
        rest = later;
    }
    // A client of im that half-closes may be dialled back before that is seen, or not.
    if protocol == "im" {
        finish_all(&mut driver, schedule);
    }
    driver.half_close(key);
    finish_all(&mut driver, schedule);
    assert!(driver.is_gone(key) || driver.has_taken_all(key));
    driver.forget(key)
}

fn finish_all(driver: &mut Driver, schedule: &Schedule) {
    for which in schedule.finishes.iter().cycle().take(2_000) {
        driver.settle();
        finish(driver, *which);
    }
}

fn finish(driver: &mut Driver, which: usize) {
    let held = driver.held.as_mut().unwrap();
    if let Some(place) = which.checked_rem(held.len()) {
        let job = held.remove(place);
        driver.engine.finish(job.run()).unwrap();
    }
}

proptest! {
    #[test]
    fn what_one_client_receives_does_not_depend_on_when_jobs_finish(
        said in prop::collection::vec(0..64_usize, 0..30),
        schedule in schedule(),
    ) {
        for protocol in PROTOCOLS {
            let at_once = received(protocol, &said, &Schedule::plain());
            let late = received(protocol, &said, &schedule);
            let (at_once, late) = (String::from_utf8(at_once), String::from_utf8(late));
            prop_assert_eq!(at_once.unwrap(), late.unwrap(), "{}", protocol);
        }
    }
}
