//! Replies and requests in words of the log.

use postroom_model::{
    ComposeRefusal, Full, LogInRefusal, Name, PasswordRefusal, PostRefusal, Reply, Request,
};

/// The kinds of limits that requests meet, for counts.
pub(crate) const LIMITS: [&str; 9] = [
    "mailbox",
    "mailbox_share",
    "blocked",
    "disk",
    "accounts",
    "hashtags",
    "new_accounts",
    "new_hashtags",
    "password_checks",
];

/// The kinds of failed logins, for counts.
pub(crate) const LOGIN_FAILURES: [&str; 9] = [
    "no_password",
    "wrong_password",
    "password_checks",
    "accounts",
    "disk",
    "present",
    "new_accounts",
    "looks_alike",
    "banned",
];

/// A limit that a request met.
#[derive(Debug)]
pub(super) enum Limit {
    MailboxFull { recipient: Name, capacity: u32, full: Full },
    DiskFull,
    TooManyAccounts,
    TooManyHashtags,
    NewAccounts,
    NewHashtags,
    TooManyPasswordChecks,
}

impl Limit {
    /// The limit that a reply tells of, if any.
    pub(super) fn of(reply: &Reply) -> Option<Self> {
        Some(match reply {
            Reply::NotComposed(refusal) | Reply::NotComposedAll { refusal, .. } => {
                return Self::of_message(refusal);
            }
            Reply::NotPosted(PostRefusal::DiskFull)
            | Reply::LogInRefused(LogInRefusal::DiskFull) => Self::DiskFull,
            Reply::LogInRefused(LogInRefusal::TooManyAccounts) => Self::TooManyAccounts,
            Reply::NotPosted(PostRefusal::TooManyChannels) => Self::TooManyHashtags,
            Reply::LogInRefused(LogInRefusal::MayNotCreate) => Self::NewAccounts,
            Reply::NotPosted(PostRefusal::MayNotCreate) => Self::NewHashtags,
            Reply::LogInRefused(LogInRefusal::Busy) => Self::TooManyPasswordChecks,
            _ => return None,
        })
    }

    fn of_message(refusal: &ComposeRefusal) -> Option<Self> {
        Some(match refusal {
            ComposeRefusal::MailboxFull { recipient, capacity, full } => {
                let (recipient, capacity, full) = (recipient.clone(), *capacity, *full);
                Self::MailboxFull { recipient, capacity, full }
            }
            ComposeRefusal::DiskFull => Self::DiskFull,
            ComposeRefusal::TooManyAccounts => Self::TooManyAccounts,
            ComposeRefusal::MayNotCreate => Self::NewAccounts,
            ComposeRefusal::Unknown | ComposeRefusal::LooksAlike => return None,
        })
    }

    /// Its kind, one of [`LIMITS`].
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::MailboxFull { full: Full::Mailbox, .. } => "mailbox",
            Self::MailboxFull { full: Full::Share, .. } => "mailbox_share",
            Self::MailboxFull { full: Full::Blocked, .. } => "blocked",
            Self::DiskFull => "disk",
            Self::TooManyAccounts => "accounts",
            Self::TooManyHashtags => "hashtags",
            Self::NewAccounts => "new_accounts",
            Self::NewHashtags => "new_hashtags",
            Self::TooManyPasswordChecks => "password_checks",
        }
    }

    pub(super) fn as_str(&self) -> &'static str {
        match self {
            Self::MailboxFull { full: Full::Mailbox, .. } => {
                "refused: the mailbox is full (mailbox.capacity)"
            }
            Self::MailboxFull { full: Full::Share, .. } => {
                "refused: the sender fills its share of the mailbox (mailbox.per_sender_percent)"
            }
            Self::MailboxFull { full: Full::Blocked, .. } => {
                "refused: the recipient has blocked the sender"
            }
            Self::DiskFull => "refused: the disk is full (disk.reserve_bytes)",
            Self::TooManyAccounts => "refused: the server is full (accounts.max)",
            Self::TooManyHashtags => "refused: the server is full (channels.max)",
            Self::TooManyPasswordChecks => {
                "refused: too many logins wait (accounts.password_checks_max)"
            }
            Self::NewAccounts => {
                "refused: the peer has created too many accounts (accounts.new_per_hour)"
            }
            Self::NewHashtags => {
                "refused: the peer has created too many hashtags (channels.new_per_hour)"
            }
        }
    }
}

