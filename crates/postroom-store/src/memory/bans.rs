//! Who is banned.

use std::net::IpAddr;

use postroom_model::{Fault, Name, Prefix, faulty};

use crate::{AccountId, BANS_PAGE, Ban, BanPage, BanPlace, BanSubject, Outcome, Timestamp};

/// The bans, each with its number, in the order in which they began.
#[derive(Debug, Default)]
pub(super) struct Bans {
    all: Vec<(u64, Ban)>,
    last: u64,
}

impl Bans {
    /// Bans someone, whose account this is, if there is one.
    pub(super) fn ban(
        &mut self,
        subject: BanSubject,
        account: Option<AccountId>,
        until: Option<Timestamp>,
        most: u32,
        now: Timestamp,
    ) -> Outcome {
        self.all.retain(|(_, ban)| ban.is_in_force(now));
        if let Some((_, ban)) = self.all.iter_mut().find(|(_, ban)| ban.subject == subject) {
            (ban.subject, ban.until) = (subject, until);
            return Outcome::Banned { ban: ban.clone(), was_banned: true, account };
        }
        if self.all.len() >= most as usize && !faulty(Fault::BansUnlimited) {
            return Outcome::TooManyBans;
        }
        self.last += 1;
        let ban = Ban { subject, since: now, until };
        self.all.push((self.last, ban.clone()));
        Outcome::Banned { ban, was_banned: false, account }
    }

    pub(super) fn unban(&mut self, subject: &BanSubject, now: Timestamp) -> Outcome {
        let found = self.all.iter().position(|(_, ban)| ban.subject == *subject);
        if let Some(place) = found
            && faulty(Fault::UnbanForgotten)
        {
            self.all.push(self.all[place].clone());
        }
        let removed = found.map(|place| self.all.remove(place));
        if removed.is_some_and(|(_, ban)| ban.is_in_force(now)) {
            Outcome::Unbanned
        } else {
            Outcome::NotBanned
        }
    }

    pub(super) fn is_banned(&self, name: &Name, now: Timestamp) -> bool {
        let is_of = |ban: &Ban| matches!(&ban.subject, BanSubject::Name(banned) if banned == name);
        self.in_force(now).any(|(_, ban)| is_of(ban))
    }

    pub(super) fn banned_with(&self, address: IpAddr, now: Timestamp) -> Option<Prefix> {
        let prefix = |ban: &Ban| match ban.subject {
            BanSubject::Addresses(prefix) if faulty(Fault::BanTooWide) => {
                Prefix::of(prefix.net().addr(), prefix.bits() - 8)
            }
            BanSubject::Addresses(prefix) => Some(prefix),
            BanSubject::Name(_) => None,
        };
        let prefixes = self.in_force(now).filter_map(|(_, ban)| prefix(ban));
        prefixes.filter(|prefix| prefix.contains(address)).max_by_key(Prefix::bits)
    }

    pub(super) fn page(&self, from: BanPlace, now: Timestamp) -> BanPage {
        let mut rest = self.in_force(now).skip_while(|(number, _)| *number < from.0);
        let bans = rest.by_ref().take(BANS_PAGE).map(|(_, ban)| ban.clone()).collect();
        BanPage { bans, next: rest.next().map(|(number, _)| BanPlace(*number)) }
    }

    fn in_force(&self, now: Timestamp) -> impl Iterator<Item = &(u64, Ban)> {
        self.all.iter().filter(move |(_, ban)| ban.is_in_force(now))
    }
}
