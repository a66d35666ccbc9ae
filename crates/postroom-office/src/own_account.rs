//! What an account changes of itself: its password, and whose messages it refuses.

use postroom_model::{BlockRefusal, Committed, Name, Password, PasswordRefusal, Reply};
use postroom_store::{AccountId, Call, Outcome, PasswordHash, Store};

use crate::Office;
use crate::calls::RequestKey;
use crate::check::{Against, Change, Check, Verdict};

/// A change of a password whose account has been asked for.
#[derive(Debug)]
pub(crate) struct PasswordChange {
    /// The number of the request.
    pub(crate) number: u32,
    pub(crate) account: AccountId,
    pub(crate) old: Password,
    pub(crate) new: Password,
}

impl<S: Store> Office<S> {
    pub(crate) fn change_password(
        &mut self,
        key: RequestKey,
        account: AccountId,
        old: Password,
        new: Password,
    ) {
        let number = key.number;
        let change = Box::new(PasswordChange { number, account, old, new });
        if let Some(work) = self.session(key.session).and_then(|record| record.work()) {
            work.change = Some(change);
            self.submit_request(key, Call::Password { account });
        }
    }

    /// Handles the present password of an account that is to get another one.
    pub(crate) fn has_password(
        &mut self,
        key: RequestKey,
        name: Name,
        password: Option<PasswordHash>,
    ) -> Option<Reply> {
        let record = self.session(key.session)?;
        let peer = record.peer;
        let change = record.work()?.change.take_if(|change| change.number == key.number)?;
        let refused = |refusal| Some(Reply::PasswordNotChanged(refusal));
        if self.checks.secret(&name).is_some() {
            return refused(PasswordRefusal::InFile);
        }
        let Some(password) = password else {
            return refused(PasswordRefusal::HasNone);
        };
        let PasswordChange { account, old, new, .. } = *change;
        let mut check = Check::new(key, name, Some(old), Against::Stored(password), peer);
        check.change = Some(Change { account, to: new });
        self.add_check(check);
        None
    }

    /// Handles the result of a check of the old password; `hash` is that of the new one.
    pub(crate) fn checked_for_change(
        &mut self,
        key: RequestKey,
        account: AccountId,
        verdict: Verdict,
        hash: Option<PasswordHash>,
    ) {
        match (verdict, hash) {
            (Verdict::FitsStored(from), Some(to)) => {
                self.submit_request(key, Call::ChangePassword { account, from, to });
            }
            (Verdict::Wrong, _) => self.not_changed(key, PasswordRefusal::Wrong),
            _ => self.resolve(key, Reply::Unavailable),
        }
    }

    pub(crate) fn not_changed(&mut self, key: RequestKey, refusal: PasswordRefusal) {
        self.resolve(key, Reply::PasswordNotChanged(refusal));
    }

    /// The reply to a request about the account itself that is on disk; otherwise the
    /// outcome.
    pub(crate) fn own_reply(outcome: Committed<Outcome>) -> Result<Reply, Committed<Outcome>> {
        Ok(match outcome.get() {
            Outcome::PasswordSet { .. } => Reply::PasswordChanged(outcome.map(drop)),
            Outcome::PasswordDiffers => Reply::PasswordNotChanged(PasswordRefusal::Wrong),
            Outcome::BlockSet(set) => {
                let set = set.clone();
                Reply::BlockSet(outcome.map(|_| set))
            }
            Outcome::HasNoPassword => Reply::NotBlocked(BlockRefusal::HasNoPassword),
            Outcome::TooManyBlocked => Reply::NotBlocked(BlockRefusal::TooMany),
            Outcome::BlockedNames(names) => Reply::BlockedNames(names.clone()),
            _ => return Err(outcome),
        })
    }

    /// Whether the account of a session has blocked a sender.
    pub(crate) fn refuses(&self, recipient: AccountId, sender: &Name) -> bool {
        self.store.has_blocked(recipient, sender)
    }
}
