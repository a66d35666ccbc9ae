//! Finds the end of an answer and checks it.
//!
//! Pure: bytes in, an answer or "incomplete" out. The caller passes the bytes of
//! an incomplete answer again once more have arrived.

/// The answer that a workload waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Expected {
    /// `MESSAGE SENT`, to COMPOSE.
    Sent,
    /// The sender's line and the body's line, to READ.
    Letter,
    /// The status 201, to POST.
    Created,
    /// The status 200 and a page of that many posts, to GET.
    Page(usize),
    /// `:<number>`, to RPUSH.
    Integer,
    /// `$<length>` and that many bytes, to LPOP.
    Bulk,
    /// That many bytes of any content.
    Echo(usize),
}

/// A complete answer at the front of the received bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    /// Its bytes, line ends included.
    pub(crate) length: usize,
    /// Whether it is the one expected.
    pub(crate) right: bool,
}

impl Expected {
    /// The answer at the front of `bytes`, if it is complete.
    #[inline]
    pub(crate) fn take(self, bytes: &[u8]) -> Option<Answer> {
        match self {
            Self::Sent => sent(bytes),
            Self::Letter => letter(bytes),
            Self::Created => created(bytes),
            Self::Page(posts) => page(bytes, posts),
            Self::Integer => integer(bytes),
            Self::Bulk => bulk(bytes),
            Self::Echo(length) => (bytes.len() >= length).then_some(Answer { length, right: true }),
        }
    }
}

#[inline]
fn sent(bytes: &[u8]) -> Option<Answer> {
    const SENT: &[u8] = b"MESSAGE SENT\n";
    if bytes.starts_with(SENT) {
        return Some(Answer { length: SENT.len(), right: true });
    }
    Some(Answer { length: line(bytes)?, right: false })
}

fn letter(bytes: &[u8]) -> Option<Answer> {
    let sender = line(bytes)?;
    // A name holds no space, so this cannot be a sender.
    if &bytes[..sender] == b"READ ERROR\n" {
        return Some(Answer { length: sender, right: false });
    }
    let body = line(&bytes[sender..])?;
    Some(Answer { length: sender + body, right: sender > 1 })
}

/// A response with its length, and where its body begins.
fn response(bytes: &[u8], status: &[u8]) -> Option<(usize, Answer)> {
    const LENGTH: &[u8] = b"content-length: ";
    let head = bytes.windows(4).position(|part| part == b"\r\n\r\n")? + 4;
    let lower = bytes[..head].to_ascii_lowercase();
    let at = lower.windows(LENGTH.len()).position(|part| part == LENGTH);
    let value = at.map_or(&[][..], |at| &lower[at + LENGTH.len()..]);
    let digits = value.iter().take_while(|byte| byte.is_ascii_digit());
    let body = digits.fold(0, |length, digit| length * 10 + usize::from(digit - b'0'));
    let (length, right) = (head + body, bytes.starts_with(status));
    (bytes.len() >= length).then_some((head, Answer { length, right }))
}

fn created(bytes: &[u8]) -> Option<Answer> {
    response(bytes, b"HTTP/1.1 201 ").map(|(_, answer)| answer)
}

fn page(bytes: &[u8], posts: usize) -> Option<Answer> {
    const POST: &[u8] = b"{\"id\":\"p";
    let (body, answer) = response(bytes, b"HTTP/1.1 200 ")?;
    let found = bytes[body..answer.length].windows(POST.len()).filter(|part| *part == POST);
    Some(Answer { right: answer.right && found.count() == posts, ..answer })
}

fn integer(bytes: &[u8]) -> Option<Answer> {
    let length = line(bytes)?;
    Some(Answer { length, right: bytes[0] == b':' })
}

