//! Limits of the whole engine.

use std::time::Duration;

use postroom_engine::EngineSettings;
use postroom_store::{Limits, MemoryDisk};

use crate::driver::{Driver, set_password};

/// An account with the password that im asks for.
fn with_account_on_im(settings: EngineSettings) -> Driver {
    let (disk, limits) = (MemoryDisk::default(), Limits::default());
    set_password(&disk, limits, "ian", "1");
    Driver::on(disk, settings, limits)
}

#[test]
fn a_delivery_receipt_is_asked_for_during_its_limit_alone() {
    let mut driver = with_account_on_im(EngineSettings::default());
    let bob = driver.connect("chat");
    driver.send(bob, b"/setname bob\n");
    driver.settle();
    let ian = driver.connect("im");
    driver.send(ian, b"/login ian 1\n/to bob hi\n");
    driver.settle();
    assert_eq!(driver.lines(ian), ["101 Authentication successful"]);
    driver.pass(Duration::from_millis(4_900));
    assert!(driver.lines(ian).is_empty());
    let next = driver.engine.next_deadline().unwrap();
    assert!(next > driver.now && next <= driver.now + Duration::from_millis(2));
    driver.pass(Duration::from_millis(200));
    assert_eq!(driver.lines(ian), ["304 Message delivery failed"]);
    let next = driver.engine.next_deadline();
    assert!(next.is_none_or(|next| next > driver.now + Duration::from_secs(1)), "{next:?}");
}

#[test]
fn a_refused_dial_is_tried_again_only_while_there_is_a_place() {
    let settings = EngineSettings { connections_max: 4, ..EngineSettings::default() };
    let mut driver = with_account_on_im(settings);
    let ian = driver.connect("im");
    driver.send(ian, b"/login ian 1\n/port 30232\n");
    driver.settle();
    driver.listen(ian);
    let others = ["ann", "bob", "cat"].map(|name| {
        let other = driver.connect("mailbox");
        driver.send(other, format!("LOGIN {name}\n").as_bytes());
        driver.settle();
        other
    });
    driver.pass(Duration::from_secs(1));
    assert_eq!(driver.engine.connections(), 4);
    assert_eq!(driver.lines(ian), ["101 Authentication successful"]);
    driver.reset(others[0]);
    driver.pass(Duration::from_secs(2));
    assert_eq!(driver.lines(ian), ["201 Build connection successful"]);
}
