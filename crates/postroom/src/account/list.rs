//! Lists of accounts and of blocked senders.

use std::io::{self, Write};

use postroom_model::Name;
use postroom_office::{AccountAnswer, AccountCommand};
use postroom_store::{AccountId, AccountSummary, Standing};
use serde_json::json;

use super::desk::Desk;
use super::{AccountArguments, AccountError};

/// Prints all accounts and reserved names in the order of their registration.
pub(super) fn accounts(desk: &mut Desk, is_json: bool) -> Result<(), AccountError> {
    let mut output = io::stdout().lock();
    let mut print = |line: String| writeln!(output, "{line}").map_err(AccountError::Output);
    if !is_json {
        print("ACCOUNT\tUNREAD\tLOGIN".to_owned())?;
    }
    let mut next = Some(AccountId(0));
    while let Some(from) = next {
        let (accounts, rest) = desk.accounts(from)?;
        for AccountSummary { name, unread, standing } in accounts {
            let login = login(standing);
            print(if is_json {
                json!({"account": name.as_str(), "unread": unread, "login": login}).to_string()
            } else {
                format!("{name}\t{unread}\t{login}")
            })?;
        }
        next = rest;
    }
    output.flush().map_err(AccountError::Output)
}

/// Who can log in to an account, in a word.
fn login(standing: Standing) -> &'static str {
    match standing {
        Standing::Open => "open",
        Standing::Password => "password",
        Standing::Reserved => "reserved",
    }
}

/// Prints the senders whom an account has blocked, in the order in which it did.
pub(super) fn blocked(
    desk: &mut Desk,
    arguments: &AccountArguments,
    name: &Name,
    is_json: bool,
) -> Result<(), AccountError> {
    let mut output = io::stdout().lock();
    let mut print = |line: String| writeln!(output, "{line}").map_err(AccountError::Output);
    if let AccountAnswer::Blocked(senders) =
        desk.ask(arguments, name, AccountCommand::ListBlocked)?
    {
        if !is_json {
            print("SENDER".to_owned())?;
        }
        for sender in senders {
            let json = || json!({"sender": sender.as_str()}).to_string();
            print(if is_json { json() } else { sender.to_string() })?;
        }
    }
    output.flush().map_err(AccountError::Output)
}
