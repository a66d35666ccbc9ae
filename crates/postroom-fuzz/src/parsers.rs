//! The parsers below the sessions, against their definitions in a few lines.

use postroom_protocol::{PROXY_HEADER_BYTES_MAX, ProxyHeader, fuzzing};

/// The longest line in these tests.
const LINE_BYTES_MAX: usize = 16;

/// Lines are what the line feeds cut, however the bytes are split; a line beyond the limit
/// is reported once and not kept. (That the decoder's memory is bounded by the limit is
/// checked in `fuzzing::lines`.)
pub(crate) fn lines(input: &[u8]) {
    // The first bytes are the sizes of the reads.
    let (sizes, input) = input.split_at(input.len().min(3));
    let sizes: Vec<usize> = sizes.iter().map(|size| usize::from(size % 40)).collect();
    let cut = fuzzing::lines(input, &sizes, LINE_BYTES_MAX);
    assert_eq!(cut, expected_lines(input), "in parts of {sizes:?} bytes");
}

fn expected_lines(input: &[u8]) -> Vec<Option<Vec<u8>>> {
    let mut parts: Vec<&[u8]> = input.split(|byte| *byte == b'\n').collect();
    let rest = parts.pop().unwrap_or_default();
    let without_cr = |line: &'_ [u8]| line.strip_suffix(b"\r").unwrap_or(line).to_vec();
    let mut lines: Vec<_> = parts
        .into_iter()
        .map(|line| Some(without_cr(line)).filter(|line| line.len() <= LINE_BYTES_MAX))
        .collect();
    // A line without an end is reported only once it is too long.
    if without_cr(rest).len() > LINE_BYTES_MAX {
        lines.push(None);
    }
    lines
}

/// Telnet commands leave no trace in the text, and are refused alike at every split.
pub(crate) fn telnet(input: &[u8]) {
    let whole = fuzzing::without_telnet(input, usize::MAX);
    assert_eq!(whole, fuzzing::without_telnet(input, 1));
    let (text, answers, is_too_long) = whole;
    assert!(!is_too_long || input.len() > 64, "a short negotiation was too long");
    assert!(answers.chunks(3).all(|answer| matches!(answer, [255, 252 | 254, _])), "{answers:?}");
    // Each refusal answers a command of three bytes.
    assert!(answers.len() + text.len() <= input.len());
}

/// Receipts are found alike at every split. (That a line of the client takes bounded memory
/// is checked in `fuzzing::receipts`.)
pub(crate) fn receipts(input: &[u8]) {
    let count = fuzzing::receipts(input, 4_096);
    for part in [1, 7] {
        assert_eq!(count, fuzzing::receipts(input, part), "in parts of {part} bytes");
    }
    let codes = input.windows(3).filter(|window| *window == b"302").count();
    assert!(count <= codes, "{count} receipts of {codes} codes");
}

/// A header of the PROXY protocol is found as soon as it is whole and no earlier; what was
/// refused stays refused; and whether it is one is known within its longest length.
pub(crate) fn proxy_header(input: &[u8]) {
    let parsed: Vec<_> =
        (0..=input.len()).map(|length| ProxyHeader::parse(&input[..length])).collect();
    let decided = parsed.iter().position(|parsed| *parsed != Ok(None));
    let Some(decided) = decided else {
        assert!(input.len() < PROXY_HEADER_BYTES_MAX, "no end of {} bytes", input.len());
        return;
    };
    assert!(decided <= PROXY_HEADER_BYTES_MAX, "{decided} bytes are read");
    assert!(parsed[decided..].iter().all(|later| *later == parsed[decided]), "it changes");
    if let Ok(Some(header)) = parsed[decided] {
        assert_eq!(header.length, decided, "its length is that of all that it needs");
    }
}
