//! Histories against all that a cut may leave.

use std::collections::HashSet;
use std::convert::Infallible;

use fastrand::Rng;
use proptest::prelude::{Just, Strategy, any, prop_assert, prop_oneof, proptest};

use super::*;

impl Medium for Vec<u8> {
    type Error = Infallible;

    fn length(&mut self) -> Result<u64, Infallible> {
        Ok(self.len() as u64)
    }

    fn read(&mut self, offset: u64, bytes: &mut [u8]) -> Result<(), Infallible> {
        if !bytes.is_empty() {
            bytes.copy_from_slice(&self[place(offset)..][..bytes.len()]);
        }
        Ok(())
    }

    fn write(&mut self, offset: u64, bytes: &[u8]) -> Result<(), Infallible> {
        let end = place(offset) + bytes.len();
        if bytes.is_empty() {
            return Ok(());
        }
        self.resize(end.max(self.len()), 0);
        self[place(offset)..end].copy_from_slice(bytes);
        Ok(())
    }

    fn set_length(&mut self, length: u64) -> Result<(), Infallible> {
        self.resize(place(length), 0);
        Ok(())
    }
}

fn place(offset: u64) -> usize {
    usize::try_from(offset).unwrap()
}

#[derive(Clone, Debug)]
enum Step {
    Write(u64, Vec<u8>),
    Truncate(u64),
    Sync,
    FailedSync,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let write = (0_u64..20, proptest::collection::vec(1_u8.., 1..6));
    let step = prop_oneof![
        6 => write.prop_map(|(offset, bytes)| Step::Write(offset, bytes)),
        2 => prop_oneof![Just(0_u64), 0_u64..20].prop_map(Step::Truncate),
        1 => Just(Step::Sync),
        1 => Just(Step::FailedSync),
    ];
    proptest::collection::vec(step, 0..8)
}

/// All that a file may be after a cut: each change that no sync made durable is there or
/// not, and the last of those that are may be there in part.
fn possible(start: &[u8], steps: &[Step]) -> HashSet<Vec<u8>> {
    let is_volatile = |index: usize| {
        let next = steps[index..].iter().find(|step| matches!(step, Step::Sync | Step::FailedSync));
        !matches!(next, Some(Step::Sync))
    };
    let mut files = HashSet::new();
    for choice in 0_u32..1 << steps.len() {
        let survives = |index: usize| !is_volatile(index) || choice & 1 << index != 0;
        let is_write = |index: &usize| matches!(steps[*index], Step::Write(..) | Step::Truncate(_));
        let last = (0..steps.len())
            .rfind(|index| is_write(index) && is_volatile(*index) && survives(*index));
        for kept in 0..6 {
            let mut file = start.to_vec();
            for (index, step) in steps.iter().enumerate().filter(|(index, _)| survives(*index)) {
                match step {
                    Step::Write(offset, bytes) => {
                        let kept = if last == Some(index) { kept } else { bytes.len() };
                        file.write(*offset, &bytes[..kept.min(bytes.len())]).unwrap();
                    }
                    Step::Truncate(length) => file.set_length(*length).unwrap(),
                    Step::Sync | Step::FailedSync => {}
                }
            }
            files.insert(file);
        }
    }
    files
}

fn carry_out(steps: &[Step], file: &mut Vec<u8>) -> History {
    let mut history = History::default();
    for step in steps {
        match step {
            Step::Write(offset, bytes) => history.write(file, *offset, bytes).unwrap(),
            Step::Truncate(length) => history.truncate(file, *length).unwrap(),
            Step::Sync => history.synced(),
            Step::FailedSync => history.sync_failed(),
        }
    }
    history
}

proptest! {
    #[test]
    fn a_cut_leaves_what_was_synced_and_a_part_of_the_rest(
        start in proptest::collection::vec(any::<u8>(), 0..20),
        steps in steps(),
        seed in any::<u64>(),
    ) {
        let mut file = start.clone();
        let mut history = carry_out(&steps, &mut file);
        history.cut(&mut file, &mut Rng::with_seed(seed)).unwrap();
        prop_assert!(possible(&start, &steps).contains(&file), "{file:?}");
    }
}

#[test]
fn all_that_may_be_left_is_left_by_some_cut() {
    let steps = [
        Step::Write(0, vec![1; 3]),
        Step::Sync,
        Step::Write(2, vec![2; 3]),
        Step::Truncate(4),
        Step::Write(6, vec![3; 2]),
    ];
    let mut left = HashSet::new();
    for seed in 0..2_000 {
        let mut file = Vec::new();
        let mut history = carry_out(&steps, &mut file);
        history.cut(&mut file, &mut Rng::with_seed(seed)).unwrap();
        left.insert(file);
    }
    assert_eq!(left, possible(&[], &steps));
}

#[test]
fn what_a_failed_sync_abandoned_may_be_lost_though_a_later_sync_succeeds() {
    let steps = [Step::Write(0, vec![1]), Step::FailedSync, Step::Write(1, vec![2]), Step::Sync];
    let mut left = HashSet::new();
    for seed in 0..100 {
        let mut file = Vec::new();
        let mut history = carry_out(&steps, &mut file);
        assert_eq!(file, [1, 2], "until the cut it can be read");
        history.cut(&mut file, &mut Rng::with_seed(seed)).unwrap();
        left.insert(file);
    }
    assert_eq!(left, HashSet::from([vec![1, 2], vec![0, 2]]));
}

#[test]
fn nothing_is_kept_of_what_is_synced() {
    let mut file = Vec::new();
    let abandoned = [
        Step::Write(0, vec![1]),
        Step::FailedSync,
        Step::Truncate(0),
        Step::Write(0, vec![2]),
        Step::Sync,
    ];
    assert!(carry_out(&abandoned, &mut file).changes.is_empty());
    assert!(carry_out(&[Step::Write(0, vec![3]), Step::Sync], &mut file).changes.is_empty());
}
