//! A bounded table that forgets what was set longest ago.

use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;

/// At most a number of values by key. At the limit the value that was set longest ago
/// is evicted.
#[derive(Debug)]
pub(crate) struct BoundedMap<K, V> {
    values: HashMap<K, (u64, V)>,
    /// The keys, in the order in which their values were set.
    order: BTreeMap<u64, K>,
    next: u64,
    max: usize,
}

impl<K: Clone + Eq + Hash, V> BoundedMap<K, V> {
    /// An empty table for at most `max` values.
    pub(crate) fn new(max: usize) -> Self {
        Self { values: HashMap::new(), order: BTreeMap::new(), next: 0, max }
    }

    pub(crate) fn get(&self, key: &K) -> Option<&V> {
        self.values.get(key).map(|(_, value)| value)
    }

    /// Changes a value and leaves its age.
    pub(crate) fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        self.values.get_mut(key).map(|(_, value)| value)
    }

    pub(crate) fn set(&mut self, key: K, value: V) {
        let place = self.next;
        self.next += 1;
        if let Some((earlier, _)) = self.values.insert(key.clone(), (place, value)) {
            self.order.remove(&earlier);
        }
        self.order.insert(place, key);
        if self.order.len() > self.max
            && let Some((_, key)) = self.order.pop_first()
        {
            self.values.remove(&key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_value_set_longest_ago_is_evicted() {
        let mut map = BoundedMap::new(2);
        map.set("a", 1);
        map.set("b", 2);
        map.set("a", 3);
        map.set("c", 4);
        assert_eq!(["a", "b", "c"].map(|key| map.get(&key).copied()), [Some(3), None, Some(4)]);
        for number in 0..1_000 {
            map.set("d", number);
        }
        assert_eq!(["a", "c", "d"].map(|key| map.get(&key).copied()), [None, Some(4), Some(999)]);
        assert_eq!((map.values.len(), map.order.len()), (2, 2));
    }
}
