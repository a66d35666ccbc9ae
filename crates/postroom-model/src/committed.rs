//! Committed outcomes: proof that data is on disk.
//!
//! A [`Batch`] collects the outcomes of a group of changes. Only [`Batch::commit`], and
//! only after the given commit has succeeded, turns each outcome into a [`Committed`];
//! there is no other way to build one. An acknowledgement that takes a `Committed`
//! outcome can therefore not be written before its data is on disk.

/// Outcomes of changes that are not committed yet.
#[derive(Debug)]
pub struct Batch<T> {
    outcomes: Vec<T>,
}

/// An outcome of a finished commit.
#[derive(Debug, Eq, PartialEq)]
pub struct Committed<T>(T);

impl<T> Batch<T> {
    /// An empty batch.
    #[must_use]
    pub fn new() -> Self {
        Self { outcomes: Vec::new() }
    }

    /// Adds the outcome that a change will have once it is committed.
    pub fn push(&mut self, outcome: T) {
        self.outcomes.push(outcome);
    }

    /// Runs the commit that makes all changes durable and returns their outcomes, in
    /// the order of the changes.
    ///
    /// For store implementations only: `commit` must return `Ok` only after the data is
    /// on disk. If it fails, the batch keeps its outcomes until it is
    /// [cleared](Self::clear).
    pub fn commit<E>(
        &mut self,
        commit: impl FnOnce() -> Result<(), E>,
    ) -> Result<CommittedBatch<'_, T>, E> {
        commit()?;
        Ok(CommittedBatch(self.outcomes.drain(..)))
    }

    /// Drops the outcomes of changes that will not be committed.
    pub fn clear(&mut self) {
        self.outcomes.clear();
    }
}

impl<T> Default for Batch<T> {
    fn default() -> Self {
        Self::new()
    }
}

/// The outcomes of one commit, in the order of its changes.
#[derive(Debug)]
pub struct CommittedBatch<'a, T>(std::vec::Drain<'a, T>);

impl<T> Iterator for CommittedBatch<'_, T> {
    type Item = Committed<T>;

    fn next(&mut self) -> Option<Committed<T>> {
        self.0.next().map(Committed)
    }
}

impl<T> Committed<T> {
    /// The committed outcome.
    pub fn get(&self) -> &T {
        &self.0
    }

    /// The same proof for a value derived from the outcome.
    pub fn derive<U>(&self, view: impl FnOnce(&T) -> U) -> Committed<U> {
        Committed(view(&self.0))
    }

    /// Drops the proof and returns the outcome.
    pub fn into_inner(self) -> T {
        self.0
    }

    /// Transfers the proof to a part, or another view, of the outcome.
    pub fn map<U>(self, view: impl FnOnce(T) -> U) -> Committed<U> {
        Committed(view(self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_commit_gives_out_no_outcome() {
        let mut batch = Batch::new();
        batch.push("stored");
        assert_eq!(batch.commit(|| Err::<(), _>("disk gone")).err(), Some("disk gone"));
    }

    #[test]
    fn outcomes_come_in_the_order_of_the_changes() {
        let mut batch = Batch::new();
        batch.push(1);
        batch.push(2);
        let outcomes: Vec<_> = batch.commit(|| Ok::<_, ()>(())).unwrap().collect();
        assert_eq!(outcomes, [Committed(1), Committed(2)]);
    }
}
