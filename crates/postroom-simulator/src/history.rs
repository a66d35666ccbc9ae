//! Somebody who reads the history of channels at any moment, beside the loop, while clients
//! act and everything fails.

use std::time::Duration;

use postroom_model::{Channel, Entry, PostId, Stamp};
use postroom_store::{HISTORY_ENTRIES_MAX, HistoryFrom, HistoryQuery, HistoryRows};

use crate::person::HASHTAGS;
use crate::reader::Question;
use crate::texts::{TextId, text_of};
use crate::world::{Event, Phase, TroubledDisk, World};

impl<D: TroubledDisk> World<D> {
    /// Plans when a page is read next.
    pub(crate) fn plan_reading(&mut self) {
        if self.reader.left > 0 && self.phase == Phase::Storm {
            self.reader.left -= 1;
            let wait = self.reader.random.micros(100_000);
            self.plan(wait + Duration::from_micros(1), Event::ReadHistory);
        }
    }

    /// Reads a page, or asks for one and reads it later.
    pub(crate) fn read_some_history(&mut self) {
        self.plan_reading();
        if !self.driver.engine.is_running() {
            return;
        }
        if let Some((question, rows)) = self.reader.held.take() {
            return self.read_page(question, &rows);
        }
        let random = &mut self.reader.random;
        let channel = random.pick(&HASHTAGS);
        let count = random.pick(&[1, 2, 5, HISTORY_ENTRIES_MAX]);
        let some_id = self.judge.posts.histories.some_id(random.below(1_000));
        let id = some_id.unwrap_or(PostId(random.below(100) as u64));
        let from = random.pick(&[
            HistoryFrom::Oldest,
            HistoryFrom::At(id),
            HistoryFrom::After(id),
            HistoryFrom::Before(id),
            HistoryFrom::Latest,
        ]);
        let is_held = random.chance(300);
        let question = Question { channel, from, count };
        let rows = self.rows(question);
        if is_held {
            self.reader.held = Some((question, rows));
        } else {
            self.read_page(question, &rows);
        }
    }

    fn rows(&self, Question { channel, from, count }: Question) -> HistoryRows {
        let channel = Channel::parse(channel).expect("a hashtag");
        self.driver.engine.history(HistoryQuery { channel, from, count })
    }

    fn read_page(&mut self, question: Question, rows: &HistoryRows) {
        // While everything fails, this may, too.
        let Some(Ok(page)) = self.driver.disk.history().map(|mut history| history.page(rows))
        else {
            return;
        };
        self.tally.pages += 1;
        let read = self.read_entries(&page.entries);
        self.note(|| format!("{question:?} is read: {read:?}"));
        if page.damaged.is_empty() {
            self.judge.posts.histories.read(&self.judge.texts, question, &read);
        }
    }

    fn read_entries(&mut self, entries: &[Entry]) -> Vec<(TextId, Stamp)> {
        let read = |Entry { id, stored, author, content }: &Entry| {
            let shown = content.text().expect("nobody deletes posts").to_string();
            self.judge.check_shown(text_of(&shown), &author.to_string(), &shown);
            (text_of(&shown), Stamp { id: *id, stored: *stored })
        };
        entries.iter().map(read).collect()
    }

    /// Nothing fails any more: the history of a channel is what its timeline shows, in both
    /// directions, and a time cuts it in two.
    pub(crate) fn check_history(&mut self, channel: &'static str, kept: &[TextId]) {
        let count = self.random.pick(&[1, 3, HISTORY_ENTRIES_MAX]);
        let forwards = self.read_history(channel, HistoryFrom::Oldest, count);
        assert_eq!(forwards, kept, "{channel} has another timeline than history");
        let mut backwards = self.read_history(channel, HistoryFrom::Latest, count);
        backwards.reverse();
        assert_eq!(backwards, kept, "{channel} has another history backwards");
        let wall = self.driver.wall;
        let mut history = self.driver.disk.history().expect("nothing fails any more");
        let from = history.first_at(wall).expect("nothing fails any more");
        let mut both = self.read_history(channel, HistoryFrom::Before(from), count);
        both.reverse();
        both.extend(self.read_history(channel, HistoryFrom::At(from), count));
        assert_eq!(both, kept, "{channel} has another history before and since {wall}");
    }

    fn read_history(
        &mut self,
        channel: &'static str,
        from: HistoryFrom,
        count: usize,
    ) -> Vec<TextId> {
        let mut history = self.driver.disk.history().expect("nothing fails any more");
        let (mut all, mut next) = (Vec::new(), Some(from));
        while let Some(from) = next {
            let question = Question { channel, from, count };
            let rows = self.rows(question);
            let page = history.page(&rows).expect("nothing fails any more");
            next = page.next;
            let read = self.read_entries(&page.entries);
            self.judge.posts.histories.read(&self.judge.texts, question, &read);
            all.extend(read.into_iter().map(|(text, _)| text));
        }
        all
    }
}
