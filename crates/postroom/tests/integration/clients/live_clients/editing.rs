//! Keys that do more than insert a character.

use super::{ChatTerminal, ImTerminal, RECEIPT, answer_exit, answer_quit};
use crate::harness::terminal::Terminal;

#[test]
fn ctrl_c_clears_a_line_and_leaves_from_an_empty_one() {
    let ChatTerminal { mut terminal, mut peer, prompt } = ChatTerminal::start();
    terminal.type_keys("half a li");
    terminal.wait_for(&format!("{prompt}half a li"));
    terminal.type_keys("\u{3}");
    terminal.wait_for(&prompt);
    // It is not lost.
    terminal.type_keys("\u{19}ne\r");
    peer.expect("/all half a line");
    terminal.type_keys("\u{3}");
    answer_quit(&mut peer);
    assert!(terminal.end().0.success());

    let ImTerminal { mut terminal, mut commands, pushes: _kept, prompt } = ImTerminal::start();
    terminal.type_keys("/to bob half");
    terminal.wait_for(&format!("{prompt}/to bob half"));
    terminal.type_keys("\u{3}");
    terminal.wait_for(&prompt);
    terminal.type_keys("\u{3}");
    answer_exit(&mut commands);
    assert!(terminal.end().0.success());
}

#[test]
fn tab_completes_commands_names_and_hashtags() {
    let ChatTerminal { mut terminal, mut peer, prompt } = ChatTerminal::start();
    peer.say("Users in chat:\nmary\nbob\nmark has joined (4 users active)\nbob: look at #rust\n");
    terminal.wait_for_words("look at #rust");
    terminal.type_keys("/pr\tB\thi\r");
    peer.expect("/private bob hi");
    terminal.type_keys("/s\ta\t#\tsafe\r");
    peer.expect("/say #rust safe");

    terminal.type_keys("/private m\t");
    terminal.wait_for(&format!("{prompt}/private mar"));
    terminal.type_keys("\t");
    terminal.wait_for_rows(&["mark  mary", &format!("{prompt}/private mar")]);
    terminal.type_keys("y\thi\r");
    peer.expect("/private mary hi");
}

#[test]
fn tab_knows_who_wrote_and_who_was_listed_on_im() {
    let ImTerminal { mut terminal, mut commands, mut pushes, .. } = ImTerminal::start();
    pushes.say("/from mary about #rust\n");
    pushes.expect(RECEIPT);
    terminal.type_keys("/to \t#r\t\r");
    commands.expect("/to mary #rust");
    commands.say("303 Message delivery successful\n");
    terminal.type_keys("/l\t\r");
    commands.expect("/list");
    commands.say("301 jacky michael\n");
    terminal.wait_for_words("Present: jacky, michael.");
    terminal.type_keys("/to mi\thi\r");
    commands.expect("/to michael hi");
}

#[test]
fn words_are_passed_searched_and_brought_back() {
    let ChatTerminal { mut terminal, mut peer, prompt } = ChatTerminal::start();
    terminal.type_keys("one two three\u{1b}b\u{1b}b\u{1b}f!\r");
    peer.expect("/all one two! three");
    terminal.type_keys("four\r");
    peer.expect("/all four");
    terminal.type_keys("\u{12}two");
    terminal.wait_for_rows(&["(reverse-i-search)`two': one two! three"]);
    // Messages are shown above the search.
    peer.say("mary: hi\n");
    terminal.wait_for_rows(&["mary: hi", "(reverse-i-search)`two': one two! three"]);
    terminal.type_keys("\u{5}\u{17}\u{17}");
    terminal.wait_for(&format!("{prompt}one "));
    terminal.type_keys("\u{19}\u{19}\r");
    peer.expect("/all one two! two! ");
}

#[test]
fn help_is_answered_by_the_client() {
    let ChatTerminal { mut terminal, mut peer, prompt } = ChatTerminal::start();
    terminal.type_keys("/help\r");
    terminal.wait_for_words("/send NAME TEXT");
    terminal.wait_for_rows(&["/quit                leave", prompt.trim_end()]);
    terminal.type_keys("hi\r");
    peer.expect("/all hi");

    let ImTerminal { mut terminal, mut commands, pushes: _kept, prompt } = ImTerminal::start();
    terminal.type_keys("/help\r");
    terminal.wait_for_words("/to NAME TEXT");
    terminal.wait_for_rows(&["/exit                leave", prompt.trim_end()]);
    terminal.type_keys("/list\r");
    commands.expect("/list");
}

#[test]
fn a_paste_that_is_too_long_is_refused_and_can_be_shortened() {
    let ChatTerminal { mut terminal, mut peer, prompt } = ChatTerminal::start();
    terminal.type_keys("\u{1b}[200~short\t");
    // In pieces, each shown before the next: a terminal holds only some keys.
    for number in 0..20 {
        terminal.type_keys(&format!("{}{number:02}", "x".repeat(500)));
        terminal.wait_for_words(&format!("xxx{number:02}"));
    }
    terminal.type_keys("\u{1b}[201~\r");
    terminal.wait_for_words("press Up to edit it");
    terminal.wait_for(&prompt);
    terminal.type_keys("\u{1b}[A");
    terminal.wait_for_words("xxx19");
    terminal.type_keys("\u{17}\r");
    peer.expect("/all short ");
}

#[test]
fn no_color_takes_nothing_but_the_colours() {
    let ChatTerminal { mut terminal, mut peer, prompt } = ChatTerminal::at(|arguments| {
        Terminal::start_with(arguments, |command| {
            command.env("NO_COLOR", "1");
        })
    });
    terminal.type_keys("half");
    terminal.wait_for(&format!("{prompt}half"));
    peer.say("mary: hi\n");
    let half = format!("{prompt}half");
    terminal.wait_for_rows(&["mary: hi", &half]);
    terminal.type_keys(" a line\r");
    peer.expect("/all half a line");
    terminal.type_keys("/quit\r");
    answer_quit(&mut peer);
    let (_, written) = terminal.end();
    assert!(written.contains("mary: hi") && !written.contains("m\u{1b}[0m"), "{written:?}");
}
