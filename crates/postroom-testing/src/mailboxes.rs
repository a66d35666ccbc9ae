//! A model of mailboxes, in memory and simple.
//!
//! The model has mailboxes only: the messages of each, in order, and their leases. The
//! office must answer every request as the model does, for all requests, disconnects
//! and restarts, and for all commit groups; and so must the server over its sockets.

use std::collections::BTreeMap;

/// The names, each in the two spellings that the tests use.
pub const NAMES: [[&str; 2]; 3] = [["Alice", "alice"], ["bob", "BOB"], ["Zoë", "zOË"]];

/// One of [`NAMES`].
pub type Person = usize;

/// A client and its connection.
pub type Visitor = usize;

/// A message in a mailbox.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Message {
    /// The sender.
    pub sender: String,
    /// The text.
    pub text: String,
    holder: Option<Visitor>,
}

#[derive(Debug)]
struct Mailbox {
    /// The name as first spelt.
    name: String,
    messages: Vec<Message>,
}

/// The expected outcome of a request.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Answer {
    /// The login was accepted.
    LoggedIn {
        /// The name as first spelt.
        name: String,
        /// Whether the login registered it.
        registered: bool,
        /// Messages in the mailbox.
        unread: usize,
    },
    /// The message was stored.
    Sent {
        /// Whether the message registered the recipient.
        registered: bool,
    },
    /// The mailbox is full.
    Full {
        /// The recipient's name as first spelt.
        recipient: String,
    },
    /// The earliest message without a lease.
    Message {
        /// The sender.
        sender: String,
        /// The text.
        text: String,
        /// The messages without a lease after it.
        remaining: usize,
    },
    /// No message is without a lease.
    Nothing,
    /// The messages are removed.
    Confirmed,
}

/// The mailboxes of all persons.
#[derive(Debug)]
pub struct Mailboxes {
    capacity: usize,
    by_person: BTreeMap<Person, Mailbox>,
}

impl Mailboxes {
    /// A model without mailboxes; each will have this capacity.
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        Self { capacity, by_person: BTreeMap::new() }
    }

    /// The person's mailbox, and whether this call created it.
    fn open(&mut self, person: Person, spelling: usize) -> (&mut Mailbox, bool) {
        let registered = !self.by_person.contains_key(&person);
        let mailbox = self.by_person.entry(person).or_insert_with(|| Mailbox {
            name: NAMES[person][spelling].to_owned(),
            messages: Vec::new(),
        });
        (mailbox, registered)
    }

    /// Whether the person has a mailbox.
    #[must_use]
    pub fn knows(&self, person: Person) -> bool {
        self.by_person.contains_key(&person)
    }

    /// Logs a person in.
    pub fn log_in(&mut self, person: Person, spelling: usize) -> Answer {
        let (mailbox, registered) = self.open(person, spelling);
        let (name, unread) = (mailbox.name.clone(), mailbox.messages.len());
        Answer::LoggedIn { name, registered, unread }
    }

    /// Stores a message.
    pub fn compose(
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

    /// Leases the earliest message without a lease to a visitor.
    pub fn read(&mut self, visitor: Visitor, person: Person) -> Answer {
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

    /// Removes the messages in `texts` that are leased to the visitor.
    pub fn confirm(&mut self, visitor: Visitor, texts: &[String]) -> Answer {
        for mailbox in self.by_person.values_mut() {
            mailbox.messages.retain(|message| {
                message.holder != Some(visitor) || !texts.contains(&message.text)
            });
        }
        Answer::Confirmed
    }

    /// Ends the visitor's leases of the messages in `texts`: they are unread again.
    pub fn put_back(&mut self, visitor: Visitor, texts: &[String]) {
        self.put_back_where(|holder, text| holder == visitor && texts.contains(text));
    }

    /// Ends all leases of the visitor.
    pub fn put_back_all(&mut self, visitor: Visitor) {
        self.put_back_where(|holder, _| holder == visitor);
    }

    /// Ends all leases.
    pub fn restart(&mut self) {
        self.put_back_where(|_, _| true);
    }

    fn put_back_where(&mut self, waits: impl Fn(Visitor, &String) -> bool) {
        for message in self.by_person.values_mut().flat_map(|mailbox| &mut mailbox.messages) {
            if message.holder.is_some_and(|holder| waits(holder, &message.text)) {
                message.holder = None;
            }
        }
    }

    /// All messages of a mailbox, in order.
    #[must_use]
    pub fn content(&self, person: Person) -> Vec<(String, String)> {
        let messages = self.by_person.get(&person).map_or(&[][..], |mailbox| &mailbox.messages);
        messages.iter().map(|message| (message.sender.clone(), message.text.clone())).collect()
    }
}
