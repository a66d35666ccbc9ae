//! `postroom config`: whether the settings are valid, and where each comes from.

use std::ffi::OsStr;
use std::fs;
use std::net::TcpListener;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};
use tempfile::TempDir;
use toml::Table;

use super::{refusal, run, text};

const DOCUMENTED: &str = include_str!("../../../../../../docs/postroom.toml");

/// A folder in which the program runs, to see that it creates nothing there.
struct Place(TempDir);

impl Place {
    fn new() -> Self {
        Self(TempDir::new().unwrap())
    }

    fn write(&self, name: &str, contents: impl AsRef<[u8]>) -> PathBuf {
        let path = self.0.path().join(name);
        fs::write(&path, contents).unwrap();
        path
    }

    /// Runs a command that succeeds, silent on standard error; returns its output.
    fn run(&self, arguments: &[&str], variables: &[(&str, &str)]) -> String {
        let before = self.names();
        let output = run(arguments, |command| self.enter(command, variables));
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success() && stderr.is_empty(), "{arguments:?}: {stderr}");
        assert_eq!(self.names(), before, "{arguments:?} has created something");
        String::from_utf8(output.stdout).unwrap()
    }

    /// The sentence with which a command refuses.
    fn refusal(&self, arguments: &[&str], variables: &[(&str, &str)]) -> String {
        let before = self.names();
        let sentence = refusal(arguments, |command| self.enter(command, variables));
        assert_eq!(self.names(), before, "{arguments:?} has created something");
        sentence
    }

    fn enter(&self, command: &mut Command, variables: &[(&str, &str)]) {
        command.current_dir(self.0.path()).envs(variables.iter().copied());
    }

    fn show(&self, arguments: &[&str], variables: &[(&str, &str)]) -> String {
        self.run(&[&["config", "show"], arguments].concat(), variables)
    }

    /// Key, value and origin of each setting, from JSON.
    fn show_json(&self, arguments: &[&str]) -> Vec<(String, Value, String)> {
        let shown = self.show(&[&["--json"], arguments].concat(), &[]);
        shown.lines().map(parts).collect()
    }

    fn names(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.0.path()).unwrap();
        let mut names: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
        names.sort();
        names
    }
}

fn parts(line: &str) -> (String, Value, String) {
    let object: Value = serde_json::from_str(line).unwrap();
    let fields = object.as_object().unwrap();
    assert_eq!(fields.len(), 3, "{line}");
    let text = |field: &str| fields[field].as_str().unwrap().to_owned();
    (text("key"), fields["value"].clone(), text("origin"))
}

/// The line of a setting.
fn line<'a>(shown: &'a str, key: &str) -> &'a str {
    let begin = format!("{key} = ");
    let mut lines = shown.lines().filter(|line| line.starts_with(&begin));
    let (Some(line), None) = (lines.next(), lines.next()) else { panic!("{key} in {shown}") };
    line
}

/// The keys of a file of settings, in its order.
fn keys(file: &str) -> Vec<String> {
    let mut section = String::new();
    let mut keys = Vec::new();
    for line in file.lines().filter(|line| !line.starts_with('#')) {
        if let Some(name) = line.strip_prefix('[') {
            section = format!("{}.", name.trim_end_matches(']'));
        } else if let Some((key, _)) = line.split_once(" = ") {
            keys.push(format!("{section}{key}"));
        }
    }
    keys
}

#[test]
fn every_documented_key_is_shown_once_in_the_documented_order_and_no_other() {
    let place = Place::new();
    let documented = keys(DOCUMENTED);
    assert!(documented.len() > 60 && documented.contains(&"stop.limit_ms".to_owned()));
    let shown = place.show(&[], &[]);
    assert_eq!(keys(&shown), documented);
    assert_eq!(shown.lines().count(), documented.len());
    assert!(shown.lines().all(|line| line.ends_with(" # default")), "{shown}");
    assert_eq!(shown.parse::<Table>(), DOCUMENTED.parse::<Table>());
    let in_json: Vec<_> = place.show_json(&[]).into_iter().map(|(key, ..)| key).collect();
    assert_eq!(in_json, documented);
}

