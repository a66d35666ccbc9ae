//! Requests, formatted once: sending one only overwrites the digits of a name.

use crate::drive::digits;
use crate::drive::http;
use crate::drive::xorshift::Xorshift;

/// One request with a field of digits, perhaps an empty one, in it.
#[derive(Clone, Debug)]
pub(crate) struct Template {
    text: Vec<u8>,
    digits_at: usize,
    digits: usize,
}

impl Template {
    /// `COMPOSE <prefix>NNN` and a body of `body` bytes.
    pub(crate) fn compose(prefix: &str, digits: usize, body: usize) -> Self {
        let after = format!("\n{}\n", "x".repeat(body));
        Self::around(&format!("COMPOSE {prefix}"), digits, &after)
    }

    /// `POST /~<prefix>NNN` of the account `bench`.
    pub(crate) fn post(prefix: &str, digits: usize, body: usize) -> Self {
        let after = http::after_target(http::ACCOUNT, &"x".repeat(body));
        Self::around(&format!("POST /~{prefix}"), digits, &after)
    }

    /// `READ`, which has no name in it.
    pub(crate) fn read() -> Self {
        Self::around("READ\n", 0, "")
    }

    /// `RPUSH <prefix>NNN <body>` as a RESP array.
    pub(crate) fn rpush(prefix: &str, digits: usize, body: usize) -> Self {
        let key = prefix.len() + digits;
        let before = format!("*3\r\n$5\r\nRPUSH\r\n${key}\r\n{prefix}");
        let after = format!("\r\n${body}\r\n{}\r\n", "x".repeat(body));
        Self::around(&before, digits, &after)
    }

    /// `LPOP <prefix>NNN` as a RESP array.
    pub(crate) fn lpop(prefix: &str, digits: usize) -> Self {
        let key = prefix.len() + digits;
        Self::around(&format!("*2\r\n$4\r\nLPOP\r\n${key}\r\n{prefix}"), digits, "\r\n")
    }

    /// The shortest possible request.
    #[cfg(test)]
    pub(crate) fn single_byte() -> Self {
        Self::around(".", 0, "")
    }

    /// Length of one request, in bytes.
    pub(crate) fn length(&self) -> usize {
        self.text.len()
    }

    /// `before`, then `digits` digits, then `after`.
    pub(crate) fn around(before: &str, digits: usize, after: &str) -> Self {
        let text = [before, &"0".repeat(digits), after].concat().into_bytes();
        Self { text, digits_at: before.len(), digits }
    }
}

/// Which number a request has in its name.
#[derive(Clone, Debug)]
pub(crate) enum Numbers {
    /// A random one below `count`.
    Random { random: Xorshift, count: u32 },
    /// Each below `count` in turn, over and over.
    Cycle { next: u32, count: u32 },
    /// The number of the connection that sends the request.
    Own,
}

impl Numbers {
    pub(crate) fn random(count: u32) -> Self {
        Self::Random { random: Xorshift::new(), count }
    }

    pub(crate) fn cycle(count: u32) -> Self {
        Self::Cycle { next: 0, count }
    }

    #[inline]
    fn next(&mut self, own: u32) -> u32 {
        match self {
            Self::Random { random, count } => random.below(*count),
            Self::Cycle { next, count } => {
                let number = *next;
                *next = if number + 1 == *count { 0 } else { number + 1 };
                number
            }
            Self::Own => own,
        }
    }
}

/// The buffer from which requests are sent, as many as fit into one write.
#[derive(Debug)]
pub(crate) struct Requests {
    batch: Vec<u8>,
    template: Template,
    numbers: Numbers,
}

impl Requests {
    pub(crate) fn new(template: Template, numbers: Numbers, in_flight: u32) -> Self {
        let batch = template.text.repeat(in_flight as usize);
        Self { batch, template, numbers }
    }

    /// The next `count` requests of connection `own`; at most `in_flight`.
    #[inline]
    pub(crate) fn next(&mut self, count: usize, own: u32) -> &[u8] {
        let length = self.template.length();
        let batch = &mut self.batch[..count * length];
        if self.template.digits > 0 {
            for request in batch.chunks_exact_mut(length) {
                let field = &mut request[self.template.digits_at..][..self.template.digits];
                digits::write(field, self.numbers.next(own));
            }
        }
        batch
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(requests: &mut Requests, count: usize, own: u32) -> String {
        String::from_utf8(requests.next(count, own).to_vec()).unwrap()
    }

    #[test]
    fn compose_cycles_through_the_recipients() {
        let mut requests = Requests::new(Template::compose("r", 3, 4), Numbers::cycle(3), 2);
        assert_eq!(text(&mut requests, 2, 0), "COMPOSE r000\nxxxx\nCOMPOSE r001\nxxxx\n");
        assert_eq!(text(&mut requests, 2, 0), "COMPOSE r002\nxxxx\nCOMPOSE r000\nxxxx\n");
    }

    #[test]
    fn redis_requests_carry_their_lengths() {
        let mut push = Requests::new(Template::rpush("r", 5, 2), Numbers::Own, 1);
        let expected = "*3\r\n$5\r\nRPUSH\r\n$6\r\nr00042\r\n$2\r\nxx\r\n";
        assert_eq!(text(&mut push, 1, 42), expected);
        let mut pop = Requests::new(Template::lpop("bench", 2), Numbers::Own, 1);
        assert_eq!(text(&mut pop, 1, 7), "*2\r\n$4\r\nLPOP\r\n$7\r\nbench07\r\n");
    }

    #[test]
    fn read_is_the_same_on_every_connection() {
        let mut requests = Requests::new(Template::read(), Numbers::Own, 2);
        assert_eq!(text(&mut requests, 2, 9), "READ\nREAD\n");
    }

    #[test]
    fn two_sides_get_the_same_random_recipients() {
        let make = || Requests::new(Template::compose("r", 5, 1), Numbers::random(100_000), 16);
        assert_eq!(make().next(16, 0), make().next(16, 1));
    }
}
