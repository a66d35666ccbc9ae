//! The operator blocks senders for accounts, or no longer.

use postroom_engine::{AccountAnswer, AccountCommand, AccountRefusal};
use postroom_model::Name;

use crate::judge::BlockId;
use crate::operator::What;
use crate::person::{LOCKED, OPEN, is_aside};
use crate::world::{TroubledDisk, World};

impl<D: TroubledDisk> World<D> {
    pub(super) fn block(&mut self) {
        // Whom an account blocks is gone with it, and moves with its name.
        let Some(name) = self.operator.pick_account().filter(|name| !is_aside(name)) else {
            return;
        };
        let random = &mut self.operator.random;
        let sender = if random.chance(300) { random.pick(&LOCKED) } else { random.pick(&OPEN) };
        let is_blocked = random.chance(600);
        let begun = self.judge.tick();
        let id = self.judge.blocks.sets(name, sender, is_blocked, begun);
        let sender = Name::new(sender).expect("a name");
        let command = AccountCommand::Block { sender, is_blocked };
        self.ask_about(begun, name, command, What::Block(name, id));
    }

    pub(super) fn blocked(
        &mut self,
        name: &'static str,
        id: BlockId,
        begun: u64,
        answer: Result<AccountAnswer, AccountRefusal>,
    ) {
        let at = self.judge.tick();
        match answer {
            Ok(AccountAnswer::BlockSet { set, .. }) => self.judge.blocks.is_set(id, set.is_new, at),
            Err(AccountRefusal::HasNoPassword(_)) => {
                self.judge.blocks.is_refused(id);
                self.judge.locks.check_has_none(name, begun);
            }
            Err(AccountRefusal::Unknown(_)) => {
                self.judge.blocks.is_refused(id);
                self.judge.locks.check_is_none(name, begun);
            }
            _ => panic!("{answer:?} answers a block of {name}"),
        }
    }
}
