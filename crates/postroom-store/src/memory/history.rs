//! The history of channels and of mailboxes in a store in memory.

use postroom_model::{MessageId, PostId, Timestamp};

use crate::{History, HistoryFailure, HistoryPage, HistoryQuery, HistoryRows, KeptPage, KeptRows};

use super::MemoryDisk;
use super::channels::{Channels, entry};

impl Channels {
    pub(super) fn history(&self, query: HistoryQuery) -> HistoryRows {
        let said = self.said(&query.channel);
        HistoryRows::new(
            query,
            |from| said.iter().map(|said| said.number).filter(move |number| *number >= from),
            |before| said.iter().rev().map(|said| said.number).filter(move |of| *of < before),
        )
    }
}

/// Reads the history of the channels and the mailboxes on a disk.
#[derive(Debug)]
pub struct MemoryHistory(MemoryDisk);

impl MemoryHistory {
    pub(super) fn new(disk: MemoryDisk) -> Self {
        Self(disk)
    }
}

impl History for MemoryHistory {
    fn page(&mut self, rows: &HistoryRows) -> Result<HistoryPage, HistoryFailure> {
        let disk = self.0.0.borrow();
        let said = disk.books.channels.said(rows.channel());
        rows.page(|number| Ok(said.iter().find(|said| said.number == number).map(entry)))
    }

    fn first_at(&mut self, time: Timestamp) -> Result<PostId, HistoryFailure> {
        let disk = self.0.0.borrow();
        let mut all: Vec<_> = disk.books.channels.all().collect();
        all.sort_unstable_by_key(|(number, _)| *number);
        let place = all.partition_point(|(_, stored)| *stored < time);
        let before = place.checked_sub(1).and_then(|place| all.get(place));
        Ok(PostId(before.map_or(0, |(number, _)| number + 1)))
    }

    fn kept(&mut self, rows: &KeptRows) -> Result<KeptPage, HistoryFailure> {
        self.0.0.borrow().books.kept_page(rows)
    }

    fn first_message_at(&mut self, time: Timestamp) -> Result<MessageId, HistoryFailure> {
        Ok(self.0.0.borrow().books.first_message_at(time))
    }
}
