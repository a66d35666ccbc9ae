//! Channels that are posted in, evicted and trimmed.

use std::collections::BTreeMap;

use postroom_store::PROTECTED_MS;
use proptest::prelude::*;

use super::*;
use crate::index::{Index, Undo};

const BY: By = By { author: None, at: Timestamp(0) };

fn all(channels: &Channels, id: ChannelId) -> Vec<u64> {
    let next = |from: &u64| channels.next(id, from + 1);
    std::iter::successors(channels.next(id, 0), next).collect()
}

#[test]
fn a_channel_keeps_its_latest_posts() {
    let mut channels = Channels::default();
    let rust = Channel::parse("#rust").unwrap();
    let id = channels.add(rust.clone());
    for _ in 0..5 {
        channels.append(id, BY);
        channels.posted(id, 3);
    }
    assert_eq!(all(&channels, id), [3, 4, 5]);
    assert_eq!(channels.next(id, 4), Some(4));
    assert_eq!(channels.next(id, 9), None);
    assert_eq!(channels.latest(id), Some(5));
    assert_eq!(channels.find(&Channel::lobby()), None);
    assert_eq!(channels.due(9).collect::<Vec<_>>(), [1, 2]);
    channels.deleted(1);
    assert_eq!(channels.due(9).collect::<Vec<_>>(), [2]);
    let (_, before) = channels.append(id, BY);
    channels.undo_append(id, before);
    assert_eq!(channels.append(id, BY).0, 7, "a number is given out once");
    channels.set_aside(id, 4);
    assert_eq!(all(&channels, id), [3, 5, 7]);
    channels.undo_set_aside(id, 4);
    assert_eq!(all(&channels, id), [3, 4, 5, 7]);
}

/// All that decides what is found, evicted and given out; names by their numbers.
fn snapshot(channels: &Channels) -> String {
    let Channels { all, by_name, idle, free, due, .. } = channels;
    let all: Vec<_> = all
        .iter()
        .map(|Kept { numbers, name, said, is_evicted, pending, due, rank, .. }| {
            format!("{numbers:?} {name:?} {said:?} {is_evicted} {pending} {due} {rank:?}\n")
        })
        .collect();
    let found: BTreeMap<_, _> = by_name.iter().collect();
    format!("{all:?} {found:?} {idle:?} {free:?} {due:?}")
}

/// Says one thing in one of ten channels, of which there are four; returns how to
/// take it back.
fn say(channels: &mut Channels, tag: u8, author: u32, now: u64) -> Vec<Undo> {
    let mut undo = Vec::new();
    let channel = Channel::parse(&format!("#t{tag}")).unwrap();
    let by = By { author: Some(AccountId(author)), at: Timestamp(now) };
    let id = channels.find(&channel).or_else(|| {
        if channels.hashtags() == 4 {
            let goes = channels.evictable(1, std::slice::from_ref(&channel), by.at)?[0];
            undo.push(Undo::EvictChannel(goes, channels.evict(goes).unwrap()));
        }
        Some(if let Some(id) = channels.reuse(&channel) {
            undo.push(Undo::ReuseChannel(id));
            id
        } else {
            undo.push(Undo::Channel(channel.clone()));
            channels.add(channel)
        })
    });
    if let Some(id) = id {
        undo.push(Undo::Post(id, channels.append(id, by).1));
    }
    undo
}

/// What the undo of a group means that is committed.
fn commit(channels: &mut Channels, changes: &[Undo]) {
    for change in changes {
        match change {
            Undo::Post(id, _) => channels.posted(*id, 3),
            Undo::EvictChannel(id, _) => channels.evicted(*id),
            _ => {}
        }
    }
    let count = channels.due(2).len();
    channels.deleted(count);
}

proptest! {
    #[test]
    fn undo_takes_back_what_a_group_has_posted_and_evicted(
        groups in prop::collection::vec(
            prop::collection::vec((0..10_u8, 0..2_u32), 1..6), 1..20),
        undone in prop::collection::vec(any::<bool>(), 20),
    ) {
        let mut index = Index::default();
        for (number, (group, is_undone)) in groups.into_iter().zip(undone).enumerate() {
            let before = snapshot(&index.channels);
            let now = number as u64 * PROTECTED_MS / 4;
            let mut changes = Vec::new();
            for (tag, author) in group {
                changes.extend(say(&mut index.channels, tag, author, now));
            }
            if is_undone {
                index.undo(changes.into_iter());
                prop_assert_eq!(snapshot(&index.channels), before);
            } else {
                commit(&mut index.channels, &changes);
            }
            prop_assert!(index.channels.hashtags() <= 4);
            let numbers = index.channels.all.len();
            prop_assert!(numbers <= 4 + index.channels.due.len() + 6, "{}", numbers);
        }
    }
}
