//! The office of one session: replies of every kind, and events.

use std::collections::VecDeque;
use std::sync::{Arc, LazyLock};

use postroom_model::{
    Announcement, Author, Batch, BlockRefusal, Blocked, Channel, ChannelCommand, Committed,
    ComposeRefusal, Composed, Content, Delivery, Entry, Event, Full, KeyRefusal, LogInRefusal,
    ManageRefusal, Managed, Mark, MessageId, Name, NameList, NotTold, Page, PasswordRefusal,
    Peeked, Position, Post, PostDeletionRefusal, PostId, PostRefusal, Posted, Reply, Request,
    SessionKey, Stamp, Text, Timestamp, Told,
};
use postroom_testing::terminal::HOSTILE;

use super::judge::Judge;

/// The requests of the session, and the numbers of what it was told.
#[derive(Default)]
pub(super) struct Office {
    pub(super) requests: VecDeque<Request>,
    /// How many texts were handed out in replies: each bears its number, `[[1]]`.
    texts: u32,
    /// How many live lines and posts there were: each bears its number, `{{1}}`.
    lines: u32,
    /// The mark of the latest line whose sender waits.
    latest_mark: Option<Mark>,
    refusals: usize,
}

fn name(name: &str) -> Name {
    Name::new(name).expect("the office has valid names")
}

/// When all is stored.
const STORED: Timestamp = Timestamp(0);

/// The id and the time of each post.
const STAMP: Stamp = Stamp { id: PostId(1), stored: STORED };

fn committed<T>(outcome: T) -> Committed<T> {
    let mut batch = Batch::new();
    batch.push(outcome);
    batch.commit(|| Ok::<_, ()>(())).ok().and_then(|mut ended| ended.next()).expect("it was one")
}

const MANAGE_REFUSALS: [ManageRefusal; 10] = {
    use ManageRefusal::{
        DiskFull, Exists, HasNoPassword, MayNotBeInvited, MayNotCreate, NotCreator,
        TooManyChannels, TooManyInvited, TooManyOfAccount, WrongKey,
    };
    [
        DiskFull,
        Exists,
        HasNoPassword,
        MayNotBeInvited,
        MayNotCreate,
        NotCreator,
        TooManyChannels,
        TooManyInvited,
        TooManyOfAccount,
        WrongKey,
    ]
};

/// What has come of a command about a private channel.
fn managed(command: ChannelCommand, other: bool) -> Managed {
    match command {
        ChannelCommand::MakePrivate => Managed::MadePrivate,
        ChannelCommand::Invite { name, is_invited } => {
            Managed::Invitation { name, is_invited, is_new: other }
        }
        ChannelCommand::ListInvited => {
            Managed::Invited { names: vec![name("al"); usize::from(other)], has_key: other }
        }
        ChannelCommand::SetKey(_) => Managed::KeySet { has_key: other },
        ChannelCommand::UseKey(_) => Managed::Admitted,
        ChannelCommand::Delete => Managed::Deleted { posts: 1 + u32::from(other) },
    }
}

impl Office {
    /// The reply to the earliest request: `.` success, `2` success of another kind, `x` one
    /// of its refusals, `-` unavailable, `?` unknown.
    pub(super) fn reply(&mut self, choice: u8) -> Option<Reply> {
        let request = self.requests.pop_front()?;
        self.refusals += usize::from(choice == b'x');
        Some(match choice {
            b'-' => Reply::Unavailable,
            b'?' => Reply::Unknown,
            b'x' => self.refusal(request),
            _ => self.success(request, choice == b'2'),
        })
    }

