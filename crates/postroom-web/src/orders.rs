//! What orders come to: requests of the office, and its refusals as problems.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use axum::http::StatusCode;
use postroom_engine::{
    AccountCommand, AccountRefusal, AccountRequest, BanCommand, BanRefusal, BanRequest,
    ChannelRefusal,
};
use postroom_model::{Channel, Name, NameError, Password, TEXT_BYTES_MAX, Text};
use postroom_office::password;
use postroom_store::{
    BanSubject, IMPORT_MESSAGES_MAX, IMPORT_TEXT_BYTES_MAX, Import, ImportedMessage, PasswordHash,
};

use crate::api::{AccountOrder, BanOrder, ImportMessage, Problem, UnbanOrder, Whom};

impl AccountOrder {
    /// The request of the office; a password is hashed, which takes some ten milliseconds.
    pub fn request(self) -> Result<AccountRequest, Problem> {
        let (account, command) = match self {
            Self::Add { account, password } => (account, AccountCommand::Add(hashed(&password)?)),
            Self::Import { account, password, blocked, messages } => {
                let import = imported(&password, &blocked, messages)?;
                (account, AccountCommand::Import(Arc::new(import)))
            }
            Self::Passwd { account, password } => {
                (account, AccountCommand::SetPassword(hashed(&password)?))
            }
            Self::RemovePassword { account } => (account, AccountCommand::RemovePassword),
            Self::Rename { account, to } => (account, AccountCommand::Rename(name(&to)?)),
            Self::Delete { account } => (account, AccountCommand::Delete),
            Self::Release { account } => (account, AccountCommand::Release),
            Self::Block { account, sender } => {
                (account, AccountCommand::Block { sender: sender_name(&sender)?, is_blocked: true })
            }
            Self::Unblock { account, sender } => (
                account,
                AccountCommand::Block { sender: sender_name(&sender)?, is_blocked: false },
            ),
            Self::Blocked { account } => (account, AccountCommand::ListBlocked),
        };
        Ok(AccountRequest { name: name(&account)?, command })
    }
}

impl BanOrder {
    /// The request of the office.
    pub fn request(self) -> Result<BanRequest, Problem> {
        let lasts = self.seconds.map(NonZeroU32::get).map(u64::from).map(Duration::from_secs);
        Ok(BanRequest { subject: subject(self.whom)?, command: BanCommand::Ban { lasts } })
    }
}

impl UnbanOrder {
    /// The request of the office.
    pub fn request(self) -> Result<BanRequest, Problem> {
        Ok(BanRequest { subject: subject(self.whom)?, command: BanCommand::Unban })
    }
}

fn subject(whom: Whom) -> Result<BanSubject, Problem> {
    Ok(match whom {
        Whom::Name(word) => BanSubject::Name(name(&word)?),
        Whom::Addresses(net) => BanSubject::Addresses(net.into()),
    })
}

impl From<BanRefusal> for Problem {
    fn from(refusal: BanRefusal) -> Self {
        let detail = refusal.to_string();
        match refusal {
            BanRefusal::NotBanned(_) => problem(StatusCode::NOT_FOUND, "not-banned", &detail),
            BanRefusal::TooMany => problem(StatusCode::CONFLICT, "too-many-bans", &detail),
            BanRefusal::DiskFull => problem(StatusCode::INSUFFICIENT_STORAGE, "disk-full", &detail),
        }
    }
}

/// What an account is imported with, as far as that can be.
fn imported(
    password: &str,
    blocked: &[String],
    messages: Vec<ImportMessage>,
) -> Result<Import, Problem> {
    let refused = |word, detail: &str| problem(StatusCode::UNPROCESSABLE_ENTITY, word, detail);
    let message = |(number, ImportMessage { sender, time, text }): (usize, ImportMessage)| {
        let wrong = |what: &str| refused("text", &format!("message {}: {what}", number + 1));
        if text.len() > TEXT_BYTES_MAX {
            return Err(wrong(&format!("a text has at most {TEXT_BYTES_MAX} bytes")));
        }
        // As the export has it: nothing is dropped.
        let text = Text::from_stored(text.as_bytes()).map_err(|error| wrong(&error.to_string()))?;
        Ok(ImportedMessage { sender: sender_name(&sender)?, stored: time.into(), text })
    };
    let messages: Vec<_> =
        messages.into_iter().enumerate().map(message).collect::<Result<_, _>>()?;
    let blocked = blocked.iter().map(|sender| sender_name(sender)).collect::<Result<_, _>>()?;
    let mut import = Import { password: PasswordHash::unusable(), blocked, messages };
    let has_room = import.messages.len() <= IMPORT_MESSAGES_MAX
        && import.text_bytes() <= IMPORT_TEXT_BYTES_MAX;
    if !has_room {
        let detail = format!(
            "an import has at most {IMPORT_MESSAGES_MAX} messages, with {IMPORT_TEXT_BYTES_MAX} \
             bytes of text in all; nothing was changed"
        );
        return Err(refused("too-large", &detail));
    }
    // The costly part, once nothing else can be wrong.
    import.password = hashed(password)?;
    Ok(import)
}