fn bulk(bytes: &[u8]) -> Option<Answer> {
    let head = line(bytes)?;
    let text = std::str::from_utf8(&bytes[..head]).ok();
    let size = text.and_then(|text| text.strip_prefix('$')?.trim_end().parse::<usize>().ok());
    // `$-1`, the answer for an empty list, has no body.
    let Some(size) = size else {
        return Some(Answer { length: head, right: false });
    };
    let length = head + size + b"\r\n".len();
    (bytes.len() >= length).then_some(Answer { length, right: true })
}

/// Length of the line at the front, its LF included.
fn line(bytes: &[u8]) -> Option<usize> {
    bytes.iter().position(|&byte| byte == b'\n').map(|end| end + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes the answers from `stream` as it comes in two pieces.
    fn split_at(expected: Expected, stream: &[u8], split: usize) -> Vec<(Vec<u8>, bool)> {
        let mut answers = Vec::new();
        let mut taken = 0;
        for end in [split, stream.len()] {
            while let Some(answer) = expected.take(&stream[taken..end]) {
                answers.push((stream[taken..taken + answer.length].to_vec(), answer.right));
                taken += answer.length;
            }
        }
        assert_eq!(taken, stream.len(), "split at {split}");
        answers
    }

    fn check(expected: Expected, answers: &[(&[u8], bool)]) {
        let stream = answers.iter().map(|(text, _)| *text).collect::<Vec<_>>().concat();
        let wanted: Vec<_> = answers.iter().map(|(text, right)| (text.to_vec(), *right)).collect();
        for split in 0..=stream.len() {
            assert_eq!(split_at(expected, &stream, split), wanted, "split at {split}");
        }
    }

    #[test]
    fn the_answer_to_compose_is_one_line() {
        let sent: &[u8] = b"MESSAGE SENT\n";
        check(Expected::Sent, &[(sent, true), (b"MESSAGE FAILED\n", false), (sent, true)]);
        check(Expected::Sent, &[(b"MESSAGE SENT TWICE\n", false), (b"\n", false)]);
    }

    #[test]
    fn the_answer_to_read_is_two_lines_or_an_error() {
        let empty_body: &[u8] = b"alice\n\n";
        let error_as_body: &[u8] = b"bob\nREAD ERROR\n";
        check(
            Expected::Letter,
            &[(empty_body, true), (b"READ ERROR\n", false), (error_as_body, true)],
        );
    }

    #[test]
    fn the_answer_to_post_is_a_response_with_a_length() {
        let created: &[u8] = b"HTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\n{}";
        let refused: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 1\r\n\r\nx";
        let empty: &[u8] = b"HTTP/1.1 201 Created\r\ndate: now\r\n\r\n";
        check(Expected::Created, &[(created, true), (refused, false), (empty, true)]);
    }

    #[test]
    fn a_page_has_all_its_posts() {
        let page: &[u8] =
            b"HTTP/1.1 200 OK\r\ncontent-length: 31\r\n\r\n{\"posts\":[{\"id\":\"p1\"},{\"id\":\"p2";
        check(Expected::Page(2), &[(page, true), (page, true)]);
        check(Expected::Page(3), &[(page, false)]);
    }

    #[test]
    fn the_answer_to_rpush_is_an_integer() {
        let error: &[u8] = b"-MISCONF Errors writing to the AOF file\r\n";
        check(Expected::Integer, &[(b":1\r\n", true), (error, false), (b":100000\r\n", true)]);
    }

    #[test]
    fn the_answer_to_lpop_is_a_bulk_string() {
        let with_line_end: &[u8] = b"$4\r\na\r\nb\r\n";
        check(
            Expected::Bulk,
            &[
                (with_line_end, true),
                (b"$-1\r\n", false),
                (b"$0\r\n\r\n", true),
                (b"-ERR\r\n", false),
            ],
        );
    }

    #[test]
    fn an_echo_has_a_fixed_number_of_bytes() {
        check(Expected::Echo(3), &[(b"abc", true), (b"\n\n\n", true)]);
    }
}
