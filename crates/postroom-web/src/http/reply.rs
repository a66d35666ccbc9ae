//! Replies of the office, as problems.

use postroom_model::{
    Channel, ComposeRefusal, KeyRefusal, LogInRefusal, ManageRefusal, PostDeletionRefusal,
    PostRefusal,
};
use postroom_server::now;
use postroom_store::{HistoryFailure, NotKept};

use super::link::NoReply;
use super::problem::{
    BUSY, CHANNEL_EXISTS, CREDENTIALS, DEFECT, DISK_FULL, ENDED, KEY_REUSED, LOOKS_ALIKE,
    MAILBOX_FULL, NO_PASSWORD, NO_SUCH_ACCOUNT, NO_SUCH_CHANNEL, NO_SUCH_POST, NOT_INVITED,
    NOTHING_KEPT, Problem, TAKEN, TOO_MANY_ACCOUNTS, TOO_MANY_CHANNELS, TOO_MANY_INVITED,
    TOO_MANY_KEYS, TOO_MANY_NEW, TOO_MUCH, UNAVAILABLE, UNKNOWN, UNREADABLE,
};

/// A request has no reply.
pub(super) fn not_replied(no_reply: NoReply) -> Problem {
    match no_reply {
        NoReply::Busy => {
            let detail = "too many requests wait for the server; nothing was changed; try again";
            Problem::new(&BUSY, detail).later(1)
        }
        NoReply::TooMuch(wait) => {
            let seconds = wait.as_secs() + 1;
            let detail = format!(
                "so much is said by this address that it has to wait; nothing was changed; try \
                 again in {seconds} s"
            );
            Problem::new(&TOO_MUCH, detail).later(seconds)
        }
        NoReply::Ended => {
            let detail = "the server stops, or an operator has ended the session; the request \
                          may have been carried out or not";
            Problem::new(&ENDED, detail).later(1)
        }
    }
}

/// The store cannot carry the request out now.
pub(super) fn unavailable() -> Problem {
    let detail = "the store cannot do it now; nothing was changed; try again";
    Problem::new(&UNAVAILABLE, detail).later(1)
}

/// The store cannot say whether it has carried the request out.
pub(super) fn unknown() -> Problem {
    Problem::new(&UNKNOWN, "the store cannot say whether it was done; look, then try again")
}

/// The reply is one to another question.
pub(super) fn unexpected() -> Problem {
    let detail = "the server gave an answer to another question; report this defect";
    Problem::new(&DEFECT, detail)
}

/// The request has no credentials, or wrong ones.
pub(super) fn wrong_credentials() -> Problem {
    let detail = "the request needs an account and its password, as in curl -u NAME:PASSWORD; \
                  they are missing or wrong";
    Problem::new(&CREDENTIALS, detail)
}

/// A login was refused.
pub(super) fn login_refused(refusal: LogInRefusal) -> Problem {
    match refusal {
        LogInRefusal::NoPassword | LogInRefusal::Password | LogInRefusal::Banned => {
            wrong_credentials()
        }
        LogInRefusal::Busy => {
            let detail = "too many passwords are to be checked; nothing was changed; try again";
            Problem::new(&BUSY, detail).later(1)
        }
        LogInRefusal::TooManyAccounts => too_many_accounts(),
        LogInRefusal::DiskFull => disk_full(),
        LogInRefusal::Present => {
            Problem::new(&TAKEN, "the account has no password, and is in use elsewhere")
        }
        LogInRefusal::MayNotCreate => may_not_create(),
        LogInRefusal::LooksAlike => looks_alike(),
    }
}

/// A message was not stored.
pub(super) fn not_composed(refusal: &ComposeRefusal) -> Problem {
    match refusal {
        ComposeRefusal::MailboxFull { recipient, capacity, .. } => {
            let detail = format!(
                "the mailbox of {recipient} is full; it holds {capacity} messages, of one sender \
                 perhaps fewer; nothing was stored"
            );
            Problem::new(&MAILBOX_FULL, detail).about(recipient.to_string())
        }
        ComposeRefusal::DiskFull => disk_full(),
        ComposeRefusal::TooManyAccounts => too_many_accounts(),
        ComposeRefusal::Unknown => {
            Problem::new(&NO_SUCH_ACCOUNT, "there is no such account; nothing was stored")
        }
        ComposeRefusal::MayNotCreate => may_not_create(),
        ComposeRefusal::LooksAlike => looks_alike(),
    }
}

/// Nothing was stored, because of the request's key.
pub(super) fn key_refused(refusal: KeyRefusal) -> Problem {
    match refusal {
        KeyRefusal::OtherRequest => {
            let detail = "the account has sent this key with another recipient, channel or text in \
                          the last 24 hours; nothing was stored; a new request needs a new key";
            Problem::new(&KEY_REUSED, detail)
        }
        KeyRefusal::TooMany { until } => {
            let seconds = until.0.saturating_sub(now().0).div_ceil(1_000).max(1);
            let detail = format!(
                "the account has used as many keys in the last 24 hours as it may; nothing was \
                 stored; try again in {seconds} s, or without a key"
            );
            Problem::new(&TOO_MANY_KEYS, detail).later(seconds)
        }
    }
}

