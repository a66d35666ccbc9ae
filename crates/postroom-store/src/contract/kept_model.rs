//! Random walks against accounts that keep what they read and send, as anyone would write it.

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use super::kept::{DAY, at, keeping};
use super::{Desk, Fixture, name};
use crate::{AccountId, Call, NotKept, Outcome, Timestamp};

const PEOPLE: [&str; 3] = ["ann", "ben", "cat"];

/// One step of the model.
#[derive(Clone, Debug)]
enum Step {
    Send {
        sender: usize,
        recipient: usize,
    },
    Read {
        reader: usize,
    },
    /// Gives an account a password, or takes it.
    Password {
        of: usize,
        is_set: bool,
    },
    /// Lets time pass.
    Pass {
        days: u64,
    },
    /// From now on accounts keep so many.
    Restart {
        messages_max: u32,
    },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let person = 0..PEOPLE.len();
    let step = prop_oneof![
        8 => (person.clone(), person.clone())
            .prop_map(|(sender, recipient)| Step::Send { sender, recipient }),
        8 => person.clone().prop_map(|reader| Step::Read { reader }),
        2 => (person, any::<bool>()).prop_map(|(of, is_set)| Step::Password { of, is_set }),
        1 => (1..25_u64).prop_map(|days| Step::Pass { days }),
        1 => (1..6_u32).prop_map(|messages_max| Step::Restart { messages_max }),
    ];
    prop::collection::vec(step, 1..60)
}

/// A message: what is shown of it, and when it was stored.
type Message = (String, Timestamp);

/// An account as anyone would write it.
#[derive(Debug, Default)]
struct ModelAccount {
    has_password: bool,
    /// Number, sender and text.
    unread: VecDeque<(u64, Message)>,
    kept: BTreeMap<u64, Message>,
}

impl ModelAccount {
    fn keep(&mut self, number: u64, message: Message, messages_max: u32) {
        if self.has_password {
            self.kept.insert(number, message);
            self.trim(messages_max);
        }
    }

    fn trim(&mut self, messages_max: u32) {
        while self.kept.len() > messages_max as usize {
            self.kept.pop_first();
        }
    }

    fn expire(&mut self, day: u64) {
        self.kept.retain(|_, (_, stored)| *stored >= at(day - 30));
    }

    fn shown(&self) -> Result<Vec<String>, NotKept> {
        let all = self.kept.values().map(|(shown, _)| shown.clone());
        if self.has_password { Ok(all.collect()) } else { Err(NotKept::HasNoPassword) }
    }
}

pub(super) fn agrees_with_a_simple_model<F: Fixture>(fixture: &mut F) {
    let mut runner =
        TestRunner::new(Config { cases: 24, failure_persistence: None, ..Config::default() });
    // The fixture is used by one case at a time.
    let fixture = RefCell::new(fixture);
    let result = runner.run(&steps(), |steps| {
        run_against_model(*fixture.borrow_mut(), &steps);
        Ok(())
    });
    if let Err(error) = result {
        panic!("{error}");
    }
}

fn run_against_model<F: Fixture>(fixture: &mut F, steps: &[Step]) {
    fixture.clear();
    let (mut most, mut day) = (3, 100);
    let mut desk = Desk::open(fixture, keeping(most));
    desk.now = at(day);
    let accounts: [AccountId; 3] = PEOPLE.map(|person| desk.log_in(person).0);
    let mut model = PEOPLE.map(|_| ModelAccount::default());
    for (number, step) in (0..).zip(steps) {
        match *step {
            Step::Send { sender, recipient } => {
                let words = number.to_string();
                let id = match desk.append(accounts[sender], PEOPLE[recipient], &words) {
                    Outcome::Composed { id, .. } => id.0,
                    Outcome::MailboxFull { capacity, .. } => {
                        assert_eq!(model[recipient].unread.len(), capacity as usize);
                        continue;
                    }
                    other => panic!("{other:?}"),
                };
                let received = (format!("{}: {words}", PEOPLE[sender]), desk.now);
                model[recipient].unread.push_back((id, received));
                if sender != recipient {
                    let sent = (format!("to {}: {words}", PEOPLE[recipient]), desk.now);
                    model[sender].keep(id, sent, most);
                }
            }
            Step::Read { reader } => {
                let found = desk.lease(accounts[reader]);
                let expected = model[reader].unread.pop_front();
                assert_eq!(found.is_some(), expected.is_some());
                if let (Some((lease, ..)), Some((id, message))) = (found, expected) {
                    desk.confirm(lease);
                    model[reader].keep(id, message, most);
                }
            }
            Step::Password { of, is_set: true } if !model[of].has_password => {
                desk.author(PEOPLE[of]);
                model[of].has_password = true;
            }
            Step::Password { is_set: true, .. } => {}
            Step::Password { of, is_set: false } => {
                desk.call(Call::RemovePassword { name: name(PEOPLE[of]) });
                model[of].has_password = false;
            }
            Step::Pass { days } => {
                day += days;
                desk.now = at(day);
                desk.expire_kept(days * DAY);
                for of in &mut model {
                    of.expire(day);
                }
            }
            Step::Restart { messages_max } => {
                // What is beyond the limit leaves the disk by and by.
                desk.expire_kept(0);
                for of in &mut model {
                    of.expire(day);
                }
                drop(desk);
                most = messages_max;
                desk = Desk::open(fixture, keeping(most));
                desk.now = at(day);
                desk.expire_kept(0);
                for of in &mut model {
                    of.trim(most);
                }
            }
        }
        for (account, of) in accounts.into_iter().zip(&model) {
            assert_eq!(desk.kept_mail(account), of.shown(), "after {step:?}");
            assert_eq!(desk.unread_of(account) as usize, of.unread.len(), "after {step:?}");
        }
    }
}
