//! Handshakes: with which programs, with which versions, and with whom not.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Command, Output, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, HandshakeKind, version};

use super::Secured;
use crate::harness::support::{Client, PATIENCE, need};

/// A client in Python that reads the mailbox, ends TLS in order and prints its version.
const PYTHON: &str = r#"
import socket, ssl, sys
context = ssl.create_default_context(cafile=sys.argv[2])
with socket.create_connection(("localhost", int(sys.argv[1]))) as plain:
    with context.wrap_socket(plain, server_hostname="localhost") as tls:
        lines = tls.makefile("rw", newline="\n")
        lines.write("LOGIN bob\n"); lines.flush()
        assert lines.readline() == "1\n"
        lines.write("READ\n"); lines.flush()
        print(tls.version(), lines.readline().strip(), lines.readline().strip())
        lines.write("EXIT\n"); lines.flush()
        assert lines.readline() == ""
        tls.unwrap()
"#;

/// Runs `openssl s_client` with these options until its input ends; it sends the lines
/// and waits for the server's end.
fn s_client(secured: &Secured, options: &[&str], input: &str) -> Output {
    let mut child = Command::new("openssl")
        .args(["s_client", "-quiet", "-verify_return_error", "-verify_hostname", "localhost"])
        .args(["-connect", &format!("127.0.0.1:{}", secured.port("mailbox"))])
        .arg("-CAfile")
        .arg(&secured.pair.authority)
        .args(options)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("this test needs the program openssl; install the package openssl");
    // It ends once the server has ended the connection.
    let mut standard_input = child.stdin.take().unwrap();
    let _ = standard_input.write_all(input.as_bytes());
    let output = child.wait_with_output().unwrap();
    drop(standard_input);
    output
}

#[test]
fn openssl_connects_with_tls_1_2_and_1_3_and_nothing_older() {
    let secured = Secured::start(&[]);
    for version in ["-tls1_2", "-tls1_3"] {
        let output = s_client(&secured, &[version], "LOGIN bob\nEXIT\n");
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert_eq!(said, "0\n", "{version}: {output:?}");
    }
    let old = ["-tls1_1", "-cipher", "DEFAULT:@SECLEVEL=0"];
    let output = s_client(&secured, &old, "LOGIN bob\nEXIT\n");
    assert!(output.stdout.is_empty() && !output.status.success(), "{output:?}");
    secured.server.wait_for_log(&["mailbox+tls", "the client offers no TLS that the server has"]);
}

#[test]
fn python_reads_a_message() {
    need("python3", "python3");
    let secured = Secured::start(&[]);
    assert_eq!(secured.server.log_in("carol").compose("bob", "hello"), "MESSAGE SENT");
    let output = Command::new("python3")
        .args(["-c", PYTHON, &secured.port("mailbox")])
        .arg(&secured.pair.authority)
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    assert_eq!(String::from_utf8_lossy(&output.stdout), "TLSv1.3 carol hello\n");
    assert_eq!(secured.server.connect("mailbox").ask("LOGIN bob"), "0");
}

#[test]
fn a_session_is_resumed() {
    let secured = Secured::start(&[]);
    for version in [&version::TLS12, &version::TLS13] {
        let client = secured.authority.client_with(&[version]);
        let kinds = [(); 2].map(|()| {
            let address = secured.server.address("mailbox+tls");
            let mut visitor = Client::connect_tls(address, &client);
            // The ticket comes before the answer.
            visitor.ask("LOGIN bob");
            let tls = visitor.into_tls();
            tls.conn.handshake_kind()
        });
        assert_eq!(kinds, [Some(HandshakeKind::Full), Some(HandshakeKind::Resumed)]);
    }
}

/// What comes before the handshake is done could be sent again by anyone.
#[test]
fn a_resumed_session_may_send_nothing_before_its_handshake() {
    let secured = Secured::start(&[]);
    let mut settings = ClientConfig::clone(&secured.authority.client_with(&[&version::TLS13]));
    settings.enable_early_data = true;
    let settings = Arc::new(settings);
    let address = secured.server.address("mailbox+tls");
    Client::connect_tls(address, &settings).ask("LOGIN bob");
    let name = ServerName::try_from("localhost").unwrap();
    let mut again = ClientConnection::new(Arc::clone(&settings), name).unwrap();
    assert!(again.early_data().is_none());
    again.complete_io(&mut TcpStream::connect(address).unwrap()).unwrap();
    assert_eq!(again.handshake_kind(), Some(HandshakeKind::Resumed), "it has a ticket");
}

#[test]
fn renegotiation_is_refused() {
    let secured = Secured::start(&[]);
    // A line R makes openssl ask for it.
    let mut child = Command::new("openssl")
        .args(["s_client", "-tls1_2", "-legacy_renegotiation", "-connect"])
        .arg(format!("127.0.0.1:{}", secured.port("mailbox")))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("this test needs the program openssl; install the package openssl");
    let mut input = child.stdin.take().unwrap();
    input.write_all(b"LOGIN bob\n").unwrap();
    secured.server.wait_for_log(&["account=bob", "logged in"]);
    input.write_all(b"R\n").unwrap();
    let output = child.wait_with_output().unwrap();
    drop(input);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("no renegotiation"), "{said}");
}

