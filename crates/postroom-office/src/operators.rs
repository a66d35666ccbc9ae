//! Carrying out what operators ask for.

use postroom_store::{AccountId, Call, End, Outcome, Store};

use crate::Office;
use crate::administration::{AboutAccounts, AccountRequest, AdminTicket, Administered};
use crate::calls::Origin;
use crate::output::Output;

impl<S: Store> Office<S> {
    /// Carries out what an operator asks for; the answer is an [`Output::Administered`].
    pub fn administer(&mut self, ticket: AdminTicket, request: AccountRequest) {
        let call = request.call();
        self.submit(Origin::Administration(ticket, Administered::Account(request)), call);
    }

    /// Lists accounts and reserved names for an operator.
    pub fn list_accounts(&mut self, ticket: AdminTicket, from: AccountId) {
        let call = Call::ListAccounts { from };
        self.submit(Origin::Administration(ticket, Administered::Accounts), call);
    }

    /// Handles what came of it. The sessions of an account that has another name, or is
    /// gone, must end.
    pub(crate) fn administered(&mut self, ticket: AdminTicket, what: Administered, end: End) {
        let answer = match (end, what) {
            (End::Unavailable, _) => AboutAccounts::Unavailable,
            (End::Unknown, _) => AboutAccounts::Unknown,
            (End::Done(outcome), what) => match (outcome.into_inner(), what) {
                (Outcome::Accounts { accounts, next }, _) => {
                    AboutAccounts::Accounts { accounts, next }
                }
                (outcome, Administered::Account(request)) => {
                    if let Outcome::Renamed { account, .. } | Outcome::Deleted { account, .. } =
                        outcome
                    {
                        self.expel(account);
                    }
                    AboutAccounts::Account(request.answer(outcome))
                }
                (_, Administered::Accounts) => AboutAccounts::Unavailable,
            },
        };
        self.outputs.push_back(Output::Administered(ticket, answer));
    }

    fn expel(&mut self, account: AccountId) {
        let of_account = self.sessions.iter().filter(|(_, session)| session.uses == Some(account));
        let expelled: Vec<_> =
            of_account.map(|(index, session)| crate::key(index, session.generation)).collect();
        self.outputs.extend(expelled.into_iter().map(Output::Expelled));
    }
}
