//! What the names of all accounts look like.

use std::hash::{BuildHasher, RandomState};

use hashbrown::HashTable;
use postroom_model::Name;

/// The skeletons of names, as hashes of 56 bits, each with the number of names that have
/// it: in 8 bytes, for there may be millions. Where 255 names or more have one, it stays.
#[derive(Debug, Default)]
pub(crate) struct Skeletons {
    counted: HashTable<u64>,
    hasher: RandomState,
}

/// The bits of the number.
const COUNT: u64 = 0xff;

impl Skeletons {
    pub(crate) fn with_capacity(names: usize) -> Self {
        Self { counted: HashTable::with_capacity(names), hasher: RandomState::new() }
    }

    /// Whether a name looks like one of these.
    pub(crate) fn contains(&self, name: &Name) -> bool {
        let hash = self.hash(name);
        self.counted.find(hash, |counted| counted & !COUNT == hash).is_some()
    }

    pub(crate) fn add(&mut self, name: &Name) {
        let hash = self.hash(name);
        match self.counted.find_mut(hash, |counted| counted & !COUNT == hash) {
            Some(counted) if *counted & COUNT == COUNT => {}
            Some(counted) => *counted += 1,
            None => {
                self.counted.insert_unique(hash, hash | 1, |counted| counted & !COUNT);
            }
        }
    }

    pub(crate) fn remove(&mut self, name: &Name) {
        let hash = self.hash(name);
        if let Ok(mut entry) = self.counted.find_entry(hash, |counted| counted & !COUNT == hash) {
            match *entry.get() & COUNT {
                COUNT => {}
                1 => {
                    entry.remove();
                }
                _ => *entry.get_mut() -= 1,
            }
        }
    }

    fn hash(&self, name: &Name) -> u64 {
        self.hasher.hash_one(name.skeleton()) & !COUNT
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_skeleton_stays_until_its_last_name_has_gone() {
        let name = |word: &str| Name::new(word).unwrap();
        let mut skeletons = Skeletons::default();
        let (latin, cyrillic) = (name("paypal"), name("p\u{430}yp\u{430}l"));
        assert!(!skeletons.contains(&latin));
        skeletons.add(&latin);
        skeletons.add(&cyrillic);
        skeletons.remove(&latin);
        assert!(skeletons.contains(&latin) && !skeletons.contains(&name("bob")));
        skeletons.remove(&cyrillic);
        assert!(!skeletons.contains(&latin));
        skeletons.remove(&latin);
        (0..300).for_each(|_| skeletons.add(&latin));
        (0..300).for_each(|_| skeletons.remove(&latin));
        assert!(skeletons.contains(&latin), "so many are not counted");
    }
}
