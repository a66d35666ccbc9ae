//! Where the records of TLS end in a stream of ciphertext.

/// Bytes before a record: its type, a version, and the length of what follows.
const HEADER_BYTES: usize = 5;

/// Follows a stream from record to record.
#[derive(Debug, Default)]
pub struct Records {
    /// The first bytes of the record, without its type.
    length: [u8; 2],
    header_bytes: u8,
    /// Bytes that are left of it.
    left: u16,
}

impl Records {
    /// Follows further bytes, however they are cut.
    pub fn pass(&mut self, mut bytes: &[u8]) {
        while let Some((first, rest)) = bytes.split_first() {
            if self.left > 0 {
                let passed = bytes.len().min(self.left.into());
                // Not more than `left`.
                self.left -= u16::try_from(passed).unwrap_or(self.left);
                bytes = &bytes[passed..];
                self.end_if_over();
                continue;
            }
            if let Some(place) = usize::from(self.header_bytes).checked_sub(HEADER_BYTES - 2) {
                self.length[place] = *first;
            }
            self.header_bytes += 1;
            bytes = rest;
            if usize::from(self.header_bytes) == HEADER_BYTES {
                self.left = u16::from_be_bytes(self.length);
                self.end_if_over();
            }
        }
    }

    fn end_if_over(&mut self) {
        if self.left == 0 {
            self.header_bytes = 0;
        }
    }

    /// Whether the bytes so far are whole records.
    #[must_use]
    pub fn is_between(&self) -> bool {
        self.header_bytes == 0
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn record(body: &[u8]) -> Vec<u8> {
        let length = u16::try_from(body.len()).unwrap().to_be_bytes();
        [&[23, 3, 3], &length[..], body].concat()
    }

    proptest! {
        #[test]
        fn a_boundary_is_seen_where_a_record_ends_and_nowhere_else(
            bodies in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 1..6),
            long in 0usize..=16_640,
        ) {
            let mut stream = Vec::new();
            let mut ends = vec![0];
            for body in bodies.iter().map(Vec::as_slice).chain([&vec![7; long][..]]) {
                stream.extend(record(body));
                ends.push(stream.len());
            }
            for cut in 0..=stream.len() {
                let mut records = Records::default();
                records.pass(&stream[..cut]);
                prop_assert_eq!(records.is_between(), ends.contains(&cut), "at {}", cut);
                records.pass(&stream[cut..]);
                prop_assert!(records.is_between());
            }
        }

        #[test]
        fn every_cut_into_parts_ends_alike(
            bytes in prop::collection::vec(any::<u8>(), 0..400),
            sizes in prop::collection::vec(1usize..9, 1..20),
        ) {
            let (mut whole, mut cut) = (Records::default(), Records::default());
            whole.pass(&bytes);
            let mut rest = &bytes[..];
            for size in sizes.iter().cycle() {
                if rest.is_empty() {
                    break;
                }
                let (part, others) = rest.split_at(rest.len().min(*size));
                cut.pass(part);
                rest = others;
            }
            prop_assert_eq!(format!("{whole:?}"), format!("{cut:?}"));
        }
    }
}
