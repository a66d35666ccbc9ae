//! The members that are to be told what is new in their channels.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use postroom_model::SessionKey;

use crate::recent::ChannelPlace;

/// Telling a member costs as much as so many bytes.
const MEMBER_BYTES: usize = 4 << 10;

/// Channels with members to be told.
///
/// A member of the channel of which least was told goes first: so nobody waits for a
/// channel with thousands of members but those who post there.
#[derive(Debug, Default)]
pub(crate) struct DueChannels {
    channels: BTreeMap<ChannelPlace, DueChannel>,
    /// All of them, by the bytes that were told of each.
    order: BTreeSet<(u64, ChannelPlace)>,
    /// Where a channel begins in that order, however little was told of it before: what was
    /// told of each, had all that are due been told equally.
    at: u64,
}

#[derive(Debug)]
struct DueChannel {
    members: VecDeque<SessionKey>,
    /// Sessions that wait to post there.
    posters: Vec<SessionKey>,
    told: u64,
}

impl DueChannels {
    pub(crate) fn is_empty(&self) -> bool {
        self.channels.is_empty()
    }

    /// Whether members of a channel are to be told.
    pub(crate) fn is_due(&self, channel: ChannelPlace) -> bool {
        self.channels.contains_key(&channel)
    }

    /// Whether sessions wait to post.
    pub(crate) fn has_posters(&self) -> bool {
        self.channels.values().any(|due| !due.posters.is_empty())
    }

    /// Adds members of a channel.
    pub(crate) fn add(&mut self, channel: ChannelPlace, members: Vec<SessionKey>) {
        if let Some(due) = self.channels.get_mut(&channel) {
            due.members.extend(members);
        } else if !members.is_empty() {
            let due = DueChannel { members: members.into(), posters: Vec::new(), told: self.at };
            self.order.insert((due.told, channel));
            self.channels.insert(channel, due);
        }
    }

    /// Notes a session that waits to post in a channel [that is due](Self::is_due).
    pub(crate) fn add_poster(&mut self, channel: ChannelPlace, session: SessionKey) {
        if let Some(due) = self.channels.get_mut(&channel) {
            due.posters.push(session);
        }
    }

    /// Takes the next member to be told, and its channel.
    pub(crate) fn next(&mut self) -> Option<(ChannelPlace, SessionKey)> {
        let (_, channel) = *self.order.first()?;
        let member = self.channels.get_mut(&channel)?.members.pop_front()?;
        Some((channel, member))
    }

    /// A member that was [taken](Self::next) has been told so many bytes; `again` has to be
    /// told more. Returns the sessions that may post now, if it was the last one.
    pub(crate) fn told(
        &mut self,
        channel: ChannelPlace,
        bytes: usize,
        again: Option<SessionKey>,
    ) -> Vec<SessionKey> {
        let Some(due) = self.channels.get_mut(&channel) else {
            return Vec::new();
        };
        let cost = (bytes + MEMBER_BYTES) as u64;
        self.at += cost / self.order.len().max(1) as u64;
        self.order.remove(&(due.told, channel));
        due.members.extend(again);
        if due.members.is_empty() {
            return self.channels.remove(&channel).map_or_else(Vec::new, |due| due.posters);
        }
        due.told += cost;
        self.order.insert((due.told, channel));
        Vec::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BIG: ChannelPlace = ChannelPlace(1);
    const SMALL: ChannelPlace = ChannelPlace(2);

    fn session(number: u32) -> SessionKey {
        SessionKey::new(number, 0)
    }

    #[test]
    fn a_channel_of_few_goes_before_the_rest_of_one_of_many() {
        let mut due = DueChannels::default();
        due.add(BIG, (0..100).map(session).collect());
        for _ in 0..10 {
            let (channel, _) = due.next().unwrap();
            assert!(due.told(channel, 64 << 10, None).is_empty());
        }
        due.add(SMALL, (200..210).map(session).collect());
        due.add_poster(SMALL, session(300));
        let mut of_big = 0;
        let released = loop {
            let (channel, _) = due.next().unwrap();
            of_big += usize::from(channel == BIG);
            let bytes = if channel == BIG { 64 << 10 } else { 100 };
            let released = due.told(channel, bytes, None);
            if !released.is_empty() {
                break released;
            }
        };
        assert_eq!(released, [session(300)]);
        assert!(of_big <= 1, "{of_big} of the others came before");
        assert!(due.is_due(BIG) && !due.is_due(SMALL));
    }

    #[test]
    fn channels_of_one_member_do_not_keep_the_others_back() {
        let mut due = DueChannels::default();
        due.add(BIG, (0..1_000).map(session).collect());
        let mut of_big = 0;
        for number in 0..1_000 {
            let small = ChannelPlace(10 + number % 7);
            due.add(small, vec![session(5_000)]);
            let (channel, _) = due.next().unwrap();
            of_big += usize::from(channel == BIG);
            due.told(channel, 100, None);
        }
        assert!(of_big >= 100, "{of_big} of 1,000");
    }

    #[test]
    fn a_member_that_has_to_be_told_more_comes_again() {
        let mut due = DueChannels::default();
        due.add(BIG, vec![session(1), session(2)]);
        assert_eq!(due.next(), Some((BIG, session(1))));
        due.told(BIG, 100, Some(session(1)));
        for number in [2, 1] {
            assert_eq!(due.next(), Some((BIG, session(number))));
            due.told(BIG, 100, None);
        }
        assert!(due.is_empty() && due.next().is_none());
    }
}