    fn success(&mut self, request: Request, other: bool) -> Reply {
        match request {
            Request::LogIn { name, .. } => {
                Reply::LoggedIn { name, registered: other, unread: self.texts }
            }
            Request::Compose { recipient, .. } => {
                let (id, stored) = (MessageId(1), STORED);
                Reply::Composed(committed(Composed { id, stored, recipient, registered: other }))
            }
            Request::ComposeAll { recipients, .. } => {
                let composed = |recipient: &Name| {
                    let (id, stored, recipient) = (MessageId(1), STORED, recipient.clone());
                    Composed { id, stored, recipient, registered: other }
                };
                let all: Vec<_> = recipients.names().iter().map(composed).collect();
                Reply::ComposedAll(committed(all))
            }
            Request::Peek { .. } => Reply::Peeked(Peeked::default()),
            Request::Once(once) => self.success(once.into_parts().1, other),
            Request::Read => Reply::Read(self.delivery(other)),
            Request::Lease { .. } => Reply::Leased(self.delivery(other)),
            Request::WatchMail => Reply::WatchesMail,
            Request::Appear(_) => Reply::Appeared,
            Request::Disappear => Reply::Disappeared,
            Request::Confirm | Request::ConfirmLease { .. } => Reply::Confirmed(committed(())),
            Request::CountUnread => Reply::Unread(u32::from(other)),
            Request::ChangePassword { .. } => Reply::PasswordChanged(committed(())),
            Request::Block { sender, is_blocked } => {
                Reply::BlockSet(committed(Blocked { sender, is_blocked, is_new: other }))
            }
            Request::ListBlocked => Reply::BlockedNames(vec![name("al"); usize::from(other)]),
            Request::ListPresent => Reply::Present(Arc::clone(if other { &MANY } else { &FEW })),
            Request::Post { .. } if other => Reply::Undelivered(committed(STAMP)),
            Request::Post { .. } => Reply::Posted(committed(STAMP)),
            Request::DeletePost { id } => Reply::PostDeleted(committed(id)),
            Request::Tell { .. } if other => Reply::NotTold(NotTold::Undelivered),
            Request::Tell { .. } => Reply::Told,
            Request::Join(_) | Request::JoinWithKey { .. } => Reply::Joined,
            Request::Leave(_) => Reply::Left(!other),
            Request::ManageChannel { command, .. } => {
                Reply::ChannelManaged(committed(managed(command, other)))
            }
            Request::Latest(_) => Reply::Latest(Some(self.entry(other))),
            Request::Timeline { .. } => {
                let entries = vec![self.entry(false), self.entry(other)];
                Reply::Timeline(Page { entries, next: other.then_some(Position(7)) })
            }
        }
    }

    fn delivery(&mut self, other: bool) -> Delivery {
        let text = self.text(other);
        let (id, stored) = (MessageId(1), STORED);
        let (sender, remaining) = (name("al"), u32::from(other));
        Delivery { id, stored, sender, text, remaining }
    }

    fn refusal(&self, request: Request) -> Reply {
        match request {
            Request::LogIn { .. } => {
                use LogInRefusal::{
                    Banned, Busy, DiskFull, LooksAlike, MayNotCreate, Password, Present,
                };
                let refusals = [
                    Password,
                    Busy,
                    LogInRefusal::TooManyAccounts,
                    DiskFull,
                    Present,
                    MayNotCreate,
                    LooksAlike,
                    Banned,
                ];
                Reply::LogInRefused(refusals[self.refusals % refusals.len()])
            }
            Request::Compose { recipient, .. } => Reply::NotComposed(self.not_composed(recipient)),
            Request::ComposeAll { recipients, .. } => {
                let recipient = recipients.names()[0].clone();
                let refusal = self.not_composed(recipient.clone());
                Reply::NotComposedAll { recipient, refusal }
            }
            Request::Peek { .. } => Reply::Peeked(Peeked::default()),
            Request::Once(_) => Reply::KeyRefused(KeyRefusal::TooMany { until: Timestamp(0) }),
            Request::Read | Request::Lease { .. } => Reply::NothingUnread,
            Request::Confirm => Reply::NotConfirmed,
            Request::ConfirmLease { .. } => Reply::NotLeased,
            Request::ChangePassword { .. } => {
                use PasswordRefusal::{Busy, HasNone, InFile, Wrong};
                Reply::PasswordNotChanged([Wrong, HasNone, InFile, Busy][self.refusals % 4])
            }
            Request::Block { .. } => {
                use BlockRefusal::{HasNoPassword, TooMany};
                Reply::NotBlocked([HasNoPassword, TooMany][self.refusals % 2])
            }
            Request::Appear(_) => Reply::NotAppeared,
            Request::CountUnread
            | Request::WatchMail
            | Request::Disappear
            | Request::ListPresent
            | Request::ListBlocked => Reply::Unavailable,
            Request::Post { .. } => {
                use PostRefusal::{
                    AuthorDeleted, DiskFull, MayNotCreate, NotInvited, TooManyChannels,
                };
                let refusals = [DiskFull, TooManyChannels, MayNotCreate, AuthorDeleted, NotInvited];
                Reply::NotPosted(refusals[self.refusals % refusals.len()])
            }
            Request::DeletePost { .. } => {
                use PostDeletionRefusal::{DiskFull, HasNoPassword, NotFound};
                let refusals = [NotFound, HasNoPassword, DiskFull];
                Reply::PostNotDeleted(refusals[self.refusals % refusals.len()])
            }
            Request::Tell { .. } => Reply::NotTold(NotTold::Absent),
            Request::Join(_) | Request::JoinWithKey { .. } if self.refusals.is_multiple_of(2) => {
                Reply::NotInvited
            }
            Request::Join(_) | Request::JoinWithKey { .. } => Reply::NotJoined,
            Request::Leave(_) => Reply::Left(false),
            Request::ManageChannel { .. } => {
                let refusals = MANAGE_REFUSALS;
                Reply::ChannelNotManaged(refusals[self.refusals % refusals.len()])
            }
            Request::Latest(_) => Reply::Latest(None),
            Request::Timeline { .. } => Reply::Timeline(Page::default()),
        }
    }

