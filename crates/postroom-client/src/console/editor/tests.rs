//! What keys do to a line.

use super::super::keys::KeyDecoder;
use super::*;
use crate::LINE_BYTES_MAX;

fn press(editor: &mut LineEditor, bytes: &str) -> Pressed {
    let mut decoder = KeyDecoder::default();
    decoder.push(bytes.as_bytes());
    let keys: Vec<_> = std::iter::from_fn(|| decoder.next_key()).collect();
    keys.into_iter().map(|key| editor.press(key)).last().unwrap()
}

/// What was typed, a bar where the cursor is.
fn shown(editor: &LineEditor) -> String {
    let (before, after) = editor.text().split_at(editor.cursor());
    format!("{before}|{after}")
}

#[test]
fn keys_edit_the_line() {
    for (keys, line) in [
        ("hélo\u{1b}[D\u{1b}[Dl", "hél|lo"),
        ("e\u{301}x\u{1b}[D\u{7f}", "|x"),
        ("日本\u{1b}[D\u{1b}[3~", "日|"),
        ("one two  \u{17}", "one |"),
        ("one two\u{1b}[1;5D\u{1b}[1;5D", "|one two"),
        ("one two\u{1}\u{1b}[1;5C", "one| two"),
        ("one two\u{1}\u{6}\u{b}", "o|"),
        ("one two\u{2}\u{15}", "|o"),
        ("\u{7f}\u{1b}[D\u{1b}[C\u{1b}[3~\u{17}a", "a|"),
    ] {
        let mut editor = LineEditor::default();
        assert_eq!(press(&mut editor, keys), Pressed::Changed, "{keys:?}");
        assert_eq!(shown(&editor), line, "{keys:?}");
    }
}

#[test]
fn the_history_keeps_what_was_being_typed() {
    let mut editor = LineEditor::default();
    assert_eq!(press(&mut editor, "first\r"), Pressed::Line("first".into()));
    press(&mut editor, "second\rsecond\r\r");
    press(&mut editor, "half");
    press(&mut editor, "\u{1b}[A");
    assert_eq!(shown(&editor), "second|");
    press(&mut editor, "\u{1b}[A\u{1b}[A");
    assert_eq!(shown(&editor), "first|");
    press(&mut editor, "\u{1b}[B\u{1b}[B\u{1b}[B");
    assert_eq!(shown(&editor), "half|");
}

#[test]
fn a_secret_is_not_kept() {
    let mut editor = LineEditor { is_secret: true, ..LineEditor::default() };
    press(&mut editor, "12345\r\u{1b}[A");
    assert_eq!(shown(&editor), "|");
    assert_eq!(editor.history.len(), 0);
}

#[test]
fn the_end_is_a_key_only_where_nothing_is_typed() {
    let mut editor = LineEditor::default();
    assert_eq!(press(&mut editor, "ab\u{1}\u{4}"), Pressed::Changed);
    assert_eq!(shown(&editor), "|b");
    assert_eq!(press(&mut editor, "\u{4}\u{4}"), Pressed::End);
    assert_eq!(press(&mut editor, "\u{3}"), Pressed::Interrupt);
}

#[test]
fn what_was_killed_comes_back_and_no_password_does() {
    for (keys, line) in [
        ("one two\u{17}\u{17}\u{19}", "one |"),
        ("one two\u{15}three \u{19}", "three one two|"),
        ("one two\u{1b}b\u{b}\u{1}\u{19} ", "two |one "),
        ("one two\u{1b}b\u{1b}b\u{1b}f!", "one!| two"),
        ("\u{19}a", "a|"),
    ] {
        let mut editor = LineEditor::default();
        assert_eq!(press(&mut editor, keys), Pressed::Changed, "{keys:?}");
        assert_eq!(shown(&editor), line, "{keys:?}");
    }
    let mut editor = LineEditor { is_secret: true, ..LineEditor::default() };
    press(&mut editor, "12345\u{15}");
    editor.is_secret = false;
    press(&mut editor, "\u{19}");
    assert_eq!(shown(&editor), "|");
}

#[test]
fn ctrl_c_clears_a_line_and_leaves_from_an_empty_one() {
    let mut editor = LineEditor { is_cleared_by_interrupt: true, ..LineEditor::default() };
    assert_eq!(press(&mut editor, "half\u{3}"), Pressed::Changed);
    assert_eq!(shown(&editor), "|");
    assert_eq!(press(&mut editor, "\u{3}"), Pressed::Interrupt);
    assert_eq!(press(&mut editor, "\u{19}\r"), Pressed::Line("half".into()));
    let mut editor = LineEditor::default();
    assert_eq!(press(&mut editor, "half\u{3}"), Pressed::Interrupt);
}

