//! A line that is being typed survives the messages that arrive.

use super::{ChatTerminal, ImTerminal, RECEIPT, answer_quit};
use crate::harness::terminal::Terminal;

#[test]
fn a_message_comes_above_the_line_that_is_typed() {
    let ImTerminal { mut terminal, mut commands, mut pushes, prompt } = ImTerminal::start();
    terminal.type_keys("/to bob Hel");
    terminal.wait_for(&format!("{prompt}/to bob Hel"));

    pushes.say("/from bob are you there?\n");
    pushes.expect(RECEIPT);
    let half = format!("{prompt}/to bob Hel");
    terminal.wait_for_rows(&["Logged in as jacky.", "bob: are you there?", &half]);
    terminal.wait_for(&half);

    terminal.type_keys("lo!\r");
    commands.expect("/to bob Hello!");
    commands.say("303 Message delivery successful\n");
    terminal.wait_for_rows(&[
        "bob: are you there?",
        &format!("{half}lo!"),
        "Delivered to bob.",
        prompt.trim_end(),
    ]);
}

#[test]
fn a_message_comes_above_a_line_of_several_rows() {
    let ChatTerminal { mut terminal, mut peer, prompt } = ChatTerminal::start();
    // The prompt and this fill two rows to their last column.
    let line: String = ('a'..='z').cycle().take(120 - prompt.len()).collect();
    let (first, second) = line.split_at(60 - prompt.len());
    terminal.type_keys(&line);
    let first = format!("{prompt}{first}");
    terminal.wait_for_rows(&[&first, second, ""]);

    // As long as a row, so that it fills one.
    let message = format!("mary: {}", "m".repeat(54));
    peer.say(&format!("{message}\n"));
    terminal.wait_for_rows(&["Username accepted", &message, &first, second, ""]);
    terminal.type_keys("!\u{7f}?\r");
    peer.expect(&format!("/all {line}?"));
    terminal.wait_for_rows(&[&message, &first, second, "?", prompt.trim_end()]);
}

#[test]
fn the_place_in_the_line_is_kept() {
    let ChatTerminal { mut terminal, mut peer, prompt } = ChatTerminal::start();
    terminal.type_keys("hllo\u{1b}[D\u{1b}[D\u{1b}[D");
    let row = format!("{prompt}hllo");
    terminal.wait_for_rows(&[&row]);
    for count in 1..=20 {
        peer.say(&format!("mary: {count}\n"));
    }
    terminal.wait_for_rows(&["mary: 19", "mary: 20", &row]);
    terminal.type_keys("e\r");
    peer.expect("/all hello");
}

#[test]
fn a_line_survives_another_width() {
    let ChatTerminal { mut terminal, mut peer, prompt } = ChatTerminal::start();
    let half = "half a line";
    terminal.type_keys(half);
    terminal.wait_for(&format!("{prompt}{half}"));
    terminal.resize(200);
    // The line also fits one row of the old width.
    peer.say("mary: hi\n");
    terminal.wait_for_rows(&["mary: hi", &format!("{prompt}{half}")]);
    terminal.type_keys(" more\r");
    peer.expect("/all half a line more");
}

#[test]
fn lines_come_back_from_the_history() {
    let ChatTerminal { mut terminal, mut peer, prompt } = ChatTerminal::start();
    terminal.type_keys("first\rsecond\r");
    peer.expect("/all first");
    peer.expect("/all second");
    terminal.type_keys("half\u{1b}[A\u{1b}[A");
    terminal.wait_for(&format!("{prompt}first"));
    peer.say("mary: hi\n");
    terminal.wait_for_rows(&["mary: hi", &format!("{prompt}first")]);
    terminal.type_keys("\u{1b}[B\u{1b}[B");
    terminal.wait_for(&format!("{prompt}half"));
}

#[test]
fn names_have_colours_where_they_are_wanted() {
    let message = "mary: \u{1b}[31mhi\n";
    for is_wanted in [true, false] {
        let ChatTerminal { mut terminal, mut peer, .. } = ChatTerminal::at(|arguments| {
            Terminal::start_with(arguments, |command| {
                if !is_wanted {
                    command.env("NO_COLOR", "1");
                }
            })
        });
        peer.say(message);
        peer.say(message);
        terminal.wait_for_words("mary: ^[[31mhi");
        terminal.type_keys("/quit\r");
        answer_quit(&mut peer);
        let (_, written) = terminal.end();
        let coloured = written.matches("mmary\u{1b}[0m: ^[[31mhi").count();
        assert_eq!(coloured, if is_wanted { 2 } else { 0 }, "{written:?}");
    }
}