#[test]
fn who_does_not_speak_tls_is_told_apart_in_the_log() {
    let secured = Secured::start(&[]);
    let address = secured.server.address("mailbox+tls");
    for garbage in [&b"LOGIN bob\n"[..], b"u", b"GET / HTTP/1.1\r\n\r\n", &[0xff; 4_096]] {
        let mut client = TcpStream::connect(address).unwrap();
        client.set_read_timeout(Some(PATIENCE)).unwrap();
        client.write_all(garbage).unwrap();
        let port = client.local_addr().unwrap().port();
        let peer = format!("peer=127.0.0.1:{port}");
        let what = "the client does not speak TLS";
        let line = secured.server.wait_for_log(&[&peer, "listener=mailbox+tls", what]);
        assert!(line.contains("WARN"), "{line}");
        // A client of TLS would understand this alert; the connection has ended.
        let mut rest = Vec::new();
        let _ = client.read_to_end(&mut rest);
        assert!(rest.is_empty() || rest[0] == 21, "{rest:?}");
    }
    // Lines that one peer can cause without end are limited.
    for _ in 0..100 {
        TcpStream::connect(address).unwrap().write_all(b"no\n").unwrap();
    }
    secured.server.wait_for_log(&["more lines of this kind", "does not speak TLS", "left_out="]);
    // A web client fails politely.
    need("curl", "curl");
    let url = format!("https://127.0.0.1:{}/", secured.port("mailbox"));
    let output = Command::new("curl").args(["-sk", "-m", "10", &url]).output().unwrap();
    assert!(matches!(output.status.code(), Some(52 | 56)), "{output:?}");
}

#[test]
fn a_client_that_stalls_in_the_handshake_is_ended() {
    for limit in ["tls.handshake_limit_ms", "connection.login_limit_ms"] {
        let secured = Secured::start(&[&format!("--set={limit}=300")]);
        let mut patient = secured.server.connect("mailbox");
        for (protocol, first) in [("mailbox", &b""[..]), ("chat", b""), ("chat", &[22, 3, 1])] {
            let begun = Instant::now();
            let address = secured.server.address(&format!("{protocol}+tls"));
            let mut client = TcpStream::connect(address).unwrap();
            client.set_read_timeout(Some(PATIENCE)).unwrap();
            client.write_all(first).unwrap();
            let mut rest = Vec::new();
            let _ = client.read_to_end(&mut rest);
            assert!(begun.elapsed() >= Duration::from_millis(300), "{limit} {protocol}");
            assert_eq!(rest, [0; 0]);
            let peer = format!("peer={}", client.local_addr().unwrap());
            secured.server.wait_for_log(&[&peer, "disconnected", limit]);
        }
        // Who has finished the handshake has more time to log in.
        if limit == "tls.handshake_limit_ms" {
            assert_eq!(patient.ask("LOGIN bob"), "0");
        }
    }
}

#[test]
fn a_stop_waits_for_no_handshake() {
    let mut secured = Secured::start(&["--set=stop.limit_ms=600000"]);
    let stalled = ["mailbox", "chat", "board"].map(|protocol| {
        let address = secured.server.address(&format!("{protocol}+tls"));
        let mut client = TcpStream::connect(address).unwrap();
        client.write_all(&[22, 3, 1]).unwrap();
        client
    });
    leave(secured.server.log_in("bob"));
    assert!(secured.server.stop().success());
    drop(stalled);
}

/// The first message of a handshake, from a client that never goes on.
fn client_hello(secured: &Secured) -> Vec<u8> {
    let socket = TcpStream::connect(secured.server.address("mailbox")).unwrap();
    let mut tls = crate::harness::tls::over(socket, &secured.client);
    let mut hello = Vec::new();
    tls.conn.write_tls(&mut hello).unwrap();
    hello
}

#[test]
fn half_handshakes_do_not_starve_an_honest_client() {
    const HALVES: usize = 400;
    let secured = Secured::start(&["--set=connection.max=4000"]);
    let hello = client_hello(&secured);
    let address = secured.server.address("mailbox+tls");
    let flood = |count: usize| {
        let begin = |_| {
            let mut client = TcpStream::connect(address).unwrap();
            client.write_all(&hello).unwrap();
            client
        };
        (0..count).map(begin).collect::<Vec<_>>()
    };
    let mut honest = secured.server.log_in("bob");
    let mut kept = flood(HALVES);
    let mut slowest = Duration::ZERO;
    for _ in 0..20 {
        kept.extend(flood(20));
        let begun = Instant::now();
        assert_eq!(honest.compose("carol", "hello"), "MESSAGE SENT");
        slowest = slowest.max(begun.elapsed());
    }
    assert!(slowest < Duration::from_secs(1), "{slowest:?}");
    // A new client gets in among them.
    leave(secured.server.log_in("dora"));
}

fn leave(mut client: Client) {
    client.send("EXIT\n");
    assert_eq!(client.rest(), "");
}
