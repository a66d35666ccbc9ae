//! Which plaintext a peer has acknowledged, where it acknowledges ciphertext.

use std::collections::VecDeque;

use postroom_model::{Fault, faulty};

/// Writes that are told apart. Beyond it the latest ones count as one, which is
/// acknowledged as a whole: the earlier ones stay exact, so that a peer that is always
/// behind still acknowledges something.
const WRITES_MAX: usize = 8;

/// The end of a write, in bytes since the connection began.
#[derive(Clone, Copy, Debug)]
struct End {
    plain: u64,
    cipher: u64,
}

/// The writes whose ciphertext may not be acknowledged.
#[derive(Debug, Default)]
pub struct Positions {
    /// Plaintext whose ciphertext was acknowledged when that was last asked.
    acknowledged: u64,
    writes: VecDeque<End>,
}

impl Positions {
    /// Adds a write: with so much ciphertext all plaintext up to here is sent.
    pub fn wrote(&mut self, plain: u64, cipher: u64) {
        let end = End { plain, cipher };
        if self.writes.len() == WRITES_MAX {
            self.writes.pop_back();
        }
        self.writes.push_back(end);
    }

    /// How much plaintext is acknowledged by so much ciphertext.
    pub fn acknowledged(&mut self, cipher: u64) -> u64 {
        if faulty(Fault::CiphertextCounted) {
            return cipher;
        }
        while let Some(end) = self.writes.pop_front_if(|end| end.cipher <= cipher) {
            self.acknowledged = end.plain;
        }
        if self.writes.is_empty() {
            // An idle connection keeps no memory for it.
            self.writes = VecDeque::new();
        }
        self.acknowledged
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Against the list of all writes: never more than is acknowledged, all of it once
        /// all is, and never less than before.
        #[test]
        fn no_byte_counts_whose_ciphertext_is_not_acknowledged(
            steps in prop::collection::vec((1u64..50, 0u64..30, 0u64..200), 1..60),
        ) {
            let mut positions = Positions::default();
            let (mut plain, mut cipher, mut acked, mut last) = (0, 0, 0, 0);
            let mut writes = vec![(0, 0)];
            for (bytes, overhead, acknowledged) in steps {
                plain += bytes;
                cipher += bytes + overhead;
                writes.push((plain, cipher));
                positions.wrote(plain, cipher);
                acked = cipher.min(acked + acknowledged);
                let exact = writes.iter().rfind(|(_, cipher)| *cipher <= acked).unwrap().0;
                let told = positions.acknowledged(acked);
                prop_assert!(told <= exact && told >= last, "{told} of {exact}, after {last}");
                last = told;
            }
            prop_assert_eq!(positions.acknowledged(cipher), plain);
        }
    }

    #[test]
    fn a_peer_that_is_always_behind_acknowledges_something() {
        let mut positions = Positions::default();
        let mut told = 0;
        for number in 1..1_000_u64 {
            positions.wrote(number * 10, number * 30);
            if number % 100 == 0 {
                let now = positions.acknowledged((number - 50) * 30);
                assert!(now > told || number == 100, "{now} at {number}");
                told = now;
            }
        }
    }
}
