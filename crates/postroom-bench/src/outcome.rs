//! How a run ends.

/// What a workload that ran to its end says about the answers it got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Every answer was the one asked for.
    Clean,
    /// At least one was not; the table stands, but not as a result.
    WrongAnswers,
}