#[test]
fn the_history_is_searched_from_the_latest_line() {
    let start = || {
        let mut editor = LineEditor::default();
        press(&mut editor, "/to bob one\r/to mary two\r/to bob three\rhalf");
        editor
    };
    let prompt = |editor: &LineEditor| editor.search_prompt().unwrap();
    let mut editor = start();
    press(&mut editor, "\u{12}bob");
    assert_eq!(shown(&editor), "/to |bob three");
    assert_eq!(prompt(&editor), "(reverse-i-search)`bob': ");
    press(&mut editor, "\u{12}");
    assert_eq!(shown(&editor), "/to |bob one");
    press(&mut editor, "\u{12}");
    assert_eq!(shown(&editor), "/to |bob one");
    assert_eq!(prompt(&editor), "(failed reverse-i-search)`bob': ");
    press(&mut editor, "\u{7f}\u{7f}\u{7f}mary");
    assert_eq!(shown(&editor), "/to |mary two");
    press(&mut editor, "\u{5}!");
    assert_eq!((shown(&editor).as_str(), editor.search_prompt()), ("/to mary two!|", None));

    for cancel in ["\u{7}", "\u{3}"] {
        let mut editor = LineEditor { is_cleared_by_interrupt: true, ..start() };
        press(&mut editor, &format!("\u{12}one{cancel}"));
        assert_eq!((shown(&editor).as_str(), editor.search_prompt()), ("half|", None));
    }
    assert_eq!(press(&mut start(), "\u{12}one\u{3}"), Pressed::Interrupt);
    let mut editor = start();
    assert_eq!(press(&mut editor, "\u{12}two\r"), Pressed::Line("/to mary two".into()));
    let mut secret = LineEditor { is_secret: true, ..start() };
    press(&mut secret, "\u{12}");
    assert_eq!(secret.search_prompt(), None);
}

#[test]
fn tab_completes_and_then_shows_what_is_possible() {
    use super::super::completion::{CommandHelp, Operand};

    const COMMANDS: [CommandHelp; 3] = [
        CommandHelp { word: "/to", operand: Operand::Name, usage: "", what: "" },
        CommandHelp { word: "/toall", operand: Operand::Text, usage: "", what: "" },
        CommandHelp { word: "/list", operand: Operand::None, usage: "", what: "" },
    ];
    let mut editor = LineEditor::default();
    editor.completer.commands = &COMMANDS;
    for name in ["Bobby", "bob", "mary"] {
        editor.completer.learn_name(postroom_model::Name::new(name).unwrap());
    }
    let words =
        |words: &[&str]| Pressed::Candidates(words.iter().map(|&word| word.to_owned()).collect());
    assert_eq!(press(&mut editor, "/t\t"), Pressed::Changed);
    assert_eq!(shown(&editor), "/to|");
    assert_eq!(press(&mut editor, "\t"), words(&["/to", "/toall"]));
    assert_eq!(press(&mut editor, "a\t"), Pressed::Changed);
    assert_eq!(shown(&editor), "/toall |");
    press(&mut editor, "hi M\t");
    assert_eq!(shown(&editor), "/toall hi mary |");
    press(&mut editor, "\u{15}/to B\t");
    assert_eq!(shown(&editor), "/to Bob|");
    assert_eq!(press(&mut editor, "\t"), words(&["Bobby", "bob"]));
    press(&mut editor, "\u{15}/l\t");
    assert_eq!(shown(&editor), "/list|");
    assert_eq!(press(&mut editor, "\u{15}/x\t\t"), Pressed::Changed);
    editor.is_secret = true;
    assert_eq!(press(&mut editor, "\u{15}/l\t\t"), Pressed::Changed);
    assert_eq!(shown(&editor), "/l|");
}

#[test]
fn a_line_too_long_to_be_sent_is_kept_and_bounded() {
    let mut editor = LineEditor::default();
    let long = "é".repeat(LINE_BYTES_MAX);
    assert_eq!(press(&mut editor, &format!("{long}\r")), Pressed::Line(long.clone()));
    press(&mut editor, "\u{1b}[A");
    assert_eq!(editor.text(), long);
    press(&mut editor, &"é".repeat(TEXT_BYTES_MAX));
    assert_eq!(editor.text().len(), TEXT_BYTES_MAX);
}
