//! What an operator does while others use the server: nothing of theirs is lost.

use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use tempfile::TempDir;

use crate::harness::support::{Server, run_program};

/// Senders, each with a reader.
const SENDERS: usize = 3;

/// Messages that each of them has sent at least.
const SENT_MIN: usize = 20;

/// Sets it once it goes, also where the test fails: the load ends then.
pub(super) struct Over<'a>(pub(super) &'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Acts while others send and read messages, each of which must come, once and in order.
pub(super) fn while_others_go_on<T>(server: &Server, act: impl FnOnce() -> T) -> T {
    let is_over = AtomicBool::new(false);
    let is_over = &is_over;
    let (acted, sent) = thread::scope(|scope| {
        let over = Over(is_over);
        let senders: Vec<_> = (0..SENDERS)
            .map(|number| {
                scope.spawn(move || {
                    let (name, recipient) = (format!("sender{number}"), format!("reader{number}"));
                    let [mut client, mut reader] = [&name, &recipient].map(|of| server.log_in(of));
                    let mut sent = 0;
                    while !is_over.load(Ordering::Relaxed) || sent < SENT_MIN {
                        assert_eq!(client.compose(&recipient, &sent.to_string()), "MESSAGE SENT");
                        let read = reader.read().expect("it was acknowledged");
                        assert_eq!(read, (name.clone(), sent.to_string()));
                        sent += 1;
                    }
                    assert_eq!(reader.read(), None);
                    sent
                })
            })
            .collect();
        let acted = act();
        drop(over);
        let sent: Vec<usize> = senders.into_iter().map(|sender| sender.join().unwrap()).collect();
        (acted, sent)
    });
    assert!(sent.iter().all(|sent| *sent >= SENT_MIN), "{sent:?}");
    acted
}

#[test]
fn all_that_an_operator_does_loses_nothing_of_others() {
    let server = Server::start();
    let files = TempDir::new().unwrap();
    let file = |name: &str| files.path().join(name).to_str().unwrap().to_owned();
    fs::write(file("secret"), "secret\n").unwrap();
    let run = |line: &str| {
        let words: Vec<_> =
            line.split(' ').chain(["--data", server.data().to_str().unwrap()]).collect();
        let output = run_program(words, b"");
        let told = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        assert!(output.status.success(), "{line}: {told}");
    };
    let secret = format!("--password-file {}", file("secret"));
    while_others_go_on(&server, || {
        for round in 0..8 {
            let [old, new, heir] = ["old", "new", "heir"].map(|of| format!("{of}{round}"));
            let mut writer = server.log_in(&format!("writer{round}"));
            for text in ["one", "two"] {
                assert_eq!(writer.compose(&old, text), "MESSAGE SENT");
            }
            assert_eq!(server.log_in(&old).compose(&heir, "of old"), "MESSAGE SENT");
            run(&format!("account passwd {old} {secret}"));
            run(&format!("account block {old} eve"));
            run(&format!("account rename {old} {new}"));
            run(&format!("account release {old}"));
            run(&format!("account remove-password {new}"));
            assert_eq!(server.log_in(&heir).read(), Some((new.clone(), "of old".to_owned())));
            run(&format!("account passwd {new} {secret}"));
            run(&format!("account export {new} --output {}", file(&new)));
            run(&format!("account delete {new}"));
            run(&format!("account release {new}"));
            run(&format!("account import {} {secret}", file(&new)));
            run(&format!("account remove-password {new}"));
            let mut reader = server.log_in(&new);
            for text in ["one", "two"] {
                assert_eq!(reader.read(), Some((format!("writer{round}"), text.to_owned())));
            }
            assert_eq!(reader.read(), None);
            run(&format!("kick {new}"));
            assert!(reader.try_line().is_err(), "its session has ended");
            run(&format!("ban {new} --for 1h"));
            run(&format!("unban {new}"));
            run(&format!("backup {}", file(&format!("{round}.db"))));
            for command in
                ["reload", "log-level debug", "check", "channel list", "sessions", "status"]
            {
                run(command);
            }
        }
    });
}
