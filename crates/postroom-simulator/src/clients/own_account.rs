//! What a client does with its own account: whom it writes to from there, its password, and
//! whom it has blocked.

use super::mailbox::{bytes_max, recipient};
use super::{Talk, What};
use crate::judge::{BlockId, Judge};
use crate::lock::{Secret, WRONG};
use crate::person::{LOCKED, OPEN};
use crate::random::Random;
use crate::texts::{Place, TextId};

impl Talk {
    /// Writes a message for somebody.
    pub(super) fn compose(
        &mut self,
        random: &mut Random,
        judge: &mut Judge,
    ) -> (TextId, &'static str, String) {
        let to = recipient(random, judge);
        let place = Place::Mailbox(to);
        let (id, said) = judge.write(self.person.name, place, bytes_max(to), random);
        judge.locks.writes_to(to, id, self.person.access);
        (id, to, said)
    }

    /// A message was refused.
    pub(super) fn not_composed(id: TextId, to: &'static str, judge: &mut Judge) {
        judge.refused(id);
        judge.locks.not_written_to(to, id);
    }

    /// A message was refused with these words, where they are those for a full mailbox, or
    /// for an unknown name.
    pub(super) fn not_composed_since(
        &mut self,
        (id, to, asked): (TextId, &'static str, u64),
        line: &str,
        (is_full, is_unknown): (bool, bool),
        judge: &mut Judge,
    ) {
        Self::not_composed(id, to, judge);
        if is_full {
            let capacity = line.split(' ').find_map(|word| word.parse().ok());
            return judge.check_full(id, to, asked, capacity);
        }
        if is_unknown {
            judge.locks.check_unknown(to, self.person.access, asked);
        }
        let is_blocked = judge.blocks.is_certain(to, self.person.name, asked);
        let is_told = is_blocked && judge.is_store_sound;
        assert!(!is_told, "{line:?} tells {} that {to} has blocked it", self.person.name);
    }

    /// Changes its password; the old one is what its owner knows, or its client, or wrong.
    pub(super) fn change_password(
        &mut self,
        command: &str,
        random: &mut Random,
        judge: &mut Judge,
    ) {
        let old = match random.below(6) {
            0 => judge.locks.pick_wrong(self.person.name, random),
            1..4 => judge.locks.pick(self.person.name, false, random),
            _ => self.given,
        };
        let (old, new) = (old.unwrap_or(WRONG), judge.locks.choose());
        judge.locks.changes(self.person.name, old, new);
        self.ask(&format!("{command} {old} {new}\n"), What::Passwd(old, new), judge);
    }

    /// A change, which was asked for at this moment, is answered.
    pub(super) fn password_answer(
        &mut self,
        (old, new): (Secret, Secret),
        asked: u64,
        line: &str,
        judge: &mut Judge,
    ) {
        let name = self.person.name;
        let refusal = line.split_once([':', '.']).map(|(_, rest)| rest.trim().to_lowercase());
        match refusal.as_deref().unwrap_or_default() {
            _ if is_change(line) => {
                judge.locks.changed(name, (old, new), asked, judge.clock);
                self.given = Some(new);
            }
            "the old password is wrong." => judge.locks.check_old_wrong(name, old, new, asked),
            "the account has no password; ask the operator for one." => {
                judge.locks.check_has_none(name, asked);
                judge.locks.not_changed(name, new);
            }
            "too many passwords wait to be checked; try again in a moment." => {
                judge.locks.check_too_busy_to_change(name, new);
            }
            refusal if refusal.starts_with("the server cannot store it at present.") => {
                judge.locks.not_changed(name, new);
            }
            refusal => panic!("{refusal:?} refuses a change of a password"),
        }
    }

    /// Blocks somebody, or no longer, or asks whom it has blocked.
    pub(super) fn block(&mut self, random: &mut Random, judge: &mut Judge) {
        if random.chance(200) {
            self.ask("/blocked\n", What::Blocked(None), judge);
            return self.ask("/inbox\n", What::Count, judge);
        }
        let sender = if random.chance(300) { random.pick(&LOCKED) } else { random.pick(&OPEN) };
        let is_blocked = random.chance(600);
        let command = if is_blocked { "/block" } else { "/unblock" };
        let begun = judge.tick();
        let id = judge.blocks.sets(self.person.name, sender, is_blocked, begun);
        self.ask(&format!("{command} {sender}\n"), What::Block(id), judge);
    }

    /// A block, which was asked for at this moment, is answered.
    pub(super) fn block_answer(&mut self, id: BlockId, asked: u64, line: &str, judge: &mut Judge) {
        let is_new = line.ends_with(" can no longer write to you.")
            || line.ends_with(" can write to you again.");
        if is_new || line.starts_with("You have ") {
            return judge.blocks.is_set(id, is_new, judge.clock);
        }
        judge.blocks.is_refused(id);
        if line.starts_with("Only an account with a password") {
            return judge.locks.check_has_none(self.person.name, asked);
        }
        assert!(line.starts_with("The server cannot do that"), "{line:?} answers a block");
    }
}

/// Whether a line says that the password is changed.
fn is_change(line: &str) -> bool {
    matches!(line, "Your password is changed." | "PASSWORD CHANGED SUCCESSFULLY.")
}