pub(crate) fn name(word: &str) -> Result<Name, Problem> {
    Name::new(word).map_err(|error| no_name(word, error))
}

/// The name of a sender: that of an account, or `@web`.
fn sender_name(word: &str) -> Result<Name, Problem> {
    Name::of_sender(word).map_err(|error| no_name(word, error))
}

fn no_name(word: &str, error: NameError) -> Problem {
    let detail = format!("\"{}\" is not a name: {error}", word.escape_debug());
    problem(StatusCode::UNPROCESSABLE_ENTITY, "name", &detail)
}

/// The channel that an operator names, with its `#` or without it: shells take `#` for the
/// beginning of a comment.
pub fn channel(word: &str) -> Result<Channel, Problem> {
    Channel::parse(word).or_else(|| Channel::from_stored(word)).ok_or_else(|| {
        let detail = format!(
            "\"{}\" is not a channel: letters, digits and _, such as #rust; or @board",
            word.escape_debug()
        );
        problem(StatusCode::UNPROCESSABLE_ENTITY, "channel", &detail)
    })
}

fn hashed(word: &str) -> Result<PasswordHash, Problem> {
    let password = Password::from_bytes(word.as_bytes()).map_err(|error| {
        let detail = format!("the password is not accepted: {error}");
        problem(StatusCode::UNPROCESSABLE_ENTITY, "password", &detail)
    })?;
    let failed = |error: &dyn std::error::Error| {
        problem(StatusCode::INTERNAL_SERVER_ERROR, "hash", &error.to_string())
    };
    let salt = postroom_server::salt().map_err(|error| failed(&error))?;
    password::hash(&password, salt).map_err(|error| failed(&error))
}

impl From<ChannelRefusal> for Problem {
    fn from(refusal: ChannelRefusal) -> Self {
        let detail = refusal.to_string();
        match refusal {
            ChannelRefusal::Unknown(_) => {
                problem(StatusCode::NOT_FOUND, "no-such-channel", &detail)
            }
            ChannelRefusal::DiskFull => {
                problem(StatusCode::INSUFFICIENT_STORAGE, "disk-full", &detail)
            }
        }
    }
}

impl From<AccountRefusal> for Problem {
    fn from(refusal: AccountRefusal) -> Self {
        let (status, word, account) = match &refusal {
            AccountRefusal::Unknown(name) => (StatusCode::NOT_FOUND, "no-such-account", Some(name)),
            AccountRefusal::Exists(name) => (StatusCode::CONFLICT, "account-exists", Some(name)),
            AccountRefusal::Reserved(name) => (StatusCode::CONFLICT, "name-reserved", Some(name)),
            AccountRefusal::InPasswordFile(name) => {
                (StatusCode::CONFLICT, "in-password-file", Some(name))
            }
            AccountRefusal::NotReserved(name) => {
                (StatusCode::NOT_FOUND, "name-not-reserved", Some(name))
            }
            AccountRefusal::HasNoPassword(name) => {
                (StatusCode::CONFLICT, "no-password", Some(name))
            }
            AccountRefusal::MailboxTooSmall { .. } => {
                (StatusCode::CONFLICT, "mailbox-too-small", None)
            }
            AccountRefusal::TooManyBlocked => (StatusCode::CONFLICT, "too-many-blocked", None),
            AccountRefusal::TooManyAccounts => {
                (StatusCode::INSUFFICIENT_STORAGE, "too-many-accounts", None)
            }
            AccountRefusal::DiskFull => (StatusCode::INSUFFICIENT_STORAGE, "disk-full", None),
        };
        Problem {
            account: account.map(ToString::to_string),
            ..problem(status, word, &refusal.to_string())
        }
    }
}

pub(crate) fn problem(status: StatusCode, word: &str, detail: &str) -> Problem {
    let (problem, detail) = (word.to_owned(), detail.to_owned());
    Problem { status: status.as_u16(), problem, detail, account: None }
}
