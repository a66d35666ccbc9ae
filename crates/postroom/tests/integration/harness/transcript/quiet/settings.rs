//! The settings that a transcript asks for.

use std::time::Duration;

use postroom_protocol::{ChatSettings, ImSettings, Settings};
use postroom_store::Limits;

use crate::transcript::Transcript;

/// A setting that is a number.
fn number(transcript: &Transcript, key: &str) -> Option<u32> {
    transcript.setting(key).map(|value| value.parse().unwrap())
}

/// A setting that is a time.
pub(super) fn millis(transcript: &Transcript, key: &str) -> Option<Duration> {
    number(transcript, key).map(|value| Duration::from_millis(value.into()))
}

pub(super) fn settings(transcript: &Transcript) -> Settings {
    let millis = |key| millis(transcript, key);
    let standard = Settings::default();
    Settings {
        login_limit: millis("connection.login_limit_ms").unwrap_or(standard.login_limit),
        pause: millis("connection.pause_ms").unwrap_or(standard.pause),
        im: ImSettings {
            delivery_limit: millis("im.confirm_limit_ms").unwrap_or(standard.im.delivery_limit),
            broadcast_verb: transcript
                .setting("im.broadcast_verb")
                .map_or(standard.im.broadcast_verb, Into::into),
            stores_for_absent: transcript.setting("im.offline") == Some("store"),
        },
        chat: ChatSettings { announces: transcript.setting("chat.announce") != Some("false") },
        ..Settings::default()
    }
}

pub(super) fn limits(transcript: &Transcript) -> Limits {
    let number = |key| number(transcript, key);
    Limits {
        mailbox_capacity: number("mailbox.capacity").unwrap_or(Limits::default().mailbox_capacity),
        accounts_max: number("accounts.max").unwrap_or(Limits::default().accounts_max),
        channels_max: number("channels.max").unwrap_or(Limits::default().channels_max),
        channel_posts: number("channels.posts").unwrap_or(Limits::default().channel_posts),
        disk_reserve_bytes: 0,
    }
}
