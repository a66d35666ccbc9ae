//! Scripts: inputs that can be read.
//!
//! `%` and a further byte is an action, which each target defines; `%%` is a `%`. All
//! other bytes are said as they are.

/// A part of a script.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Step {
    /// Bytes to say.
    Bytes(Vec<u8>),
    /// The byte after a `%`.
    Action(u8),
}

/// The steps of an input.
pub(crate) fn steps(mut input: &[u8]) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut bytes = Vec::new();
    while let [first, rest @ ..] = input {
        input = rest;
        match (first, rest) {
            (b'%', [b'%', rest @ ..]) => {
                bytes.push(b'%');
                input = rest;
            }
            (b'%', [action, rest @ ..]) => {
                take_bytes(&mut bytes, &mut steps);
                steps.push(Step::Action(*action));
                input = rest;
            }
            (byte, _) => bytes.push(*byte),
        }
    }
    take_bytes(&mut bytes, &mut steps);
    steps
}

fn take_bytes(bytes: &mut Vec<u8>, steps: &mut Vec<Step>) {
    if !bytes.is_empty() {
        steps.push(Step::Bytes(std::mem::take(bytes)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percent_sign_begins_an_action_unless_it_is_doubled() {
        let bytes = |bytes: &[u8]| Step::Bytes(bytes.to_vec());
        assert_eq!(steps(b"a%.b%%c%"), [bytes(b"a"), Step::Action(b'.'), bytes(b"b%c%")]);
        assert_eq!(steps(b"%a%b"), [Step::Action(b'a'), Step::Action(b'b')]);
    }
}
