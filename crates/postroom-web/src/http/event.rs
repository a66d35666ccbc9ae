//! Posts as JSON, and as events of streams.

use std::ops::Range;

use axum::body::Bytes;
use postroom_model::{Author, Content, Entry, PostId, Text, Timestamp};
use serde::Serialize;

use crate::api::Time;

/// A post of a channel.
#[derive(Serialize)]
pub(super) struct EntryLine {
    id: String,
    time: Time,
    from: String,
    #[serde(flatten)]
    says: Says,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Says {
    Text {
        text: String,
    },
    /// Its author has deleted it; always `true`.
    Deleted {
        deleted: bool,
    },
}

impl EntryLine {
    pub(super) fn new(id: PostId, stored: Timestamp, author: &Author, text: &Text) -> Self {
        let says = Says::Text { text: text.as_str().to_owned() };
        Self { id: id.to_string(), time: stored.into(), from: author.to_string(), says }
    }

    pub(super) fn of(entry: &Entry) -> Self {
        let (id, time) = (entry.id.to_string(), entry.stored.into());
        let says = match &entry.content {
            Content::Text(text) => Says::Text { text: text.as_str().to_owned() },
            Content::Deleted => Says::Deleted { deleted: true },
        };
        Self { id, time, from: entry.author.to_string(), says }
    }
}

/// What streams tell: rendered once for all of them.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Event {
    /// As a server-sent event (HTML Living Standard, 9.2).
    rendered: Bytes,
    /// Where the JSON is in it.
    json: Range<usize>,
}

/// The data of an event.
#[derive(Serialize)]
struct EventLine<T> {
    event: &'static str,
    #[serde(flatten)]
    of: T,
}

/// What is told of a deleted post.
#[derive(Serialize)]
struct Deletion<'a> {
    id: &'a str,
}

impl Event {
    /// A post, or the mark that it is deleted.
    pub(super) fn post(entry: EntryLine) -> Self {
        match entry.says {
            Says::Text { .. } => Self::new("post", &entry.id.clone(), entry),
            Says::Deleted { .. } => Self::new("deleted", &entry.id, Deletion { id: &entry.id }),
        }
    }

    /// The mark of a deleted post, in its place.
    pub(super) fn deleted_instead(id: PostId) -> Self {
        let id = id.to_string();
        Self::new("deleted", &id, Deletion { id: &id })
    }

    /// A post that the stream has told before is deleted. It does not move the stream's
    /// position.
    pub(super) fn deleted_later(id: PostId) -> Self {
        Self::rendering("", "deleted", Deletion { id: &id.to_string() })
    }

    /// What has no id.
    pub(super) fn passing(event: &'static str, of: impl Serialize) -> Self {
        Self::rendering("", event, of)
    }

    /// What moves the position of a stream to this id.
    pub(super) fn new(event: &'static str, id: &str, of: impl Serialize) -> Self {
        Self::rendering(&format!("id: {id}\n"), event, of)
    }

    fn rendering(begin: &str, event: &'static str, of: impl Serialize) -> Self {
        // JSON has no line end in it.
        let data = serde_json::to_string(&EventLine { event, of }).unwrap_or_default();
        let head = format!("{begin}event: {event}\ndata: ");
        let json = head.len()..head.len() + data.len();
        Self { rendered: Bytes::from(head + &data + "\n\n"), json }
    }

    /// As a server-sent event.
    pub(super) fn rendered(&self) -> &Bytes {
        &self.rendered
    }

    /// As an object of JSON.
    pub(super) fn json(&self) -> Bytes {
        self.rendered.slice(self.json.clone())
    }
}

#[cfg(test)]
impl Event {
    /// What is rendered so.
    pub(super) fn of_text(text: &str) -> Self {
        Self { rendered: Bytes::from(text.to_owned()), json: 0..0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deleted_post_is_a_mark_without_a_text() {
        let author = Author::Account(postroom_model::Name::new("ann").unwrap());
        let (id, stored) = (PostId(4), Timestamp(0));
        let shown = |content| {
            let entry = Entry { id, stored, author: author.clone(), content };
            let event = Event::post(EntryLine::of(&entry));
            let line = serde_json::to_string(&EntryLine::of(&entry)).unwrap();
            (line, String::from_utf8(event.rendered().to_vec()).unwrap(), event)
        };
        let begin = r#"{"id":"p0000000000004","time":"1970-01-01T00:00:00Z","from":"ann","#;
        let (line, told, event) = shown(Content::Text(Text::from_bytes(b"hi").unwrap()));
        assert_eq!(line, format!(r#"{begin}"text":"hi"}}"#));
        let data = line.replacen('{', r#"{"event":"post","#, 1);
        assert_eq!(event.json(), data);
        assert_eq!(told, format!("id: p0000000000004\nevent: post\ndata: {data}\n\n"));
        let (line, told, event) = shown(Content::Deleted);
        assert_eq!(line, format!(r#"{begin}"deleted":true}}"#));
        let data = r#"{"event":"deleted","id":"p0000000000004"}"#;
        assert_eq!((&event, &event.json()[..]), (&Event::deleted_instead(id), data.as_bytes()));
        let later = Event::deleted_later(id);
        assert_eq!(later.json(), data);
        assert_eq!(told, format!("id: p0000000000004\nevent: deleted\ndata: {data}\n\n"));
        assert_eq!(later.rendered(), &told["id: p0000000000004\n".len()..]);
    }
}
