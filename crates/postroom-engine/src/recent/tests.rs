//! What is kept, and what a member has missed of it.

use std::sync::Arc;

use postroom_model::{Author, Batch, Name, Post, PostId, Stamp, Text, Timestamp};
use proptest::prelude::*;

use super::*;
use crate::tests::any_time;

/// Limits that are never reached.
const NONE: RecentLimits =
    RecentLimits { posts: usize::MAX, bytes: usize::MAX, bytes_in_all: usize::MAX };
/// Bytes of the text of each post.
const TEXT_BYTES: usize = 72;
/// Bytes that each post takes.
const BYTES: usize = POST_BYTES + TEXT_BYTES;

fn session(number: u32) -> SessionKey {
    SessionKey::new(number, 0)
}

fn channel(number: usize) -> Channel {
    Channel::parse(["#a", "#b", "#c"][number]).unwrap()
}

/// A post in a channel whose text is its number.
fn posted(channel: &Channel, number: usize) -> Posted {
    let post = Post {
        author: Author::Account(Name::new("ann").unwrap()),
        channels: vec![channel.clone()],
        text: Text::from_bytes(format!("{number:0TEXT_BYTES$}").as_bytes()).unwrap(),
    };
    let mut batch = Batch::new();
    let stamp = Stamp { id: PostId(number as u64), stored: Timestamp(0) };
    batch.push((Arc::new(post), stamp));
    let stored = batch.commit(|| Ok::<_, ()>(())).unwrap().next().unwrap();
    Posted::in_each(&stored, None).next().unwrap()
}

/// What a member is told: the number of a post, or how many of a channel are missing.
#[derive(Clone, Debug, Eq, PartialEq)]
enum Told {
    Post(usize),
    Missed(Channel, u64),
}

struct Member {
    key: SessionKey,
    positions: Vec<Position>,
}

impl Member {
    fn new(number: u32) -> Self {
        Self { key: session(number), positions: Vec::new() }
    }

    fn next(&mut self, recent: &RecentPosts) -> Option<Told> {
        Some(match recent.next(&mut self.positions, self.key)? {
            Next::Post(posted, _) => Told::Post(posted.shown().to_string().parse().unwrap()),
            Next::Missed(Event::Missed { channel, missed }) => Told::Missed(channel, missed),
            Next::Missed(_) | Next::Announced(_) => panic!("nothing was announced"),
        })
    }

    fn told(&mut self, recent: &RecentPosts) -> Vec<Told> {
        std::iter::from_fn(|| self.next(recent)).collect()
    }
}

/// Adds posts as the engine does it: the members get a position before them.
fn add<'a>(
    recent: &mut RecentPosts,
    channel: &Channel,
    posts: &[(SessionKey, usize)],
    members: impl IntoIterator<Item = &'a mut Member>,
) {
    let by = |(author, number): &(_, _)| (*author, posted(channel, *number));
    let position = recent.end_of(channel.clone(), false);
    for (author, posted) in posts.iter().map(by) {
        recent.add(NewPost { author, posted, asked_at: any_time() });
    }
    for Member { key, positions } in members {
        recent.enter(positions, position);
        for _ in recent.authors_since(position).filter(|author| author == key) {
            RecentPosts::note_own(positions, position);
        }
    }
}

/// Posts by another session, one at a time, to a member of all channels. The first of
/// each channel gives it its position.
fn told_after(limits: RecentLimits, channels: &[usize]) -> Vec<Told> {
    let mut recent = RecentPosts::new(limits);
    let mut members = [Member::new(1)];
    for (number, place) in channels.iter().enumerate() {
        add(&mut recent, &channel(*place), &[(session(0), number)], &mut members);
    }
    members[0].told(&recent)
}

fn posts(numbers: &[usize]) -> impl Iterator<Item = Told> {
    numbers.iter().map(|number| Told::Post(*number))
}

#[test]
fn a_channel_keeps_so_many_posts() {
    let limits = RecentLimits { posts: 3, ..NONE };
    let told = told_after(limits, &[0, 0, 0]);
    assert_eq!(told, posts(&[0, 1, 2]).collect::<Vec<_>>());
    let told = told_after(limits, &[0, 1, 0, 0, 1, 0, 0, 1]);
    let missed = [Told::Missed(channel(0), 2)];
    // Of #a 0 and 2 are gone, of #b none.
    assert_eq!(told, missed.into_iter().chain(posts(&[1, 3, 4, 5, 6, 7])).collect::<Vec<_>>());
}

