//! `postroom generate`: man pages and completions.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

use crate::harness::support::{need, program, run_program};

/// The man pages and completions, in one folder.
fn generate() -> TempDir {
    let folder = TempDir::new().unwrap();
    let (man, completions) = (folder.path().join("man"), folder.path().join("completions"));
    let words = ["generate".as_ref(), "--man".as_ref(), man.as_os_str()];
    let output = run_program(words, b"");
    assert!(output.status.success() && !completions.exists(), "{output:?}");
    let words = ["generate".as_ref(), "--completions".as_ref(), completions.as_os_str()];
    let output = run_program(words, b"");
    assert!(output.status.success() && output.stdout.is_empty(), "{output:?}");
    folder
}

fn names(folder: &Path) -> BTreeSet<String> {
    let files = fs::read_dir(folder).unwrap();
    files.map(|file| file.unwrap().file_name().into_string().unwrap()).collect()
}

/// What the program prints as help of a command.
fn help(command: &[String]) -> String {
    let words = command.iter().cloned().chain(["--help".to_owned()]);
    let output = run_program(words, b"");
    assert!(output.status.success(), "{command:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// A command and all below it, as the help lists them.
fn commands(command: &[String]) -> Vec<Vec<String>> {
    let help = help(command);
    let listed = help.split_once("\nCommands:\n").map_or("", |(_, rest)| rest);
    let listed = listed.split("\n\n").next().unwrap_or_default().lines();
    // What goes on in a further line is indented more.
    let names =
        listed.filter_map(|line| line.strip_prefix("  ").filter(|name| !name.starts_with(' ')));
    let names = names.filter_map(|line| line.split(' ').next()).filter(|name| *name != "help");
    let below = names.flat_map(|name| commands(&[command, &[name.to_owned()]].concat()));
    [command.to_vec()].into_iter().chain(below).collect()
}

/// The long options in a text.
fn options(text: &str) -> BTreeSet<&str> {
    let words = text.split(|letter: char| !(letter.is_ascii_alphanumeric() || letter == '-'));
    words.filter(|word| word.len() > 2 && word.starts_with("--")).collect()
}

/// The text of a man page, without the changes of font.
fn text(page: &Path) -> String {
    let page = fs::read_to_string(page).unwrap().replace("\\-", "-");
    ["\\fB", "\\fI", "\\fR"].into_iter().fold(page, |page, font| page.replace(font, " "))
}

#[test]
fn each_command_has_a_man_page_with_its_options() {
    let folder = generate();
    let man = folder.path().join("man");
    let commands = commands(&[]);
    let page = |command: &Vec<String>| {
        let name: Vec<_> =
            ["postroom"].into_iter().chain(command.iter().map(String::as_str)).collect();
        format!("{}.1", name.join("-"))
    };
    assert_eq!(names(&man), commands.iter().map(page).collect());
    assert!(commands.len() > 20, "{commands:?}");
    for command in &commands {
        let (help, text) = (help(command), text(&man.join(page(command))));
        let missing: Vec<_> = options(&help).difference(&options(&text)).copied().collect();
        assert!(missing.is_empty(), "{command:?}: {missing:?} {text}");
        assert!(command.is_empty() || text.contains("Exit status"), "{command:?}: {text}");
        assert!(text.contains(concat!("postroom ", env!("CARGO_PKG_VERSION"))), "{text}");
    }
}

#[test]
fn groff_has_nothing_to_say_against_the_man_pages() {
    need("groff", "groff-base");
    let folder = generate();
    let man = folder.path().join("man");
    for name in names(&man) {
        let words = ["-mandoc", "-ww", "-z", "-Tutf8"];
        let output = Command::new("groff").args(words).arg(man.join(&name)).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && said.is_empty(), "{name}: {said}");
    }
}

#[test]
fn bash_completes_commands_and_options() {
    need("bash", "bash");
    let folder = generate();
    let completions = folder.path().join("completions");
    assert_eq!(
        names(&completions),
        ["_postroom", "postroom.bash", "postroom.fish"].map(String::from).into()
    );
    let file = completions.join("postroom.bash");
    let check = Command::new("bash").arg("-n").arg(&file).output().unwrap();
    assert!(check.status.success() && check.stderr.is_empty(), "{check:?}");
    for (words, offered, hidden) in [
        (&["postroom", ""][..], &["serve", "account", "send"][..], "generate"),
        (&["postroom", "account", "re"], &["rename", "release", "remove-password"], "add"),
        (&["postroom", "serve", "--al"], &["--allow-open"], "--config"),
        (&["postroom", "send", "--"], &["--as", "--server"], "--text-from-input"),
    ] {
        let script = "source \"$0\"; COMP_WORDS=(\"$@\"); COMP_CWORD=$(($# - 1)); \
            _postroom postroom \"${COMP_WORDS[COMP_CWORD]}\" \"${COMP_WORDS[COMP_CWORD - 1]}\"; \
            printf '%s\\n' \"${COMPREPLY[@]}\"";
        let mut bash = Command::new("bash");
        let output = bash.args(["-c", script]).arg(&file).args(words).output().unwrap();
        let found = String::from_utf8(output.stdout).unwrap();
        let found: BTreeSet<_> = found.lines().collect();
        assert!(offered.iter().all(|word| found.contains(word)), "{words:?}: {found:?}");
        assert!(!found.contains(hidden), "{words:?}: {found:?}");
    }
}

#[test]
fn a_folder_that_cannot_be_written_is_named() {
    let output = run_program(["generate", "--man", "/dev/null/man"], b"");
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.starts_with("postroom: cannot write to /dev/null/man: "), "{said}");
    let output = run_program(["generate"], b"");
    assert_eq!(output.status.code(), Some(2));
    assert!(!help(&[]).contains("generate"), "{}", program().display());
}
