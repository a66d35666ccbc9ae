//! What proves receipt behind a TCP proxy, which acknowledges and closes on its own.

use std::net::Shutdown;

use super::{carols, leave, read_when_put_back, server_with, stored};

const BEHIND_A_PROXY: [&str; 4] = [
    "--set=proof=command",
    "--allow-open",
    "--set=accounts.registration=open",
    "--set=accounts.passwords=optional",
];

#[test]
fn behind_a_proxy_an_end_of_input_proves_nothing() {
    let server = server_with(&["one"], &BEHIND_A_PROXY);
    let mut bob = server.log_in("bob");
    assert_eq!(bob.read(), carols("one"));
    bob.end();
    assert_eq!(bob.rest(), "");
    assert_eq!(read_when_put_back(&server).1.1, "one");
}

#[test]
fn behind_a_proxy_the_end_after_a_pipelined_exit_proves_nothing() {
    let server = server_with(&["one"], &BEHIND_A_PROXY);
    let mut bob = server.log_in("bob");
    bob.send("READ\nEXIT\n");
    assert_eq!(bob.rest(), "carol\none\n");
    bob.stream().shutdown(Shutdown::Both).unwrap();
    drop(bob);
    assert_eq!(read_when_put_back(&server).1.1, "one");
}

#[test]
fn behind_a_proxy_commands_prove() {
    let server = server_with(&["one", "two"], &BEHIND_A_PROXY);
    let mut bob = server.log_in("bob");
    assert_eq!(bob.read(), carols("one"));
    assert_eq!(bob.read(), carols("two"));
    assert_eq!(stored(&server), 1);
    leave(bob);
    assert_eq!(stored(&server), 0);
}