#[test]
fn a_channel_keeps_so_many_bytes_and_the_post_that_exceeds_them() {
    // Earlier posts go before a new one comes.
    let limits = RecentLimits { bytes: 2 * BYTES, ..NONE };
    let told = told_after(limits, &[0, 1, 0, 0]);
    assert_eq!(told, posts(&[0, 1, 2, 3]).collect::<Vec<_>>());
    let told = told_after(limits, &[0, 1, 0, 0, 0, 1, 0]);
    let missed = [Told::Missed(channel(0), 2)];
    assert_eq!(told, missed.into_iter().chain(posts(&[1, 3, 4, 5, 6])).collect::<Vec<_>>());
    let limits = RecentLimits { bytes: 2 * BYTES - 1, ..NONE };
    let told = told_after(limits, &[0, 0, 0]);
    let missed = [Told::Missed(channel(0), 1)];
    assert_eq!(told, missed.into_iter().chain(posts(&[1, 2])).collect::<Vec<_>>());
}

#[test]
fn of_all_channels_the_oldest_post_goes_first() {
    let limits = RecentLimits { bytes_in_all: 3 * BYTES, ..NONE };
    let told = told_after(limits, &[0, 1, 2, 1]);
    assert_eq!(told, posts(&[0, 1, 2, 3]).collect::<Vec<_>>());
    // One channel is full of posts, and another loses its own: they are older.
    let told = told_after(limits, &[0, 1, 0, 2, 1, 1, 1, 1]);
    let missed = [(0, 2), (1, 1), (2, 1)];
    let missed = missed.map(|(place, posts)| Told::Missed(channel(place), posts));
    assert_eq!(told, missed.into_iter().chain(posts(&[4, 5, 6, 7])).collect::<Vec<_>>());
}

#[test]
fn posts_that_come_together_are_all_kept_until_others_come() {
    let limits = RecentLimits { posts: 2, bytes: 2 * BYTES, bytes_in_all: 2 * BYTES };
    let mut recent = RecentPosts::new(limits);
    let mut members = [Member::new(1)];
    let together: Vec<_> = (0..5).map(|number| (session(0), number)).collect();
    add(&mut recent, &channel(0), &together, &mut members);
    let [member] = &mut members;
    assert_eq!(member.told(&recent), posts(&[0, 1, 2, 3, 4]).collect::<Vec<_>>());
    add(&mut recent, &channel(1), &[(session(0), 5)], &mut members);
    assert_eq!(recent.bytes, 3 * BYTES);
}

/// The author has deleted some posts before a member, and the author itself in another
/// channel, were told of them.
#[test]
fn who_was_not_told_of_a_deleted_post_is_not_told() {
    let limits = RecentLimits { posts: 5, ..NONE };
    let mut recent = RecentPosts::new(limits);
    let mut members = [Member::new(1), Member::new(2)];
    let by = |of: u32, numbers: std::ops::Range<usize>| {
        numbers.map(|number| (session(of), number)).collect::<Vec<_>>()
    };
    add(&mut recent, &channel(0), &by(2, 0..4), &mut members);
    for number in [0, 2, 9] {
        recent.forget_post(&channel(0), PostId(number));
    }
    recent.forget_post(&channel(2), PostId(1));
    assert!(recent.untold(&mut members[0].positions).is_none(), "they are not told in one run");
    assert_eq!(members[0].told(&recent), posts(&[1, 3]).collect::<Vec<_>>());
    assert_eq!(members[1].told(&recent), [], "these are its own");
    add(&mut recent, &channel(0), &by(0, 4..6), &mut members);
    for member in &mut members {
        assert_eq!(member.told(&recent), posts(&[4, 5]).collect::<Vec<_>>());
    }
    // Once the deleted ones are not kept any more, posts are told in one run again.
    for numbers in [6..8, 8..10, 10..12] {
        add(&mut recent, &channel(0), &by(0, numbers.clone()), &mut members);
        let is_run = recent.untold(&mut members[0].positions).is_some();
        assert_eq!(is_run, numbers.start > 6, "{numbers:?}");
        assert_eq!(members[0].told(&recent).len(), 2);
    }
    let of_second = members[1].told(&recent);
    assert_eq!(of_second, posts(&[6, 7, 8, 9, 10, 11]).collect::<Vec<_>>());
}

