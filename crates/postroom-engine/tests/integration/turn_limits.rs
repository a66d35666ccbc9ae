//! A turn takes so many reads and bytes of input, however many connections have some.

use postroom_engine::EngineSettings;
use postroom_store::Limits;

use postroom_simulator::{Driver, PeerKey};

/// Reads that a turn takes.
const READS_MAX: usize = 400;
/// Bytes that a turn takes.
const BYTES_MAX: usize = 1 << 20;

fn clients(driver: &mut Driver, count: usize) -> Vec<PeerKey> {
    let clients = (0..count).map(|_| driver.connect("mailbox-verbose")).collect();
    driver.settle();
    clients
}

#[test]
fn a_turn_takes_so_many_reads_and_the_next_goes_on_with_the_others() {
    const CLIENTS: usize = 600;
    let mut driver = Driver::new(EngineSettings::default(), Limits::default());
    let clients = clients(&mut driver, CLIENTS);
    for key in &clients {
        driver.put(*key, b"x");
    }
    // No line ends: none of this is a request.
    let mut reads = || {
        driver.turn();
        driver.taken.reads
    };
    assert_eq!([reads(), reads(), reads()], [READS_MAX, CLIENTS - READS_MAX, 0]);
    assert!(clients.iter().all(|key| driver.has_taken_all(*key)));
}

#[test]
fn a_turn_takes_so_many_bytes_and_the_next_goes_on_with_the_others() {
    const CLIENTS: usize = 300;
    const LINE_BYTES: usize = 8 << 10;
    let mut driver = Driver::new(EngineSettings::default(), Limits::default());
    let clients = clients(&mut driver, CLIENTS);
    let line = format!("{}\n", "x".repeat(LINE_BYTES - 1));
    for key in &clients {
        driver.put(*key, line.as_bytes());
    }
    let mut bytes = || {
        driver.turn();
        driver.taken.bytes
    };
    let rest = CLIENTS * LINE_BYTES - 2 * BYTES_MAX;
    assert_eq!([bytes(), bytes(), bytes(), bytes()], [BYTES_MAX, BYTES_MAX, rest, 0]);
    for key in &clients {
        assert_eq!(driver.lines(*key), ["UNKNOWN COMMAND"]);
    }
}
