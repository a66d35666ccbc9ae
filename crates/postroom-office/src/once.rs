//! Requests that come with a key, by which they may be repeated.

use blake2::{Blake2b512, Digest as _};
use postroom_model::{Forbidden, IdempotencyKey, Once, Reply, Request};
use postroom_store::{AccountId, Call, Fingerprint, Store};

use crate::Office;
use crate::calls::RequestKey;

/// A key of a session's account, and what it is used for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Keyed {
    account: AccountId,
    fingerprint: Fingerprint,
}

impl Keyed {
    /// The call with its key, where it has one.
    pub(crate) fn wrap(keyed: Option<Self>, call: Call) -> Call {
        match keyed {
            Some(Self { account, fingerprint }) => {
                Call::Once { account, fingerprint, call: Box::new(call) }
            }
            None => call,
        }
    }
}

impl<S: Store> Office<S> {
    pub(crate) fn once(&mut self, key: RequestKey, account: AccountId, once: Once) {
        let (idempotency_key, request) = once.into_parts();
        let keyed = Keyed { account, fingerprint: fingerprint(&idempotency_key, &request) };
        match request {
            Request::Compose { recipient, text, unknown } => {
                self.compose(key, recipient, text, unknown, Some(keyed));
            }
            Request::ComposeAll { recipients, text, unknown } => {
                self.compose_all(key, recipients, text, unknown, Some(keyed));
            }
            Request::Post { channels, text, awaits_delivery } => {
                self.post(key, channels, text, awaits_delivery, Some(keyed));
            }
            // No other request has a key.
            _ => self.resolve(key, Reply::Forbidden(Forbidden::Anonymous)),
        }
    }
}

/// Those of a key and of what is asked for with it.
fn fingerprint(key: &IdempotencyKey, request: &Request) -> Fingerprint {
    let mut content = Blake2b512::new();
    // No name of a recipient or a channel has a line feed.
    let mut add = |kind: &str, name: &str| {
        content.update(kind);
        content.update(name);
        content.update("\n");
    };
    match request {
        Request::Compose { recipient, .. } => add("message ", recipient.folded()),
        Request::ComposeAll { recipients, .. } => {
            for name in recipients.names() {
                add("messages ", name.folded());
            }
        }
        Request::Post { channels, .. } => {
            for channel in channels {
                add("post ", channel.as_str());
            }
        }
        _ => {}
    }
    add("text", "");
    content.update(request.text().map_or("", |text| text.as_str()));
    Fingerprint {
        key: first_bytes(Blake2b512::digest(key.as_bytes())),
        content: first_bytes(content.finalize()),
    }
}

fn first_bytes(digest: impl AsRef<[u8]>) -> u64 {
    let bytes = digest.as_ref().first_chunk();
    bytes.map_or(0, |bytes| u64::from_le_bytes(*bytes))
}

#[cfg(test)]
mod tests {
    use postroom_model::{Channel, Name, Recipients, Text, Unknown};

    use super::*;

    fn name(word: &str) -> Name {
        Name::new(word).unwrap()
    }

    fn text(words: &str) -> Text {
        Text::from_bytes(words.as_bytes()).unwrap()
    }

    fn compose(to: &str, words: &str) -> Request {
        let (recipient, unknown) = (name(to), Unknown::Register);
        Request::Compose { recipient, text: text(words), unknown }
    }

    fn compose_all(to: &[&str], words: &str) -> Request {
        let recipients = Recipients::new(to.iter().map(|word| name(word))).unwrap();
        Request::ComposeAll { recipients, text: text(words), unknown: Unknown::Register }
    }

    fn post(to: &str, words: &str) -> Request {
        let channels = vec![Channel::parse(to).unwrap()];
        Request::Post { channels, text: text(words), awaits_delivery: false }
    }

    #[test]
    fn what_differs_has_another_fingerprint() {
        let key = IdempotencyKey::new(b"key").unwrap();
        let all = [
            compose("bob", "hi"),
            compose("bob", "hi "),
            compose("bo", "hi"),
            compose_all(&["bob"], "hi"),
            compose_all(&["bob", "ann"], "hi"),
            compose_all(&["ann", "bob"], "hi"),
            post("#bob", "hi"),
            post("#bobs", "hi"),
        ]
        .map(|request| fingerprint(&key, &request));
        for (place, one) in all.iter().enumerate() {
            assert!(all[..place].iter().all(|other| other.content != one.content), "{place}");
            assert_eq!(one.key, all[0].key);
        }
        assert_eq!(fingerprint(&key, &compose("BOB", "hi")), all[0], "the same recipient");
        let other = IdempotencyKey::new(b"keys").unwrap();
        assert_ne!(fingerprint(&other, &compose("bob", "hi")).key, all[0].key);
    }
}
