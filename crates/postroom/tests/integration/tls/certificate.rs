//! The certificate of a server: at the start, and replaced while the server runs.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Output;

use rustix::process::Signal;
use tempfile::TempDir;

use super::Secured;
use crate::harness::support::{Client, run_program};
use crate::harness::tls::{Authority, Pair, Valid};

/// What a server says that does not start.
fn complaint(arguments: &[&str]) -> String {
    let data = TempDir::new().unwrap();
    let data = data.path().to_str().unwrap();
    let words = [&["serve", "--data", data], arguments].concat();
    let output = run_program(words, b"");
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(said.lines().count(), 1, "one sentence: {said}");
    said
}

const LISTEN: &str = "--listen=mailbox+tls=127.0.0.1:0";

#[test]
fn a_server_without_a_usable_pair_says_what_is_missing() {
    let said = complaint(&[LISTEN]);
    assert!(said.contains("mailbox+tls needs a certificate: set tls.certificate"), "{said}");
    assert!(said.contains("postroom cert --out DIR"), "{said}");

    let (folder, other, authority) =
        (TempDir::new().unwrap(), TempDir::new().unwrap(), Authority::new());
    let pair = authority.issue(folder.path(), &["localhost"], Valid::Now);
    let foreign = authority.issue(other.path(), &["localhost"], Valid::Now);
    let with = |pair: &Pair| {
        let [certificate, key] = pair.settings();
        complaint(&[LISTEN, &certificate, &key])
    };
    let said = with(&Pair { key: foreign.key, ..pair.clone() });
    assert!(said.contains("does not belong to the certificate"), "{said}");
    let said = with(&Pair { certificate: pair.key.clone(), ..pair.clone() });
    assert!(said.contains("(tls.certificate) has no certificate"), "{said}");
    let said = with(&Pair { key: pair.certificate.clone(), ..pair.clone() });
    assert!(said.contains("(tls.key) has no private key"), "{said}");
    let said = with(&Pair { key: folder.path().join("none"), ..pair.clone() });
    assert!(said.contains("cannot read the file") && said.contains("(tls.key)"), "{said}");
    let text = fs::read_to_string(&pair.certificate).unwrap();
    fs::write(&pair.certificate, text.replacen('M', "*", 5)).unwrap();
    let said = with(&pair);
    assert!(said.contains("has a malformed certificate"), "{said}");
}

#[test]
fn the_listener_is_announced_and_logged_with_its_tls() {
    let secured = Secured::start(&[]);
    leave(secured.server.log_in("bob"));
    secured.server.wait_for_log(&["listener=mailbox+tls", "logged in"]);
}

fn leave(mut client: Client) {
    client.send("EXIT\n");
    assert_eq!(client.rest(), "");
}

/// Whether a new connection that trusts this authority alone can be made.
fn is_trusted(secured: &Secured, authority: &Authority) -> bool {
    let socket = std::net::TcpStream::connect(secured.server.address("mailbox+tls")).unwrap();
    Client::try_connect_tls(socket, &authority.client()).is_ok()
}

#[test]
fn sighup_gives_new_connections_the_new_certificate() {
    let secured = Secured::start(&[]);
    let mut old = secured.server.log_in("bob");
    let other = Authority::new();
    assert!(!is_trusted(&secured, &other));

    // Half of a pair changes nothing, and says so.
    let key = fs::read(&secured.pair.key).unwrap();
    other.issue(secured.folder.path(), &["localhost"], Valid::Now);
    let new_key = fs::read(&secured.pair.key).unwrap();
    fs::write(&secured.pair.key, key).unwrap();
    secured.server.signal(Signal::HUP);
    let line = secured.server.wait_for_log(&["the settings in use are kept"]);
    assert!(line.contains("does not belong to the certificate"), "{line}");
    assert!(!is_trusted(&secured, &other) && is_trusted(&secured, &secured.authority));

    fs::write(&secured.pair.key, new_key).unwrap();
    secured.server.signal(Signal::HUP);
    secured.server.wait_for_log(&["the certificate was read; new connections get it"]);
    assert!(is_trusted(&secured, &other) && !is_trusted(&secured, &secured.authority));
    assert_eq!(old.compose("bob", "still here"), "MESSAGE SENT");
    assert_eq!(old.read(), Some(("bob".into(), "still here".into())));
    leave(old);
}

