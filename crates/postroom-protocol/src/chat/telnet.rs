//! Telnet negotiation (RFC 854), parsed and removed from the text.
//!
//! The server never starts a negotiation and refuses each option that a client offers
//! or requests: a client that waits for an answer, as `telnet` does after Ctrl-C, then
//! goes on.
//!
//! ```text
//!  Text ──IAC──▶ Command ──WILL, WONT, DO, DONT──▶ Option ──any──▶ Text
//!                        ──SB──▶ Negotiation ──IAC──▶ NegotiationCommand
//!                        ──IAC (a byte 255), any other──▶ Text
//!  NegotiationCommand ──SE──▶ Text, ──any other──▶ Negotiation
//!  Negotiation, NegotiationCommand ──any, at the limit──▶ TooLong
//! ```

/// Maximum bytes of one negotiation, from its IAC to its end.
const NEGOTIATION_BYTES_MAX: u8 = 64;

const IAC: u8 = 255;
const DONT: u8 = 254;
const DO: u8 = 253;
const WONT: u8 = 252;
const WILL: u8 = 251;
const SB: u8 = 250;
const SE: u8 = 240;

/// Removes telnet commands from a stream of bytes.
#[derive(Debug, Default)]
pub(super) struct Telnet {
    state: State,
}

#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
enum State {
    #[default]
    Text,
    Command,
    /// The next byte is the option that the client requests or offers.
    Option {
        verb: u8,
    },
    /// Within a negotiation; the number of its bytes received so far.
    Negotiation {
        bytes: u8,
    },
    NegotiationCommand {
        bytes: u8,
    },
    /// A negotiation exceeds the limit: nothing after it is text.
    TooLong,
}

impl Telnet {
    /// Whether all of `bytes` is text.
    pub(super) fn is_text(&self, bytes: &[u8]) -> bool {
        self.state == State::Text && memchr::memchr(IAC, bytes).is_none()
    }

    /// Whether a negotiation has exceeded the limit.
    pub(super) fn is_too_long(&self) -> bool {
        self.state == State::TooLong
    }

    /// The text in `bytes`; appends the refusals of the client's options to `answers`.
    pub(super) fn take(&mut self, bytes: &[u8], answers: &mut Vec<u8>) -> Vec<u8> {
        let mut text = Vec::with_capacity(bytes.len());
        for byte in bytes {
            self.state = self.next(*byte, &mut text, answers);
        }
        text
    }

    fn next(&self, byte: u8, text: &mut Vec<u8>, answers: &mut Vec<u8>) -> State {
        match (self.state, byte) {
            (State::Text, IAC) => State::Command,
            (State::Command, WILL | WONT | DO | DONT) => State::Option { verb: byte },
            (State::Command, SB) => State::Negotiation { bytes: 2 },
            (State::Text, _) | (State::Command, IAC) => {
                text.push(byte);
                State::Text
            }
            (State::Option { verb }, option) => {
                match verb {
                    WILL => answers.extend_from_slice(&[IAC, DONT, option]),
                    DO => answers.extend_from_slice(&[IAC, WONT, option]),
                    _ => {}
                }
                State::Text
            }
            (State::Negotiation { bytes } | State::NegotiationCommand { bytes }, _)
                if bytes == NEGOTIATION_BYTES_MAX =>
            {
                State::TooLong
            }
            (State::TooLong, _) => State::TooLong,
            (State::Negotiation { bytes }, IAC) => State::NegotiationCommand { bytes: bytes + 1 },
            (State::Command, _) | (State::NegotiationCommand { .. }, SE) => State::Text,
            (State::Negotiation { bytes } | State::NegotiationCommand { bytes }, _) => {
                State::Negotiation { bytes: bytes + 1 }
            }
        }
    }
}

/// What is found in an input that is received in parts of this size: the text, the answers
/// to its telnet commands, and whether a negotiation is too long.
#[cfg(any(test, feature = "fuzzing"))]
#[must_use]
pub fn without_telnet(bytes: &[u8], part: usize) -> (Vec<u8>, Vec<u8>, bool) {
    let (mut telnet, mut text, mut answers) = (Telnet::default(), Vec::new(), Vec::new());
    for part in bytes.chunks(part) {
        if telnet.is_text(part) {
            text.extend_from_slice(part);
        } else {
            text.extend(telnet.take(part, &mut answers));
        }
    }
    (text, answers, telnet.is_too_long())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_asked_for_is_refused_and_nothing_of_it_is_text() {
        let input = b"a\xff\xfd\x06b\xff\xf4c\xff\xfb\x1f\xff\xfa\x1f\0\x50\xff\xff\0\xff\xf0d";
        let (text, answers, is_too_long) = without_telnet(input, 100);
        assert_eq!((&text[..], is_too_long), (&b"abcd"[..], false));
        assert_eq!(answers, b"\xff\xfc\x06\xff\xfe\x1f");
        assert_eq!(without_telnet(b"\xff\xff\xff\xfe\x01\xff\xfc\x01", 100).0, b"\xff");
    }

    #[test]
    fn a_negotiation_has_an_end() {
        let mut input = b"\xff\xfa".to_vec();
        input.extend([b'x'; 60]);
        input.extend(b"\xff\xf0ok");
        assert_eq!(without_telnet(&input, 1), (b"ok".to_vec(), Vec::new(), false));
        input.insert(2, b'x');
        assert_eq!(without_telnet(&input, 1), (Vec::new(), Vec::new(), true));
    }

    proptest! {
        #[test]
        fn any_split_gives_the_same(input in prop::collection::vec(
            prop_oneof![Just(IAC), Just(SB), Just(SE), Just(DO), Just(WILL), Just(b'x')], 0..60,
        ), part in 1..7_usize) {
            prop_assert_eq!(without_telnet(&input, part), without_telnet(&input, 100));
        }
    }
}
