//! The posts that a channel keeps.

use std::collections::VecDeque;

use postroom_store::{AccountId, Sender};

use crate::idle::{Authors, Extent};

/// No account: the board.
const BOARD: u32 = u32::MAX;

/// No account: clients of HTTP. There are never so many accounts.
const WEB: u32 = u32::MAX - 1;

fn packed(author: Option<Sender>) -> u32 {
    match author {
        None => BOARD,
        Some(Sender::Web) => WEB,
        Some(Sender::Account(account)) => account.0,
    }
}

fn unpacked(author: u32) -> Option<Sender> {
    match author {
        BOARD => None,
        WEB => Some(Sender::Web),
        account => Some(Sender::Account(AccountId(account))),
    }
}

/// Posts of a chunk: what a channel with many posts takes beside eight bytes a post is less
/// than two chunks.
const CHUNK_POSTS: usize = 512;

/// The numbers of the posts that a channel keeps, in ascending order, and their authors:
/// eight bytes a post.
#[derive(Debug, Default)]
pub(super) struct Posts {
    /// None of them is empty.
    chunks: VecDeque<Chunk>,
    len: usize,
}

/// Posts whose numbers are so close together that four bytes say how far each is from the
/// first.
#[derive(Debug)]
struct Chunk {
    /// Not above the first number.
    base: u64,
    posts: VecDeque<Packed>,
}

#[derive(Clone, Copy, Debug)]
struct Packed {
    /// What the number is above that of the chunk.
    above: u32,
    author: u32,
}

/// A post that was taken out.
#[derive(Clone, Copy, Debug)]
pub(super) struct Taken {
    pub(super) number: u64,
    author: u32,
}

impl Chunk {
    fn number(&self, packed: Packed) -> u64 {
        self.base + u64::from(packed.above)
    }

    fn pack(&self, Taken { number, author }: Taken) -> Option<Packed> {
        let above = u32::try_from(number.checked_sub(self.base)?).ok()?;
        Some(Packed { above, author })
    }

    /// The place of the first post whose number is not below this one.
    fn place(&self, number: u64) -> usize {
        self.posts.partition_point(|packed| self.number(*packed) < number)
    }

    fn taken(&self, packed: Packed) -> Taken {
        Taken { number: self.number(packed), author: packed.author }
    }

    fn last(&self) -> Option<u64> {
        self.posts.back().map(|packed| self.number(*packed))
    }
}

