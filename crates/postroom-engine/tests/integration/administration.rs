//! What operators ask of a running server.

use postroom_engine::{
    AboutAccounts, AccountAnswer, AccountCommand, AccountRefusal, AccountRequest, AdminAnswer,
    AdminRequest, AdminTicket, BACKUP_PAUSE, EngineSettings, Kick, Status, What,
};
use postroom_model::Name;
use postroom_store::{
    AccountId, BackupGuard, Limits, MemoryDisk, NotBackedUp, PasswordHash, Standing,
};

use postroom_simulator::{Driver, PeerKey, set_password};

use crate::clients::client;

fn driver() -> Driver {
    let (disk, limits) = (MemoryDisk::default(), Limits::default());
    set_password(&disk, limits, "ann", "right");
    Driver::on(disk, EngineSettings::default(), limits)
}

fn name(word: &str) -> Name {
    Name::new(word).unwrap()
}

/// Does something with an account.
fn account(
    driver: &mut Driver,
    of: &str,
    command: AccountCommand,
) -> Result<AccountAnswer, AccountRefusal> {
    let request = AccountRequest { name: name(of), command };
    match driver.administer(AdminRequest::Account(request)) {
        AdminAnswer::Accounts(AboutAccounts::Account(answer)) => answer,
        other => panic!("{other:?}"),
    }
}

fn ends(driver: &mut Driver, key: PeerKey) -> bool {
    driver.pass(std::time::Duration::from_secs(2));
    driver.is_closed(key)
}

#[test]
fn a_deleted_or_renamed_account_has_no_session_any_more() {
    for command in [AccountCommand::Delete, AccountCommand::Rename(name("anna"))] {
        let mut driver = driver();
        let chat = client(&mut driver, "chat", "/pass right\n/setname ann\n");
        let mail = client(&mut driver, "mailbox", "PASS right\nLOGIN ann\n");
        let bob = client(&mut driver, "chat", "/setname bob\n");
        driver.look(bob);
        account(&mut driver, "ANN", command.clone()).unwrap();
        assert!(ends(&mut driver, chat) && ends(&mut driver, mail), "{command:?}");
        let lines = driver.lines(bob);
        assert!(lines.iter().any(|line| line.contains("ann")), "the others see it: {lines:?}");
        assert!(!driver.is_closed(bob));
        let again = client(&mut driver, "mailbox", "PASS right\nLOGIN ann\n");
        assert!(driver.is_closed(again), "its name is reserved");
    }
}

