//! The clients of Postroom over TLS: whom they trust, and what they say otherwise.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::path::Path;
use std::process::Output;

use rustls::{ServerConnection, StreamOwned};
use tempfile::TempDir;

use super::Secured;
use crate::harness::logged::password;
use crate::harness::support::run_program;
use crate::harness::tls::{Authority, Pair, Valid};

/// Runs `postroom send` to a listener, for carol.
fn send(host: &str, port: &str, options: &[&str]) -> Output {
    let server = format!("{host}:{port}");
    let words = [&["send", "--server", &server, "--as", "bob", "carol", "hello"], options];
    run_program(words.concat(), b"")
}

fn said(output: &Output) -> String {
    let said = String::from_utf8(output.stderr.clone()).unwrap();
    assert_eq!(said.lines().count(), 1, "one sentence: {said}");
    said
}

/// Sends, and expects a refusal with these words; nothing is stored.
fn refused(secured: &Secured, options: &[&str], words: &str) {
    let output = send("localhost", &secured.port("mailbox"), options);
    assert!(said(&output).contains(words), "{output:?}");
    assert_eq!(output.status.code(), Some(76), "{output:?}");
    assert_eq!(secured.server.connect("mailbox").ask("LOGIN carol"), "0");
}

fn ca(path: &Path) -> String {
    format!("--ca={}", path.display())
}

/// The fingerprint of the server's certificate, as openssl tells it.
fn fingerprint(certificate: &Path) -> String {
    let shown = std::process::Command::new("openssl")
        .args(["x509", "-noout", "-fingerprint", "-sha256", "-in"])
        .arg(certificate)
        .output()
        .expect("this test needs the program openssl; install the package openssl");
    let shown = String::from_utf8(shown.stdout).unwrap();
    shown.trim().split_once('=').unwrap().1.to_owned()
}

#[test]
fn a_client_trusts_the_authority_or_the_certificate_that_it_is_given() {
    let secured = Secured::start(&[]);
    let authority = ca(&secured.pair.authority);
    let pin = fingerprint(&secured.pair.certificate);
    let bare = pin.replace(':', "").to_lowercase();
    let ways: [&[&str]; 4] =
        [&[&authority], &["--tls", &authority], &["--pin", &pin], &["--tls", "--pin", &bare]];
    for options in ways {
        for host in ["localhost", "127.0.0.1"] {
            let output = send(host, &secured.port("mailbox"), options);
            assert!(output.status.success(), "{options:?} {output:?}");
        }
    }
    assert_eq!(secured.server.connect("mailbox").ask("LOGIN carol"), "8");

    // The name does not count for a pin.
    let other = secured.authority.issue(secured.folder.path(), &["elsewhere"], Valid::Before);
    let server = Secured::with(&other);
    let pin = fingerprint(&other.certificate);
    let port = server.address("mailbox+tls").port().to_string();
    let output = send("127.0.0.1", &port, &["--pin", &pin]);
    assert!(output.status.success(), "{output:?}");
}

#[test]
fn a_client_that_does_not_trust_the_server_sends_nothing_and_says_why() {
    let secured = Secured::start(&[]);
    refused(&secured, &["--tls"], "a certificate that is not trusted");
    let (folder, stranger) = (TempDir::new().unwrap(), Authority::new());
    let strangers = stranger.issue(folder.path(), &["localhost"], Valid::Now);
    refused(&secured, &[&ca(&strangers.authority)], "a certificate that is not trusted");
    let pin = fingerprint(&secured.pair.certificate);
    let wrong = format!("{:02X}{}", !u8::from_str_radix(&pin[..2], 16).unwrap(), &pin[2..]);
    refused(&secured, &["--pin", &wrong], &pin);
    secured.server.wait_for_log(&["the client does not trust the server's certificate"]);

    // Usage and files.
    let port = secured.port("mailbox");
    for (options, status, words) in [
        (["--pin=abc", "--tls"], 64, "64 hexadecimal digits"),
        (["--ca=/nowhere", "--tls"], 66, "cannot use the authorities in /nowhere"),
        (["--ca=/dev/null", "--tls"], 66, "no certificate in PEM"),
    ] {
        let output = send("localhost", &port, &options);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(said.contains(words), "{said}");
        assert_eq!(output.status.code(), Some(status), "{said}");
    }
}

#[test]
fn a_certificate_for_another_name_or_another_time_is_refused() {
    for (names, valid, words) in [
        (["elsewhere.example"], Valid::Now, "a certificate for another name"),
        (["localhost"], Valid::Before, "a certificate that has expired"),
    ] {
        let (folder, authority) = (TempDir::new().unwrap(), Authority::new());
        let pair = authority.issue(folder.path(), &names, valid);
        let server = Secured::with(&pair);
        let port = server.address("mailbox+tls").port().to_string();
        let output = send("localhost", &port, &[&ca(&pair.authority)]);
        let said = said(&output);
        assert!(said.contains(words), "{said}");
        assert!(valid == Valid::Before || said.contains("elsewhere.example"), "{said}");
        assert_eq!(server.connect("mailbox").ask("LOGIN carol"), "0");
    }
}

