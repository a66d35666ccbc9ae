//! Keys by which requests are repeated, in a store in memory.

use std::collections::BTreeMap;

use postroom_model::{Composed, KeyRefusal, MessageId, Name, PostId, Repeated, Stamp};

use super::books::Books;
use super::keys::{KeyUse, Keyed};
use super::session::Session;
use crate::{AccountId, Call, Limits, Outcome, Timestamp, is_kept, key_ends, may_be_freed};

impl Books {
    pub(super) fn once(
        &mut self,
        session: &mut Session,
        keyed: Keyed,
        limits: Limits,
        now: Timestamp,
        is_disk_full: bool,
    ) -> Outcome {
        let Keyed { account, fingerprint, call } = keyed;
        self.keys.retain(|of| is_kept(of.used, now));
        let is_it = |of: &&KeyUse| of.account == account && of.fingerprint.key == fingerprint.key;
        if let Some(used) = self.keys.iter().find(is_it) {
            return if used.fingerprint == fingerprint {
                Outcome::Repeated(self.repeated(&call, used.first, used.used))
            } else {
                Outcome::KeyRefused(KeyRefusal::OtherRequest)
            };
        }
        while self.count_keys(account) >= limits.keys_of_account_max as usize {
            let oldest = self.oldest_key(account);
            let used = oldest.map_or(now, |oldest| self.keys[oldest].used);
            let Some(oldest) = oldest.filter(|_| may_be_freed(used, now)) else {
                return Outcome::KeyRefused(KeyRefusal::TooMany { until: key_ends(used) });
            };
            self.keys.remove(oldest);
        }
        let outcome = self.act(session, call, limits, now, is_disk_full);
        if let Some(first) = outcome.first_id() {
            while self.keys.len() >= limits.keys_max.max(1) as usize {
                self.free_key();
            }
            self.keys.push(KeyUse { account, fingerprint, first, used: now });
        }
        outcome
    }

    fn count_keys(&self, account: AccountId) -> usize {
        self.keys.iter().filter(|of| of.account == account).count()
    }

    fn oldest_key(&self, account: AccountId) -> Option<usize> {
        self.keys.iter().position(|of| of.account == account)
    }

    /// The account with most keys loses its oldest; of several, the one with the lowest number.
    fn free_key(&mut self) {
        let mut counts: BTreeMap<AccountId, usize> = BTreeMap::new();
        self.keys.iter().for_each(|of| *counts.entry(of.account).or_default() += 1);
        let most = counts.iter().rev().max_by_key(|(_, count)| **count);
        if let Some(oldest) = most.and_then(|(account, _)| self.oldest_key(*account)) {
            self.keys.remove(oldest);
        }
    }

    /// Whoever gets the number of an account next has none of its keys.
    pub(super) fn forget_keys(&mut self, account: AccountId) {
        self.keys.retain(|of| of.account != account);
    }

    fn repeated(&self, call: &Call, first: u64, stored: Timestamp) -> Repeated {
        let composed = |(number, name): (u64, &Name)| {
            let known = self.find(name).map(|id| self.name(id).clone());
            let (id, recipient) =
                (MessageId(first + number), known.unwrap_or_else(|| name.clone()));
            Composed { id, stored, recipient, registered: false }
        };
        match call {
            Call::Compose { recipient, .. } => Repeated::Composed(composed((0, recipient))),
            Call::ComposeAll { recipients, .. } => {
                Repeated::ComposedAll((0..).zip(recipients.names()).map(composed).collect())
            }
            _ => Repeated::Posted(Stamp { id: PostId(first), stored }),
        }
    }
}
