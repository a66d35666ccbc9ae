//! Messages, as JSON.

use postroom_model::{Delivery, PeekedMessage};
use serde::Serialize;

use crate::api::Time;

/// An unread message, as it is shown.
#[derive(Serialize)]
pub(super) struct MessageLine {
    pub(super) id: String,
    time: Time,
    from: String,
    text: String,
    /// It is handed out to someone now.
    leased: bool,
}

/// A message, as it is handed out.
#[derive(Serialize)]
pub(super) struct DeliveryLine {
    id: String,
    time: Time,
    from: String,
    text: String,
    /// Messages that are unread behind it.
    remaining: u32,
}

impl MessageLine {
    pub(super) fn of(message: &PeekedMessage) -> Self {
        Self {
            id: message.id.to_string(),
            time: message.stored.into(),
            from: message.sender.to_string(),
            text: message.text.as_str().to_owned(),
            leased: message.is_leased,
        }
    }
}

impl From<Delivery> for DeliveryLine {
    fn from(delivery: Delivery) -> Self {
        let Delivery { id, stored, sender, text, remaining } = delivery;
        Self {
            id: id.to_string(),
            time: stored.into(),
            from: sender.to_string(),
            text: text.as_str().to_owned(),
            remaining,
        }
    }
}