#[test]
fn each_setting_is_shown_with_the_last_source_that_names_it() {
    let place = Place::new();
    let file = "[mailbox]\ncapacity = 1\n[channels]\nmax = 2\n[rates]\nwords_burst = 3\n\
                [connection]\ntrusted = [\"::1\"]\npause_ms = 300\n";
    place.write("a file.toml", file);
    let variables = [
        ("POSTROOM_CHANNELS_MAX", "20"),
        ("POSTROOM_RATES_WORDS_BURST", "30"),
        ("POSTROOM_LISTEN", "mailbox=[::1]:1, im=127.0.0.1:2"),
        ("POSTROOM_PORT", "tcp://10.0.0.1:4401"),
    ];
    let set = ["--set", "rates.words_burst=300", "--set= chat.announce =false"];
    let shown = place.show(&[&["--config=a file.toml"], &set[..]].concat(), &variables);
    for expected in [
        "mailbox.capacity = 1 # a file.toml",
        "connection.trusted = [\"::1/128\"] # a file.toml",
        // The file names it, though with the default.
        "connection.pause_ms = 300 # a file.toml",
        "channels.max = 20 # the environment: POSTROOM_CHANNELS_MAX",
        "listen = [\"mailbox=[::1]:1\", \"im=127.0.0.1:2\"] # the environment: POSTROOM_LISTEN",
        "rates.words_burst = 300 # the command line",
        "chat.announce = false # the command line",
        "mailbox.per_sender_percent = 100 # default",
    ] {
        let key = expected.split(' ').next().unwrap();
        assert_eq!(line(&shown, key), expected);
    }
}

#[test]
fn each_option_of_the_server_is_shown_as_set_on_the_command_line() {
    // An option overrides `--set`, wherever it stands.
    let arguments = [
        "--capacity=5",
        "--set=mailbox.capacity=4",
        "--data=elsewhere",
        "--listen=chat=0.0.0.0:5",
        "--listen=im=127.0.0.1:6",
        "--allow-open",
        "--passwords=people",
        "--report=said",
        "--log-format=json",
    ];
    let variables = [("POSTROOM_DATA", "there"), ("POSTROOM_ALLOW_OPEN", "false")];
    let shown = Place::new().show(&arguments, &variables);
    let set: Vec<_> = shown.lines().filter(|line| !line.ends_with(" # default")).collect();
    let expected = [
        "data = \"elsewhere\" # the command line",
        "listen = [\"chat=0.0.0.0:5\", \"im=127.0.0.1:6\"] # the command line",
        "allow_open = true # the command line",
        "passwords = \"people\" # the command line",
        "report = \"said\" # the command line",
        "log.format = \"json\" # the command line",
        "mailbox.capacity = 5 # the command line",
    ];
    assert_eq!(set, expected);
}

/// Even where a value, or the name of the file, is hard to quote.
#[test]
fn what_is_shown_is_a_file_with_the_same_settings() {
    let place = Place::new();
    let odd = "odd\n# data = 1\u{1b}";
    place.write(odd, "stop.limit_ms = 5\n[tls]\nkey = \"/a key\"\n");
    let config = format!("--config={odd}");
    let listen = "--set=listen=im=127.0.0.1:1 proof=command,chat=127.0.0.1:2\n proof=command";
    for data in ["plain", "a\"b'c\\d # e", "line\nfeed\u{1b}\u{7f}\"", "'''\n\"\"\"", "gr\u{fc}n"] {
        let arguments = [&config, "--data", data, "--set=mailbox.capacity=7", listen];
        let shown = place.show(&arguments, &[]);
        assert_eq!(keys(&shown), keys(DOCUMENTED));
        place.write("shown.toml", &shown);
        let (first, again) =
            (place.show_json(&arguments), place.show_json(&["--config=shown.toml"]));
        assert_eq!(first[0], ("data".to_owned(), json!(data), "the command line".to_owned()));
        assert!(again.iter().all(|(.., origin)| origin == "shown.toml"), "{again:?}");
        let values = |settings: Vec<(String, Value, String)>| -> Vec<(String, Value)> {
            settings.into_iter().map(|(key, value, _)| (key, value)).collect()
        };
        assert_eq!(values(first), values(again));
    }
}

#[test]
fn the_settings_are_an_object_a_line_where_that_is_wanted() {
    let place = Place::new();
    let file = place.write("postroom.toml", "[im]\noffline = \"store\"\n");
    let arguments = ["--config", text(&file), "--set=connection.trusted=::1"];
    let shown = place.show(&[&["--json"], &arguments[..]].concat(), &[]);
    let begin = "{\"key\":\"data\",\"value\":\"./postroom-data\",\"origin\":\"default\"}\n";
    assert!(shown.starts_with(begin), "{shown}");
    let settings = place.show_json(&arguments);
    for (key, value, origin) in [
        ("im.offline", json!("store"), text(&file)),
        ("connection.trusted", json!(["::1/128"]), "the command line"),
        ("mailbox.capacity", json!(100), "default"),
        ("board.persist", json!(true), "default"),
    ] {
        let expected = (key.to_owned(), value, origin.to_owned());
        assert!(settings.contains(&expected), "{expected:?}");
    }
}

