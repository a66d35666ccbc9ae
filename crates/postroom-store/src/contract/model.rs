//! Random walks against a mailbox as anyone would write it.

use std::cell::RefCell;
use std::collections::{HashMap, VecDeque};

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use super::{Desk, Fixture, limits};
use crate::{AccountId, Lease, Outcome, Store as _};

/// One step of the model.
#[derive(Clone, Debug)]
enum Step {
    Append {
        recipient: usize,
    },
    Lease {
        account: usize,
    },
    /// Confirms, or gives back, one of the leases held.
    Confirm {
        lease: usize,
    },
    GiveBack {
        lease: usize,
    },
    Restart,
}

const PEOPLE: [&str; 3] = ["ann", "ben", "cat"];

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let person = 0..PEOPLE.len();
    let step = prop_oneof![
        5 => person.clone().prop_map(|recipient| Step::Append { recipient }),
        4 => person.prop_map(|account| Step::Lease { account }),
        3 => (0..8_usize).prop_map(|lease| Step::Confirm { lease }),
        2 => (0..8_usize).prop_map(|lease| Step::GiveBack { lease }),
        1 => Just(Step::Restart),
    ];
    prop::collection::vec(step, 1..60)
}

/// A mailbox as anyone would write it.
#[derive(Debug, Default)]
struct ModelMailbox {
    /// Number and text.
    waiting: VecDeque<(u64, String)>,
    leased: Vec<(u64, String)>,
}

impl ModelMailbox {
    fn unread(&self) -> usize {
        self.waiting.len() + self.leased.len()
    }

    fn give_back(&mut self, number: u64) {
        if let Some(at) = self.leased.iter().position(|(leased, _)| *leased == number) {
            self.waiting.push_back(self.leased.remove(at));
            self.waiting.make_contiguous().sort();
        }
    }
}

/// A lease, whose it is, and the number of its message in the model.
type Held = (Lease, AccountId, u64);

pub(super) fn agrees_with_a_simple_model<F: Fixture>(fixture: &mut F) {
    let mut runner =
        TestRunner::new(Config { cases: 48, failure_persistence: None, ..Config::default() });
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
    const CAPACITY: u32 = 4;
    fixture.clear();
    let mut desk = Desk::open(fixture, limits(CAPACITY));
    let accounts = PEOPLE.map(|person| desk.log_in(person).0);
    let mut model: HashMap<AccountId, ModelMailbox> = HashMap::new();
    let mut held: Vec<Held> = Vec::new();
    let mut next_number = 0;
    for step in steps {
        match *step {
            Step::Append { recipient } => {
                let words = format!("message {next_number}");
                let mailbox = model.entry(accounts[recipient]).or_default();
                match desk.append(accounts[0], PEOPLE[recipient], &words) {
                    Outcome::Composed { .. } => mailbox.waiting.push_back((next_number, words)),
                    Outcome::MailboxFull { .. } => assert_eq!(mailbox.unread(), CAPACITY as usize),
                    other => panic!("{other:?}"),
                }
                next_number += 1;
            }
            Step::Lease { account } => {
                let account = accounts[account];
                let mailbox = model.entry(account).or_default();
                let (found, expected) = (desk.lease(account), mailbox.waiting.pop_front());
                assert_eq!(found.is_some(), expected.is_some());
                if let (Some((lease, text, remaining)), Some((number, words))) = (found, expected) {
                    assert_eq!(
                        (text.as_str(), remaining as usize),
                        (&*words, mailbox.waiting.len())
                    );
                    mailbox.leased.push((number, words));
                    held.push((lease, account, number));
                }
            }
            Step::Confirm { lease } if lease < held.len() => {
                let (lease, account, number) = held.swap_remove(lease);
                desk.confirm(lease);
                let mailbox = model.entry(account).or_default();
                mailbox.leased.retain(|(leased, _)| *leased != number);
            }
            Step::GiveBack { lease } if lease < held.len() => {
                let (lease, account, number) = held.swap_remove(lease);
                desk.give_back(lease);
                model.entry(account).or_default().give_back(number);
            }
            Step::Confirm { .. } | Step::GiveBack { .. } => {}
            Step::Restart => {
                drop(desk);
                desk = Desk::open(fixture, limits(CAPACITY));
                for (_lease, account, number) in held.drain(..) {
                    model.entry(account).or_default().give_back(number);
                }
            }
        }
        let mailboxes = accounts.iter().filter_map(|account| model.get(account));
        let unread: usize = mailboxes.map(ModelMailbox::unread).sum();
        assert_eq!(desk.store.usage().unread, unread as u64, "after {step:?}");
    }
    for (person, account) in PEOPLE.iter().zip(accounts) {
        let expected = model.entry(account).or_default().unread();
        assert_eq!(desk.log_in(person), (account, u32::try_from(expected).unwrap_or(u32::MAX)));
    }
}
