//! Messages that are leased for a time, and not until their session ends.
//!
//! Whoever has the key of a lease confirms it, from any session of the account. At its end the
//! message is unread again, in its old place. After a restart no message is leased.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use postroom_model::{Delivery, LeaseKey, MessageId, Reply};
use postroom_store::{AccountId, Call, Lease, Store};

use crate::calls::{LeaseTerms, Origin, RequestKey};
use crate::{Office, find};

/// Messages that may be leased for a time.
const LEASES_MAX: usize = 262_144;
/// Those of an account.
const OF_ACCOUNT_MAX: usize = 1_000;
/// Leases that end in a turn.
const ENDED_MAX: usize = 256;

/// All leases for a time.
#[derive(Debug, Default)]
pub(crate) struct TimedLeases {
    all: BTreeMap<(AccountId, MessageId), Timed>,
    /// In the order of their ends.
    ends: BTreeSet<(Instant, AccountId, MessageId)>,
}

#[derive(Debug)]
struct Timed {
    lease: Lease,
    key: LeaseKey,
    ends: Instant,
}

impl TimedLeases {
    /// Whether an account may lease one more message.
    fn has_room(&self, account: AccountId) -> bool {
        self.all.len() < LEASES_MAX
            && self.of(account).take(OF_ACCOUNT_MAX).count() < OF_ACCOUNT_MAX
    }

    fn of(&self, account: AccountId) -> impl Iterator<Item = MessageId> + '_ {
        let messages = (account, MessageId(0))..=(account, MessageId(u64::MAX));
        self.all.range(messages).map(|((_, message), _)| *message)
    }

    fn add(&mut self, lease: Lease, key: LeaseKey, ends: Instant) {
        let (account, message) = (lease.account(), lease.message());
        self.ends.insert((ends, account, message));
        self.all.insert((account, message), Timed { lease, key, ends });
    }

    fn remove(&mut self, account: AccountId, message: MessageId) -> Option<Lease> {
        let Timed { lease, ends, .. } = self.all.remove(&(account, message))?;
        self.ends.remove(&(ends, account, message));
        Some(lease)
    }

    /// Takes the lease of a message, if this is its key and it has not ended.
    fn take(
        &mut self,
        account: AccountId,
        message: MessageId,
        key: LeaseKey,
        now: Instant,
    ) -> Option<Lease> {
        let timed = self.all.get(&(account, message))?;
        let is_in_force = timed.ends > now;
        (timed.key == key && is_in_force).then(|| self.remove(account, message))?
    }

    /// Takes those that have ended.
    fn take_ended(&mut self, now: Instant) -> Vec<Lease> {
        let mut ended = Vec::new();
        while ended.len() < ENDED_MAX
            && let Some((ends, account, message)) = self.ends.first().copied()
            && ends <= now
        {
            ended.extend(self.remove(account, message));
        }
        ended
    }
}

impl<S: Store> Office<S> {
    /// Leases the earliest unread message for a time.
    pub(crate) fn lease(&mut self, key: RequestKey, account: AccountId, terms: LeaseTerms) {
        if self.leases.has_room(account) {
            self.submit(Origin::Lease(key, terms), Call::Read { account });
        } else {
            self.resolve(key, Reply::TooManyLeases);
        }
    }

    /// Keeps the lease of a message that the store has handed out for it.
    pub(crate) fn leased(
        &mut self,
        request: RequestKey,
        LeaseTerms { key, lasts }: LeaseTerms,
        lease: Lease,
        delivery: Delivery,
    ) {
        let has_ended = find(&mut self.sessions, request.session).is_none_or(|of| of.has_ended);
        if has_ended {
            // Nobody is told the key: the message is unread again.
            self.submit(Origin::HandBack, Call::Return { leases: vec![lease] });
        } else {
            self.leases.add(lease, key, self.now + lasts);
        }
        self.resolve(request, Reply::Leased(delivery));
    }

    /// Removes a message that is leased for a time.
    pub(crate) fn confirm_lease(
        &mut self,
        request: RequestKey,
        account: AccountId,
        message: MessageId,
        key: LeaseKey,
    ) {
        match self.leases.take(account, message, key, self.now) {
            Some(lease) => self.submit_request(request, Call::Confirm { leases: vec![lease] }),
            None => self.resolve(request, Reply::NotLeased),
        }
    }

    /// Ends leases whose time is over: their messages are unread again.
    pub fn end_leases(&mut self) {
        let leases = self.leases.take_ended(self.now);
        // Those who wait for a message are told by account.
        for lease in leases {
            self.submit(Origin::HandBack, Call::Return { leases: vec![lease] });
        }
    }

    /// When the next of them ends.
    pub fn leases_end_at(&self) -> Option<Instant> {
        self.leases.ends.first().map(|(ends, ..)| *ends)
    }

    /// Ends the leases of an account that is gone.
    pub(crate) fn drop_leases(&mut self, account: AccountId) {
        let messages: Vec<_> = self.leases.of(account).collect();
        let leases = messages.into_iter().filter_map(|of| self.leases.remove(account, of));
        let leases: Vec<_> = leases.collect();
        if !leases.is_empty() {
            self.submit(Origin::HandBack, Call::Return { leases });
        }
    }
}