#[test]
fn valid_settings_are_reported_in_one_line_with_their_file() {
    let place = Place::new();
    let none = "the settings are valid; no file was read\n";
    assert_eq!(place.run(&["config", "check"], &[]), none);
    let file = place.write("postroom.toml", "data = \"here\"\nreport = \"said\"\n");
    let check = ["config", "check", "--config", text(&file), "--capacity=3", "--report=other"];
    let read = format!("the settings are valid; the file {} was read\n", text(&file));
    assert_eq!(place.run(&check, &[]), read);
    let open = ["config", "check", "--listen=chat=0.0.0.0:0", "--allow-open"];
    assert_eq!(place.run(&open, &[]), none);
}

/// So it may run beside the server that has the ports.
#[test]
fn a_check_opens_no_port() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let listen = format!("--listen=mailbox={}", taken.local_addr().unwrap());
    let checked = Place::new().run(&["config", "check", &listen], &[]);
    assert!(checked.starts_with("the settings are valid"), "{checked}");
}

#[test]
fn a_check_refuses_with_the_sentence_of_the_server() {
    let place = Place::new();
    place.write("syntax.toml", "[mailbox]\ncapacity = \n");
    place.write("key.toml", "[mailbox]\nsize = 1\n");
    place.write("least.toml", "[mailbox]\ncapacity = 0\n");
    place.write("bytes.toml", [0xff, 0xfe]);
    place.write("no.pem", "nothing");
    let tls = "--listen=mailbox+tls=127.0.0.1:0";
    let (certificate, key) = ("--set=tls.certificate=no.pem", "--set=tls.key=no.pem");
    let absent = ["--set=tls.certificate=absent.pem", "--set=tls.key=absent.pem"];
    for (arguments, part) in [
        (&["--config=none.toml"][..], "cannot read the settings in none.toml"),
        (&["--config=syntax.toml"], "line 2"),
        (&["--config=key.toml"], "unknown field `size`"),
        (&["--config=least.toml"], "mailbox.capacity is at least 1"),
        (&["--config=bytes.toml"], "cannot read the settings in bytes.toml"),
        (&["--set=mailbox.size=1"], "there is no setting \"mailbox.size\" (--set)"),
        (&["--set=mailbox.capacity"], "KEY=VALUE"),
        (&["--set=log.level=loud"], "the setting log.level"),
        (&["--capacity=0"], "mailbox.capacity is at least 1"),
        (&["--listen=gopher=127.0.0.1:0"], "there is no protocol \"gopher\""),
        (&["--listen=mailbox"], "is not a listener"),
        (&["--listen=im=127.0.0.1:0 prof=tcp"], "cannot understand the options"),
        (&["--listen=chat=0.0.0.0:0"], "would be open to the network"),
        (&["--listen=board=0.0.0.0:0"], "would let nobody in"),
        (&[tls], "the listener mailbox+tls needs a certificate"),
        (&[tls, certificate, key], "no.pem"),
        (&[&[tls], &absent[..]].concat(), "absent.pem"),
        (&["--passwords=absent"], "cannot read the password file absent"),
    ] {
        assert_same_refusal(&place, arguments, &[], part);
    }
    for (variable, value, part) in [
        ("POSTROOM_MALBOX", "1", "environment variable POSTROOM_MALBOX"),
        ("POSTROOM_CONNECTION_MAX", "many", "whole number"),
    ] {
        assert_same_refusal(&place, &[], &[(variable, value)], part);
    }
}

fn assert_same_refusal(place: &Place, arguments: &[&str], variables: &[(&str, &str)], part: &str) {
    let checked = place.refusal(&[&["config", "check"], arguments].concat(), variables);
    let served = place.refusal(&[&["serve"], arguments].concat(), variables);
    assert_eq!(checked, served, "{arguments:?}");
    assert!(checked.contains(part), "{arguments:?}: {checked}");
}

#[test]
fn settings_that_are_none_or_cannot_be_written_are_not_shown() {
    let place = Place::new();
    place.write("key.toml", "[mailbox]\nsize = 1\n");
    let sentence = place.refusal(&["config", "show", "--config=key.toml"], &[]);
    assert_eq!(sentence, place.refusal(&["serve", "--config=key.toml"], &[]));
    // Whether its listeners may be opened is for the check to say.
    let open = place.show(&["--listen=chat=0.0.0.0:0"], &[]);
    assert_eq!(line(&open, "listen"), "listen = [\"chat=0.0.0.0:0\"] # the command line");
    let data = Path::new(OsStr::from_bytes(b"data-\xff"));
    let sentence = refusal(&["config", "show"], |command| {
        command.current_dir(place.0.path()).arg("--data").arg(data);
    });
    assert!(
        sentence.contains("cannot write the settings as text: path contains invalid"),
        "{sentence}"
    );
}
