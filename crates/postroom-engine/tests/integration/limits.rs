//! Limits of the whole engine.

use std::time::Duration;

use postroom_engine::EngineSettings;
use postroom_store::{Limits, MemoryDisk};

use crate::driver::{Driver, set_password};

#[test]
fn a_refused_dial_is_tried_again_only_while_there_is_a_place() {
    let (disk, limits) = (MemoryDisk::default(), Limits::default());
    set_password(&disk, limits, "ian", "1");
    let settings = EngineSettings { connections_max: 4, ..EngineSettings::default() };
    let mut driver = Driver::on(disk, settings, limits);
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
