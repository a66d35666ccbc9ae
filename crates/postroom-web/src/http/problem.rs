//! Why a request was refused, as RFC 9457 has it.

use std::borrow::Cow;

use axum::Json;
use axum::http::StatusCode;
use axum::http::header::{
    CONTENT_TYPE, HeaderValue, RETRY_AFTER, SEC_WEBSOCKET_VERSION, UPGRADE, WWW_AUTHENTICATE,
};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

/// Under which path each kind of problem is described.
pub(super) const PROBLEMS: &str = "/api/v1/problems/";

/// A kind of problem.
#[derive(Debug, Eq, PartialEq)]
pub(super) struct Kind {
    /// Its name, for programs.
    pub(super) word: &'static str,
    pub(super) status: StatusCode,
    /// What it is, for people, the same for each.
    pub(super) title: &'static str,
}

/// A refusal.
#[derive(Debug)]
pub(super) struct Problem {
    kind: &'static Kind,
    detail: Cow<'static, str>,
    /// The account that it is about.
    account: Option<String>,
    /// After how many seconds to try again.
    retry_after: Option<u64>,
}

/// What is written of a problem.
#[derive(Serialize)]
struct Written<'a> {
    r#type: String,
    title: &'a str,
    status: u16,
    detail: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    account: Option<&'a str>,
}

impl Problem {
    pub(super) fn new(kind: &'static Kind, detail: impl Into<Cow<'static, str>>) -> Self {
        Self { kind, detail: detail.into(), account: None, retry_after: None }
    }

    /// It is about this account.
    pub(super) fn about(self, account: String) -> Self {
        Self { account: Some(account), ..self }
    }

    /// The client may try again after so many seconds.
    pub(super) fn later(self, seconds: u64) -> Self {
        Self { retry_after: Some(seconds), ..self }
    }

    #[cfg(test)]
    pub(super) fn status(&self) -> u16 {
        self.kind.status.as_u16()
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let Self { kind, detail, account, retry_after } = self;
        let written = Written {
            r#type: format!("{PROBLEMS}{}", kind.word),
            title: kind.title,
            status: kind.status.as_u16(),
            detail: &detail,
            account: account.as_deref(),
        };
        let mut response = (kind.status, Json(written)).into_response();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if let Some(seconds) = retry_after {
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        if kind == &WEBSOCKET {
            headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
            headers.insert(SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
        }
        if kind == &CREDENTIALS {
            let basic = HeaderValue::from_static("Basic realm=\"postroom\", charset=\"UTF-8\"");
            headers.insert(WWW_AUTHENTICATE, basic);
        }
        response
    }
}

macro_rules! kinds {
    ($($name:ident: $word:literal, $status:ident, $title:literal;)*) => {
        $(pub(super) const $name: Kind =
            Kind { word: $word, status: StatusCode::$status, title: $title };)*
        /// All kinds.
        pub(super) const KINDS: &[&Kind] = &[$(&$name),*];
    };
}

kinds! {
    MALFORMED: "malformed", BAD_REQUEST, "The request is not well formed.";
    BODY_TOO_LONG: "body-too-long", PAYLOAD_TOO_LARGE, "The body is too long.";
    BODY_LATE: "body-late", REQUEST_TIMEOUT, "The body has not come in time.";
    UNKNOWN_HOST: "unknown-host", FORBIDDEN, "The server is not called so.";
    CROSS_SITE: "cross-site", FORBIDDEN, "A page of another site may not ask.";
    UNKNOWN_PATH: "unknown-path", NOT_FOUND, "There is no such path.";
    METHOD: "method", METHOD_NOT_ALLOWED, "The path is asked with another method.";
    CREDENTIALS: "credentials", UNAUTHORIZED, "The credentials are missing or wrong.";
    NAME: "name", UNPROCESSABLE_ENTITY, "The name is not allowed.";
    CHANNEL: "channel", UNPROCESSABLE_ENTITY, "The name of the channel is not allowed.";
    TEXT: "text", UNPROCESSABLE_ENTITY, "The text is not allowed.";
    VALUE: "value", UNPROCESSABLE_ENTITY, "A value is not allowed.";
    CHANNEL_KEY: "channel-key", UNPROCESSABLE_ENTITY, "The key is not allowed.";
    NO_SUCH_CHANNEL: "no-such-channel", NOT_FOUND, "The account has no such private channel.";
    CHANNEL_EXISTS: "channel-exists", CONFLICT, "The channel exists.";
    TOO_MANY_INVITED: "too-many-invited", INSUFFICIENT_STORAGE, "Too many are invited.";
    NOT_INVITED: "not-invited", FORBIDDEN, "The channel is private.";
    NO_SUCH_ACCOUNT: "no-such-account", NOT_FOUND, "There is no such account.";
    NO_SUCH_POST: "no-such-post", NOT_FOUND, "The account has no such post.";
    NO_PASSWORD: "no-password", FORBIDDEN, "The account has no password.";
    NOTHING_KEPT: "nothing-kept", NOT_FOUND, "The server keeps nothing that was read.";
    MAILBOX_FULL: "mailbox-full", INSUFFICIENT_STORAGE, "The mailbox is full.";
    TOO_MANY_ACCOUNTS: "too-many-accounts", INSUFFICIENT_STORAGE, "There are too many accounts.";
    TOO_MANY_CHANNELS: "too-many-channels", INSUFFICIENT_STORAGE, "There are too many channels.";
    TOO_MANY_LEASES: "too-many-leases", SERVICE_UNAVAILABLE, "Too many messages are leased.";
    TOO_MANY_STREAMS: "too-many-streams", SERVICE_UNAVAILABLE, "There are too many streams.";
    UNREADABLE: "unreadable", INTERNAL_SERVER_ERROR, "The store cannot be read.";
    DISK_FULL: "disk-full", INSUFFICIENT_STORAGE, "The disk of the server is full.";
    TOO_MANY_NEW: "too-many-new", TOO_MANY_REQUESTS, "The address has registered too many names.";
    LOOKS_ALIKE: "looks-alike", CONFLICT, "The name looks like that of another account.";
    TAKEN: "taken", CONFLICT, "The account is in use elsewhere.";
    ACK: "ack", BAD_REQUEST, "Nothing proves there that a message has arrived.";
    WEBSOCKET: "websocket", UPGRADE_REQUIRED, "The WebSocket cannot begin so.";
    KEY: "key", BAD_REQUEST, "The idempotency key cannot be used.";
    KEY_REUSED: "key-reused", UNPROCESSABLE_ENTITY, "The idempotency key is that of another request.";
    TOO_MANY_KEYS: "too-many-keys", TOO_MANY_REQUESTS, "The account has used too many keys.";
    EXPIRED: "expired", GONE, "The lease has expired.";
    TOO_MUCH: "too-much", TOO_MANY_REQUESTS, "The address says too much.";
    BUSY: "busy", SERVICE_UNAVAILABLE, "The server is busy.";
    UNAVAILABLE: "unavailable", SERVICE_UNAVAILABLE, "The store is not available.";
    ENDED: "ended", SERVICE_UNAVAILABLE, "The session has ended.";
    UNKNOWN: "unknown", INTERNAL_SERVER_ERROR, "It is not known whether it was done.";
    DEFECT: "defect", INTERNAL_SERVER_ERROR, "The server has a defect.";
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn each_kind_has_a_word_of_its_own() {
        let words: BTreeSet<_> = KINDS.iter().map(|kind| kind.word).collect();
        assert_eq!(words.len(), KINDS.len());
    }
}
