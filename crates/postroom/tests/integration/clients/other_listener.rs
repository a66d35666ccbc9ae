//! Each client, at the port of another listener, names that listener.

use postroom_protocol::Protocol;
use tempfile::TempDir;

use crate::harness::support::{Server, run_program};

/// The protocol of a client and its command line; HOST, PORT and FILE stand for the
/// server and a password file.
const CLIENTS: [(&str, &str); 13] = [
    ("mailbox", "send --server HOST:PORT --as bob al hi"),
    ("mailbox", "read --server HOST:PORT --as bob"),
    ("mailbox", "mail HOST PORT --strict"),
    ("mailbox-verbose", "mail HOST PORT"),
    ("im", "im HOST PORT --as bob --password-file FILE"),
    ("board", "board -u HOST PORT hi"),
    ("board", "board -d HOST PORT"),
    ("chat", "chat HOST PORT --as bob"),
    ("http", "send --server http://HOST:PORT --as bob al hi"),
    ("http", "read --server http://HOST:PORT --as bob"),
    ("http", "tail --server HOST:PORT #rust"),
    ("http", "post --server HOST:PORT --as bob #rust hi"),
    ("http", "history --server HOST:PORT #rust"),
];

/// The listeners of all protocols but a client's own.
fn listeners_but(own: &str) -> impl Iterator<Item = &'static str> {
    Protocol::all().map(|protocol| protocol.name).filter(move |name| *name != own)
}

struct Ended {
    status: Option<i32>,
    output: String,
    error: String,
}

fn run(server: &Server, client: &str, listener: &str, password: &str) -> Ended {
    // The name, for clients that ask for one.
    run_with(server, client, listener, password, b"bob\n")
}

fn run_with(server: &Server, client: &str, listener: &str, password: &str, input: &[u8]) -> Ended {
    let address = server.address(listener);
    let words = client.split(' ').map(|word| {
        word.replace("HOST", &address.ip().to_string())
            .replace("PORT", &address.port().to_string())
            .replace("FILE", password)
    });
    let output = run_program(words, input);
    Ended {
        status: output.status.code(),
        output: String::from_utf8(output.stdout).unwrap(),
        error: String::from_utf8(output.stderr).unwrap(),
    }
}

#[test]
fn every_client_names_the_other_listener() {
    let folder = TempDir::new().unwrap();
    let password = folder.path().join("password");
    std::fs::write(&password, "12345\n").unwrap();
    let server = Server::start();
    for (own, client) in CLIENTS {
        for met in listeners_but(own) {
            let Ended { status, output, error } =
                run(&server, client, met, password.to_str().unwrap());
            let what = format!("{client} at {met}: {output}{error}");
            // The strict listener only closes; whether it stored a text stays
            // unknown.
            let is_silent = met == "mailbox" && own != "mailbox-verbose";
            let told = if is_silent {
                "as a mailbox listener does"
            } else {
                &format!("speaks the protocol {met}, not {own}:")
            };
            assert!(error.contains(told), "{what}");
            assert!(error.contains(&format!("port of its {own} listener")) || is_silent, "{what}");
            let stores = client.starts_with("board -u")
                || own == "http" && (client.starts_with("send") || client.starts_with("post"));
            let is_open = is_silent && stores;
            assert_eq!(status, Some(if is_open { 74 } else { 76 }), "{what}");
            assert!(!output.contains("Success") && !output.contains("Received"), "{what}");
            assert_eq!(error.lines().count(), 1, "{what}");
        }
    }
}

#[test]
fn im_without_input_names_the_other_listener() {
    let server = Server::start();
    let run = |listener| run_with(&server, "im HOST PORT", listener, "", b"");
    for met in listeners_but("im") {
        let Ended { status, error, .. } = run(met);
        let told = match met {
            "mailbox" => "as a mailbox listener does",
            _ => &format!("speaks the protocol {met}, not im:"),
        };
        assert!(error.contains(told), "{met}: {error}");
        assert_eq!(status, Some(76), "{met}: {error}");
    }
    let Ended { status, error, .. } = run("im");
    assert_eq!((status, error.as_str()), (Some(0), ""));
}

#[test]
fn answers_of_other_listeners_are_accepted_as_texts_of_the_board() {
    let server = Server::start();
    let port = server.address("board").port().to_string();
    for text in ["UNKNOWN COMMAND", "LOGIN ERROR", "401 Unrecognized message", "error: x", "3"] {
        let run = |words: &[&str]| {
            let output = run_program([&["board"], words].concat(), b"");
            assert!(output.status.success(), "{words:?}");
            String::from_utf8(output.stdout).unwrap()
        };
        run(&["-u", "127.0.0.1", &port, text]);
        let told = run(&["-d", "127.0.0.1", &port]);
        assert_eq!(told, format!("Received Message: {text}\nTransmission Successfull...\n"));
    }
}

#[test]
fn a_refused_login_to_im_says_what_may_be_missing() {
    let folder = TempDir::new().unwrap();
    let password = folder.path().join("password");
    std::fs::write(&password, "12345\n").unwrap();
    let server = Server::start();
    // An account without a password.
    server.log_in("bob");
    let im = "im HOST PORT --as bob --password-file FILE";
    let Ended { status, error, .. } = run(&server, im, "im", password.to_str().unwrap());
    assert_eq!(status, Some(77));
    for advice in ["have no password", "postroom account add NAME", "postroom account passwd NAME"]
    {
        assert!(error.contains(advice), "{advice}: {error}");
    }
}
