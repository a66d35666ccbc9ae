//! What clients send.

/// Something on its way to the server.
#[derive(Debug)]
pub(crate) enum Segment {
    Bytes(Vec<u8>),
    End,
    Reset,
}