/// The kind of a refused login, one of [`LOGIN_FAILURES`].
pub(super) fn failure(refusal: LogInRefusal) -> &'static str {
    match refusal {
        LogInRefusal::NoPassword => "no_password",
        LogInRefusal::Password => "wrong_password",
        LogInRefusal::Busy => "password_checks",
        LogInRefusal::TooManyAccounts => "accounts",
        LogInRefusal::DiskFull => "disk",
        LogInRefusal::Present => "present",
        LogInRefusal::MayNotCreate => "new_accounts",
        LogInRefusal::LooksAlike => "looks_alike",
        LogInRefusal::Banned => "banned",
    }
}

/// A refused login in words.
pub(super) fn reason(refusal: LogInRefusal) -> &'static str {
    match refusal {
        LogInRefusal::NoPassword => "no password was given",
        LogInRefusal::Password => "the password is wrong",
        LogInRefusal::Banned => "the name is banned",
        LogInRefusal::Busy => "too many passwords wait to be checked",
        LogInRefusal::TooManyAccounts => "there are as many accounts as may be (accounts.max)",
        LogInRefusal::DiskFull => "the disk has no room for a new account (disk.reserve_bytes)",
        LogInRefusal::Present => "the account is present already",
        LogInRefusal::MayNotCreate => "the peer has created too many accounts",
        LogInRefusal::LooksAlike => "the new name looks like that of another account",
    }
}

/// A password that was not changed, in words.
pub(super) fn why_not_changed(refusal: PasswordRefusal) -> &'static str {
    match refusal {
        PasswordRefusal::Wrong => "the old password is wrong",
        PasswordRefusal::HasNone => "the account has no password",
        PasswordRefusal::InFile => "the password file decides on it",
        PasswordRefusal::Busy => "too many passwords wait to be checked",
    }
}

pub(super) fn request_name(request: &Request) -> &'static str {
    match request {
        Request::LogIn { .. } => "log in",
        Request::Compose { .. } => "compose",
        Request::ComposeAll { .. } => "compose to several",
        Request::Once(once) => request_name(once.request()),
        Request::Peek { .. } => "peek",
        Request::Read => "read",
        Request::Lease { .. } => "lease",
        Request::ConfirmLease { .. } => "confirm a lease",
        Request::WatchMail => "watch the mailbox",
        Request::Appear(_) => "appear",
        Request::Disappear => "disappear",
        Request::Confirm => "confirm",
        Request::CountUnread => "count unread",
        Request::ChangePassword { .. } => "change password",
        Request::Block { is_blocked: true, .. } => "block",
        Request::Block { is_blocked: false, .. } => "unblock",
        Request::ListBlocked => "list blocked",
        Request::ListPresent => "list present",
        Request::ManageChannel { .. } => "manage a private channel",
        Request::JoinWithKey { .. } => "join with a key",
        Request::Post { .. } => "post",
        Request::DeletePost { .. } => "delete post",
        Request::Tell { .. } => "tell",
        Request::Join(_) => "join",
        Request::Leave(_) => "leave",
        Request::Latest(_) => "latest",
        Request::Timeline { .. } => "timeline",
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn each_limit_is_of_a_kind_that_is_counted_and_each_kind_is_one_of_a_limit() {
        let of_mailbox = |full| {
            let recipient = Name::new("bob").unwrap();
            Limit::MailboxFull { recipient, capacity: 1, full }
        };
        let all = [
            of_mailbox(Full::Mailbox),
            of_mailbox(Full::Share),
            of_mailbox(Full::Blocked),
            Limit::DiskFull,
            Limit::TooManyAccounts,
            Limit::TooManyHashtags,
            Limit::NewAccounts,
            Limit::NewHashtags,
            Limit::TooManyPasswordChecks,
        ];
        let kinds: BTreeSet<_> = all.iter().map(Limit::kind).collect();
        assert_eq!(kinds, BTreeSet::from(LIMITS));
    }

    #[test]
    fn each_refused_login_is_of_a_kind_of_its_own_that_is_counted() {
        let all = [
            LogInRefusal::NoPassword,
            LogInRefusal::Password,
            LogInRefusal::Banned,
            LogInRefusal::Busy,
            LogInRefusal::TooManyAccounts,
            LogInRefusal::DiskFull,
            LogInRefusal::Present,
            LogInRefusal::MayNotCreate,
            LogInRefusal::LooksAlike,
        ];
        let kinds: BTreeSet<_> = all.into_iter().map(failure).collect();
        assert_eq!(kinds, BTreeSet::from(LOGIN_FAILURES));
    }
}