    fn not_composed(&self, recipient: Name) -> ComposeRefusal {
        use ComposeRefusal::{
            DiskFull, LooksAlike, MailboxFull, MayNotCreate, TooManyAccounts, Unknown,
        };
        let full = MailboxFull { recipient, capacity: 100, full: Full::Mailbox };
        let refusals = [full, DiskFull, TooManyAccounts, Unknown, MayNotCreate, LooksAlike];
        refusals[self.refusals % refusals.len()].clone()
    }

    fn text(&mut self, is_long: bool) -> Text {
        self.texts += 1;
        text(self.texts, &format!("[[{}]]", self.texts), is_long)
    }

    fn entry(&mut self, is_long: bool) -> Entry {
        let (Stamp { id, stored }, author) = (STAMP, Author::Account(name("al")));
        Entry { id, stored, author, content: Content::Text(self.text(is_long)) }
    }

    fn line(&mut self, is_long: bool, is_marked: bool) -> (Text, Option<Mark>) {
        self.lines += 1;
        let mark = Mark { session: SessionKey::new(3, 0), number: self.lines };
        let mark = is_marked.then_some(mark);
        self.latest_mark = mark.or(self.latest_mark);
        (text(self.lines, &format!("{{{{{}}}}}", self.lines), is_long), mark)
    }

    /// A post by another account in the lobby.
    pub(super) fn posted(&mut self, is_marked: bool) -> Posted {
        let (text, mark) = self.line(false, is_marked);
        let author = Author::Account(name("eve"));
        let post = Post { author, channels: vec![Channel::lobby()], text };
        Posted::in_each(&committed((Arc::new(post), STAMP)), mark)
            .next()
            .expect("it is in a channel")
    }

    /// The event of an action.
    pub(super) fn event(&mut self, action: u8, judge: &mut Judge) -> Option<Event> {
        Some(match action {
            b't' | b'T' | b'L' => {
                let (text, mark) = self.line(action == b'L', action != b'T');
                Event::Told(Told { sender: name("eve"), text, mark })
            }
            b'w' => {
                let mark = self.latest_mark.take()?;
                judge.withdrawn(mark);
                Event::Withdrawn(mark)
            }
            b'm' => Event::Mail,
            b'a' => {
                let joined = NameList { names: vec![name("eve"), name("al")], others: 1 };
                let left = NameList { names: vec![name("zoe")], others: 0 };
                Event::Announced(Box::new(Announcement { joined, left, active: 4 }))
            }
            b'g' => Event::Missed { channel: Channel::lobby(), missed: 2 },
            b'G' => Event::MissedLines(3),
            _ => return None,
        })
    }
}

/// A text that bears its number at its begin. Every third has three lines, of which the last one
/// bears it, too: `<<3>>`.
fn text(number: u32, begin: &str, is_long: bool) -> Text {
    let repeats = if is_long { 60 } else { 1 };
    let line = format!("{begin}{}", HOSTILE.repeat(repeats));
    let text = if has_last_line(number) {
        Text::from_lines(format!("{line}\n\n{}", last_line(number)).as_bytes())
    } else {
        Text::from_bytes(line.as_bytes())
    };
    text.expect("it is short enough")
}

/// Whether the text with this number has several lines.
pub(super) fn has_last_line(number: u32) -> bool {
    number.is_multiple_of(3)
}

/// The last line of the text with this number, if it has several.
pub(super) fn last_line(number: u32) -> String {
    format!("<<{number}>>")
}

/// Present accounts: more of the longest names than an answer may list, and few.
static MANY: LazyLock<Arc<[Name]>> = LazyLock::new(|| present(3_000));
static FEW: LazyLock<Arc<[Name]>> = LazyLock::new(|| present(2));

fn present(count: usize) -> Arc<[Name]> {
    (0..count).map(|number| name(&format!("user{number:056}"))).collect()
}
