//! Who is banned, and how long.

use std::time::Duration;

use postroom_model::{Fault, faulty};
use postroom_store::{Ban, BanSubject, Outcome};

use super::Planner;
use crate::allowed::Allowed;
use crate::bans::{BanChanges, BanRow, Bans};
use crate::operation::Operation;

impl Planner<'_> {
    /// Bans someone. What has ended makes room.
    pub(super) fn ban(&mut self, subject: &BanSubject, lasts: Option<Duration>) -> Outcome {
        if self.allowed == Allowed::Nothing {
            return Outcome::DiskFull;
        }
        self.lift_ended();
        let (bans, changes) = (&self.index.bans, changes(&mut self.plan.bans, &self.index.bans));
        let before = changes.get(bans, subject);
        if before.is_none() && changes.count() >= self.limits.bans_max as usize {
            return Outcome::TooManyBans;
        }
        let until = lasts.map(|lasts| self.now.after(lasts));
        let row = match before {
            Some(before) => BanRow { until, ..before },
            None => BanRow { number: changes.next_number(), since: self.now, until },
        };
        changes.put(bans, subject.clone(), row);
        if !faulty(Fault::BanNotStored) {
            self.operations.push(Operation::PutBan { row, call: self.call });
        }
        let ban = Ban { subject: subject.clone(), since: row.since, until };
        let account = match subject {
            BanSubject::Name(name) => self.index.find(name),
            BanSubject::Addresses(_) => None,
        };
        Outcome::Banned { ban, was_banned: before.is_some(), account }
    }

    pub(super) fn unban(&mut self, subject: &BanSubject) -> Outcome {
        if self.allowed == Allowed::Nothing {
            return Outcome::DiskFull;
        }
        self.lift_ended();
        let changes = changes(&mut self.plan.bans, &self.index.bans);
        match changes.remove(&self.index.bans, subject) {
            Some(number) => {
                if !faulty(Fault::UnbanNotStored) {
                    self.operations.push(Operation::DeleteBan { number });
                }
                Outcome::Unbanned
            }
            None => Outcome::NotBanned,
        }
    }

    /// Deletes the bans that have ended, once a group.
    fn lift_ended(&mut self) {
        if self.plan.bans.is_some() {
            return;
        }
        let changes = changes(&mut self.plan.bans, &self.index.bans);
        for number in changes.lift_ended(&self.index.bans, self.now) {
            self.operations.push(Operation::DeleteBan { number });
        }
    }
}

fn changes<'p>(planned: &'p mut Option<BanChanges>, bans: &Bans) -> &'p mut BanChanges {
    planned.get_or_insert_with(|| BanChanges::of(bans))
}
