//! What courses came to, in all.

use std::fmt;

use postroom_virtual_disk::Counts;

use super::{CommitPath, Course, Trouble};

/// What courses came to.
#[derive(Debug, Default)]
pub(super) struct Toll {
    courses: u64,
    disks: Counts,
    acknowledged: u64,
    removed: u64,
    /// The courses that have lost something, and what.
    pub(super) lost: Vec<String>,
}

impl Toll {
    /// Runs a course for each seed.
    pub(super) fn of(trouble: Trouble, path: CommitPath, seeds: u64) -> Self {
        let mut toll = Self::default();
        for seed in 0..seeds {
            let mut course = Course::new(seed, trouble, path);
            if let Err(lost) = course.run() {
                toll.lost.push(format!("seed {seed}: {lost}"));
            }
            toll.add(&course);
        }
        toll
    }

    fn add(&mut self, course: &Course) {
        self.courses += 1;
        self.acknowledged += course.acknowledged;
        self.removed += course.removed;
        let (all, Counts { cuts, faults, loss, .. }) = (&mut self.disks, course.disk.counts());
        all.cuts += cuts;
        all.faults += faults;
        all.loss.lost += loss.lost;
        all.loss.torn += loss.torn;
    }
}

/// A row of a table.
impl fmt::Display for Toll {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { courses, disks: Counts { cuts, faults, loss, .. }, .. } = self;
        let Self { acknowledged, removed, lost, .. } = self;
        write!(
            formatter,
            "{courses} courses: {cuts} power cuts (unsynced changes: {} lost, {} torn), {faults} \
             faults; {acknowledged} messages acknowledged, {removed} removed; {} courses lost some",
            loss.lost,
            loss.torn,
            lost.len()
        )
    }
}

/// Runs courses on both paths, prints what they came to, and fails if one lost anything.
pub(super) fn loses_nothing(trouble: Trouble, seeds_default: u64) {
    let seeds = std::env::var("POSTROOM_POWER_SEEDS");
    let seeds = seeds.map_or(seeds_default, |seeds| seeds.parse().expect("a whole number"));
    for path in [CommitPath::Inline, CommitPath::Thread] {
        let toll = Toll::of(trouble, path, seeds);
        println!("{trouble:?}, {path:?}: {toll}");
        assert_eq!(toll.lost, [""; 0], "{trouble:?}, {path:?}");
        assert!(toll.acknowledged > seeds && toll.removed > 0, "{toll}");
    }
}