impl Posts {
    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len == 0
    }

    pub(super) fn first(&self) -> Option<u64> {
        self.from(0).next()
    }

    pub(super) fn last(&self) -> Option<u64> {
        self.chunks.back().and_then(Chunk::last)
    }

    pub(super) fn extent(&self) -> Extent {
        Extent { count: self.len, first: self.first(), last: self.last() }
    }

    /// Adds the latest post.
    pub(super) fn push(&mut self, number: u64, author: Option<Sender>) {
        self.push_latest(Taken { number, author: packed(author) });
    }

    fn push_latest(&mut self, post: Taken) {
        let last = self.chunks.back_mut().filter(|chunk| chunk.posts.len() < CHUNK_POSTS);
        match last.and_then(|chunk| Some((chunk.pack(post)?, chunk))) {
            Some((packed, chunk)) => chunk.posts.push_back(packed),
            None => self.add_chunk(self.chunks.len(), post),
        }
        self.len += 1;
    }

    /// Adds a chunk of one post. Where there is one already, it will be filled.
    fn add_chunk(&mut self, place: usize, Taken { number, author }: Taken) {
        let capacity = if self.chunks.is_empty() { 1 } else { CHUNK_POSTS };
        let mut posts = VecDeque::with_capacity(capacity);
        posts.push_back(Packed { above: 0, author });
        if self.chunks.is_empty() {
            self.chunks.reserve_exact(1);
        }
        self.chunks.insert(place, Chunk { base: number, posts });
    }

    /// Takes the latest post out.
    pub(super) fn pop_latest(&mut self) {
        if let Some(chunk) = self.chunks.back_mut() {
            self.len -= usize::from(chunk.posts.pop_back().is_some());
            self.chunks.pop_back_if(|chunk| chunk.posts.is_empty());
        }
    }

    /// Takes the earliest post out.
    pub(super) fn pop_earliest(&mut self) -> Option<u64> {
        let chunk = self.chunks.front_mut()?;
        let packed = chunk.posts.pop_front()?;
        let number = chunk.number(packed);
        self.len -= 1;
        self.chunks.pop_front_if(|chunk| chunk.posts.is_empty());
        Some(number)
    }

    /// The numbers from `from` on, in ascending order.
    pub(super) fn from(&self, from: u64) -> impl Iterator<Item = u64> {
        let at = self.chunks.partition_point(|chunk| chunk.last().is_some_and(|last| last < from));
        let first = self.chunks.get(at).map_or(0, |chunk| chunk.place(from));
        let rest = self.chunks.range(at..).enumerate();
        rest.flat_map(move |(place, chunk)| {
            let first = if place == 0 { first } else { 0 };
            chunk.posts.range(first..).map(|packed| chunk.number(*packed))
        })
    }

    /// The numbers before `before`, in descending order.
    pub(super) fn before(&self, before: u64) -> impl Iterator<Item = u64> {
        let end = self.chunks.partition_point(|chunk| chunk.base < before);
        let rest = self.chunks.range(..end).rev();
        rest.flat_map(move |chunk| {
            let posts = chunk.posts.range(..chunk.place(before)).rev();
            posts.map(|packed| chunk.number(*packed))
        })
    }

    /// Takes a post out, if it is there.
    pub(super) fn take(&mut self, number: u64) -> Option<Taken> {
        let at = self.chunks.partition_point(|chunk| chunk.base <= number).checked_sub(1)?;
        let chunk = &mut self.chunks[at];
        let place = chunk.place(number);
        let packed = chunk.posts.get(place).copied()?;
        if chunk.number(packed) != number {
            return None;
        }
        chunk.posts.remove(place);
        if chunk.posts.is_empty() {
            self.chunks.remove(at);
        }
        self.len -= 1;
        Some(Taken { number, author: packed.author })
    }

    /// Puts a post back in its place.
    pub(super) fn insert(&mut self, taken: Taken) {
        let at = self.chunks.partition_point(|chunk| chunk.base <= taken.number);
        let before = at.checked_sub(1).and_then(|at| self.chunks.get_mut(at));
        match before.and_then(|chunk| Some((chunk.pack(taken)?, chunk))) {
            Some((packed, chunk)) => {
                let place = chunk.place(taken.number);
                chunk.posts.insert(place, packed);
            }
            None => self.add_chunk(at, taken),
        }
        self.len += 1;
    }

    /// How many are by this author.
    pub(super) fn count_by(&self, author: AccountId) -> usize {
        let posts = self.chunks.iter().flat_map(|chunk| &chunk.posts);
        posts.filter(|packed| packed.author == author.0).count()
    }

    /// Takes those by this author out, each with a call of `gone`.
    pub(super) fn take_by(&mut self, author: AccountId, mut gone: impl FnMut(u64)) {
        for chunk in std::mem::take(self).chunks {
            for packed in &chunk.posts {
                let post = chunk.taken(*packed);
                if post.author == author.0 {
                    gone(post.number);
                } else {
                    self.push_latest(post);
                }
            }
        }
    }

    /// By whom they are, as channels are ranked by it. Looks back until it finds a post of
    /// another author than that of the latest.
    pub(super) fn authors(&self) -> Authors {
        let chunks = self.chunks.iter().rev();
        let mut posts = chunks.flat_map(|chunk| {
            chunk.posts.iter().rev().map(|packed| (packed.author, chunk.number(*packed)))
        });
        let Some((last, _)) = posts.next() else {
            return Authors::default();
        };
        let other = posts.find(|(author, _)| *author != last).map(|(_, number)| number);
        Authors::new(unpacked(last), other)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    /// Something that becomes of the posts of a channel.
    #[derive(Clone, Copy, Debug)]
    enum Change {
        /// Further ones, so far apart, of one of three accounts, the board or the web.
        Push {
            count: u64,
            apart: u64,
            author: u32,
        },
        PopEarliest,
        PopLatest,
        Take(usize),
        TakeAndInsert(usize),
        TakeBy(u32),
    }

    fn change() -> impl Strategy<Value = Change> {
        let apart = prop_oneof![1..4_u64, Just(1 << 31), Just((1 << 32) + 5)];
        prop_oneof![
            (1..700_u64, apart, 0..5_u32).prop_map(|(count, apart, author)| Change::Push {
                count,
                apart,
                author
            }),
            Just(Change::PopEarliest),
            Just(Change::PopLatest),
            any::<usize>().prop_map(Change::Take),
            any::<usize>().prop_map(Change::TakeAndInsert),
            (0..3_u32).prop_map(Change::TakeBy),
        ]
    }

    fn any_number(kept: &BTreeMap<u64, u32>, place: usize) -> Option<u64> {
        kept.keys().nth(place.checked_rem(kept.len())?).copied()
    }

    fn holds(posts: &Posts, kept: &BTreeMap<u64, u32>, at: u64) -> Result<(), TestCaseError> {
        prop_assert_eq!((posts.len(), posts.is_empty()), (kept.len(), kept.is_empty()));
        prop_assert!(posts.chunks.iter().all(|chunk| !chunk.posts.is_empty()));
        prop_assert!(posts.from(0).eq(kept.keys().copied()));
        prop_assert!(posts.before(u64::MAX).eq(kept.keys().rev().copied()));
        let (first, last) = (kept.keys().next(), kept.keys().next_back());
        prop_assert_eq!((posts.first(), posts.last()), (first.copied(), last.copied()));
        for from in [at.saturating_sub(1), at, at + 1] {
            prop_assert!(posts.from(from).eq(kept.range(from..).map(|(number, _)| *number)));
            let before = kept.range(..from).rev().map(|(number, _)| *number);
            prop_assert!(posts.before(from).eq(before));
        }
        let by_one = kept.values().filter(|author| **author == 1).count();
        prop_assert_eq!(posts.count_by(AccountId(1)), by_one);
        Ok(())
    }

    proptest! {
        #[test]
        fn posts_are_kept_as_in_a_table(
            changes in prop::collection::vec(change(), 1..30),
            place: usize,
        ) {
            let (mut posts, mut kept) = (Posts::default(), BTreeMap::new());
            let mut number = 0;
            for change in changes {
                match change {
                    Change::Push { count, apart, author } => for _ in 0..count {
                        number += apart;
                        let author = match author {
                            3 => BOARD,
                            4 => WEB,
                            account => account,
                        };
                        kept.insert(number, author);
                        posts.push(number, unpacked(author));
                    },
                    Change::PopEarliest => {
                        let earliest = kept.pop_first().map(|(number, _)| number);
                        prop_assert_eq!(posts.pop_earliest(), earliest);
                    }
                    Change::PopLatest => {
                        kept.pop_last();
                        posts.pop_latest();
                    }
                    Change::Take(place) => if let Some(number) = any_number(&kept, place) {
                        kept.remove(&number);
                        prop_assert_eq!(posts.take(number).map(|taken| taken.number), Some(number));
                        prop_assert!(posts.take(number).is_none());
                    },
                    Change::TakeAndInsert(place) => if let Some(number) = any_number(&kept, place) {
                        let taken = posts.take(number).expect("it is there");
                        posts.insert(taken);
                    },
                    Change::TakeBy(author) => {
                        let mut gone = Vec::new();
                        posts.take_by(AccountId(author), |number| gone.push(number));
                        let of = kept.extract_if(.., |_, by| *by == author);
                        prop_assert_eq!(gone, of.map(|(number, _)| number).collect::<Vec<_>>());
                    }
                }
                holds(&posts, &kept, any_number(&kept, place).unwrap_or(9))?;
            }
        }
    }

    #[test]
    fn a_post_takes_eight_bytes() {
        assert_eq!(size_of::<Packed>(), 8);
        let mut posts = Posts::default();
        for number in 0..1_000_000 {
            posts.push(3 * number, Some(AccountId(7).into()));
        }
        let chunks = posts.chunks.capacity() * size_of::<Chunk>();
        let packed: usize = posts.chunks.iter().map(|chunk| chunk.posts.capacity() * 8).sum();
        let bytes = chunks + packed;
        assert!(bytes <= 8_250_000, "{bytes}");
    }
}
