//! Names that two records have, found with eight bytes of memory a name.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, Hash, RandomState};

/// The names of accounts, or of channels, as far as they have been read.
#[derive(Debug, Default)]
pub(super) struct Names {
    hasher: RandomState,
    /// A part of the hash of each name, and the id of its record.
    entries: Vec<(u32, u32)>,
}

/// Records whose names may be equal: a few, unless the file is damaged.
#[derive(Debug)]
pub(super) struct Suspects {
    /// Those that remain, in ascending order of the hashes and ids, from the end.
    entries: Vec<(u32, u32)>,
}

impl Names {
    pub(super) fn add(&mut self, name: &impl Hash, id: u32) {
        // Half of it: equal names have equal halves.
        let half = self.hasher.hash_one(name) & u64::from(u32::MAX);
        self.entries.push((u32::try_from(half).unwrap_or_default(), id));
    }

    /// All names have been read.
    pub(super) fn suspects(&mut self) -> Suspects {
        let mut entries = std::mem::take(&mut self.entries);
        entries.sort_unstable_by(|one, other| other.cmp(one));
        let is_alone = |at: usize| {
            let hash = |at: usize| entries.get(at).map(|(hash, _)| *hash);
            at.checked_sub(1).and_then(hash) != hash(at) && hash(at + 1) != hash(at)
        };
        let alone: Vec<bool> = (0..entries.len()).map(is_alone).collect();
        let mut alone = alone.into_iter();
        entries.retain(|_| alone.next() == Some(false));
        Suspects { entries }
    }
}

impl Suspects {
    /// The ids of records whose names may all be equal, the lowest first. In a damaged file
    /// they may be many: then the next ones follow.
    pub(super) fn next(&mut self) -> Option<Vec<u32>> {
        const IDS_MAX: usize = 1_000;
        let (hash, first) = self.entries.pop()?;
        let mut ids = vec![first];
        while ids.len() < IDS_MAX
            && let Some((_, id)) = self.entries.pop_if(|(other, _)| *other == hash)
        {
            ids.push(id);
        }
        Some(ids)
    }
}

/// Of records with the names that they have at one moment, those that have the name of an
/// earlier one, each with that one's id.
pub(super) fn doubles<N: Eq + Hash>(named: impl IntoIterator<Item = (u32, N)>) -> Vec<(u32, u32)> {
    let mut first = HashMap::new();
    let double = |(id, name)| {
        let first = *first.entry(name).or_insert(id);
        (first != id).then_some((id, first))
    };
    named.into_iter().filter_map(double).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_names_are_suspects_and_others_are_not() {
        let mut names = Names::default();
        for (id, name) in ["one", "two", "one", "three", "two", "one"].iter().enumerate() {
            names.add(name, u32::try_from(id).unwrap());
        }
        let mut suspects = names.suspects();
        let mut found: Vec<_> = std::iter::from_fn(|| suspects.next()).collect();
        found.sort_unstable();
        assert_eq!(found, [vec![0, 2, 5], vec![1, 4]]);
        assert_eq!(doubles([(0, "one"), (2, "two"), (5, "one")]), [(5, 0)]);
    }
}
