//! Mailboxes over HTTP: to leave a message, and to read in two steps.

use std::time::Duration;

use postroom_model::{Name, Text};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::client::{Asked, HttpClient};
use crate::ClientError;
use crate::entry::{Entry, Says};
use crate::mailbox::unacknowledged;

/// A message that is handed out to this client alone.
#[derive(Debug)]
pub(crate) struct Leased {
    pub(crate) message: Entry,
    key: String,
}

#[derive(Deserialize)]
struct LeasedLine {
    id: String,
    key: String,
    time: String,
    from: String,
    text: String,
}

/// What is said of a message or a post that is on disk.
#[derive(Deserialize)]
struct StoredLine {
    #[serde(rename = "id")]
    _id: String,
}

/// The same of messages to several.
#[derive(Deserialize)]
struct AllStoredLine {
    #[serde(rename = "messages")]
    _messages: Vec<StoredLine>,
}

impl HttpClient {
    /// Leaves a message for each of the recipients, or for none.
    pub(crate) fn send(&mut self, recipients: &[Name], text: &Text) -> Result<(), ClientError> {
        if let [recipient] = recipients {
            let path = format!("/~{}", encoded(recipient.as_str()));
            return self.store_one(Asked::post(path).text(body(text)));
        }
        let names: Vec<_> = recipients.iter().map(Name::as_str).collect();
        let letter = serde_json::json!({"to": names, "text": body(text)});
        let asked = Asked::post("/api/v1/messages").json(&letter);
        self.store::<AllStoredLine>(asked).map(drop)
    }

    /// Asks for a message or a post to be stored.
    pub(super) fn store_one(&mut self, asked: Asked) -> Result<(), ClientError> {
        self.store::<StoredLine>(asked).map(drop)
    }

    /// Asks for something to be stored, which only an answer of this kind says: where there is
    /// none, it may be.
    fn store<T: DeserializeOwned>(&mut self, asked: Asked) -> Result<T, ClientError> {
        self.connect()?;
        let answer = self.ask(asked, Duration::ZERO).map_err(|error| match error {
            ClientError::Refusal(refusal) if refusal.leaves_open() => {
                ClientError::Unacknowledged(Box::new(ClientError::Refusal(refusal)))
            }
            other => unacknowledged(other),
        })?;
        self.read("POST", &answer)
    }

    /// Leases the earliest unread message for so long, or waits for one as long as `wait`; `None`
    /// if there is none.
    pub(crate) fn lease(
        &mut self,
        lasts: Duration,
        wait: Option<Duration>,
    ) -> Result<Option<Leased>, ClientError> {
        let waits = wait.map(|wait| format!("&wait={}s", wait.as_secs())).unwrap_or_default();
        let asked = Asked::post(format!("/~/lease?for={}s{waits}", lasts.as_secs()));
        let answer = self.ask(asked, wait.unwrap_or_default())?;
        if answer.is_empty() {
            return Ok(None);
        }
        let LeasedLine { id, key, time, from, text } = self.read("POST", &answer)?;
        let text = Text::from_stored(text.as_bytes())
            .map_err(|_| self.unexpected("POST", text.as_bytes()))?;
        Ok(Some(Leased { message: Entry { id, time, from, says: Says::Text(text) }, key }))
    }

    /// Confirms that a message has been read, which removes it. `false` if its lease has ended
    /// before.
    pub(crate) fn confirm(&mut self, leased: &Leased) -> Result<bool, ClientError> {
        let (id, key) = (encoded(&leased.message.id), encoded(&leased.key));
        match self.ask(Asked::delete(format!("/~/{id}?key={key}")), Duration::ZERO) {
            Ok(answer) if answer.is_empty() => Ok(true),
            Ok(_) => Err(self.unexpected("DELETE", b"")),
            Err(ClientError::Refusal(refusal)) if refusal.is_expired() => Ok(false),
            Err(other) => Err(other),
        }
    }
}

/// A text as a body of which the server drops one line end.
pub(super) fn body(text: &Text) -> String {
    let end = if text.as_str().ends_with('\n') { "\n" } else { "" };
    format!("{}{end}", text.as_str())
}

/// A word as a part of a path or a query (RFC 3986, 2.3).
pub(super) fn encoded(word: &str) -> String {
    use std::fmt::Write as _;

    let mut encoded = String::with_capacity(word.len());
    for byte in word.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            // Writing to a string succeeds.
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_in_a_path_stands_for_itself() {
        assert_eq!(encoded("al-1._~"), "al-1._~");
        assert_eq!(encoded("é/?#%&"), "%C3%A9%2F%3F%23%25%26");
    }

    #[test]
    fn a_text_keeps_its_last_empty_line() {
        for text in ["", "a", "a\n", "a\nb", "\n\n", "a\r"] {
            let text = Text::from_stored(text.as_bytes()).unwrap();
            assert_eq!(Text::from_lines(body(&text).as_bytes()), Ok(text));
        }
    }
}
