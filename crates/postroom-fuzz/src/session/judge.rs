//! The laws of sessions:
//!
//! - output is UTF-8 that a terminal may be shown, in lines of at most 32,768 bytes;
//! - nothing is said after the end of the connection, which comes once;
//! - what replies hand out is said in the order of the requests, and once;
//! - a line has at most one answer;
//! - each line of a text has its sender before it, and its receipt comes after the last;
//! - a push has at most 1,024 bytes, the next waits for bytes on the back stream, and those
//!   settle at most one: one that was written before;
//! - a mark gets at most one answer;
//! - what is queued for a slow client stays below its limit and one line.
//!
//! That every line of a client that half-closes is answered before the end, and that any
//! split gives the same, is checked by the bench.

use std::collections::BTreeSet;

use postroom_model::{Mark, Notice};
use postroom_protocol::{Close, Input, Outputs, Stream};
use postroom_testing::terminal::{check_safe, without_refusals};

use super::office::{has_last_line, last_line};

const LINE_BYTES_MAX: usize = 32_768;
const PUSH_BYTES_MAX: usize = 1_024;

/// All that a session has said, and how it was brought to that.
pub(super) struct Judge {
    protocol: &'static str,
    queued_bytes_max: usize,
    front: Vec<u8>,
    back: Vec<u8>,
    /// What the session has said on the back stream and the client has not read.
    unread_back: Vec<u8>,
    pub(super) close: Option<Close>,
    pub(super) has_back: bool,
    pub(super) has_stopped: bool,
    /// Bytes of the front stream that wait for the client.
    front_bytes: usize,
    /// All that the client has said on its connection.
    said: Vec<u8>,
    /// Ends of its commands other than by a line feed.
    ends: usize,
    /// Bytes on the back stream came so often.
    back_reads: usize,
    is_back_read: bool,
    answered: BTreeSet<u32>,
    withdrawn: BTreeSet<u32>,
}

impl Judge {
    pub(super) fn new(protocol: &'static str, queued_bytes_max: usize) -> Self {
        Self {
            protocol,
            queued_bytes_max,
            front: Vec::new(),
            back: Vec::new(),
            unread_back: Vec::new(),
            close: None,
            has_back: false,
            has_stopped: false,
            front_bytes: 0,
            said: Vec::new(),
            // What has no line feed ends with the stream.
            ends: 1,
            back_reads: 0,
            is_back_read: false,
            answered: BTreeSet::new(),
            withdrawn: BTreeSet::new(),
        }
    }

    /// The client says this.
    pub(super) fn said(&mut self, bytes: &[u8]) {
        self.said.extend_from_slice(bytes);
    }

    pub(super) fn before(&mut self, input: &Input<'_>) {
        self.is_back_read = matches!(input, Input::Bytes { stream: Stream::Back, .. });
        self.back_reads += usize::from(self.is_back_read);
        self.ends += usize::from(matches!(input, Input::Elapsed(_)));
    }

    /// The sender of a line no longer waits; a push that was not sent must not be sent.
    pub(super) fn withdrawn(&mut self, mark: Mark) {
        if !self.answered.contains(&mark.number)
            && !has(&self.back, mark)
            && !has(&self.unread_back, mark)
        {
            self.withdrawn.insert(mark.number);
        }
    }

    pub(super) fn after(&mut self, outputs: &mut Outputs, queued_bytes: usize) {
        let said = outputs.front.len() > self.front_bytes;
        assert!(self.close.is_none() || !said, "something is said after the end");
        self.front_bytes = outputs.front.len();
        self.unread_back.clone_from(&outputs.back);
        if let Some(close) = outputs.close.take() {
            assert!(self.close.is_none(), "the connection ends twice");
            self.close = Some(close);
        }
        let queued_bytes_max = self.queued_bytes_max + LINE_BYTES_MAX;
        assert!(queued_bytes <= queued_bytes_max, "{queued_bytes} bytes are queued");
        for mark in outputs.delivered_once_acknowledged.drain(..) {
            self.answer(mark);
        }
        let mut delivered = 0;
        for notice in outputs.notices.drain(..) {
            match notice {
                Notice::Delivered(mark) => {
                    delivered += 1;
                    let is_push = self.protocol == "im" && self.is_back_read;
                    assert!(
                        !is_push || has_all(&self.back, mark),
                        "a receipt for {mark:?}, not sent"
                    );
                    self.answer(mark);
                }
                Notice::Refused(mark) => self.answer(mark),
                Notice::Abandon | Notice::Ending => {}
            }
        }
        assert!(delivered <= 1, "one input settles {delivered} pushes");
    }

