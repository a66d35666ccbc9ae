//! Wrong command lines, and refusals of the server.

use std::io::Write as _;

use tempfile::{NamedTempFile, TempDir};

use super::{done, refused};
use crate::harness::support::{Server, run_program};

#[test]
fn each_wrong_command_line_says_what_to_do() {
    let server = Server::start();
    let long = "x".repeat(100);
    for (words, status, told) in [
        (&["tail"][..], 64, "<#CHANNEL>"),
        (&["tail", "rust"], 64, "in quotes, for example '#news'"),
        (&["tail", "#a b"], 64, "is not a hashtag"),
        (&["tail", "#rust", "--after", "7"], 64, "an id is `p` and 13 digits"),
        (&["tail", "#rust", "--as", "a b"], 64, "cannot be used as a name"),
        (&["post", "#rust", "hi"], 64, "use --as NAME"),
        (&["post", "--as", "bob", "#rust", "two", "words"], 64, "put it in quotes"),
        (&["post", "--as", "bob", "#rust"], 65, "the standard input is empty"),
        (&["post", "--as", "bob", &format!("#{long}"), "hi"], 64, "is not a hashtag"),
        (&["history"], 64, "<#CHANNEL>"),
        (&["history", "#rust", "--count", "0"], 64, "from 1 to 10000"),
        (&["history", "#rust", "--count", "10001"], 64, "from 1 to 10000"),
        (&["history", "#rust", "--since", "yesterday"], 65, "RFC 3339"),
        (
            &["history", "#rust", "--before=p0000000000001", "--after=p0000000000001"],
            64,
            "cannot be used with",
        ),
        (&["read", "--as", "al", "--follow", "--all"], 64, "cannot be used with"),
        (&["read", "--as", "al", "--no-reconnect"], 64, "--follow"),
        (&["read"], 64, "use --as NAME"),
        (&["send", "--as", "bob", "al", "--password-file", "/nowhere", "hi"], 66, "/nowhere"),
    ] {
        let said = refused(&server, words, "", status);
        assert!(said.contains(told), "{words:?}: {said}");
    }
    for (address, words, status, told) in [
        ("http://127.0.0.1:1", &["history", "#rust"][..], 75, "refused the connection"),
        ("http://no such host.invalid", &["history", "#rust"], 68, "check the spelling"),
        ("http://h/path", &["history", "#rust"], 64, "an address is a host and a port"),
        ("ftp://h", &["history", "#rust"], 64, "http:// or https://"),
        ("http://h", &["mail"], 64, "give the address as h, or use postroom send, read, tail"),
        ("https://h", &["board", "-d"], 64, "postroom board does not speak HTTP"),
    ] {
        let words = [words, &["--server", address]].concat();
        let output = run_program(&words, b"");
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(status), "{words:?}: {said}");
        assert!(said.contains(told), "{words:?}: {said}");
    }
}

#[test]
fn a_refusal_of_the_server_says_what_happened() {
    let folder = TempDir::new().unwrap();
    let password = folder.path().join("passwords");
    std::fs::write(&password, "ann secret\n").unwrap();
    let passwords = format!("--passwords={}", password.display());
    let server = Server::with(&[&passwords, "--capacity=1", "--set=http.anonymous=none"]);
    let said = refused(&server, &["tail", "#rust"], "", 64);
    assert!(said.contains("there is no name to log in as; use --as NAME"), "{said}");
    let said = refused(&server, &["tail", "#rust", "--as", "ann"], "", 77);
    assert!(said.contains("refused the login as ann; the name may need a password"), "{said}");
    let mut wrong = NamedTempFile::new().unwrap();
    writeln!(wrong, "other").unwrap();
    let wrong = ["--as", "ann", "--password-file", wrong.path().to_str().unwrap()];
    for words in [&["post", "#rust", "hi"][..], &["read"], &["read", "--follow"]] {
        let said = refused(&server, &[words, &wrong].concat(), "", 77);
        assert!(said.contains("the password may be wrong"), "{said}");
    }
    done(&server, &["send", "--as", "bob", "al", "one"], "");
    let said = refused(&server, &["send", "--as", "bob", "al", "two"], "", 75);
    let begin = format!("postroom: {} refused the request: ", server.address("http"));
    assert!(said.starts_with(&begin) && said.contains("the mailbox of al is full"), "{said}");
    let mut server = server;
    server.stop();
}
