//! A client of `mailbox`.

use super::{Talk, What};
use crate::judge::Judge;
use crate::person::{LOCKED, NEW, OPEN, pick_aside};
use crate::random::Random;

/// Bytes of a text, at most.
const TEXT_BYTES: usize = 2_000;
/// Those of one that may be pushed, where it must fit into one push.
const PUSHED_BYTES: usize = 200;

/// Somebody to write to.
pub(super) fn recipient(random: &mut Random, judge: &Judge) -> &'static str {
    if judge.has_aside && random.chance(250) {
        return pick_aside(random);
    }
    match random.below(8) {
        0 => random.pick(&NEW),
        1 | 2 => random.pick(&LOCKED),
        _ => random.pick(&OPEN),
    }
}

/// Bytes of a text for an account, at most.
pub(super) fn bytes_max(recipient: &str) -> usize {
    if LOCKED.contains(&recipient) { PUSHED_BYTES } else { TEXT_BYTES }
}

impl Talk {
    pub(super) fn mailbox_log_in(&mut self, judge: &mut Judge) {
        if let Some(given) = self.given {
            self.say_unanswered(&format!("PASS {given}\n"));
        }
        self.ask(&format!("LOGIN {}\n", self.person.name), What::LogIn, judge);
    }

    pub(super) fn mailbox_say(&mut self, random: &mut Random, judge: &mut Judge) {
        match random.below(20) {
            0 => self.leave(judge),
            1..12 => {
                let (id, to, said) = self.compose(random, judge);
                self.ask(&format!("COMPOSE {to}\n{said}\n"), What::Compose(id, to), judge);
            }
            _ => self.ask("READ\n", What::Read, judge),
        }
    }

    pub(super) fn mailbox_answer(&mut self, line: &str, judge: &mut Judge) {
        let asked = self.answered(line, judge);
        match (asked.what, line) {
            (What::LogIn, _) => {
                let count = line.parse().unwrap_or_else(|_| panic!("{line:?} answers LOGIN"));
                let name = self.person.name;
                judge.mailboxes.check_count(&judge.texts, name, asked.at, count);
                self.let_in(asked.at, judge);
            }
            (What::Compose(id, _), "MESSAGE SENT") => judge.acknowledged(id),
            // Full, or for another reason that it does not tell.
            (What::Compose(id, to), "MESSAGE FAILED") => Self::not_composed(id, to, judge),
            (What::Read, "READ ERROR") => {
                let (name, visit) = (self.person.name, self.visit);
                judge.mailboxes.check_empty(&judge.texts, name, visit, asked.at);
            }
            (What::Read, sender) => {
                let what = What::ReadText(sender.to_owned());
                self.asked.push_front(super::Asked { what, ..asked });
            }
            (What::ReadText(sender), text) => self.saw_message(asked.line, &sender, text, judge),
            (what, _) => panic!("{line:?} answers {what:?} on mailbox"),
        }
    }
}