    fn answer(&mut self, mark: Mark) {
        assert!(self.answered.insert(mark.number), "{mark:?} gets two answers");
        assert!(!self.withdrawn.contains(&mark.number), "{mark:?} was withdrawn");
    }

    /// Takes what the client reads; returns whether that is anything.
    pub(super) fn transmit(&mut self, outputs: &mut Outputs) -> bool {
        let has_more = !outputs.front.is_empty();
        self.front.append(&mut outputs.front);
        self.back.append(&mut outputs.back);
        self.front_bytes = 0;
        has_more
    }

    /// What the client has been told on its connection, without telnet's refusals.
    pub(super) fn front(&self) -> String {
        check_safe("the front stream", &without_refusals(&self.front))
    }

    pub(super) fn back(&self) -> String {
        check_safe("the back stream", &self.back)
    }

    /// Judges all that was said.
    pub(super) fn end(&self) {
        let (front, back) = (self.front(), self.back());
        for line in front.lines().chain(back.lines()) {
            assert!(line.len() <= LINE_BYTES_MAX, "a line of {} bytes", line.len());
        }
        for (text, signs) in [(&front, ("[[", "]]")), (&back, ("[[", "]]")), (&back, ("{{", "}}"))]
        {
            // A client may say such a number itself, and be answered with it.
            if !self.said.windows(2).any(|said| said == signs.0.as_bytes()) {
                check_order(text, signs);
            }
        }
        self.check_senders(&front);
        self.check_answers(&front);
        self.check_pushes(&back);
    }

    /// On chat a text of several lines is as many; those of a client may look like them.
    fn check_senders(&self, front: &str) {
        let is_told = |line: &&str| line.ends_with(">>") && line.contains("<<");
        let may_be_its_own = self.said.windows(2).any(|said| said == b"<<");
        if self.protocol == "chat" && !may_be_its_own {
            for line in front.lines().filter(is_told) {
                let begins = ["eve: <<", "eve(private): <<", "from al: <<"];
                assert!(begins.iter().any(|begin| line.starts_with(begin)), "{line:?}");
            }
        }
    }

    fn check_answers(&self, front: &str) {
        let line_feeds = self.said.split(|byte| *byte == b'\n').count() - 1;
        let (lines, commands) = (front.lines().count(), line_feeds + self.ends);
        let texts = front.matches("[[").count();
        let most = match self.protocol {
            // A message has its sender's line before it.
            "mailbox" => commands + texts,
            "mailbox-verbose" | "im" => commands,
            // Its events are lines, and some of its answers are several.
            _ => return,
        };
        assert!(lines <= most, "{lines} lines answer {commands} commands: {front:?}");
    }

    fn check_pushes(&self, back: &str) {
        assert!(back.is_empty() || back.ends_with('\n'), "a push without an end: {back:?}");
        let pushes = back.lines().filter(|line| *line != "/forceQuit").count();
        assert!(pushes <= 1 + self.back_reads, "{pushes} pushes for {} reads", self.back_reads);
        for push in back.lines() {
            assert!(push.len() < PUSH_BYTES_MAX, "a push of {} bytes", push.len());
            let begins = ["/from ", "/broadcast ", "/forceQuit"];
            assert!(begins.iter().any(|begin| push.starts_with(begin)), "{push:?}");
        }
        for number in &self.withdrawn {
            assert!(!back.contains(&format!("{{{{{number}}}}}")), "{number} was withdrawn");
        }
    }
}

/// Whether the first line with this mark is in this output.
fn has(output: &[u8], mark: Mark) -> bool {
    let number = format!("{{{{{}}}}}", mark.number);
    output.windows(number.len()).any(|bytes| bytes == number.as_bytes())
}

/// Whether all lines with this mark are in it.
fn has_all(output: &[u8], mark: Mark) -> bool {
    let last = last_line(mark.number);
    let has_last = || output.windows(last.len()).any(|bytes| bytes == last.as_bytes());
    has(output, mark) && (!has_last_line(mark.number) || has_last())
}

/// Fails unless the numbers between the signs ascend.
fn check_order(text: &str, (begin, end): (&str, &str)) {
    let parts = text.split(begin).skip(1).filter_map(|part| part.split_once(end));
    let mut latest = 0;
    for number in parts.filter_map(|(number, _)| number.parse::<u32>().ok()) {
        assert!(number > latest, "number {number} is said after number {latest}: {text:?}");
        latest = number;
    }
}
