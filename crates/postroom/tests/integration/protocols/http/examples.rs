//! The examples of docs/http.md are run, in their order, against one server.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};
use std::sync::mpsc::channel;

use serde_json::Value;
use tempfile::TempDir;

use crate::harness::http::Http;
use crate::harness::support::{PATIENCE, Server, need};

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/http.md");

/// Where the server of the page listens.
const HOST: &str = "localhost:4406";

/// A command of the page, and what the page shows of its output.
struct Example {
    command: String,
    shown: String,
}

/// The commands of the page, each behind a `$`, with what stands below it.
fn examples() -> Vec<Example> {
    let page = std::fs::read_to_string(PAGE).unwrap();
    let blocks = page.split("```console\n").skip(1);
    let blocks = blocks.map(|block| block.split_once("```").expect("a block has an end").0);
    let commands = blocks.flat_map(|block| {
        let block = format!("\n{block}");
        block.split("\n$ ").skip(1).map(str::to_owned).collect::<Vec<_>>()
    });
    let example = |text: String| {
        let (command, shown) = text.split_once('\n').unwrap_or((&text, ""));
        Example { command: command.to_owned(), shown: shown.trim_end().to_owned() }
    };
    commands.map(example).collect()
}

/// What differs from run to run.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Kind {
    /// Of a message or a post.
    Id,
    /// What proves a lease.
    Key,
    Time,
}

fn kind(word: &str) -> Option<Kind> {
    let (letter, digits) = word.split_at_checked(1)?;
    let is_digit = |byte: u8| byte.is_ascii_digit() || byte.is_ascii_lowercase();
    if ["m", "p"].contains(&letter) && digits.len() == 13 && digits.bytes().all(is_digit) {
        return Some(Kind::Id);
    }
    if word.len() == 32 && word.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Some(Kind::Key);
    }
    let shape: String =
        word.chars().map(|letter| if letter.is_ascii_digit() { '0' } else { letter }).collect();
    shape.starts_with("0000-00-00T00:00:00").then_some(Kind::Time)
}

/// The words of a text, and what stands between them.
fn words(text: &str) -> Vec<&str> {
    let is_of_word = |letter: char| letter.is_ascii_alphanumeric() || "-:.".contains(letter);
    text.split_inclusive(|letter| !is_of_word(letter))
        .flat_map(|part| match part.char_indices().last() {
            Some((at, last)) if !is_of_word(last) => vec![&part[..at], &part[at..]],
            _ => vec![part],
        })
        .filter(|word| !word.is_empty())
        .collect()
}

/// Which ids and keys of this run stand for those of the page.
#[derive(Default)]
struct Names(BTreeMap<String, String>);

impl Names {
    /// Whether an output is the one that is shown, but for ids, keys and times.
    fn is_shown(&mut self, shown: &str, output: &str) -> bool {
        let (shown, output) = (words(shown), words(output));
        shown.len() == output.len()
            && shown.iter().zip(output).all(|(shown, word)| match (kind(shown), kind(word)) {
                (None, None) => *shown == word,
                (Some(Kind::Time), Some(Kind::Time)) => true,
                (shown_kind, kind) => {
                    let name = self.0.entry((*shown).to_owned()).or_insert_with(|| word.to_owned());
                    shown_kind == kind && name == word
                }
            })
    }

    /// The command as it is run.
    fn command(&self, command: &str, address: &str) -> String {
        let command = command.replace(HOST, address);
        let command =
            self.0.iter().fold(command, |command, (shown, name)| command.replace(shown, name));
        command.replace("curl ", "curl -sS ")
    }
}

/// Runs a command and returns its output: of a stream as many lines as these.
fn run(command: &str, lines: usize) -> String {
    let is_stream = command.contains(" -N ");
    let mut child = Command::new("sh")
        .args(["-c", &format!("exec {command}")])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let output = BufReader::new(child.stdout.take().unwrap());
    let (sender, lines_of_output) = channel();
    let reader = std::thread::spawn(move || {
        output
            .lines()
            .map_while(Result::ok)
            .map_while(|line| sender.send(line).ok())
            .for_each(drop);
    });
    let most = if is_stream { lines } else { usize::MAX };
    let next = || lines_of_output.recv_timeout(PATIENCE).ok();
    let read: Vec<_> = std::iter::from_fn(next).take(most).collect();
    if is_stream {
        child.kill().unwrap();
    }
    child.wait().unwrap();
    drop(lines_of_output);
    reader.join().unwrap();
    read.join("\n").trim_end().to_owned()
}

