//! Receipts: proof that something is on disk.
//!
//! What a group of changes came to is collected in a [`Batch`]. Only
//! [`Batch::commit`], and only after the commit it was given has succeeded,
//! turns each outcome into a [`Receipt`]; there is no other way to build one.
//! An acknowledgement that asks for a receipt can therefore not be written
//! before its data is safe.

/// Outcomes of changes that no commit has made durable yet.
#[derive(Debug)]
pub struct Batch<T> {
    outcomes: Vec<T>,
}

/// An outcome that a finished commit covers.
#[derive(Debug, Eq, PartialEq)]
pub struct Receipt<T>(T);

impl<T> Batch<T> {
    /// An empty batch with room for so many outcomes.
    #[must_use]
    pub fn with_capacity(outcomes: usize) -> Self {
        Self { outcomes: Vec::with_capacity(outcomes) }
    }

    /// Adds what a change will have come to once it is committed.
    pub fn push(&mut self, outcome: T) {
        self.outcomes.push(outcome);
    }

    /// Runs the commit that makes all outcomes durable and gives out their
    /// receipts, in the order of the changes.
    ///
    /// For store implementations alone: `commit` must return `Ok` only after the
    /// data is on disk.
    pub fn commit<E>(self, commit: impl FnOnce() -> Result<(), E>) -> Result<Receipts<T>, E> {
        commit()?;
        Ok(Receipts(self.outcomes.into_iter()))
    }
}

/// The receipts of one commit, in the order of its changes.
#[derive(Debug)]
pub struct Receipts<T>(std::vec::IntoIter<T>);

impl<T> Iterator for Receipts<T> {
    type Item = Receipt<T>;

    fn next(&mut self) -> Option<Receipt<T>> {
        self.0.next().map(Receipt)
    }
}

impl<T> Receipt<T> {
    /// What was committed.
    pub fn get(&self) -> &T {
        &self.0
    }

    /// Gives up the proof for the outcome itself.
    pub fn into_inner(self) -> T {
        self.0
    }

    /// Keeps the proof for a part, or another view, of the outcome.
    pub fn map<U>(self, view: impl FnOnce(T) -> U) -> Receipt<U> {
        Receipt(view(self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_commit_makes_no_receipt() {
        let mut batch = Batch::with_capacity(1);
        batch.push("stored");
        assert_eq!(batch.commit(|| Err::<(), _>("disk gone")).err(), Some("disk gone"));
    }

    #[test]
    fn receipts_come_in_the_order_of_the_changes() {
        let mut batch = Batch::with_capacity(2);
        batch.push(1);
        batch.push(2);
        let receipts: Vec<_> = batch.commit(|| Ok::<_, ()>(())).unwrap().collect();
        assert_eq!(receipts, [Receipt(1), Receipt(2)]);
    }
}
