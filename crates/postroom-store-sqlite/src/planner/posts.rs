//! Planning what is said in channels.

use std::sync::Arc;

use postroom_model::{
    Channel, Page, Position, Post, PostDeletionRefusal, PostId, PostRefusal, Stamp,
};
use postroom_store::{AccountId, Outcome, PAGE_ENTRIES_MAX, SWEPT_MAX, Sender};

use super::Planner;
use crate::allowed::Allowed;
use crate::channels::By;
use crate::damage;
use crate::draft::Draft;
use crate::expiry::Kind;
use crate::idle::ChannelId;
use crate::index::{Index, Undo};
use crate::operation::{Operation, place};
use crate::plan::Plan;
use crate::state::State;

/// Posts that a commit deletes, at least, once so many are due.
const TRIM_ROWS: usize = 64;

impl Planner<'_> {
    pub(super) fn post(
        &mut self,
        author: Option<Sender>,
        post: &Arc<Post>,
        may_create: u32,
    ) -> Outcome {
        if self.allowed != Allowed::Everything {
            return Outcome::NotPosted(PostRefusal::DiskFull);
        }
        let account = author.and_then(Sender::account);
        if account.is_some_and(|author| self.index.account(author).state != State::Known) {
            return Outcome::NotPosted(PostRefusal::AuthorDeleted);
        }
        let Some(admitted) = self.admitted(account, post) else {
            return Outcome::NotPosted(PostRefusal::NotInvited);
        };
        let channels = &self.index.channels;
        let is_new =
            |channel: &&Channel| !channel.is_built_in() && channels.find(channel).is_none();
        let new = post.channels.iter().filter(is_new).count();
        if new > may_create as usize {
            return Outcome::NotPosted(PostRefusal::MayNotCreate);
        }
        if new > 0 && !self.make_room(new, &post.channels) {
            return Outcome::NotPosted(PostRefusal::TooManyChannels);
        }
        let by = By { author, at: self.now };
        if let Some(author) = account {
            self.name_in_record(author);
        }
        let id = self.index.channels.last_post() + 1;
        for (number, channel) in post.channels.iter().enumerate() {
            // Of the calls of the group, which have the names, none is changed.
            if !admitted.channels.contains(channel) {
                continue;
            }
            let channel = self.find_or_add(channel, place(number));
            let (number, before) = self.index.channels.append(channel, by);
            let first = (number != id).then_some(id);
            self.index.expiry.note(Kind::Post, number, self.now);
            self.plan.undo.push(Undo::Post(channel, before));
            self.plan.posted.push(channel);
            let call = self.call;
            self.operations.push(Operation::InsertPost { number, channel, author, first, call });
        }
        let stamp = Stamp { id: PostId(id), stored: self.now };
        Outcome::Posted { post: admitted, stamp, created: place(new) }
    }

    /// A post without the private channels that its author may not enter; `None` if it has no
    /// others.
    fn admitted(&self, author: Option<AccountId>, post: &Arc<Post>) -> Option<Arc<Post>> {
        let may_enter = |channel: &&Channel| self.index.may_enter(channel, author);
        let count = post.channels.iter().filter(may_enter).count();
        if count == post.channels.len() {
            return Some(Arc::clone(post));
        }
        let channels = post.channels.iter().filter(may_enter).cloned().collect();
        let (author, text) = (post.author.clone(), post.text.clone());
        (count > 0).then(|| Arc::new(Post { author, channels, text }))
    }

    /// Evicts as many channels as are too many with `new` ones, if they may go.
    pub(super) fn make_room(&mut self, new: usize, posted: &[Channel]) -> bool {
        let channels = &mut self.index.channels;
        let all = channels.hashtags() as usize + new;
        let excess = all.saturating_sub(self.limits.channels_max as usize);
        let Some(goes) = channels.evictable(excess, posted, self.now) else {
            return false;
        };
        for id in goes {
            let name = self.index.channels.evict(id);
            self.plan.undo.extend(name.map(|name| Undo::EvictChannel(id, name)));
            self.plan.evicted.push(id);
            self.operations.push(Operation::EvictChannel { channel: id });
        }
        true
    }

    pub(super) fn find_or_add(&mut self, channel: &Channel, place: u32) -> ChannelId {
        if let Some(known) = self.index.channels.find(channel) {
            return known;
        }
        if let Some(id) = self.index.channels.reuse(channel) {
            self.plan.undo.push(Undo::ReuseChannel(id));
            self.operations.push(Operation::NameChannel { channel: id, call: self.call, place });
            return id;
        }
        self.index.channels.skip_reserved();
        let id = self.index.channels.add(channel.clone());
        self.plan.undo.push(Undo::Channel(channel.clone()));
        self.operations.push(Operation::InsertChannel { channel: id, call: self.call, place });
        id
    }

    /// A channel, if there is one that the reader may enter.
    fn readable(&self, channel: &Channel, reader: Option<AccountId>) -> Option<ChannelId> {
        let known = self.index.channels.find(channel);
        known.filter(|_| self.index.may_enter(channel, reader))
    }

    pub(super) fn latest(&mut self, channel: &Channel, reader: Option<AccountId>) -> Draft {
        let Some(channel) = self.readable(channel, reader) else {
            return Draft::Complete(Outcome::Latest(None));
        };
        while let Some(number) = self.index.channels.latest(channel) {
            if is_sound(self.index, self.plan, channel, number) {
                self.operations.push(Operation::ReadPost { number });
                return Draft::Latest;
            }
        }
        Draft::Complete(Outcome::Latest(None))
    }

    /// A page ends where its texts have many bytes, which only the job sees: it gets
    /// as many posts as a page can have, and the one that the next page begins with.
    pub(super) fn timeline(
        &mut self,
        channel: &Channel,
        from: Position,
        reader: Option<AccountId>,
    ) -> Draft {
        let Some(channel) = self.readable(channel, reader) else {
            return Draft::Complete(Outcome::Timeline(Page::default()));
        };
        let Self { index, plan, operations, .. } = self;
        let mut from = from.0;
        let numbers = std::iter::from_fn(|| {
            while let Some(number) = index.channels.next(channel, from) {
                from = number + 1;
                if is_sound(index, plan, channel, number) {
                    return Some(number);
                }
            }
            None
        });
        match operations.push_numbers(numbers.take(PAGE_ENTRIES_MAX + 1), Operation::ReadPage) {
            0 => Draft::Complete(Outcome::Timeline(Page::default())),
            _ => Draft::Timeline,
        }
    }

    /// Erases the text of a post in all its channels. Whose it is, and where, the job sees: the
    /// memory has no way from an id to its channels.
    pub(super) fn delete_post(&mut self, author: AccountId, id: PostId) -> Draft {
        let refuse = |why| Draft::Complete(Outcome::PostNotDeleted(why));
        if self.index.account(author).password.is_none() {
            return refuse(PostDeletionRefusal::HasNoPassword);
        }
        if self.allowed == Allowed::Nothing {
            return refuse(PostDeletionRefusal::DiskFull);
        }
        let is_given_out = id.0 <= self.index.channels.last_post();
        if !is_given_out || self.index.damages.contains("post", damage::key(id.0)) {
            return refuse(PostDeletionRefusal::NotFound);
        }
        self.operations.push(Operation::ErasePost { id: id.0, author });
        Draft::DeletePost(id)
    }

    /// Deletes a channel and its posts.
    pub(super) fn delete_channel(&mut self, channel: &Channel) -> Outcome {
        if self.allowed == Allowed::Nothing {
            return Outcome::DiskFull;
        }
        let Some(posts) = self.index.channels.posts(channel) else {
            return Outcome::NoSuchChannel;
        };
        let was_private = self.index.channels.private_of(channel).is_some();
        if let Some(id) = self.index.channels.find(channel) {
            self.remove_channel(id);
        }
        Outcome::ChannelDeleted { posts, was_private }
    }

    /// Keeps the highest number of a post, where the row that has it may be deleted: no other
    /// post may get its id. A group that posts adds a higher one.
    pub(super) fn keep_last_post(&mut self) {
        if self.plan.posted.is_empty() {
            let last_post = self.index.channels.last_post();
            self.operations.push(Operation::SetLastPost { last_post });
        }
    }

    /// Deletes some posts that their channels keep no longer; says how many.
    pub(super) fn trim(&mut self) -> usize {
        let (least, most) = match self.plan.posted.len() {
            _ if self.is_sweeping => (1, SWEPT_MAX),
            // A group that only reads must not have to be synced for it.
            0 => return 0,
            posted => (TRIM_ROWS, TRIM_ROWS.max(2 * posted)),
        };
        let Index { channels, damages, .. } = &*self.index;
        let due = channels.due(most);
        let count = due.len();
        if count < least {
            return 0;
        }
        let sound = due.filter(|number| !damages.contains("post", damage::key(*number)));
        self.operations.push_numbers(sound, Operation::DeletePosts);
        self.keep_last_post();
        count
    }
}

/// Whether a post can be read; one that is damaged is set aside.
fn is_sound(index: &mut Index, plan: &mut Plan, channel: ChannelId, number: u64) -> bool {
    if !index.damages.contains("post", damage::key(number)) {
        return true;
    }
    let taken = index.channels.set_aside(channel, number);
    plan.undo.extend(taken.map(|taken| Undo::SetPostAside(channel, taken)));
    false
}
