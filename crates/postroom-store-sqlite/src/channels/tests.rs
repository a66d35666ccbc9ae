//! Channels that are posted in, evicted and trimmed.

use std::collections::BTreeMap;

use postroom_store::{AccountId, PROTECTED_MS};
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
    let taken = channels.set_aside(id, 4).unwrap();
    assert!(channels.set_aside(id, 4).is_none());
    assert_eq!(all(&channels, id), [3, 5, 7]);
    channels.undo_set_aside(id, taken);
    assert_eq!(all(&channels, id), [3, 4, 5, 7]);
}

/// All that decides what is found, evicted and given out; names by their numbers.
fn snapshot(channels: &Channels) -> String {
    let Channels { all, by_name, idle, free, due, .. } = channels;
    let all: Vec<_> = all
        .iter()
        .map(|Kept { posts, name, said, is_evicted, pending, due, rank, .. }| {
            format!("{posts:?} {name:?} {said:?} {is_evicted} {pending} {due} {rank:?}\n")
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
    let by = By { author: Some(AccountId(author).into()), at: Timestamp(now) };
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

proptest! {
    /// Whatever goes, the posts that are left, their authors and the rank of their channel
    /// are those of a channel in which nothing else was said.
    #[test]
    fn what_goes_leaves_no_trace(
        authors in prop::collection::vec(prop::option::of(0..3_u32), 1..30),
        set_aside in prop::collection::vec(1..30_u64, 0..4),
        erased in 0..3_u32,
    ) {
        let rust = Channel::parse("#rust").unwrap();
        let by = |author: Option<u32>| By { author: author.map(|of| AccountId(of).into()), at: Timestamp(5) };
        let mut channels = Channels::default();
        let id = channels.add(rust.clone());
        for author in &authors {
            channels.append(id, by(*author));
        }
        channels.posted(id, 100);
        let before = snapshot(&channels);
        for number in &set_aside {
            if let Some(taken) = channels.set_aside(id, *number) {
                channels.undo_set_aside(id, taken);
                prop_assert_eq!(snapshot(&channels), before.clone());
            }
        }
        for number in &set_aside {
            channels.set_aside(id, *number);
        }
        let is_left = |number: u64, author: Option<u32>| {
            !set_aside.contains(&number) && author != Some(erased)
        };
        let of_erased = (1..).zip(&authors).filter(|(number, author)| {
            !set_aside.contains(number) && **author == Some(erased)
        });
        prop_assert_eq!(channels.count_by(AccountId(erased)) as usize, of_erased.count());
        channels.erase_author(AccountId(erased));
        let mut other = Channels::default();
        prop_assert_eq!(other.add(rust), id);
        for (number, author) in (1..).zip(authors) {
            if is_left(number, author) {
                other.given_out(number - 1);
                other.append(id, by(author));
            }
        }
        other.posted(id, 100);
        prop_assert_eq!(all(&channels, id), all(&other, id));
        prop_assert_eq!(channels.count_by(AccountId(erased)), 0);
        if !all(&other, id).is_empty() {
            prop_assert_eq!(channels.kept(id).rank, other.kept(id).rank);
        }
    }
}
