//! Checks what a member of a chat gets that may be too slow for some posts: the posts of
//! each sender in order, and a line for each gap.
//!
//! Pure: bytes in, counts out.

use super::line::Line;

/// The posts that a slow member has received so far.
#[derive(Clone, Debug)]
pub(crate) struct Follower {
    senders: Vec<Followed>,
    /// The posts that the lines for gaps have named.
    pub(crate) named: u64,
    /// The posts that did not come.
    pub(crate) missed: u64,
    /// The first line that came out of order, or after a gap without a line for it.
    pub(crate) wrong: Option<String>,
    /// The beginning of a line whose end has not arrived.
    incomplete: Vec<u8>,
}

#[derive(Clone, Debug)]
struct Followed {
    line: Line,
    /// The number of the next post.
    expected: u32,
    /// Whether a gap has been named since the last post.
    may_skip: bool,
}

impl Follower {
    /// A member that joins when these posts come next: of each sender, the form of its
    /// lines and the number.
    pub(super) fn new(next: impl Iterator<Item = (Line, u32)>) -> Self {
        let followed = |(line, expected)| Followed { line, expected, may_skip: false };
        let senders = next.map(followed).collect();
        Self { senders, named: 0, missed: 0, wrong: None, incomplete: Vec::new() }
    }

    /// Takes what has arrived.
    pub(crate) fn hear(&mut self, bytes: &[u8]) {
        let mut buffer = std::mem::take(&mut self.incomplete);
        buffer.extend_from_slice(bytes);
        let mut rest = &buffer[..];
        while let Some(end) = rest.iter().position(|&byte| byte == b'\n') {
            let (line, behind) = rest.split_at(end + 1);
            self.take(line);
            rest = behind;
        }
        self.incomplete = rest.to_vec();
    }

    /// Whether it has got as far as another member, though it may have missed posts.
    pub(crate) fn is_as_far_as(&self, other: &Self) -> bool {
        self.senders.iter().zip(&other.senders).all(|(own, other)| own.expected == other.expected)
    }

    fn take(&mut self, line: &[u8]) {
        let numbered = |(at, of): (usize, &Followed)| Some((at, of.line.number(line)?));
        if let Some((at, number)) = self.senders.iter().enumerate().find_map(numbered) {
            let followed = &mut self.senders[at];
            let is_next = number == followed.expected;
            if number < followed.expected || (!is_next && !followed.may_skip) {
                let line = || line.trim_ascii_end().escape_ascii().to_string();
                self.wrong.get_or_insert_with(line);
            }
            self.missed += u64::from(number.saturating_sub(followed.expected));
            followed.expected = number + 1;
            followed.may_skip = false;
        } else if let Some(missed) = missed(line) {
            self.named += missed;
            self.senders.iter_mut().for_each(|followed| followed.may_skip = true);
        }
    }
}

/// The number in `(12 posts missed in #lobby)`.
fn missed(line: &[u8]) -> Option<u64> {
    let line = std::str::from_utf8(line).ok()?.trim_end();
    let (number, rest) = line.strip_prefix('(')?.split_once(' ')?;
    ["post missed in #lobby)", "posts missed in #lobby)"].contains(&rest).then_some(())?;
    number.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A member that has got one post of each of two senders.
    fn follower() -> Follower {
        let line = |text: &str| Line::new(text.as_bytes(), 5);
        let lines = [line("ann: 000 0000000000 x\n"), line("bob: 001 0000000000 x\n")];
        Follower::new(lines.into_iter().zip([1, 1]))
    }

    fn after(text: &str) -> Follower {
        let mut whole = follower();
        whole.hear(text.as_bytes());
        for split in 0..text.len() {
            let mut parts = follower();
            parts.hear(&text.as_bytes()[..split]);
            parts.hear(&text.as_bytes()[split..]);
            assert_eq!((parts.named, parts.missed), (whole.named, whole.missed));
            assert_eq!(parts.wrong, whole.wrong);
            assert!(parts.is_as_far_as(&whole));
        }
        whole
    }

    fn ann(number: u32) -> String {
        format!("ann: 000 {number:010} x\n")
    }

    fn bob(number: u32) -> String {
        format!("bob: 001 {number:010} x\n")
    }

    #[test]
    fn posts_in_order_are_right_and_other_lines_are_passed_over() {
        let seen = after(&[&*ann(1), "cat has joined\n", &bob(1), &ann(2)].concat());
        assert_eq!((seen.named, seen.missed, seen.wrong), (0, 0, None));
    }

    #[test]
    fn the_posts_of_a_gap_are_counted_and_named() {
        let gap = "(5 posts missed in #lobby)\n";
        let seen = after(&[&*ann(1), gap, &ann(5), &bob(3)].concat());
        assert_eq!((seen.named, seen.missed, &seen.wrong), (5, 5, &None));
        assert!(!seen.is_as_far_as(&follower()));
        let seen = after(&["(1 post missed in #lobby)\n", &*ann(3)].concat());
        assert_eq!((seen.named, seen.missed, seen.wrong), (1, 2, None));
    }

    #[test]
    fn a_repeated_post_and_a_gap_without_a_line_are_wrong() {
        assert_eq!(after(&[ann(1), ann(1)].concat()).wrong.unwrap(), ann(1).trim_end());
        assert_eq!(after(&[ann(1), ann(3)].concat()).wrong.unwrap(), ann(3).trim_end());
        let gap = "(1 post missed in #lobby)\n".to_owned();
        assert_eq!(after(&[gap, ann(2), ann(4)].concat()).wrong.unwrap(), ann(4).trim_end());
    }
}
