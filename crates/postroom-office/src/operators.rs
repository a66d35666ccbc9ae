//! Carrying out what operators ask for.

use postroom_model::{Channel, Fault, Name, faulty};
use postroom_store::{AccountId, Call, ChannelSummary, End, Outcome, Store};

use crate::Office;
use crate::administration::{
    AboutAccounts, AccountAnswer, AccountCommand, AccountRefusal, AccountRequest, AdminTicket,
    Administered,
};
use crate::calls::Origin;
use crate::channels::{AboutChannels, DeletedChannel, ListedChannel};
use crate::output::Output;
use crate::session::Session;

impl<S: Store> Office<S> {
    /// Carries out what an operator asks for; the answer is an [`Output::Administered`].
    pub fn administer(&mut self, ticket: AdminTicket, request: AccountRequest) {
        if self.is_in_file(&request.name)
            && matches!(request.command, AccountCommand::RemovePassword | AccountCommand::Rename(_))
        {
            let refusal = AccountRefusal::InPasswordFile(request.name);
            let answer = AboutAccounts::Account(Err(refusal));
            return self.outputs.push_back(Output::Administered(ticket, answer));
        }
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
        let (end, what) = match what {
            Administered::Channels => return self.about_channels(ticket, None, end),
            Administered::DeleteChannel(channel) => {
                return self.about_channels(ticket, Some(channel), end);
            }
            what => (end, what),
        };
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
                        self.expel(|session| {
                            session.uses == Some(account) && !faulty(Fault::ExpulsionForgotten)
                        });
                    }
                    if let Outcome::Deleted { account, ref channels, .. } = outcome {
                        self.drop_leases(account);
                        for channel in channels {
                            self.private_channel_gone(channel);
                        }
                    }
                    let mut answer = request.answer(outcome);
                    if let Ok(AccountAnswer::PasswordRemoved { name, .. }) = &answer {
                        self.take_out_of_private(name);
                    }
                    if let Ok(AccountAnswer::PasswordSet { name, is_overridden, .. }) = &mut answer
                    {
                        *is_overridden = self.is_in_file(name);
                    }
                    AboutAccounts::Account(answer)
                }
                (_, _) => AboutAccounts::Unavailable,
            },
        };
        self.outputs.push_back(Output::Administered(ticket, answer));
    }

    /// Whether the password file has a line for a name, which counts before its password in
    /// the store.
    fn is_in_file(&self, name: &Name) -> bool {
        self.checks.secret(name).is_some()
    }

    /// [Expels](Output::Expelled) the sessions that are meant and have not ended; returns how
    /// many.
    pub(crate) fn expel(&mut self, is_meant: impl Fn(&Session) -> bool) -> usize {
        let sessions = self.sessions.iter();
        let meant = sessions.filter(|(_, session)| !session.has_ended && is_meant(session));
        let expelled: Vec<_> =
            meant.map(|(index, session)| crate::key(index, session.generation)).collect();
        let count = expelled.len();
        self.outputs.extend(expelled.into_iter().map(Output::Expelled));
        count
    }

    /// Lists the channels behind `after` for an operator; the answer is an
    /// [`Output::AboutChannels`].
    pub fn list_channels(&mut self, ticket: AdminTicket, after: Option<Channel>) {
        let call = Call::ListChannels { after };
        self.submit(Origin::Administration(ticket, Administered::Channels), call);
    }

    /// Deletes the posts of a channel for an operator; the answer is an
    /// [`Output::AboutChannels`].
    pub fn delete_channel(&mut self, ticket: AdminTicket, channel: Channel) {
        let call = Call::DeleteChannel { channel: channel.clone() };
        self.submit(Origin::Administration(ticket, Administered::DeleteChannel(channel)), call);
    }

    /// Handles what came of either; `deleted` is the channel that was to be deleted.
    pub(crate) fn about_channels(
        &mut self,
        ticket: AdminTicket,
        deleted: Option<Channel>,
        end: End,
    ) {
        let about = match end {
            End::Unavailable => AboutChannels::Unavailable,
            End::Unknown => AboutChannels::Unknown,
            End::Done(outcome) => match (outcome.into_inner(), deleted) {
                (outcome, Some(channel)) => {
                    if let Outcome::ChannelDeleted { was_private: true, .. } = outcome {
                        self.private_channel_gone(&channel);
                    }
                    let members = self.live.members(&channel).len();
                    AboutChannels::Deleted(DeletedChannel::of(channel, &outcome, members))
                }
                (Outcome::Channels { channels, next }, None) => {
                    let listed = |summary: ChannelSummary| {
                        let members = self.live.members(&summary.channel).len();
                        ListedChannel::new(summary, members)
                    };
                    AboutChannels::Channels {
                        channels: channels.into_iter().map(listed).collect(),
                        next,
                    }
                }
                (_, None) => AboutChannels::Unavailable,
            },
        };
        self.outputs.push_back(Output::AboutChannels(ticket, about));
    }
}
