//! The end of a simulation where accounts keep what they have read and sent.

use postroom_model::{MessageId, Name};
use postroom_store::{
    AccountId, Admits, Call, HISTORY_ENTRIES_MAX, HistoryFrom, KeepRead, KeptAs, KeptMessage,
    KeptQuery, Key, NotKept, Outcome, Store, Ticket,
};

use crate::person::LOCKED;
use crate::texts::text_of;
use crate::world::{TroubledDisk, World};

impl<D: TroubledDisk> World<D> {
    /// Nothing fails any more, and a process has just opened this store: what accounts keep is
    /// theirs, and no more than it may be.
    pub(crate) fn check_kept(&mut self, store: &mut D::Store) {
        for name in LOCKED {
            let Some(account) = self.account(store, name) else {
                continue;
            };
            let Some(kept) = self.read_kept(store, account) else {
                continue;
            };
            let Some(keep) = self.scenario.rules.limits.keep_read else {
                panic!("{name} keeps {kept:?}");
            };
            let KeepRead { messages_max, .. } = keep;
            assert!(kept.len() <= messages_max as usize, "{name} keeps more than {messages_max}");
            assert!(kept.is_sorted_by_key(|message| message.id), "{name} keeps {kept:?}");
            let mut texts = Vec::new();
            for KeptMessage { kept, other, text, .. } in &kept {
                let shown = text.to_string();
                let author = if *kept == KeptAs::Sent { name } else { other.as_str() };
                self.judge.check_shown(text_of(&shown), author, &shown);
                texts.push((text_of(&shown), *kept));
            }
            self.tally.kept += texts.len() as u64;
            // An operator may have taken the password for a while.
            let is_all = keep == KeepRead::ALL
                && self.scenario.operator.acts == 0
                && self.scenario.store.is_sound();
            self.judge.mailboxes.check_kept(&self.judge.texts, name, &texts, is_all);
        }
    }

    /// An account that the store has.
    fn account(&mut self, store: &mut D::Store, name: &str) -> Option<AccountId> {
        let name = Name::new(name).expect("a name");
        let open = Call::Open { name, key: Key::Trusted, admits: Admits::NONE, may_create: 0 };
        store.submit(Ticket(u64::MAX), open);
        let mut completed = Vec::new();
        store.settle(self.driver.wall, &mut completed).expect("nothing fails any more");
        match completed.pop()?.into_outcome()? {
            Outcome::Opened { account, .. } => Some(account),
            _ => None,
        }
    }

    /// All that an account keeps; `None` if it keeps nothing.
    fn read_kept(&mut self, store: &D::Store, account: AccountId) -> Option<Vec<KeptMessage>> {
        let mut history = self.driver.disk.history().expect("nothing fails any more");
        let count = self.random.pick(&[1, 3, HISTORY_ENTRIES_MAX]);
        let mut all = Vec::new();
        let mut next: Option<HistoryFrom<MessageId>> = Some(HistoryFrom::Oldest);
        while let Some(from) = next {
            let rows = match store.kept(KeptQuery { account, from, count }) {
                Ok(rows) => rows,
                Err(NotKept::Off | NotKept::HasNoPassword) => return None,
            };
            let page = history.kept(&rows).expect("nothing fails any more");
            assert_eq!(page.damaged, []);
            next = page.next;
            all.extend(page.messages);
        }
        Some(all)
    }
}
