//! How a run ends.

/// The exit status of a workload that ran to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Every answer was as expected.
    Clean,
    /// At least one was wrong: the table is printed but is no valid result.
    WrongAnswers,
}
