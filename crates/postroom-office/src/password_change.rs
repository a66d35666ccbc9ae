//! How an account changes its password: what it has is read, the old one is checked and the
//! new one hashed beside the loop, and then it is replaced if it is the same still.

use postroom_model::{Name, Password, PasswordRefusal, Reply};
use postroom_store::{AccountId, Call, PasswordHash, Store};

use crate::Office;
use crate::calls::RequestKey;
use crate::check::{Against, Check};

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
        let against = Against::Change { account, from: password, to: new };
        self.add_check(Check::new(key, name, old, against, peer));
        None
    }
}