#[test]
fn a_reload_under_load_loses_nothing() {
    const CLIENTS: usize = 8;
    const MESSAGES: usize = 40;
    let secured = Secured::start(&["--capacity=10000"]);
    std::thread::scope(|scope| {
        for number in 0..CLIENTS {
            let secured = &secured;
            scope.spawn(move || {
                let mut client = secured.server.log_in(&format!("writer{number}"));
                for text in 0..MESSAGES {
                    if text % 10 == 0 {
                        client = secured.server.log_in(&format!("writer{number}"));
                    }
                    assert_eq!(client.compose("bob", &text.to_string()), "MESSAGE SENT");
                }
            });
        }
        for _ in 0..10 {
            secured.server.signal(Signal::HUP);
        }
    });
    assert_eq!(secured.server.connect("mailbox").ask("LOGIN bob"), "320");
}

fn cert(folder: &str, names: &[&str]) -> Output {
    run_program([&["cert", "--out", folder], names].concat(), b"")
}

#[test]
fn the_program_makes_a_pair_to_try() {
    let folder = TempDir::new().unwrap();
    let out = folder.path().join("new");
    let made = cert(out.to_str().unwrap(), &[]);
    assert!(made.status.success(), "{made:?}");
    let said = String::from_utf8(made.stdout).unwrap();
    let (fingerprint, next) = said.split_once('\n').unwrap();
    let (certificate, key) = (out.join("certificate.pem"), out.join("key.pem"));
    assert_eq!(fs::metadata(&key).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(next.starts_with("next: postroom serve ") && next.lines().count() == 1, "{next}");

    // Other programs see the same certificate.
    let shown = std::process::Command::new("openssl")
        .args(["x509", "-noout", "-fingerprint", "-sha256", "-ext", "subjectAltName", "-in"])
        .arg(&certificate)
        .output()
        .expect("this test needs the program openssl; install the package openssl");
    let shown = String::from_utf8(shown.stdout).unwrap();
    let words = fingerprint.strip_prefix("SHA-256 ").unwrap();
    assert!(shown.contains(words), "{shown} {said}");
    for name in ["DNS:localhost", "IP Address:127.0.0.1", "IP Address:0:0:0:0:0:0:0:1"] {
        assert!(shown.contains(name), "{name}: {shown}");
    }

    // It is never overwritten.
    let before = fs::read(&key).unwrap();
    let again = cert(out.to_str().unwrap(), &[]);
    let said = String::from_utf8(again.stderr).unwrap();
    assert!(!again.status.success() && said.contains("exists already"), "{said}");
    fs::remove_file(&key).unwrap();
    assert!(!cert(out.to_str().unwrap(), &[]).status.success());
    assert!(!key.exists(), "a key without its certificate is left");
    fs::write(&key, before).unwrap();

    // The example connects to a name that the certificate is for.
    let named = cert(folder.path().join("named").to_str().unwrap(), &["mail.example.org", "::1"]);
    let said = String::from_utf8(named.stdout).unwrap();
    assert!(said.contains("chat+tls=0.0.0.0:5405, then: postroom chat mail.example.org 5405"));

    for name in ["no name\u{e9}", "no name", ""] {
        let out = folder.path().join("bad");
        let bad = cert(out.to_str().unwrap(), &["localhost", name]);
        let said = String::from_utf8(bad.stderr).unwrap();
        assert!(!bad.status.success() && said.contains("neither a host name nor"), "{said}");
        assert!(!out.exists());
    }
}
