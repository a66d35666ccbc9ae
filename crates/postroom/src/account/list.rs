//! Lists of accounts and of blocked senders.

use std::io::{self, Write};

use postroom_model::Name;
use postroom_web::{AccountDone, AccountLine, AccountOrder, AccountPage};
use serde_json::json;

use super::AccountError;
use crate::desk::Desk;

/// Prints all accounts and reserved names in the order of their registration.
pub(super) fn accounts(desk: &mut Desk, is_json: bool) -> Result<(), AccountError> {
    let mut output = io::stdout().lock();
    let mut print = |line: String| writeln!(output, "{line}").map_err(AccountError::Output);
    if !is_json {
        print("ACCOUNT\tUNREAD\tLOGIN".to_owned())?;
    }
    let mut next = Some(0);
    while let Some(from) = next {
        let page: AccountPage = desk.accounts(from)?;
        for AccountLine { account, unread, login } in page.accounts {
            print(if is_json {
                json!({"account": account, "unread": unread, "login": login}).to_string()
            } else {
                format!("{account}\t{unread}\t{login}")
            })?;
        }
        next = page.next;
    }
    output.flush().map_err(AccountError::Output)
}

/// Prints the senders whom an account has blocked, in the order in which it did.
pub(super) fn blocked(desk: &mut Desk, name: &Name, is_json: bool) -> Result<(), AccountError> {
    let mut output = io::stdout().lock();
    let mut print = |line: String| writeln!(output, "{line}").map_err(AccountError::Output);
    let order = AccountOrder::Blocked { account: name.to_string() };
    if let AccountDone::Blocked { senders } = desk.ask(order)? {
        if !is_json {
            print("SENDER".to_owned())?;
        }
        for sender in senders {
            let json = || json!({"sender": sender}).to_string();
            print(if is_json { json() } else { sender.clone() })?;
        }
    }
    output.flush().map_err(AccountError::Output)
}
