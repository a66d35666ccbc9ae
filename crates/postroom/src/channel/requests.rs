//! What the commands ask of a server or of a store.

use postroom_office::{DeletedChannel, ListedChannel};
use postroom_store::{Call, Outcome};
use postroom_web::{ChannelDone, ChannelOrder, ChannelPage, channel};

use crate::desk::{Desk, DeskError};

impl Desk {
    /// Deletes the posts of a channel.
    pub(super) fn delete_channel(&mut self, word: &str) -> Result<ChannelDone, DeskError> {
        let channel = channel(word).map_err(DeskError::refused)?;
        match self {
            Self::Server(server) => {
                let order = ChannelOrder::Delete { channel: channel.to_string() };
                Ok(server.post("/v1/channel", &order)?)
            }
            Self::Folder(folder) => {
                let outcome = folder.call(Call::DeleteChannel { channel: channel.clone() })?;
                folder.sweep()?;
                let deleted = DeletedChannel::of(channel, &outcome, 0);
                deleted.map(Into::into).map_err(|refusal| DeskError::refused(refusal.into()))
            }
        }
    }

    /// A page of channels.
    pub(super) fn channels(&mut self, after: Option<&str>) -> Result<ChannelPage, DeskError> {
        match self {
            Self::Server(server) => {
                let query = after.map(|after| format!("?after={}", encoded(after)));
                Ok(server.get(&format!("/v1/channels{}", query.unwrap_or_default()))?)
            }
            Self::Folder(folder) => {
                let after = after.map(channel).transpose().map_err(DeskError::refused)?;
                match folder.call(Call::ListChannels { after })? {
                    Outcome::Channels { channels, next } => {
                        let listed =
                            channels.into_iter().map(|line| ListedChannel::new(line, 0).into());
                        let next = next.map(|next| next.to_string());
                        Ok(ChannelPage { channels: listed.collect(), next })
                    }
                    outcome => unreachable!("channels are listed: {outcome:?}"),
                }
            }
        }
    }
}

/// A word in the query of an address.
fn encoded(word: &str) -> String {
    word.bytes().fold(String::new(), |encoded, byte| format!("{encoded}%{byte:02x}"))
}
