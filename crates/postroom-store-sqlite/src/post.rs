//! Posts within a transaction.

use std::sync::Arc;

use postroom_model::{Author, Channel, Entry, Page, Position, Post, PostRefusal, Text};
use postroom_store::{AccountId, Outcome, PAGE_BYTES, PAGE_ENTRIES_MAX};
use rusqlite::params;

use crate::channels::ChannelId;
use crate::damage;
use crate::index::{Index, Undo};
use crate::record::{self, Read};
use crate::transaction::{Allowed, Transaction};

/// Posts that a commit deletes, at least, once so many are due.
const TRIM_ROWS: usize = 64;

/// A post in one of its channels, to be written.
#[derive(Debug)]
pub(crate) struct PostRow<'a> {
    number: u64,
    channel: ChannelId,
    author: Option<AccountId>,
    text: &'a Text,
}

impl<'a> Transaction<'a> {
    pub(crate) fn post(
        &mut self,
        author: Option<AccountId>,
        post: &'a Arc<Post>,
    ) -> rusqlite::Result<Outcome> {
        if self.allowed != Allowed::Everything {
            return Ok(Outcome::NotPosted(PostRefusal::DiskFull));
        }
        let channels = &self.index.channels;
        let is_new =
            |channel: &&Channel| !channel.is_built_in() && channels.find(channel).is_none();
        let new = post.channels.iter().filter(is_new).count();
        if new > 0 && channels.hashtags() as usize + new > self.limits.channels_max as usize {
            return Ok(Outcome::NotPosted(PostRefusal::TooManyChannels));
        }
        for channel in &post.channels {
            let channel = self.find_or_add(channel)?;
            let number = self.index.channels.append(channel);
            self.undo.push(Undo::Post(channel));
            self.posts.push(PostRow { number, channel, author, text: &post.text });
            self.posted.push(channel);
        }
        Ok(Outcome::Posted(Arc::clone(post)))
    }

    fn find_or_add(&mut self, channel: &Channel) -> rusqlite::Result<ChannelId> {
        if let Some(known) = self.index.channels.find(channel) {
            return Ok(known);
        }
        self.index.channels.skip_reserved();
        let id = self.index.channels.add(channel.clone());
        self.undo.push(Undo::Channel(channel.clone()));
        self.connection
            .prepare_cached("INSERT INTO channel VALUES (?1, ?2)")?
            .execute(params![id.0, channel.as_str()])?;
        Ok(id)
    }

    /// Writes the posts said so far, one statement for all.
    pub(crate) fn write_posts(&mut self) -> rusqlite::Result<()> {
        if self.posts.is_empty() {
            return Ok(());
        }
        let mut insert =
            self.connection.prepare_cached("INSERT INTO post VALUES (?1, ?2, ?3, ?4, ?5)")?;
        for PostRow { number, channel, author, text } in self.posts.drain(..) {
            let author = author.map(|account| account.0);
            insert.execute(params![number, channel.0, author, self.now.0, text.as_str()])?;
        }
        Ok(())
    }

    pub(crate) fn latest(&mut self, channel: &Channel) -> rusqlite::Result<Outcome> {
        self.write_posts()?;
        while let Some(number) = self.index.channels.latest(channel) {
            if let Some(entry) = self.entry(channel, number)? {
                return Ok(Outcome::Latest(Some(entry)));
            }
        }
        Ok(Outcome::Latest(None))
    }

    pub(crate) fn timeline(
        &mut self,
        channel: &Channel,
        from: Position,
    ) -> rusqlite::Result<Outcome> {
        self.write_posts()?;
        let mut page = Page::default();
        let mut bytes = 0;
        let mut from = from.0;
        while let Some(number) = self.index.channels.next(channel, from) {
            if page.entries.len() == PAGE_ENTRIES_MAX || bytes >= PAGE_BYTES {
                page.next = Some(Position(number));
                break;
            }
            from = number + 1;
            if let Some(entry) = self.entry(channel, number)? {
                bytes += entry.text.as_str().len();
                page.entries.push(entry);
            }
        }
        Ok(Outcome::Timeline(page))
    }

    /// A post of a channel; `None` where it is damaged, which then is set aside.
    fn entry(&mut self, channel: &Channel, number: u64) -> rusqlite::Result<Option<Entry>> {
        let connection = self.connection;
        let entry = self.sound("post", damage::key(number), |index| {
            let mut select =
                connection.prepare_cached("SELECT author, text FROM post WHERE number = ?1")?;
            select.query_row([number], |row| Ok(record::post(row).and_then(of_author(index))))
        })?;
        if entry.is_none()
            && let Some(channel) = self.index.channels.find(channel)
        {
            self.index.channels.set_aside(channel, number);
            self.undo.push(Undo::SetPostAside(channel, number));
        }
        Ok(entry)
    }

    /// Deletes some posts that their channels keep no longer; says how many.
    pub(crate) fn trim(&mut self) -> rusqlite::Result<usize> {
        // A group that only reads must not have to be synced for it.
        if self.posted.is_empty() {
            return Ok(0);
        }
        let Index { channels, damages, .. } = &mut *self.index;
        let due = channels.due(TRIM_ROWS.max(2 * self.posted.len()));
        let count = due.len();
        if count < TRIM_ROWS {
            return Ok(0);
        }
        let mut delete = self.connection.prepare_cached("DELETE FROM post WHERE number = ?1")?;
        for number in due {
            damages.unless_damaged("post", damage::key(number), || delete.execute([number]))?;
        }
        Ok(count)
    }
}

/// Finds the author of a stored post.
fn of_author(index: &Index) -> impl FnOnce((Option<AccountId>, Text)) -> Read<Entry> {
    |(author, text)| {
        let author = match author {
            None => Author::Board,
            Some(id) => {
                let account = index.get(id).ok_or("its author is not an account")?;
                Author::Account(account.name.clone())
            }
        };
        Ok(Entry { author, text })
    }
}
