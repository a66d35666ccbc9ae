//! Planning requests that come with a key, by which they may be repeated.

use postroom_model::{Composed, KeyRefusal, MessageId, Name, PostId, Repeated, Stamp};
use postroom_store::{AccountId, Call, Fingerprint, Outcome, key_ends, may_be_freed};

use super::Planner;
use crate::allowed::Allowed;
use crate::draft::Draft;
use crate::keys::KeyRow;
use crate::operation::Operation;

/// Keys at which a commit looks whether they are still kept, and as many again for each that it
/// adds, so that the look stays ahead.
const LOOKS: usize = 64;
const LOOKS_FOR_EACH: usize = 4;

impl Planner<'_> {
    /// Carries out a call, unless its account has used the key before.
    pub(super) fn once(
        &mut self,
        account: AccountId,
        fingerprint: Fingerprint,
        call: &Call,
    ) -> Outcome {
        let known = self.index.keys.find(account, fingerprint.key);
        if let Some(row) = known.filter(|row| row.is_kept(self.now)) {
            return if row.fingerprint == fingerprint {
                Outcome::Repeated(self.repeated(call, &row))
            } else {
                Outcome::KeyRefused(KeyRefusal::OtherRequest)
            };
        }
        // Where the disk is full, nothing is stored, and no key is needed.
        if self.allowed == Allowed::Everything {
            self.delete_keys(known.as_slice());
            if let Err(refusal) = self.make_room_for_key(account) {
                return Outcome::KeyRefused(refusal);
            }
        }
        let Draft::Complete(outcome) = self.call(call, None) else {
            unreachable!("{call:?} asks for no record");
        };
        if let Some(first) = outcome.first_id() {
            self.add_key(account, fingerprint, first);
        }
        outcome
    }

    fn make_room_for_key(&mut self, account: AccountId) -> Result<(), KeyRefusal> {
        while self.index.keys.count(account) >= self.limits.keys_of_account_max {
            let oldest = self.index.keys.oldest(account);
            let used = oldest.map_or(self.now, |oldest| oldest.used);
            match oldest.filter(|_| may_be_freed(used, self.now)) {
                Some(oldest) => self.delete_keys(&[oldest]),
                None => return Err(KeyRefusal::TooMany { until: key_ends(used) }),
            }
        }
        Ok(())
    }

    fn add_key(&mut self, account: AccountId, fingerprint: Fingerprint, first: u64) {
        while self.index.keys.len() >= self.limits.keys_max as usize {
            let most = self.index.keys.with_most();
            let Some(oldest) = most.and_then(|most| self.index.keys.oldest(most)) else {
                break;
            };
            self.delete_keys(&[oldest]);
        }
        let number = self.index.keys.last() + 1;
        let row = KeyRow { number, fingerprint, first, used: self.now, account };
        self.index.keys.add(row);
        self.operations.push_key(row);
    }

    fn delete_keys(&mut self, rows: &[KeyRow]) {
        let keys = &mut self.index.keys;
        let numbers = rows.iter().filter_map(|row| keys.remove(row.account, row.fingerprint.key));
        self.operations.push_numbers(numbers, Operation::DeleteKeys);
    }

    /// Whoever gets the number of an account next has none of its keys.
    pub(super) fn forget_keys(&mut self, account: AccountId) {
        let keys = &mut self.index.keys;
        let numbers = std::iter::from_fn(|| {
            let oldest = keys.oldest(account)?;
            keys.remove(account, oldest.fingerprint.key)
        });
        self.operations.push_numbers(numbers, Operation::DeleteKeys);
    }

    /// Deletes some keys that are no longer kept, in a group that writes anyway.
    pub(super) fn delete_ended_keys(&mut self) {
        if self.index.keys.len() > 0 && self.operations.write() {
            let looks = LOOKS + LOOKS_FOR_EACH * self.index.keys.added();
            let ended = self.index.keys.ended(looks, self.now);
            self.delete_keys(&ended);
        }
    }

    /// What the call has stored when its key was used. The names are those of now.
    fn repeated(&self, call: &Call, row: &KeyRow) -> Repeated {
        let stored = row.used;
        let composed = |(number, name): (u64, &Name)| {
            let known = self.index.find(name).map(|id| self.index.account(id).name.clone());
            let recipient = known.unwrap_or_else(|| name.clone());
            Composed { id: MessageId(row.first + number), stored, recipient, registered: false }
        };
        match call {
            Call::Compose { recipient, .. } => Repeated::Composed(composed((0, recipient))),
            Call::ComposeAll { recipients, .. } => {
                Repeated::ComposedAll((0..).zip(recipients.names()).map(composed).collect())
            }
            _ => Repeated::Posted(Stamp { id: PostId(row.first), stored }),
        }
    }
}
