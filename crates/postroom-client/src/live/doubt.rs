//! The lines of which nobody knows whether the server has got them.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Lines that are remembered; of earlier ones only their number is told.
const LINES_MAX: usize = 10;

/// A line of the server this long after one of the client shows that the server lives and
/// has read that one.
const ANSWERED_AFTER: Duration = Duration::from_secs(5);

/// The latest lines that were sent.
#[derive(Debug, Default)]
pub(crate) struct Doubt {
    lines: VecDeque<(Instant, String)>,
    /// How many more were forgotten.
    forgotten: usize,
}

impl Doubt {
    /// A line is sent.
    pub(crate) fn sent(&mut self, line: String, now: Instant) {
        if self.lines.len() == LINES_MAX {
            self.lines.pop_front();
            self.forgotten += 1;
        }
        self.lines.push_back((now, line));
    }

    /// The server has sent something.
    pub(crate) fn heard(&mut self, now: Instant) {
        self.settle(now, ANSWERED_AFTER);
    }

    /// The server has answered the earliest line that `has_answer`, and so has read those
    /// before it; unless it is not one that `is_answered`: then more of an earlier answer came.
    pub(crate) fn answered_first(
        &mut self,
        has_answer: impl Fn(&str) -> bool,
        is_answered: impl Fn(&str) -> bool,
    ) {
        let place = self.lines.iter().position(|(_, line)| has_answer(line));
        if let Some(place) = place.filter(|place| is_answered(&self.lines[*place].1)) {
            self.lines.drain(..=place);
            self.forgotten = 0;
        }
    }

    /// The server has answered all that was sent.
    pub(crate) fn answered(&mut self) {
        *self = Self::default();
    }

    /// The connection is lost: the lines that may be lost with it, which are younger than
    /// `settled_after`; and how many before them.
    pub(super) fn lost(&mut self, now: Instant, settled_after: Duration) -> (Vec<String>, usize) {
        self.settle(now, settled_after);
        let Self { lines, forgotten } = std::mem::take(self);
        (lines.into_iter().map(|(_, line)| line).collect(), forgotten)
    }

    fn settle(&mut self, now: Instant, age: Duration) {
        while let Some((sent, _)) = self.lines.front()
            && now.saturating_duration_since(*sent) >= age
        {
            self.lines.pop_front();
            // Those before it were sent before it.
            self.forgotten = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_in_doubt_until_the_server_shows_that_it_lives() {
        let second = Duration::from_secs(1);
        let start = Instant::now();
        let mut doubt = Doubt::default();
        doubt.sent("one".into(), start);
        doubt.heard(start + second);
        doubt.sent("two".into(), start + 4 * second);
        doubt.heard(start + 5 * second);
        assert_eq!(doubt.lost(start + 6 * second, 60 * second), (vec!["two".to_owned()], 0));
        assert_eq!(doubt.lost(start + 6 * second, 60 * second), (Vec::new(), 0));

        doubt.sent("three".into(), start);
        assert_eq!(doubt.lost(start + 60 * second, 60 * second), (Vec::new(), 0));
        doubt.sent("four".into(), start);
        doubt.answered();
        assert_eq!(doubt.lost(start, 60 * second), (Vec::new(), 0));

        for line in ["five", "/six", "seven", "/eight"] {
            doubt.sent(line.into(), start);
        }
        let has_answer = |line: &str| line.starts_with('/');
        doubt.answered_first(has_answer, |line| line == "/eight");
        doubt.answered_first(has_answer, |line| line == "/six");
        let left = vec!["seven".to_owned(), "/eight".to_owned()];
        assert_eq!(doubt.lost(start, 60 * second), (left, 0));
    }

    #[test]
    fn memory_is_bounded() {
        let now = Instant::now();
        let mut doubt = Doubt::default();
        for number in 0..LINES_MAX + 3 {
            doubt.sent(number.to_string(), now);
        }
        let (lines, forgotten) = doubt.lost(now, Duration::from_mins(1));
        assert_eq!((lines.len(), lines[0].as_str(), forgotten), (LINES_MAX, "3", 3));
    }
}
