//! Taking changes of the index back.

use proptest::prelude::*;

use super::*;

type Snapshot = (Vec<(String, Mailbox)>, Option<Senders>, Vec<Name>);

fn snapshot(index: &Index) -> Snapshot {
    let accounts = index.accounts.iter();
    let mail = accounts.map(|Account { name, mailbox, is_named, state, is_pending, .. }| {
        let found = (index.find(name), index.reserved_for(name), index.skeletons.contains(name));
        (format!("{name} {is_named} {state:?} {is_pending} {found:?}"), mailbox.clone())
    });
    (mail.collect(), index.senders.clone(), index.blocks.list(AccountId(0)))
}

/// A message has left the mailbox.
fn uncount(index: &mut Index, sequence: u64) -> Undo {
    let recipient = AccountId(0);
    let sender = index.senders.as_mut().unwrap().remove(sequence, recipient).unwrap();
    Undo::Uncount { sequence, recipient, sender }
}

/// Applies one random change and says how to take it back.
fn change(
    index: &mut Index,
    choice: u8,
    sequence: u64,
    leased: &mut Vec<u64>,
) -> Option<Vec<Undo>> {
    let id = AccountId(0);
    let mailbox = &mut index.account_mut(id).mailbox;
    match choice % 11 {
        0 => {
            mailbox.append(sequence);
            let sender = AccountId(u32::try_from(sequence % 3).unwrap());
            index.senders.as_mut().unwrap().add(sequence, id, sender.into());
            Some(vec![Undo::Append(id)])
        }
        1 => {
            let earliest = mailbox.earliest()?;
            mailbox.lease();
            leased.push(earliest);
            Some(vec![Undo::Lease(id, earliest)])
        }
        2 => {
            let back = leased.pop()?;
            mailbox.give_back(back);
            Some(vec![Undo::GiveBack(id, back)])
        }
        3 => {
            let read = leased.pop()?;
            mailbox.confirm(read);
            Some(vec![Undo::Confirm(id, read), uncount(index, read)])
        }
        4 => {
            let earliest = mailbox.earliest()?;
            mailbox.set_aside(earliest);
            Some(vec![Undo::SetAside(id, earliest), uncount(index, earliest)])
        }
        5 => {
            let name = Name::new(&format!("successor{sequence}")).unwrap();
            let (id, earlier, state) = index.replace_unused(name)?;
            Some(vec![Undo::Replace(id, earlier, state)])
        }
        9 => {
            let name = Name::new(&format!("renamed{sequence}")).unwrap();
            let id = AccountId(u32::try_from(sequence).unwrap() % index.len());
            Some(vec![Undo::Rename(id, index.rename(id, name))])
        }
        8 => {
            let state = [State::Known, State::Reserved, State::Released]
                [usize::try_from(sequence % 3).unwrap()];
            let id = AccountId(u32::try_from(sequence / 3).unwrap() % index.len());
            // The name of a released account may be another's by now.
            let is_free = index.find(&index.account(id).name).is_none_or(|other| other == id);
            is_free.then(|| vec![Undo::State(id, index.set_state(id, state))])
        }
        7 => {
            let sender = Name::new(&format!("sender{}", sequence % 4)).unwrap();
            if let Some(number) = index.unblock(id, &sender) {
                return Some(vec![Undo::Unblock(id, sender, number)]);
            }
            let number = index.blocks().next_number();
            index.block(id, sender.clone(), number);
            Some(vec![Undo::Block(id, sender)])
        }
        6 => {
            let id = AccountId(u32::try_from(sequence).unwrap() % index.len());
            index.name_in_record(id).then(|| vec![Undo::Named(id)])
        }
        _ => {
            index.register(Name::new(&format!("account{sequence}")).unwrap());
            Some(vec![Undo::Register])
        }
    }
}

proptest! {
    #[test]
    fn undo_takes_back_everything(before in prop::collection::vec(any::<u8>(), 0..40),
                                  group in prop::collection::vec(any::<u8>(), 0..40)) {
        let mut index = Index { senders: Some(Senders::default()), ..Index::default() };
        index.register(Name::new("bob").unwrap());
        let mut leased = Vec::new();
        let mut sequence = 0;
        for choice in before {
            sequence += 1;
            change(&mut index, choice, sequence, &mut leased);
        }
        index.loaded();
        let expected = snapshot(&index);
        let mut changes = Vec::new();
        for choice in group {
            sequence += 1;
            let undo = change(&mut index, choice, sequence, &mut leased);
            changes.extend(undo.into_iter().flatten());
        }
        index.undo(changes.into_iter());
        prop_assert_eq!(&snapshot(&index), &expected);
        let of = |state| index.accounts.iter().filter(move |account| account.state == state);
        prop_assert_eq!(index.by_name.len(), of(State::Known).count());
        prop_assert!(of(State::Known).all(|account| index.find(&account.name).is_some()));
        prop_assert_eq!(index.deleted.len(), of(State::Reserved).count());
    }
}