/// The method and the path of a command.
fn request(command: &str) -> (String, String) {
    let words: Vec<_> = command.split(' ').collect();
    let method = match words.iter().position(|word| *word == "-X") {
        Some(at) => words[at + 1].to_lowercase(),
        None if words.contains(&"-d") => "post".to_owned(),
        None => "get".to_owned(),
    };
    let address =
        words.iter().map(|word| word.trim_matches('\'')).find(|word| word.starts_with(HOST));
    let path = address.unwrap_or_else(|| panic!("no address in {command}")).strip_prefix(HOST);
    let path = path.unwrap().split('?').next().unwrap();
    (method, path.to_owned())
}

/// Whether a path has the form that the description of the API gives it.
fn has_form(path: &str, form: &str) -> bool {
    let (path, form): (Vec<_>, Vec<_>) = (path.split('/').collect(), form.split('/').collect());
    path.len() == form.len()
        && path.iter().zip(form).all(|(part, form)| match form.split_once('{') {
            Some((begin, _)) => part.len() > begin.len() && part.starts_with(begin),
            None => *part == form,
        })
}

#[test]
fn each_example_of_the_page_is_true() {
    need("curl", "curl");
    let folder = TempDir::new().unwrap();
    let passwords = folder.path().join("passwords");
    std::fs::write(&passwords, "ann secret\nian right\n").unwrap();
    let keeping = ["--set=mailbox.keep_read_days=30", "--set=mailbox.keep_read_max=1000"];
    let arguments = [&["--passwords", passwords.to_str().unwrap()], &keeping[..]].concat();
    let server = Server::with(&arguments);
    let address = server.address("http").to_string();
    let mut names = Names::default();
    for Example { command, shown } in examples() {
        let run_as = names.command(&command, &address);
        let output = run(&run_as, shown.lines().count());
        assert!(names.is_shown(&shown, &output), "{command}\nshown:\n{shown}\nsaid:\n{output}");
    }
}

#[test]
fn each_endpoint_has_an_example_on_the_page() {
    let server = Server::start();
    let mut http = Http::connect(server.address("http"));
    let document: Value = http.request("GET", "/api/v1/openapi.json", "").json();
    let shown: Vec<_> = examples().iter().map(|example| request(&example.command)).collect();
    assert!(shown.len() > 10, "{shown:?}");
    for (form, methods) in document["paths"].as_object().unwrap() {
        for method in methods.as_object().unwrap().keys() {
            let is_shown = |(of, path): &(String, String)| of == method && has_form(path, form);
            assert!(shown.iter().any(is_shown), "docs/http.md has no example of {method} {form}");
        }
    }
}

#[test]
fn an_output_is_compared_but_for_what_differs_from_run_to_run() {
    let mut names = Names::default();
    let shown = r#"{"id":"m0000000000001","time":"2026-11-23T08:00:00.123Z","to":"alice"}"#;
    let output = r#"{"id":"m0000000000007","time":"2026-12-01T10:10:10Z","to":"alice"}"#;
    assert!(names.is_shown(shown, output));
    // It has its name for good.
    assert!(!names.is_shown("m0000000000001", "m0000000000008"));
    assert!(!names.is_shown(shown, &output.replace("alice", "bob")));
    assert!(!names.is_shown(shown, &format!("{output}{output}")));
    assert!(!names.is_shown("m0000000000002", "2026-12-01T10:10:10Z"));
    let command = names.command("curl -d Hi 'localhost:4406/~/m0000000000001?key=1'", "h:1");
    assert_eq!(command, "curl -sS -d Hi 'h:1/~/m0000000000007?key=1'");
    assert!(has_form("/~/m1", "/~/{id}") && has_form("/~alice", "/~{name}"));
    assert!(!has_form("/~", "/~{name}") && !has_form("/~alice", "/~"));
}
