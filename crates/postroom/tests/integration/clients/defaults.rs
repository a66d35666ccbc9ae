//! What the clients take from `client.toml` and the environment, and the forms of
//! addresses, as the program does.

use std::path::PathBuf;
use std::process::{Command, Output};

use tempfile::TempDir;

use crate::harness::support::{Server, program};
use crate::harness::tls::{Authority, Valid};

/// A user with a folder of their own.
struct User {
    home: TempDir,
    variables: Vec<(&'static str, String)>,
}

impl User {
    fn new(file: &str) -> Self {
        let user = Self { home: TempDir::new().unwrap(), variables: Vec::new() };
        std::fs::create_dir_all(user.file().parent().unwrap()).unwrap();
        std::fs::write(user.file(), file).unwrap();
        user
    }

    fn with(mut self, variable: &'static str, value: &str) -> Self {
        self.variables.push((variable, value.to_owned()));
        self
    }

    fn file(&self) -> PathBuf {
        self.path(".config/postroom/client.toml")
    }

    fn path(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    fn run(&self, words: &[&str]) -> Output {
        let mut command = Command::new(program());
        command
            .args(words)
            .env_remove("XDG_CONFIG_HOME")
            .env_remove("XDG_STATE_HOME")
            .env("HOME", self.home.path());
        command.envs(self.variables.iter().map(|(name, value)| (*name, value.as_str())));
        command.stdin(std::process::Stdio::null()).output().unwrap()
    }

    /// Runs the program, which must succeed; returns what it prints.
    #[track_caller]
    fn done(&self, words: &[&str]) -> String {
        let output = self.run(words);
        assert!(output.status.success(), "{words:?} {output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// Runs the program, which must fail with this status; returns the one sentence.
    #[track_caller]
    fn refused(&self, words: &[&str], status: i32) -> String {
        let output = self.run(words);
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(status), "{words:?} {said}");
        assert_eq!(said.lines().count(), 1, "{said}");
        said
    }
}

/// The lines of a file that tell each client where a server is.
fn tables(server: &Server) -> String {
    let table = |client: &str, listener: &str| {
        format!("[{client}]\nserver = '{}'\n", server.address(listener))
    };
    [
        table("mail", "mailbox-verbose"),
        table("send", "mailbox"),
        table("read", "mailbox"),
        table("im", "im"),
        table("chat", "chat"),
        table("board", "board"),
        table("tail", "http"),
        table("post", "http"),
        table("history", "http"),
    ]
    .concat()
}

#[test]
fn every_client_runs_without_options_once_the_file_says_all() {
    let folder = TempDir::new().unwrap();
    let passwords = folder.path().join("passwords");
    std::fs::write(&passwords, "ann 12345\n").unwrap();
    let server = Server::with(&["--passwords", passwords.to_str().unwrap()]);
    let login = "name = 'ann'\npassword_file = 'secret'\n";
    let user = User::new(&format!("{login}{}", tables(&server)));
    std::fs::write(user.path(".config/postroom/secret"), "12345\n").unwrap();

    assert_eq!(user.done(&["send", "ann", "hello"]), "");
    assert_eq!(user.done(&["read"]), "ann: hello\n");
    assert!(user.done(&["mail"]).contains("Login successful. Welcome ann."));
    assert!(user.done(&["chat"]).contains("Username accepted. Welcome, ann"));
    assert!(user.done(&["im"]).contains("Logged in as ann."));
    assert!(user.done(&["board", "-u", "news"]).contains("Successfull"));
    assert!(user.done(&["board", "-d"]).contains("Received Message: news"));
    assert_eq!(user.done(&["post", "#rust", "hello"]), "");
    assert!(user.done(&["history", "#rust"]).ends_with(" ann: hello\n"));

    // Someone else has another password, or none.
    assert!(user.done(&["mail", "--as", "bob"]).contains("Welcome bob"));
    let said = user.refused(&["im", "--as", "bob"], 77);
    assert!(said.contains("bob needs a password to log in"), "{said}");
    // The file is not asked.
    let said = user.refused(&["read", "--no-config"], 64);
    assert!(said.contains("there is no name to log in as; use --as NAME"), "{said}");
    let unreadable = user.path(".config/postroom/secret");
    std::fs::remove_file(&unreadable).unwrap();
    let said = user.refused(&["chat"], 66);
    assert!(said.contains(&format!("cannot read the password file {}", unreadable.display())));
}

#[test]
fn the_command_line_precedes_the_environment_and_that_the_file() {
    let servers = [Server::start(), Server::start(), Server::start()];
    let [file, environment, option] = servers.each_ref().map(|server| {
        let address = server.address("board").to_string();
        User::new("").done(&["board", "-u", &address, &format!("at {address}")]);
        address
    });
    let user = || User::new(&format!("server = '{file}'"));
    let shown = |user: User, words: &[&str]| {
        let shown = user.done(&[&["board", "-d"], words].concat());
        let (_, rest) = shown.split_once("Received Message: at ").unwrap();
        rest.lines().next().unwrap().to_owned()
    };
    let with = || user().with("POSTROOM_CLIENT_SERVER", &environment);
    assert_eq!(shown(user(), &[]), file);
    assert_eq!(shown(with(), &[]), environment);
    assert_eq!(shown(with(), &[&option]), option);
    assert_eq!(shown(with(), &["--server", &option]), option);
    let other = User::new(&format!("server = '{option}'"));
    assert_eq!(shown(user(), &["--config", other.file().to_str().unwrap()]), option);
    assert_eq!(shown(with(), &["--no-config"]), environment);
}

#[test]
fn an_address_has_the_same_forms_in_every_client() {
    let server = Server::start();
    let user = User::new("name = 'ann'");
    for (client, listener) in [
        (&["mail"][..], "mailbox-verbose"),
        (&["mail", "--strict"], "mailbox"),
        (&["chat"], "chat"),
        (&["board", "-d"], "board"),
        (&["send"], "mailbox"),
        (&["read"], "mailbox"),
        (&["post", "#rust"], "http"),
        (&["history", "#rust"], "http"),
    ] {
        let address = server.address(listener).to_string();
        let port = server.address(listener).port().to_string();
        let (scheme, name) = (format!("postroom://{address}"), format!("localhost:{port}"));
        let text = match client[0] {
            "send" => &["ann", "hi"][..],
            "post" => &["hi"],
            _ => &[],
        };
        for form in [address.as_str(), &scheme, &format!("{scheme}/"), &name] {
            user.done(&[client, &["--server", form], text].concat());
            if listener != "http" && !matches!(client[0], "send" | "read") {
                user.done(&[client, &[form]].concat());
            }
        }
        if listener != "http" && !matches!(client[0], "send" | "read") {
            user.done(&[client, &["127.0.0.1", &port]].concat());
        }
        // On the board that is a message.
        if matches!(client[0], "mail" | "chat") {
            let said = user.refused(&[client, &["ftp://localhost:1"]].concat(), 64);
            assert!(
                said.contains("an address begins with the host, or with postroom://"),
                "{said}"
            );
        }
    }
    let board = server.address("board").to_string();
    let upload = |words: &[&str]| {
        user.done(&[&["board", "-u"], words].concat());
        let shown = user.done(&["board", "-d", &board]);
        shown.lines().next().unwrap().strip_prefix("Received Message: ").unwrap().to_owned()
    };
    let (host, port) = board.split_once(':').unwrap();
    assert_eq!(upload(&[host, port, "seed"]), "seed");
    assert_eq!(upload(&[&board, "form"]), "form");
    assert_eq!(upload(&["--server", &board, "option"]), "option");
    assert_eq!(upload(&["--server", &board, "--", "note:12"]), "note:12");
    assert_eq!(upload(&[&board, "-x"]), "-x");
    // A message was forgotten: nothing is posted.
    for words in [&[board.as_str()][..], &[host, port], &["note:12"]] {
        let output = user.run(&[&["board", "-u"], words].concat());
        assert_eq!(output.status.code(), Some(64), "{words:?} {output:?}");
    }
}

#[test]
fn tls_of_the_file_is_never_dropped_silently() {
    let (folder, authority) = (TempDir::new().unwrap(), Authority::new());
    let pair = authority.issue(folder.path(), &["localhost"], Valid::Now);
    let arguments = pair.arguments();
    let server = Server::with(&arguments.iter().map(String::as_str).collect::<Vec<_>>());
    let secured = format!("localhost:{}", server.address("mailbox+tls").port());
    let plain = format!("localhost:{}", server.address("mailbox").port());
    let ca = pair.authority.to_str().unwrap();
    for (text, variable) in [
        (format!("ca = '{ca}'"), None),
        (format!("tls = true\nca = '{ca}'"), None),
        (String::new(), Some(ca)),
    ] {
        let user = || {
            let user = User::new(&format!("name = 'ann'\n{text}"));
            variable.into_iter().fold(user, |user, ca| user.with("POSTROOM_CLIENT_CA", ca))
        };
        user().done(&["read", "--server", &secured]);
        for server in [plain.clone(), format!("postroom://{plain}")] {
            let said = user().refused(&["read", "--server", &server], 76);
            assert!(said.contains("TLS"), "{said}");
            assert!(!said.contains("does not speak TLS") || said.contains("--no-tls"), "{said}");
            user().done(&["read", "--server", &server, "--no-tls"]);
        }
        let said = user().refused(&["read", "--server", &secured, "--no-tls"], 76);
        assert!(said.contains("speaks TLS at this port"), "{said}");
    }
    // An address of the file asks for TLS with any server.
    let user = User::new("name = 'ann'\nserver = 'postrooms://localhost'");
    user.refused(&["read", "--server", &plain], 76);
    let output = user.run(&["read", "--server", &format!("postrooms://{plain}"), "--no-tls"]);
    assert_eq!(output.status.code(), Some(64), "{output:?}");
    assert_eq!(user.run(&["read", "--tls", "--no-tls"]).status.code(), Some(64));
}

#[test]
fn a_mistake_is_told_by_every_client_before_it_connects() {
    for (text, status, told) in [
        ("nmae = 'ann'", 78, "client.toml, line 1: there is no key \"nmae\""),
        ("name = 'ann'\n[im]\nserver = 1\n", 78, "client.toml, line 3: im.server cannot be used"),
        ("name = ", 78, "client.toml, line 1: "),
    ] {
        let user = User::new(text);
        for words in [
            &["mail"][..],
            &["send", "bob", "hi"],
            &["read"],
            &["im"],
            &["chat"],
            &["board", "-d"],
            &["tail", "#rust"],
            &["post", "#rust", "hi"],
            &["history", "#rust"],
        ] {
            let said = user.refused(words, status);
            assert!(said.contains(told), "{said}");
        }
    }
    let user = User::new("").with("POSTROOM_CLIENT_NAMES", "ann");
    let said = user.refused(&["chat"], 78);
    assert!(said.contains("there is no variable POSTROOM_CLIENT_NAMES"), "{said}");
    let user = User::new("");
    let said = user.refused(&["chat", "--config", "/nonexistent"], 66);
    assert!(said.contains("cannot read /nonexistent"), "{said}");
    std::fs::remove_file(user.file()).unwrap();
    std::fs::create_dir(user.file()).unwrap();
    let said = user.refused(&["chat"], 66);
    assert!(said.contains("client.toml: Is a directory"), "{said}");
    assert!(said.contains("--no-config"), "{said}");
}

#[test]
fn the_documented_file_has_every_key_and_is_accepted() {
    let page = include_str!("../../../../../docs/clients.md");
    let (_, rest) = page.split_once("```toml\n").unwrap();
    let (example, rest) = rest.split_once("```").unwrap();
    let user = User::new(example);
    // All of it is checked first; then the password file, which is missing, is read.
    let said = user.refused(&["chat"], 66);
    assert!(said.contains("cannot read the password file"), "{said}");
    let said = User::new("x = 1").refused(&["chat"], 78);
    let (_, keys) = said.trim().split_once("the keys here are ").unwrap();
    for key in keys.split(", ") {
        let row = format!("| `{key}` | `POSTROOM_CLIENT_{}` | ", key.to_ascii_uppercase());
        assert!(rest.contains(&row), "{row}");
    }
}

#[test]
fn the_server_leaves_the_variables_of_the_clients_alone() {
    let user = User::new("").with("POSTROOM_CLIENT_SERVER", "elsewhere");
    user.done(&["config", "check"]);
}