#[test]
fn what_is_done_counts_from_then_on() {
    let mut driver = driver();
    let mut do_it = |of, command| account(&mut driver, of, command);
    let hash = PasswordHash("$argon2id$x".into());
    assert_eq!(
        do_it("bob", AccountCommand::Add(hash.clone())),
        Ok(AccountAnswer::Added { name: name("bob") })
    );
    assert_eq!(
        do_it("bob", AccountCommand::Add(hash.clone())),
        Err(AccountRefusal::Exists(name("bob")))
    );
    assert_eq!(
        do_it("carl", AccountCommand::SetPassword(hash)),
        Err(AccountRefusal::Unknown(name("carl")))
    );
    assert!(do_it("bob", AccountCommand::RemovePassword).is_ok());
    let block = AccountCommand::Block { sender: name("bob"), is_blocked: true };
    assert!(do_it("ann", block).is_ok());
    assert_eq!(
        do_it("ann", AccountCommand::ListBlocked),
        Ok(AccountAnswer::Blocked(vec![name("bob")]))
    );
    let bob = client(&mut driver, "mailbox", "LOGIN bob\n");
    driver.send(bob, b"COMPOSE ann\nhi\n");
    driver.settle();
    assert_eq!(driver.lines(bob), ["MESSAGE FAILED"]);
    match driver.administer(AdminRequest::Accounts { from: AccountId(0) }) {
        AdminAnswer::Accounts(AboutAccounts::Accounts { accounts, next: None }) => {
            let of: Vec<_> = accounts.iter().map(|of| (of.name.as_str(), of.standing)).collect();
            assert_eq!(of, [("ann", Standing::Password), ("bob", Standing::Open)]);
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn sessions_are_listed_and_end_at_the_operators_word() {
    let mut driver = driver();
    let chat = client(&mut driver, "chat", "/setname bob\n");
    let mail = client(&mut driver, "mailbox", "LOGIN bob\n");
    let far = driver.connect_from([192, 0, 2, 7], "mailbox");
    driver.pass(std::time::Duration::from_secs(3));
    match driver.administer(AdminRequest::Sessions { from: 0 }) {
        AdminAnswer::Sessions { sessions, next: None } => {
            let mut seen: Vec<_> = sessions
                .iter()
                .map(|of| {
                    let listener = of.listener.to_string();
                    (of.account.as_deref(), of.is_before_login, listener, of.age.as_secs())
                })
                .collect();
            seen.sort();
            assert_eq!(
                seen,
                [
                    (None, true, "mailbox".to_owned(), 3),
                    (Some("bob"), false, "chat".to_owned(), 3),
                    (Some("bob"), false, "mailbox".to_owned(), 3),
                ]
            );
        }
        other => panic!("{other:?}"),
    }
    match driver.administer(AdminRequest::Status) {
        AdminAnswer::Status(Status { connections: 3, before_login: 1, .. }) => {}
        other => panic!("{other:?}"),
    }
    let kicked = |driver: &mut Driver, kick| match driver.administer(AdminRequest::Kick(kick)) {
        AdminAnswer::Kicked(sessions) => sessions,
        other => panic!("{other:?}"),
    };
    assert_eq!(kicked(&mut driver, Kick::Addresses("192.0.2.0/24".parse().unwrap())), 1);
    assert!(ends(&mut driver, far) && !driver.is_closed(chat));
    assert_eq!(kicked(&mut driver, Kick::Account(name("BOB"))), 2);
    assert!(ends(&mut driver, chat) && ends(&mut driver, mail));
    assert_eq!(kicked(&mut driver, Kick::Account(name("bob"))), 0);
    // What the operator ends may come again.
    let again = client(&mut driver, "mailbox", "LOGIN bob\n");
    assert!(!ends(&mut driver, again));
}

/// The log's words about backups.
fn told(driver: &Driver) -> Vec<&'static str> {
    let told = driver.log.iter().filter_map(|what| match what {
        What::Administered { what, .. } => Some(*what),
        _ => None,
    });
    told.collect()
}

#[test]
fn a_backup_is_made_in_parts_with_a_pause_between_them() {
    let mut driver = driver();
    let bob = client(&mut driver, "mailbox", "LOGIN bob\n");
    driver.send(bob, b"COMPOSE ann\nhi\n");
    driver.settle();
    let (guard, token) = BackupGuard::new();
    let (first, second) = (AdminTicket(1), AdminTicket(2));
    driver.ask(first, AdminRequest::Backup(token));
    assert!(driver.answer(first).is_none(), "it takes its time");
    driver.ask(second, AdminRequest::Backup(BackupGuard::new().1));
    let answer = driver.answer(second);
    assert!(matches!(answer, Some(AdminAnswer::Backup(Err(NotBackedUp::UnderWay)))), "{answer:?}");
    // The second part, and what clients ask does not wait for it.
    driver.pass(BACKUP_PAUSE);
    driver.send(bob, b"COMPOSE ann\nho\n");
    driver.settle();
    assert_eq!(driver.lines(bob), ["MESSAGE SENT", "MESSAGE SENT"]);
    assert!(driver.answer(first).is_none(), "no part comes before its time");
    driver.pass(BACKUP_PAUSE);
    match driver.answer(first) {
        Some(AdminAnswer::Backup(Ok(mut backup))) => {
            let mut copy = String::new();
            backup.content.read_to_string(&mut copy).unwrap();
            assert_eq!(copy, "ann hi\nann ho\n");
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(told(&driver), ["backup begun", "backup made"]);
    drop(guard);
}

#[test]
fn a_backup_ends_once_nobody_waits_for_it() {
    let mut driver = driver();
    let (guard, token) = BackupGuard::new();
    let ticket = AdminTicket(1);
    driver.ask(ticket, AdminRequest::Backup(token));
    drop(guard);
    driver.pass(BACKUP_PAUSE);
    let answer = driver.answer(ticket);
    assert!(matches!(answer, Some(AdminAnswer::Backup(Err(NotBackedUp::Canceled)))), "{answer:?}");
    assert_eq!(told(&driver), ["backup begun", "backup canceled"]);
}