#[test]
fn tls_and_plain_text_that_meet_are_told_apart() {
    let secured = Secured::start(&[]);
    // TLS to a listener without.
    for protocol in ["mailbox", "mailbox-verbose", "chat", "im", "board"] {
        let port = secured.server.address(protocol).port().to_string();
        let output = send("localhost", &port, &["--tls"]);
        let said = said(&output);
        let is_told = ["does not speak TLS", "closed the connection during the TLS handshake"];
        assert!(is_told.iter().any(|words| said.contains(words)), "{protocol}: {said}");
        assert_eq!(output.status.code(), Some(76), "{said}");
    }
    // Plain text to a listener with TLS.
    let told = "speaks TLS at this port; add --tls";
    let output = send("localhost", &secured.port("mailbox"), &[]);
    assert!(said(&output).contains(told), "{output:?}");
    let secret = secured.folder.path().join("password");
    std::fs::write(&secret, password("al")).unwrap();
    let secret = format!("--password-file={}", secret.display());
    for (client, protocol) in [("mail", "mailbox-verbose"), ("im", "im"), ("chat", "chat")] {
        let port = secured.port(protocol);
        let words = [client, "localhost", &port, "--as=al", &secret, "--timeout=5"];
        let output = run_program(words, b"");
        assert!(said(&output).contains(told), "{client}: {output:?}");
    }
    let output = run_program(["board", "-d", "localhost", &secured.port("board")], b"");
    assert!(said(&output).contains(told), "{output:?}");

    // Nobody is there, and nobody answers.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = silent.local_addr().unwrap().port().to_string();
    let output = send("127.0.0.1", &port, &["--tls", "--timeout=0.3"]);
    assert!(said(&output).contains("did not answer within 0.3 s"), "{output:?}");
}

#[test]
fn every_client_works_over_tls() {
    let secured = Secured::start(&[]);
    let authority = ca(&secured.pair.authority);
    let run = |words: &[&str], input: &str| {
        let words = [words, &[authority.as_str()]].concat();
        let output = run_program(words, input.as_bytes());
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    let long = "y".repeat(8_000);
    let server = format!("localhost:{}", secured.port("mailbox"));
    run(&["send", "--server", &server, "--as=bob", "carol", "hello"], "");
    run(&["send", "--server", &server, "--as=bob", "carol", "-"], &long);
    let read = run(&["read", "--server", &server, "--as=carol", "--all"], "");
    assert_eq!(read, format!("bob: hello\nbob: {long}\n"));
    let mut visitor = secured.server.connect("mailbox");
    assert_eq!(visitor.ask("LOGIN carol"), "0");
    visitor.close();

    let verbose = secured.port("mailbox-verbose");
    let typed = "COMPOSE carol\nagain\nREAD\nEXIT\n";
    run(&["mail", "localhost", &verbose, "--as=bob"], typed);
    let strict = secured.port("mailbox");
    run(&["mail", "localhost", &strict, "--strict", "--as=bob"], "EXIT\n");

    let board = secured.port("board");
    let stored = run(&["board", "-u", "localhost", &board, "news"], "");
    assert!(stored.contains("Successfull"), "{stored}");
    let latest = run(&["board", "-d", "localhost", &board], "");
    assert!(latest.contains("Received Message: news"), "{latest}");

    let chat =
        run(&["chat", "localhost", &secured.port("chat"), "--as=dora"], "/allusers\n/quit\n");
    assert!(chat.contains("dora"), "{chat}");

    let secret = secured.folder.path().join("password");
    std::fs::write(&secret, password("al")).unwrap();
    let secret = format!("--password-file={}", secret.display());
    // Its listener has dial_back=on.
    let im = run(&["im", "localhost", &secured.port("im"), "--as=al", &secret], "/list\n/exit\n");
    assert!(im.contains("al"), "{im}");
    // Nobody left without the end of TLS.
    let logged = secured.server.log();
    assert!(!logged.contains("close_notify"), "{logged}");
}

/// A server that answers a request of the board with these bytes, and ends TLS in order or
/// only TCP; returns its port.
fn answers_once(pair: &Pair, answer: &'static str, in_order: bool) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    let settings = pair.server();
    std::thread::spawn(move || {
        let connection = ServerConnection::new(settings).unwrap();
        let mut tls = StreamOwned::new(connection, listener.accept().unwrap().0);
        let mut request = Vec::new();
        tls.read_to_end(&mut request).unwrap();
        tls.write_all(answer.as_bytes()).unwrap();
        if in_order {
            tls.conn.send_close_notify();
            tls.flush().unwrap();
        }
    });
    port
}

#[test]
fn an_answer_that_was_cut_is_no_answer() {
    let (folder, authority) = (TempDir::new().unwrap(), Authority::new());
    let pair = authority.issue(folder.path(), &["localhost"], Valid::Now);
    for in_order in [true, false] {
        let port = answers_once(&pair, "half a text", in_order);
        let words = ["board", "-d", "localhost", &port, &ca(&pair.authority)];
        let output = run_program(words, b"");
        let shown = String::from_utf8_lossy(&output.stdout).into_owned();
        assert_eq!(shown.contains("half a text"), in_order, "{output:?}");
        assert_eq!(output.status.success(), in_order, "{output:?}");
    }
}

#[test]
fn im_says_why_it_is_not_connected_back_over_tls() {
    let secured = Secured::start(&["--listen=im+tls=127.0.0.2:0", "--set=im.dial_limit_ms=200"]);
    let secret = secured.folder.path().join("password");
    std::fs::write(&secret, password("al")).unwrap();
    let secret = format!("--password-file={}", secret.display());
    let address = secured.server.addresses("im+tls").into_iter().nth(1).unwrap();
    let port = address.port().to_string();
    let pin = fingerprint(&secured.pair.certificate);
    let words = ["im", "127.0.0.2", &port, "--as=al", &secret, "--pin", &pin];
    let output = run_program(words, b"");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("over TLS a server does not, unless"), "{said}");
    assert_eq!(output.status.code(), Some(69), "{said}");
}
