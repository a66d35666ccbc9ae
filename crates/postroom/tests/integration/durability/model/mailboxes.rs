//! The model.

use std::collections::BTreeMap;

/// Names in the two ways in which the tests spell them.
pub(super) const NAMES: [[&str; 2]; 3] = [["Alice", "alice"], ["bob", "BOB"], ["Zoë", "zOË"]];

/// One of [`NAMES`].
pub(super) type Person = usize;

/// A client, for as long as it is connected.
pub(super) type Visitor = usize;

#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Message {
    pub(super) sender: String,
    pub(super) text: String,
    holder: Option<Visitor>,
}

#[derive(Debug)]
struct Mailbox {
    /// The name as first spelt.
    name: String,
    messages: Vec<Message>,
}

/// What a request must come to.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Answer {
    LoggedIn { name: String, registered: bool, unread: usize },
    Sent { registered: bool },
    Full { recipient: String },
    Message { sender: String, text: String, remaining: usize },
    Nothing,
    Confirmed,
}

#[derive(Debug)]
pub(super) struct Mailboxes {
    capacity: usize,
    by_person: BTreeMap<Person, Mailbox>,
}

impl Mailboxes {
    pub(super) fn new(capacity: usize) -> Self {
        Self { capacity, by_person: BTreeMap::new() }
    }

    /// The person's mailbox, and whether it was opened just now.
    fn open(&mut self, person: Person, spelling: usize) -> (&mut Mailbox, bool) {
        let registered = !self.by_person.contains_key(&person);
        let mailbox = self.by_person.entry(person).or_insert_with(|| Mailbox {
            name: NAMES[person][spelling].to_owned(),
            messages: Vec::new(),
        });
        (mailbox, registered)
    }

    pub(super) fn log_in(&mut self, person: Person, spelling: usize) -> Answer {
        let (mailbox, registered) = self.open(person, spelling);
        let (name, unread) = (mailbox.name.clone(), mailbox.messages.len());
        Answer::LoggedIn { name, registered, unread }
    }

    pub(super) fn compose(
        &mut self,
        sender: Person,
        recipient: Person,
        spelling: usize,
        text: &str,
    ) -> Answer {
        let capacity = self.capacity;
        let sender = self.by_person[&sender].name.clone();
        let (mailbox, registered) = self.open(recipient, spelling);
        if mailbox.messages.len() >= capacity {
            return Answer::Full { recipient: mailbox.name.clone() };
        }
        mailbox.messages.push(Message { sender, text: text.to_owned(), holder: None });
        Answer::Sent { registered }
    }

    pub(super) fn read(&mut self, visitor: Visitor, person: Person) -> Answer {
        let Some(mailbox) = self.by_person.get_mut(&person) else {
            return Answer::Nothing;
        };
        let waiting = mailbox.messages.iter().filter(|message| message.holder.is_none()).count();
        match mailbox.messages.iter_mut().find(|message| message.holder.is_none()) {
            None => Answer::Nothing,
            Some(message) => {
                message.holder = Some(visitor);
                let Message { sender, text, .. } = message.clone();
                Answer::Message { sender, text, remaining: waiting - 1 }
            }
        }
    }

    /// What the visitor holds and `texts` names is gone.
    pub(super) fn confirm(&mut self, visitor: Visitor, texts: &[String]) -> Answer {
        for mailbox in self.by_person.values_mut() {
            mailbox.messages.retain(|message| {
                message.holder != Some(visitor) || !texts.contains(&message.text)
            });
        }
        Answer::Confirmed
    }

    /// What the visitor holds and `texts` names waits again.
    pub(super) fn put_back(&mut self, visitor: Visitor, texts: &[String]) {
        self.put_back_where(|holder, text| holder == visitor && texts.contains(text));
    }

    /// Everything that the visitor holds waits again.
    pub(super) fn put_back_all(&mut self, visitor: Visitor) {
        self.put_back_where(|holder, _| holder == visitor);
    }

    /// What anyone holds waits again.
    pub(super) fn restart(&mut self) {
        self.put_back_where(|_, _| true);
    }

    fn put_back_where(&mut self, waits: impl Fn(Visitor, &String) -> bool) {
        for message in self.by_person.values_mut().flat_map(|mailbox| &mut mailbox.messages) {
            if message.holder.is_some_and(|holder| waits(holder, &message.text)) {
                message.holder = None;
            }
        }
    }

    /// All that is in a mailbox, in order.
    pub(super) fn content(&self, person: Person) -> Vec<(String, String)> {
        let messages = self.by_person.get(&person).map_or(&[][..], |mailbox| &mailbox.messages);
        messages.iter().map(|message| (message.sender.clone(), message.text.clone())).collect()
    }
}