#[test]
fn channels_without_members_take_nothing() {
    let mut recent = RecentPosts::new(NONE);
    let mut members = [Member::new(1), Member::new(2)];
    for place in [0, 1, 0] {
        add(&mut recent, &channel(place), &[(session(0), place)], &mut members);
    }
    recent.leave(&mut members[0].positions, &channel(0));
    assert_eq!(recent.bytes, 3 * BYTES);
    recent.leave(&mut members[1].positions, &channel(0));
    assert_eq!(recent.bytes, BYTES);
    for member in members {
        recent.leave_all(member.positions);
    }
    assert_eq!((recent.bytes, recent.channels.len(), recent.oldest.len()), (0, 0, 0));
    assert!(recent.places.is_empty());
}

#[test]
fn a_channel_whose_members_ended_before_they_were_listed_takes_nothing() {
    let mut recent = RecentPosts::new(NONE);
    let position = recent.end_of(channel(0), false);
    let (author, posted) = (session(0), posted(&channel(0), 0));
    recent.add(NewPost { author, posted, asked_at: any_time() });
    recent.forget_if_nobody_reads(position);
    assert_eq!((recent.bytes, recent.channels.len(), recent.oldest.len()), (0, 0, 0));
}

/// All posts there ever were, and what has become of each.
struct Model {
    limits: RecentLimits,
    posts: Vec<ModelPost>,
    /// Which members are in which channels.
    is_in: [[bool; CHANNELS]; MEMBERS],
    /// Those of them that have been there for a post.
    reads: [[bool; CHANNELS]; MEMBERS],
}

struct ModelPost {
    channel: usize,
    is_kept: bool,
    /// Which members are to be told of it, or that they have missed it.
    pending: [bool; MEMBERS],
}

const MEMBERS: usize = 3;
const CHANNELS: usize = 3;

impl Model {
    fn kept(&self, channel: Option<usize>) -> Vec<usize> {
        let is_kept = |post: &ModelPost| {
            post.is_kept && channel.is_none_or(|channel| channel == post.channel)
        };
        (0..self.posts.len()).filter(|number| is_kept(&self.posts[*number])).collect()
    }

    fn make_room(&mut self, channel: usize) {
        let RecentLimits { posts, bytes, bytes_in_all } = self.limits;
        while let kept = self.kept(Some(channel))
            && (kept.len() >= posts || kept.len() * BYTES > bytes)
            && let Some(first) = kept.first()
        {
            self.posts[*first].is_kept = false;
        }
        while let kept = self.kept(None)
            && kept.len() * BYTES > bytes_in_all
            && let Some(first) = kept.first()
        {
            self.posts[*first].is_kept = false;
        }
    }

    /// Adds a post; returns its number.
    fn add(&mut self, channel: usize, author: u32) -> usize {
        let pending = |member: usize| self.is_in[member][channel] && session_of(member) != author;
        let pending = std::array::from_fn(pending);
        for (reads, is_in) in self.reads.iter_mut().zip(self.is_in) {
            reads[channel] = is_in[channel];
        }
        self.posts.push(ModelPost { channel, is_kept: true, pending });
        self.posts.len() - 1
    }

    fn leave(&mut self, member: usize, channel: usize) {
        self.is_in[member][channel] = false;
        self.reads[member][channel] = false;
        let is_empty = self.reads.iter().all(|reads| !reads[channel]);
        for post in self.posts.iter_mut().filter(|post| post.channel == channel) {
            post.pending[member] = false;
            post.is_kept &= !is_empty;
        }
    }

    /// The posts that a member has not been told, kept or not.
    fn pending(&self, member: usize, is_kept: bool) -> Vec<usize> {
        let is_pending = |post: &ModelPost| post.pending[member] && post.is_kept == is_kept;
        (0..self.posts.len()).filter(|number| is_pending(&self.posts[*number])).collect()
    }

