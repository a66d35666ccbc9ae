//! Bans.

use std::num::NonZeroU32;

use ipnet::IpNet;
use postroom_engine::BanAnswer;
use postroom_store::{Ban, BanSubject};
use serde::{Deserialize, Serialize};

/// Who is banned.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Whom {
    /// Nobody logs in with this name.
    Name(String),
    /// Nobody connects from this address, `192.0.2.1/32`, or from those of this prefix.
    Addresses(IpNet),
}

/// Who is to be banned: the body of `POST /v1/ban`.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct BanOrder {
    /// Who.
    pub whom: Whom,
    /// How long, in seconds; until the ban is lifted if it is not told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seconds: Option<NonZeroU32>,
}

/// Whose ban is to be lifted: the body of `POST /v1/unban`.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct UnbanOrder {
    /// Whose.
    pub whom: Whom,
}

/// What was done: the answer to both.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(tag = "done", rename_all = "kebab-case")]
pub enum BanDone {
    /// The ban is in force.
    Banned {
        /// The ban.
        #[serde(flatten)]
        ban: BanLine,
        /// Whether one was in force before.
        was_banned: bool,
        /// Whether there is an account of the banned name.
        is_account: bool,
        /// How many sessions it has ended.
        sessions: usize,
    },
    /// It is lifted.
    Unbanned {
        /// Whose it was.
        whom: Whom,
    },
}

/// A ban.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct BanLine {
    /// Who is banned.
    pub whom: Whom,
    /// When it began, in milliseconds since 1970 in UTC.
    pub since_ms: u64,
    /// When it ends, if it does.
    pub until_ms: Option<u64>,
}

/// A page of `GET /v1/bans`.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct BanPage {
    /// The bans in force, in the order in which they began.
    pub bans: Vec<BanLine>,
    /// `?from=` of the next page, if there is one.
    pub next: Option<u64>,
}

impl From<BanSubject> for Whom {
    fn from(subject: BanSubject) -> Self {
        match subject {
            BanSubject::Name(name) => Self::Name(name.to_string()),
            BanSubject::Addresses(prefix) => Self::Addresses(prefix.net()),
        }
    }
}

impl From<Ban> for BanLine {
    fn from(Ban { subject, since, until }: Ban) -> Self {
        let until_ms = until.map(|until| until.0);
        Self { whom: subject.into(), since_ms: since.0, until_ms }
    }
}

impl From<postroom_store::BanPage> for BanPage {
    fn from(page: postroom_store::BanPage) -> Self {
        let bans = page.bans.into_iter().map(Into::into).collect();
        Self { bans, next: page.next.map(|next| next.0) }
    }
}

impl From<BanAnswer> for BanDone {
    fn from(answer: BanAnswer) -> Self {
        match answer {
            BanAnswer::Banned { ban, was_banned, is_account, sessions } => {
                Self::Banned { ban: ban.into(), was_banned, is_account, sessions }
            }
            BanAnswer::Unbanned { subject } => Self::Unbanned { whom: subject.into() },
        }
    }
}
