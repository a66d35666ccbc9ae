//! TLS, as far as it decides what arrives when: both sides cut what they say into records,
//! whose plaintext is there once all of their ciphertext is. The ciphertext of a record is
//! its plaintext between a header and a tag; nobody here needs a secret.

mod client;
mod server;

pub(crate) use client::ClientTls;
pub(crate) use server::ServerTls;

/// What a record is for, by the number of its type.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Kind {
    /// The end of what its side says: `close_notify`.
    End = 21,
    Handshake = 22,
    Data = 23,
}

/// Bytes before the plaintext of a record.
const HEADER_BYTES: usize = 5;
/// Bytes after it.
const TAG_BYTES: usize = 17;

/// Plaintext of a record, at most.
const PLAINTEXT_BYTES_MAX: usize = 16 << 10;

/// Appends a record to a stream of ciphertext. Its plaintext is not longer than one has.
fn push_record(stream: &mut impl Extend<u8>, kind: Kind, plaintext: &[u8]) {
    let length = u16::try_from(plaintext.len() + TAG_BYTES).expect("a record has a limit");
    stream.extend([kind as u8, 3, 3]);
    stream.extend(length.to_be_bytes());
    stream.extend(plaintext.iter().copied());
    stream.extend([0; TAG_BYTES]);
}

/// Takes the plaintext out of a stream of ciphertext.
#[derive(Debug, Default)]
pub(crate) struct Decoder {
    /// Ciphertext of a record that has not come whole.
    partial: Vec<u8>,
}

impl Decoder {
    /// The records that are whole with these bytes, with their plaintext.
    pub(crate) fn take(&mut self, bytes: &[u8]) -> Vec<(Kind, Vec<u8>)> {
        self.partial.extend_from_slice(bytes);
        std::iter::from_fn(|| self.record()).collect()
    }

    /// The data of the records that are whole with these bytes.
    pub(crate) fn take_data(&mut self, bytes: &[u8]) -> Vec<u8> {
        let records = self.take(bytes).into_iter();
        records.filter(|(kind, _)| *kind == Kind::Data).flat_map(|(_, data)| data).collect()
    }

    fn record(&mut self) -> Option<(Kind, Vec<u8>)> {
        let [kind, _, _, high, low] = *self.partial.first_chunk()?;
        let end = HEADER_BYTES + usize::from(u16::from_be_bytes([high, low]));
        if self.partial.len() < end {
            return None;
        }
        let record: Vec<u8> = self.partial.drain(..end).collect();
        let kind = match kind {
            21 => Kind::End,
            22 => Kind::Handshake,
            23 => Kind::Data,
            kind => panic!("{kind} is no type of a record"),
        };
        Some((kind, record[HEADER_BYTES..end - TAG_BYTES].to_vec()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_there_once_all_of_it_is() {
        let mut stream = Vec::new();
        push_record(&mut stream, Kind::Data, b"hello");
        push_record(&mut stream, Kind::End, b"");
        for cut in 0..stream.len() {
            let mut decoder = Decoder::default();
            let first = decoder.take(&stream[..cut]);
            let is_whole = cut >= HEADER_BYTES + 5 + TAG_BYTES;
            assert_eq!(first.len(), usize::from(is_whole), "{cut}");
            let rest = decoder.take(&stream[cut..]);
            let all: Vec<_> = first.into_iter().chain(rest).collect();
            assert_eq!(all, [(Kind::Data, b"hello".to_vec()), (Kind::End, Vec::new())]);
        }
    }
}
