//! What is in a backup.

use std::collections::BTreeMap;

use postroom_model::{Page, Position, Safe};
use postroom_store::{
    AccountId, AccountSummary, Admits, Ban, BanPlace, Call, Completion, Key, Outcome, Standing,
    Store, Ticket, Timestamp,
};

/// All that a judge knows of a store.
#[derive(Debug, Default)]
pub(crate) struct Copied {
    /// All texts as listeners show them, in their order, by the mailbox or the channel in
    /// which they are.
    pub(crate) texts: BTreeMap<String, Vec<String>>,
    /// The accounts and bans, where the backup has them.
    pub(crate) others: Option<(Vec<AccountSummary>, Vec<Ban>)>,
}

impl Copied {
    /// One with these texts, each with its place.
    pub(crate) fn with_texts<'a>(texts: impl Iterator<Item = (&'a str, &'a str)>) -> Self {
        let mut copied = Self::default();
        for (place, text) in texts {
            copied.add(place, text);
        }
        copied
    }

    /// Reads all of a store, at this time of day.
    pub(crate) fn of(mut store: impl Store, wall: Timestamp) -> Self {
        let mut copied = Self::default();
        let Outcome::Accounts { accounts, next: None } =
            act(&mut store, Call::ListAccounts { from: AccountId(0) })
        else {
            panic!("the accounts of a backup fit on a page");
        };
        for AccountSummary { name, .. } in
            accounts.iter().filter(|account| account.standing != Standing::Reserved)
        {
            let (name, key) = (name.clone(), Key::Trusted);
            let shown = name.to_string();
            let open = Call::Open { name, key, admits: Admits::NONE, may_create: 0 };
            let Outcome::Opened { account, .. } = act(&mut store, open) else {
                panic!("{shown} is listed, and cannot be opened");
            };
            while let Outcome::Read { text, .. } = act(&mut store, Call::Read { account }) {
                copied.add(&shown, text.as_str());
            }
        }
        let Outcome::Channels { channels, .. } =
            act(&mut store, Call::ListChannels { after: None })
        else {
            panic!("the channels of a backup fit on a page");
        };
        for channel in channels.into_iter().map(|summary| summary.channel) {
            let mut from = Some(Position::default());
            while let Some(position) = from {
                let call =
                    Call::Timeline { channel: channel.clone(), from: position, reader: None };
                let Outcome::Timeline(Page { entries, next }) = act(&mut store, call) else {
                    panic!("{channel} is listed, and cannot be read");
                };
                for text in entries.iter().filter_map(|entry| entry.content.text()) {
                    copied.add(&channel.to_string(), text.as_str());
                }
                from = next;
            }
        }
        copied.others = Some((accounts, store.bans(BanPlace::default(), wall).bans));
        copied
    }

    fn add(&mut self, place: &str, text: &str) {
        self.texts.entry(place.to_owned()).or_default().push(Safe(text).to_string());
    }
}

fn act(store: &mut impl Store, call: Call) -> Outcome {
    store.submit(Ticket(0), call);
    let mut completions = Vec::new();
    store.settle(Timestamp(0), &mut completions).expect("a backup can be read");
    let outcome = completions.pop().and_then(Completion::into_outcome);
    outcome.expect("a call of a backup is carried out")
}