/// The store cannot be read; the operator is told more.
pub(super) fn unreadable(failure: &HistoryFailure) -> Problem {
    tracing::error!(%failure, "a client of HTTP was not answered");
    Problem::new(&UNREADABLE, "the store cannot be read; try again")
}

/// A post was not stored.
pub(super) fn not_posted(refusal: PostRefusal) -> Problem {
    match refusal {
        PostRefusal::DiskFull => disk_full(),
        PostRefusal::TooManyChannels => {
            let detail = "the channel is new, and there are as many as there may be; nothing was \
                          stored";
            Problem::new(&TOO_MANY_CHANNELS, detail)
        }
        PostRefusal::MayNotCreate => {
            let detail = "the channel is new, and this address has made as many as it may for \
                          now; nothing was stored";
            Problem::new(&TOO_MANY_NEW, detail).later(60)
        }
        PostRefusal::NotInvited => {
            let detail = "the channel is private, and its creator has not invited this account; \
                          nothing was stored";
            Problem::new(&NOT_INVITED, detail)
        }
        PostRefusal::AuthorDeleted => Problem::new(&ENDED, "the account was deleted"),
    }
}

/// A post was not deleted.
pub(super) fn not_deleted(refusal: PostDeletionRefusal) -> Problem {
    match refusal {
        PostDeletionRefusal::NotFound => {
            Problem::new(&NO_SUCH_POST, "the account has no such post in any channel")
        }
        PostDeletionRefusal::HasNoPassword => {
            let detail = "the account has no password, so anyone could say that they wrote the \
                          post; nothing was deleted";
            Problem::new(&NO_PASSWORD, detail)
        }
        PostDeletionRefusal::DiskFull => {
            let detail = "the disk of the server has no room to note it; nothing was deleted";
            Problem::new(&DISK_FULL, detail)
        }
    }
}

/// Nothing was done with a private channel.
pub(super) fn not_managed(channel: &Channel, refusal: ManageRefusal) -> Problem {
    match refusal {
        ManageRefusal::HasNoPassword => {
            let detail = "anyone could be an account without a password, so it has no part in \
                          private channels; nothing was changed";
            Problem::new(&NO_PASSWORD, detail)
        }
        ManageRefusal::Exists => {
            let detail = format!("{channel} exists already; choose another name");
            Problem::new(&CHANNEL_EXISTS, detail)
        }
        ManageRefusal::TooManyOfAccount => {
            let detail = "the account has made as many private channels as it may; delete one";
            Problem::new(&TOO_MANY_CHANNELS, detail)
        }
        ManageRefusal::TooManyChannels => {
            let detail = "there are as many private channels as there may be; nothing was made";
            Problem::new(&TOO_MANY_CHANNELS, detail)
        }
        ManageRefusal::MayNotCreate => {
            let detail = "this address has made as many channels as it may for now; nothing was \
                          made";
            Problem::new(&TOO_MANY_NEW, detail).later(60)
        }
        ManageRefusal::NotCreator => {
            Problem::new(&NO_SUCH_CHANNEL, format!("this account has made no private {channel}"))
        }
        ManageRefusal::WrongKey => {
            Problem::new(&NO_SUCH_CHANNEL, format!("there is no {channel} with this key"))
        }
        ManageRefusal::MayNotBeInvited => {
            let detail = "there is no such account with a password; nobody was invited";
            Problem::new(&NO_SUCH_ACCOUNT, detail)
        }
        ManageRefusal::TooManyInvited => {
            let detail = format!("{channel} has as many accounts as may be invited");
            Problem::new(&TOO_MANY_INVITED, detail)
        }
        ManageRefusal::DiskFull => disk_full(),
    }
}

/// Nothing can be read again.
pub(super) fn not_kept(why: NotKept) -> Problem {
    match why {
        NotKept::Off => {
            let detail = "this server keeps nothing of what was read and sent; its operator can \
                          set mailbox.keep_read_days and mailbox.keep_read_max";
            Problem::new(&NOTHING_KEPT, detail)
        }
        NotKept::HasNoPassword => {
            let detail = "the account has no password, so anyone could read again what it has \
                          read; nothing of it is kept";
            Problem::new(&NO_PASSWORD, detail)
        }
    }
}

/// The disk is full.
pub(super) fn disk_full() -> Problem {
    Problem::new(&DISK_FULL, "the disk of the server has no room; nothing was stored")
}

fn too_many_accounts() -> Problem {
    let detail = "the name is new, and there are as many accounts as there may be";
    Problem::new(&TOO_MANY_ACCOUNTS, detail)
}

fn may_not_create() -> Problem {
    let detail = "the name is new, and this address has registered as many as it may for now";
    Problem::new(&TOO_MANY_NEW, detail).later(60)
}

fn looks_alike() -> Problem {
    Problem::new(&LOOKS_ALIKE, "the name is new, and looks like that of another account")
}
