//! Laws of the whole server: several clients of all protocols, commits that come late,
//! in another order or not at all, and time passing.

use std::time::Duration;

use proptest::prelude::*;

use super::client::{LOCKED, OPEN};
use super::steps::{fates, steps};
use super::world::World;

fn all(world: &World) -> std::ops::Range<usize> {
    0..world.clients.len()
}

/// All clients are gone, and all that was under way has come to its end.
fn end(world: &mut World, resets: bool) {
    for client in all(world) {
        let key = world.clients[client].key;
        if resets || world.driver.is_closed(key) {
            world.driver.break_off(key);
        } else {
            // A client that has what it wants, and waits for the server to close.
            world.driver.half_close(key);
        }
    }
    wait(world);
    for client in all(world) {
        // Those that follow the board stay until they are reset.
        world.driver.reset(world.clients[client].key);
    }
    wait(world);
    (world.driver.held, world.driver.held_dials) = (None, None);
}

/// All that is under way comes to its end, deadlines too: lines of one client that wait
/// for a dial or a delivery receipt do so one after the other, for seconds each.
fn wait(world: &mut World) {
    for _ in 0..40 {
        world.finish_all();
        world.pass(Duration::from_secs(10));
    }
    world.finish_all();
}

fn lines(world: &mut World, protocol: &str, lines: &str) -> Vec<String> {
    let key = world.driver.connect(protocol);
    world.driver.send(key, lines.as_bytes());
    world.driver.settle();
    let lines = world.driver.lines(key);
    world.driver.reset(key);
    lines
}

/// The engine has nothing left of anyone, and nothing to do.
fn check_idle(world: &mut World) {
    let engine = &mut world.driver.engine;
    assert_eq!((engine.connections(), engine.sessions()), (0, 0));
    assert!(!engine.has_work() && engine.has_stopped());
    assert!(engine.next_output(world.driver.now).is_none());
    assert_eq!(engine.next_deadline(), None);
}

/// Nobody is present: every name can be taken.
fn check_names(world: &mut World) {
    for name in OPEN {
        let entered = lines(world, "chat", &format!("/setname {name}\n/allusers\n"));
        assert!(entered[1].starts_with("Username accepted"), "{entered:?}");
        assert_eq!(entered[2..], ["Users in chat:", name]);
    }
    for name in LOCKED {
        let entered = lines(world, "im", &format!("/login {name} 1\n/list\n"));
        assert_eq!(entered, ["101 Authentication successful", &format!("301 {name}")]);
    }
}

/// No message is leased: every unread one can be read.
fn check_unread(world: &mut World) {
    for (names, password) in [(&OPEN[..], ""), (&LOCKED[..], "PASS 1\n")] {
        for name in names {
            let texts = world.driver.disk.texts();
            let unread = texts.iter().filter(|(place, _)| place == name).count();
            let reads = "READ\n".repeat(unread + 1);
            let read = lines(world, "mailbox", &format!("{password}LOGIN {name}\n{reads}"));
            assert_eq!(read[0], unread.to_string());
            assert_eq!(read.len(), 1 + 2 * unread + 1, "{read:?}");
        }
    }
}

proptest! {
    /// Nothing uncommitted is shown at any moment, see `World::check_shown`.
    #[test]
    fn what_was_acknowledged_is_on_the_disk_after_a_crash(
        steps in steps(),
        fates in fates(),
        room in 1..200_usize,
    ) {
        let mut world = World::after(steps, fates, room);
        world.driver.stop_abruptly();
        for client in all(&world) {
            world.look(client);
        }
        world.driver.start();
        world.check_promises();
    }

    #[test]
    fn who_stays_gets_all_answers_in_order(
        steps in steps(),
        fates in fates(),
        room in 1..200_usize,
    ) {
        let mut world = World::after(steps, fates, room);
        for client in all(&world) {
            world.driver.set_stalled(world.clients[client].key, false);
            let key = world.clients[client].key;
            let rest = std::mem::take(&mut world.clients[client].outbox);
            world.driver.send(key, &rest);
        }
        wait(&mut world);
        for client in all(&world) {
            world.look(client);
            let client = &world.clients[client];
            let is_there = !client.was_reset && !world.driver.is_closed(client.key);
            prop_assert!(!is_there || client.is_answered());
        }
        world.check_promises();
        // Nobody waits for a delivery receipt any more.
        let (next, soon) = (world.driver.engine.next_deadline(), Duration::from_millis(10));
        prop_assert!(next.is_none_or(|next| next > world.driver.now + soon));
    }

    #[test]
    fn nothing_is_left_of_clients_that_are_gone(
        steps in steps(),
        fates in fates(),
        room in 1..200_usize,
        resets in any::<bool>(),
    ) {
        let mut world = World::after(steps, fates, room);
        end(&mut world, resets);
        check_idle(&mut world);
        check_names(&mut world);
        check_unread(&mut world);
    }
}
