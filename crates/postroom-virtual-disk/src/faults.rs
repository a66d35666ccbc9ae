//! Which operations fail.

use fastrand::Rng;

/// How an operation fails.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Fault {
    /// A read fails with `SQLITE_IOERR_READ`.
    Read,
    /// A write or truncation fails with `SQLITE_IOERR_WRITE` or `SQLITE_IOERR_TRUNCATE`.
    /// Part of the write may have been carried out.
    Write,
    /// A write fails with `SQLITE_FULL`. Part of it may have been carried out.
    Full,
    /// A sync fails with `SQLITE_IOERR_FSYNC`. As on Linux, what was to be synced can be
    /// read until the next power cut, and may be lost then even if later syncs succeed.
    Sync,
}

/// How often one fault happens.
#[derive(Clone, Copy, Debug, Default)]
struct Plan {
    /// So many operations until it happens once; `None`: it is not to.
    countdown: Option<u64>,
    /// It happens to one in so many operations, at random; 0: to none.
    one_in: u32,
}

/// The plans of all faults.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    plans: [Plan; 4],
}

impl Faults {
    /// Lets the fault happen to the `n`-th operation from now, 1 being the next one.
    pub(crate) fn fail_next(&mut self, fault: Fault, n: u64) {
        self.plan(fault).countdown = Some(n.max(1));
    }

    pub(crate) fn fail_often(&mut self, fault: Fault, one_in: u32) {
        self.plan(fault).one_in = one_in;
    }

    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }

    /// Whether the fault happens to an operation that it can happen to.
    pub(crate) fn happens(&mut self, fault: Fault, random: &mut Rng) -> bool {
        let plan = self.plan(fault);
        let is_due = count_down(&mut plan.countdown);
        is_due || (plan.one_in > 0 && random.u32(..plan.one_in) == 0)
    }

    fn plan(&mut self, fault: Fault) -> &mut Plan {
        &mut self.plans[fault as usize]
    }
}

/// Counts one operation; returns whether the countdown has come to its end with it.
pub(crate) fn count_down(countdown: &mut Option<u64>) -> bool {
    *countdown = countdown.map(|left| left - 1);
    let is_due = *countdown == Some(0);
    if is_due {
        *countdown = None;
    }
    is_due
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_happens_when_it_is_due_and_once() {
        let (mut faults, mut random) = (Faults::default(), Rng::with_seed(1));
        faults.fail_next(Fault::Sync, 3);
        let mut happened = |fault| faults.happens(fault, &mut random);
        assert!(!happened(Fault::Write));
        assert_eq!([(); 5].map(|()| happened(Fault::Sync)), [false, false, true, false, false]);
    }

    #[test]
    fn a_fault_that_happens_often_does_so_until_it_is_cleared() {
        let (mut faults, mut random) = (Faults::default(), Rng::with_seed(1));
        faults.fail_often(Fault::Read, 10);
        let mut count = |faults: &mut Faults| {
            (0..10_000).filter(|_| faults.happens(Fault::Read, &mut random)).count()
        };
        assert!((800..1_200).contains(&count(&mut faults)));
        faults.clear();
        assert_eq!(count(&mut faults), 0);
    }
}
