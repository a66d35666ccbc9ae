//! Server-sent events (HTML Living Standard, 9.2.6), of bytes as they come.

use crate::Deviation;
use crate::line_splitter::{LineSplitter, NextLine};

/// Bytes of the data of an event, at most: a post of the longest text has less, each of its
/// characters escaped.
const EVENT_BYTES_MAX: usize = 131_072;

/// An event.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Event {
    /// Behind which event the stream goes on once this one is done, if that has changed.
    pub(crate) id: Option<String>,
    /// What it is.
    pub(crate) data: String,
}

/// Puts events together.
#[derive(Debug)]
pub(super) struct EventParser {
    lines: LineSplitter,
    /// What has come of the next event.
    begun: Event,
    has_data: bool,
}

impl EventParser {
    pub(super) fn new() -> Self {
        let lines = LineSplitter::new(EVENT_BYTES_MAX);
        Self { lines, begun: Event::default(), has_data: false }
    }

    /// Takes bytes in, and returns the events that are whole with them.
    pub(super) fn push(&mut self, bytes: &[u8]) -> Result<Vec<Event>, Deviation> {
        self.lines.push(bytes);
        let mut events = Vec::new();
        loop {
            match self.lines.take() {
                NextLine::Line(line) => events.extend(self.line(line)?),
                NextLine::TooLong => return Err(Deviation::TooMuch),
                NextLine::Nothing => return Ok(events),
            }
        }
    }

    fn line(&mut self, line: Vec<u8>) -> Result<Option<Event>, Deviation> {
        let line = String::from_utf8(line).map_err(|_| Deviation::InvalidUtf8)?;
        let line = line.strip_suffix('\r').unwrap_or(&line);
        if line.is_empty() {
            let event = std::mem::take(&mut self.begun);
            return Ok(std::mem::take(&mut self.has_data).then_some(event));
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "id" => self.begun.id = Some(value.to_owned()),
            "data" => {
                if std::mem::replace(&mut self.has_data, true) {
                    self.begun.data.push('\n');
                }
                self.begun.data.push_str(value);
                if self.begun.data.len() > EVENT_BYTES_MAX {
                    return Err(Deviation::TooMuch);
                }
            }
            // A comment, how soon to come again, and what the data says as well.
            _ => {}
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STREAM: &str = "retry: 1000\n\n: here\n\nid: p1\nevent: post\ndata: {\"é\"}\n\n:\n\n\
        data:a\r\ndata: b\r\n\r\nid: p2\n\ndata\n\nid: p3\ndata: half";

    fn event(id: Option<&str>, data: &str) -> Event {
        Event { id: id.map(str::to_owned), data: data.to_owned() }
    }

    #[test]
    fn events_are_whole_however_their_bytes_are_split() {
        // Without data there is no event; half of one is none.
        let expected = [event(Some("p1"), "{\"é\"}"), event(None, "a\nb"), event(None, "")];
        for at in 0..STREAM.len() {
            let mut parser = EventParser::new();
            let (begin, end) = STREAM.as_bytes().split_at(at);
            let mut events = parser.push(begin).unwrap();
            events.extend(parser.push(end).unwrap());
            assert_eq!(events, expected, "{at}");
        }
    }

    #[test]
    fn what_never_ends_is_not_kept() {
        let mut parser = EventParser::new();
        let line = [b"data: ".as_slice(), &vec![b'x'; EVENT_BYTES_MAX / 2], b"\n"].concat();
        assert_eq!(parser.push(&line).unwrap(), []);
        parser.push(&line).unwrap_err();
        EventParser::new().push(&vec![b'x'; EVENT_BYTES_MAX + 1]).unwrap_err();
        EventParser::new().push(b"data: \xff\n\n").unwrap_err();
    }
}
