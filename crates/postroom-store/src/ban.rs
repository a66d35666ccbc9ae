//! Who is banned, and how long.

use std::fmt;

use postroom_model::{Fault, Name, Prefix, faulty};

use crate::Timestamp;

/// Bans that [`Store::bans`](crate::Store::bans) tells at a time.
pub const BANS_PAGE: usize = 1_000;

/// Who is banned.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub enum BanSubject {
    /// A name, whether or not there is an account of it: nobody logs in with it.
    Name(Name),
    /// Addresses: nobody connects from them.
    Addresses(Prefix),
}

impl fmt::Display for BanSubject {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => name.fmt(formatter),
            Self::Addresses(prefix) => prefix.fmt(formatter),
        }
    }
}

/// A ban.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Ban {
    /// Who is banned.
    pub subject: BanSubject,
    /// Since when, without a pause.
    pub since: Timestamp,
    /// When it ends; `None` if it holds until it is lifted.
    pub until: Option<Timestamp>,
}

impl Ban {
    /// Whether it is in force at this time.
    #[must_use]
    pub fn is_in_force(&self, now: Timestamp) -> bool {
        is_in_force(self.until, now)
    }
}

/// Whether a ban with this end is in force at this time.
#[must_use]
pub fn is_in_force(until: Option<Timestamp>, now: Timestamp) -> bool {
    until.is_none_or(|until| now < until) || faulty(Fault::BanEndless)
}

/// A place in the list of bans.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub struct BanPlace(pub u64);

/// A part of the list of bans.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct BanPage {
    /// The bans, in the order in which they began.
    pub bans: Vec<Ban>,
    /// Where the next ones begin, if there are any.
    pub next: Option<BanPlace>,
}
