//! Posts, as JSON.

use postroom_model::{Author, Entry, PostId, Text, Timestamp};
use serde::Serialize;

use crate::api::Time;

/// A post of a channel.
#[derive(Serialize)]
pub(super) struct EntryLine {
    id: String,
    time: Time,
    from: String,
    text: String,
}

impl EntryLine {
    pub(super) fn new(id: PostId, stored: Timestamp, author: &Author, text: &Text) -> Self {
        Self {
            id: id.to_string(),
            time: stored.into(),
            from: author.to_string(),
            text: text.as_str().to_owned(),
        }
    }

    pub(super) fn of(entry: &Entry) -> Self {
        Self::new(entry.id, entry.stored, &entry.author, &entry.text)
    }

    /// The same as an event of a stream (HTML Living Standard, 9.2).
    pub(super) fn event(&self) -> String {
        // JSON has no line end in it.
        let data = serde_json::to_string(self).unwrap_or_default();
        format!("id: {}\nevent: post\ndata: {data}\n\n", self.id)
    }
}
