//! What the account of a session has read and sent, as JSON.

use postroom_model::{MessageId, Timestamp};
use postroom_store::{HistoryFrom, KeptAs, KeptMessage, KeptPage};
use serde::Serialize;

use super::connection::Common;
use super::link::Session;
use super::problem::Problem;
use super::reply::{not_kept, not_replied};
use crate::api::Time;

/// A message that was read, or sent.
#[derive(Serialize)]
pub(super) struct KeptLine {
    id: String,
    time: Time,
    #[serde(flatten)]
    other: Other,
    text: String,
}

#[derive(Serialize)]
#[serde(rename_all = "lowercase")]
enum Other {
    /// Who has written it.
    From(String),
    /// Whom the account has written it to.
    To(String),
}

impl KeptLine {
    pub(super) fn of(message: &KeptMessage) -> Self {
        let other = message.other.to_string();
        Self {
            id: message.id.to_string(),
            time: message.stored.into(),
            other: match message.kept {
                KeptAs::Received => Other::From(other),
                KeptAs::Sent => Other::To(other),
            },
            text: message.text.as_str().to_owned(),
        }
    }
}

/// Reads a page of what the account has read and sent.
pub(super) async fn read_page(
    common: &Common,
    session: &Session,
    from: HistoryFrom<MessageId>,
    count: usize,
) -> Result<KeptPage, Problem> {
    let rows = session.kept(from, count).await.map_err(not_replied)?.map_err(not_kept)?;
    let page = common.read(move |history| history.kept(&rows)).await?;
    if !page.damaged.is_empty() {
        common.link.damaged(page.damaged.clone());
    }
    Ok(page)
}

/// Where the messages begin that were stored at a time or later.
pub(super) async fn since(
    common: &Common,
    time: Timestamp,
) -> Result<HistoryFrom<MessageId>, Problem> {
    common.read(move |history| history.first_message_at(time)).await.map(HistoryFrom::At)
}
