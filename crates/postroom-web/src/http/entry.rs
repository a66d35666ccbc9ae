//! Posts, as JSON.

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

    /// The same as an event of a stream (HTML Living Standard, 9.2).
    pub(super) fn event(&self) -> String {
        let Says::Text { .. } = self.says else {
            return format!("id: {}\n{}", self.id, deletion(&self.id));
        };
        // JSON has no line end in it.
        let data = serde_json::to_string(self).unwrap_or_default();
        format!("id: {}\nevent: post\ndata: {data}\n\n", self.id)
    }
}

/// The event of a stream that takes the place of a post that is deleted.
pub(super) fn deleted_instead(id: PostId) -> String {
    format!("id: {id}\n{}", deletion(&id.to_string()))
}

/// The event of a stream that a post which it has told is deleted. It does not move the
/// stream's position.
pub(super) fn deleted_later(id: PostId) -> String {
    deletion(&id.to_string())
}

/// An id needs no escapes.
fn deletion(id: &str) -> String {
    format!("event: deleted\ndata: {{\"id\":\"{id}\"}}\n\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deleted_post_is_a_mark_without_a_text() {
        let author = Author::Account(postroom_model::Name::new("ann").unwrap());
        let (id, stored) = (PostId(4), Timestamp(0));
        let text = Content::Text(Text::from_bytes(b"hi").unwrap());
        let shown = |author: &Author, content| {
            let line = EntryLine::of(&Entry { id, stored, author: author.clone(), content });
            (serde_json::to_string(&line).unwrap(), line.event())
        };
        let begin = r#"{"id":"p0000000000004","time":"1970-01-01T00:00:00Z","from":"ann","#;
        let text = shown(&author, text);
        assert_eq!(text.0, format!(r#"{begin}"text":"hi"}}"#));
        assert_eq!(text.1, format!("id: p0000000000004\nevent: post\ndata: {}\n\n", text.0));
        let mark = shown(&author, Content::Deleted);
        assert_eq!(mark.0, format!(r#"{begin}"deleted":true}}"#));
        assert_eq!(mark.1, deleted_instead(id));
        assert_eq!(mark.1, format!("id: p0000000000004\n{}", deleted_later(id)));
    }
}