    /// Checks what a member is told: of each channel first what it has missed, then the
    /// earliest post of all.
    fn told(&mut self, member: usize, told: Option<Told>) -> Result<(), TestCaseError> {
        let lost = self.pending(member, false);
        if let Some(Told::Missed(name, missed)) = told {
            let of_name = |number: &usize| channel(self.posts[*number].channel) == name;
            let lost: Vec<_> = lost.into_iter().filter(of_name).collect();
            prop_assert_eq!(lost.len() as u64, missed);
            prop_assert!(missed > 0);
            for number in lost {
                self.posts[number].pending[member] = false;
            }
        } else {
            prop_assert!(lost.is_empty(), "{:?} were not named", lost);
            let first = self.pending(member, true).first().copied();
            prop_assert_eq!(told, first.map(Told::Post));
            if let Some(first) = first {
                self.posts[first].pending[member] = false;
            }
        }
        Ok(())
    }
}

fn session_of(member: usize) -> u32 {
    u32::try_from(member).unwrap() + 1
}

#[derive(Clone, Debug)]
enum Step {
    /// Posts in a channel that come together, each by a member or another session.
    Add(usize, Vec<u32>),
    Join(usize, usize),
    Leave(usize, usize),
    /// A member is told so much.
    Tell(usize, usize),
    /// A member is told so many posts of the one channel that has any, if there is one.
    Show(usize, usize),
}

fn step() -> impl Strategy<Value = Step> {
    let by = 0..=u32::try_from(MEMBERS).unwrap();
    let (member, channel) = (0..MEMBERS, 0..CHANNELS);
    prop_oneof![
        8 => (channel.clone(), prop::collection::vec(by, 1..4)).prop_map(|(c, by)| Step::Add(c, by)),
        3 => (member.clone(), channel.clone()).prop_map(|(m, c)| Step::Join(m, c)),
        1 => (member.clone(), channel).prop_map(|(m, c)| Step::Leave(m, c)),
        3 => (member.clone(), 1..6_usize).prop_map(|(m, times)| Step::Tell(m, times)),
        2 => (member, 1..6_usize).prop_map(|(m, times)| Step::Show(m, times)),
    ]
}

fn carry_out(
    step: Step,
    recent: &mut RecentPosts,
    model: &mut Model,
    members: &mut [Member; MEMBERS],
) -> Result<(), TestCaseError> {
    match step {
        Step::Add(place, authors) => {
            // A channel without members keeps nothing.
            if model.is_in.iter().any(|is_in| is_in[place]) {
                model.make_room(place);
                let number = |author| (session(author), model.add(place, author));
                let posts: Vec<_> = authors.into_iter().map(number).collect();
                let is_in = members.iter_mut().zip(model.is_in).filter(|(_, is_in)| is_in[place]);
                add(recent, &channel(place), &posts, is_in.map(|(member, _)| member));
            }
        }
        Step::Join(member, place) => model.is_in[member][place] = true,
        Step::Leave(member, place) => {
            recent.leave(&mut members[member].positions, &channel(place));
            model.leave(member, place);
        }
        Step::Tell(member, times) => {
            for _ in 0..times {
                let told = members[member].next(recent);
                model.told(member, told)?;
            }
        }
        Step::Show(member, times) => {
            if let Some(untold) = recent.untold(&mut members[member].positions) {
                let times = times.min(untold.len());
                let shown = untold
                    .posts()
                    .take(times)
                    .map(|posted| posted.shown().to_string().parse().unwrap());
                let shown: Vec<usize> = shown.collect();
                untold.told(times);
                for number in shown {
                    model.told(member, Some(Told::Post(number)))?;
                }
            }
        }
    }
    prop_assert_eq!(recent.bytes, model.kept(None).len() * BYTES);
    Ok(())
}

proptest! {
    #[test]
    fn members_are_told_each_post_once_or_that_they_have_missed_it(
        posts in 1..6_usize,
        bytes in 1..8 * BYTES,
        bytes_in_all in 1..12 * BYTES,
        steps in prop::collection::vec(step(), 0..150),
    ) {
        let limits = RecentLimits { posts, bytes, bytes_in_all };
        let mut recent = RecentPosts::new(limits);
        let mut model = Model { limits, posts: Vec::new(), is_in: [[false; CHANNELS]; MEMBERS], reads: [[false; CHANNELS]; MEMBERS] };
        let mut members = std::array::from_fn(|member| Member::new(session_of(member)));
        for step in steps {
            carry_out(step, &mut recent, &mut model, &mut members)?;
        }
        for (number, member) in members.iter_mut().enumerate() {
            while let Some(told) = member.next(&recent) {
                model.told(number, Some(told))?;
            }
            model.told(number, None)?;
        }
    }
}
