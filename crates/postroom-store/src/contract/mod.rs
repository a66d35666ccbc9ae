//! What every store must do, as tests that an implementation runs on itself.
//!
//! ```text
//! postroom_store::contract::check(&MyFixture::new());
//! ```
//!
//! Each test opens a store of its own; those about durability drop it and open
//! it again. A failed test panics with what it expected.

mod accounts;
mod administration;
mod backup;
mod bans;
mod blocks;
mod creation;
mod deletion;
mod eviction;
mod guests;
mod history;
mod ids;
mod imports;
mod jobs;
mod kept;
mod kept_model;
mod live;
mod mailboxes;
mod model;
mod once;
mod own_posts;
mod passwords;
mod peeking;
mod private;
mod recipients;
mod removal;
mod retention;
mod usage;

use postroom_model::{Name, Text, Unknown};

use crate::{
    AccountId, Admits, Call, Completion, History, Job, Key, Lease, Limits, Outcome, PasswordHash,
    PasswordOf, Sender, Standing, Store, Ticket, Timestamp,
};

/// A place where stores of one implementation are kept.
pub trait Fixture {
    /// The implementation.
    type Store: Store;

    /// What reads the history of channels there.
    type History: History;

    /// Empties the place.
    fn clear(&mut self);

    /// Opens the store that is kept there, the one before having been dropped.
    fn open(&mut self, limits: Limits) -> Self::Store;

    /// Opens what reads the history of channels of a store that was opened there.
    fn history(&mut self, store: &Self::Store) -> Self::History;

    /// Runs a job of such a store, on this thread or another one.
    fn run(&mut self, job: JobOf<Self>) -> DoneOf<Self> {
        job.run()
    }
}

/// Runs all tests of the contract.
pub fn check<F: Fixture>(fixture: &mut F) {
    let tests: &[fn(&mut F)] = &[
        completions_come_with_their_tickets,
        a_name_is_one_account_however_it_is_spelt,
        a_password_locks_its_account,
        accounts_are_listed_as_registered,
        creation::a_call_creates_no_more_than_it_may,
        accounts::there_are_no_more_than_allowed,
        accounts::only_one_that_nobody_would_miss_is_evicted,
        accounts::one_that_has_blocked_somebody_stays,
        accounts::nothing_of_an_evicted_one_comes_to_its_successor,
        accounts::an_eviction_that_is_not_committed_leaves_the_account,
        accounts::a_name_that_looks_like_another_is_not_registered,
        eviction::there_are_no_more_channels_than_allowed,
        eviction::the_channel_of_one_author_with_the_fewest_posts_goes_first,
        eviction::a_channel_with_members_or_several_authors_stays,
        eviction::a_channel_with_several_authors_goes_after_thirty_days,
        eviction::nothing_of_an_evicted_channel_comes_back,
        eviction::an_eviction_that_is_not_committed_leaves_the_channel,
        live::a_sole_session_is_present_once,
        live::an_account_without_a_password_is_present_in_one_session,
        live::devices_share_a_presence_until_the_last_leaves,
        live::strangers_are_admitted_where_they_are,
        deletion::a_deleted_account_leaves_nothing_to_its_successor,
        deletion::a_name_that_had_a_password_is_reserved_until_it_is_released,
        deletion::what_was_handed_out_at_the_deletion_never_comes_back,
        deletion::a_deletion_that_is_not_committed_leaves_the_account,
        deletion::a_released_place_is_the_first_to_be_taken,
        removal::the_posts_of_a_deleted_account_go_with_it,
        removal::an_erasure_that_is_broken_off_goes_on,
        removal::a_deleted_account_posts_no_more,
        removal::a_deleted_channel_begins_anew,
        removal::a_removal_that_is_not_committed_leaves_the_posts,
        removal::channels_are_listed_in_pages,
        removal::an_erasure_counts_for_the_order_of_evictions,
        retention::what_is_too_old_goes_and_nothing_else,
        retention::what_is_handed_out_is_not_too_old,
        retention::a_clock_that_jumps_takes_nothing_at_once,
        retention::a_record_of_a_clock_that_was_ahead_makes_nothing_older_after_a_restart,
        retention::the_clock_of_the_retention_goes_on_over_restarts,
        retention::what_was_stored_while_the_clock_was_not_set_stays,
        retention::a_sweep_removes_a_limited_number,
        retention::a_sweep_that_is_not_committed_leaves_what_is_too_old,
        administration::a_password_is_set_of_whom_it_is_meant_for,
        administration::an_account_without_its_password_opens_to_anyone,
        administration::a_renamed_account_keeps_what_it_has_and_what_it_has_written,
        administration::a_rename_that_is_not_committed_leaves_the_name,
        administration::an_account_blocks_by_its_name,
        administration::accounts_are_listed_in_pages,
        passwords::a_password_is_changed_by_those_who_know_it,
        bans::a_ban_holds_until_it_ends_or_is_lifted,
        bans::a_ban_is_made_longer_or_shorter,
        bans::an_address_is_banned_with_all_that_begin_like_it,
        bans::there_are_no_more_bans_than_allowed,
        bans::bans_are_listed_in_pages,
        bans::a_ban_that_is_not_committed_does_not_count,
        passwords::unknown_names_and_accounts_without_a_password_are_admitted_apart,
        jobs::completions_keep_the_order_of_an_account_and_of_a_channel,
        jobs::what_comes_while_a_job_is_out_follows_it,
        jobs::counts_logins_and_presence_wait_for_no_job,
        jobs::what_is_not_committed_does_not_show,
        jobs::a_login_waits_for_the_password_that_is_being_set,
        usage::what_the_store_holds_is_counted,
        jobs::a_job_that_never_ran_stored_and_acknowledged_nothing,
        jobs::a_job_whose_result_is_lost_acknowledged_nothing,
        backup::a_backup_has_what_was_committed_before_it,
        backup::no_backup_needs_no_job,
    ];
    let of_posts = of_posts().into_iter().chain(private::tests());
    let of_messages = of_messages().into_iter().chain(of_kept());
    for test in tests.iter().copied().chain(of_messages).chain(of_posts) {
        fixture.clear();
        test(fixture);
    }
    model::agrees_with_a_simple_model(fixture);
    kept_model::agrees_with_a_simple_model(fixture);
}

/// The tests of messages.
fn of_messages<F: Fixture>() -> Vec<fn(&mut F)> {
    vec![
        once::what_is_repeated_is_stored_once,
        once::several_messages_and_posts_are_repeated_as_they_were,
        once::a_key_is_of_one_account_and_one_content,
        once::a_key_is_kept_for_a_day,
        once::there_are_no_more_keys_than_allowed,
        once::what_is_refused_leaves_no_key,
        once::a_key_that_is_not_committed_counts_for_nothing,
        once::an_account_that_is_not_evicted_after_all_keeps_its_keys,
        once::nobody_inherits_the_keys_of_another_account,
        mailboxes::an_unknown_recipient_is_registered,
        mailboxes::a_mailbox_never_holds_more_than_its_capacity,
        mailboxes::a_sender_fills_no_more_of_a_mailbox_than_its_share,
        mailboxes::a_message_is_leased_to_one_alone_and_earliest_first,
        mailboxes::what_is_returned_waits_in_its_old_place,
        mailboxes::what_is_confirmed_never_comes_back,
        mailboxes::what_was_only_leased_waits_again_after_a_restart,
        mailboxes::a_group_sees_its_own_changes,
        recipients::each_recipient_gets_a_message_of_its_own,
        recipients::a_refusal_for_one_is_one_for_all,
        recipients::an_eviction_for_one_recipient_leaves_the_others,
        recipients::what_follows_in_its_group_sees_all_of_it_or_nothing,
        peeking::a_look_at_a_mailbox_leaves_it_as_it_is,
        peeking::a_look_tells_what_is_handed_out,
        peeking::a_look_has_no_more_than_a_page,
        guests::a_message_without_an_account_is_of_the_web,
        guests::the_web_is_one_sender,
        guests::an_import_may_have_messages_of_the_web,
        imports::an_import_has_its_messages_from_whom_they_are_in_their_order,
        imports::an_import_is_all_or_nothing,
        imports::an_import_that_is_not_committed_leaves_nothing,
        blocks::messages_of_a_blocked_sender_are_refused,
        blocks::an_account_blocks_no_more_senders_than_it_may,
    ]
}

/// The tests of messages that were read or sent.
fn of_kept<F: Fixture>() -> Vec<fn(&mut F)> {
    vec![
        kept::what_was_read_and_sent_is_read_again_in_both_directions,
        kept::what_is_kept_takes_no_room_in_a_mailbox,
        kept::nothing_is_kept_unless_the_operator_says_so,
        kept::an_account_without_a_password_keeps_nothing,
        kept::what_was_only_handed_out_is_not_kept,
        kept::an_account_keeps_the_latest_alone,
        kept::what_is_kept_goes_when_it_is_too_old,
        kept::a_sweep_gives_up_a_limited_number,
        kept::what_a_deleted_account_has_kept_goes_with_it_alone,
        kept::what_is_kept_protects_its_accounts_from_eviction,
        kept::a_refused_message_is_not_kept,
        kept::a_page_of_what_is_kept_has_a_limited_length,
        kept::what_is_kept_begins_at_a_time,
        kept::what_is_not_committed_is_not_kept,
    ]
}

/// The tests of posts.
fn of_posts<F: Fixture>() -> Vec<fn(&mut F)> {
    vec![
        live::a_post_is_in_each_of_its_channels_in_one_order,
        live::a_channel_keeps_its_latest_posts,
        live::a_timeline_comes_in_pages,
        live::a_text_of_several_lines_stays_what_it_is,
        ids::a_post_has_one_id_and_one_time_in_all_its_channels,
        ids::a_message_has_one_id_and_one_time,
        ids::no_post_gets_the_id_of_another_one,
        history::a_history_is_read_in_both_directions,
        history::a_page_begins_at_any_post_of_any_channel,
        history::a_page_has_as_many_entries_as_it_may,
        history::what_is_removed_meanwhile_is_left_out,
        history::what_is_not_committed_is_not_read,
        history::a_history_begins_at_a_time,
        guests::a_post_without_an_account_is_of_the_web_or_the_board,
        guests::a_channel_of_the_web_and_the_board_has_two_authors,
        own_posts::an_author_deletes_a_post_in_all_its_channels,
        own_posts::nobody_deletes_the_post_of_another,
        own_posts::the_mark_of_a_deleted_post_goes_like_a_post,
        own_posts::a_group_sees_that_a_post_is_deleted,
        own_posts::a_deletion_that_is_not_committed_leaves_the_text,
    ]
}

/// The jobs of a fixture's stores.
pub type JobOf<F> = <<F as Fixture>::Store as Store>::Job;

/// What they come to.
pub type DoneOf<F> = <JobOf<F> as Job>::Done;

/// A store and how to ask it one thing at a time.
struct Desk<'a, F: Fixture> {
    fixture: &'a mut F,
    store: F::Store,
    next_ticket: u64,
    now: Timestamp,
}

impl<'a, F: Fixture> Desk<'a, F> {
    fn open(fixture: &'a mut F, limits: Limits) -> Self {
        let store = fixture.open(limits);
        Self { fixture, store, next_ticket: 0, now: Timestamp(1) }
    }

    fn submit(&mut self, call: Call) -> Ticket {
        let ticket = Ticket(self.next_ticket);
        self.next_ticket += 1;
        self.store.submit(ticket, call);
        ticket
    }

    /// Runs jobs until there is none.
    fn run_jobs(&mut self, completed: &mut Vec<Completion>) {
        while let Some(job) = self.store.next_job(self.now) {
            self.finish(job);
        }
        self.store.take_completions(completed);
    }

    fn finish(&mut self, job: JobOf<F>) {
        let done = self.fixture.run(job);
        self.store.finish(done).expect("the job commits");
    }

    /// Settles calls as one group and returns what they came to.
    fn group(&mut self, calls: impl IntoIterator<Item = Call>) -> Vec<Outcome> {
        let first = self.next_ticket;
        for call in calls {
            self.submit(call);
        }
        let expected: Vec<_> = (first..self.next_ticket).map(Ticket).collect();
        let mut completed: Vec<Completion> = Vec::new();
        // A store across a network may need several rounds.
        while completed.len() < expected.len() {
            self.run_jobs(&mut completed);
        }
        completed.sort_by_key(|completion| completion.ticket.0);
        let tickets: Vec<_> = completed.iter().map(|completion| completion.ticket).collect();
        assert_eq!(tickets, expected, "each call is completed once");
        let outcome = |done: Completion| done.into_outcome().expect("each call is carried out");
        completed.into_iter().map(outcome).collect()
    }

    fn call(&mut self, call: Call) -> Outcome {
        self.group([call]).pop().expect("each call is completed")
    }

    /// Opens an account without a password; returns it and its unread messages.
    fn log_in(&mut self, spelling: &str) -> (AccountId, u32) {
        match self.call(open(spelling)) {
            Outcome::Opened { account, unread, .. } => (account, unread),
            other => panic!("{spelling} is opened, not {other:?}"),
        }
    }

    fn append(&mut self, sender: impl Into<Sender>, recipient: &str, words: &str) -> Outcome {
        self.call(append(sender, recipient, words))
    }

    /// Leases the earliest message: the lease, its text and how many remain.
    fn lease(&mut self, account: AccountId) -> Option<(Lease, String, u32)> {
        match self.call(Call::Read { account }) {
            Outcome::Read { lease, text, remaining, .. } => {
                Some((lease, text.as_str().to_owned(), remaining))
            }
            Outcome::NothingUnread => None,
            other => panic!("a lease is answered by {other:?}"),
        }
    }

    fn confirm(&mut self, lease: Lease) {
        let outcome = self.call(Call::Confirm { leases: vec![lease] });
        assert!(matches!(outcome, Outcome::Confirmed), "{outcome:?}");
    }

    fn give_back(&mut self, lease: Lease) {
        let outcome = self.call(Call::Return { leases: vec![lease] });
        assert!(matches!(outcome, Outcome::Returned { account: Some(_) }), "{outcome:?}");
    }
}

const LIST_ACCOUNTS: Call = Call::ListAccounts { from: AccountId(0) };

fn name(spelling: &str) -> Name {
    Name::new(spelling).expect("a name of a test is one")
}

fn open(spelling: &str) -> Call {
    Call::Open { name: name(spelling), key: Key::None, admits: Admits::ALL, may_create: 1 }
}

fn append(sender: impl Into<Sender>, recipient: &str, words: &str) -> Call {
    let text = Text::from_stored(words.as_bytes()).expect("a text of a test is one");
    Call::Compose {
        sender: sender.into(),
        recipient: name(recipient),
        text,
        unknown: Unknown::Register,
        may_create: 1,
    }
}

fn limits(mailbox_capacity: u32) -> Limits {
    Limits { mailbox_capacity, ..Limits::default() }
}

fn completions_come_with_their_tickets<F: Fixture>(fixture: &mut F) {
    let mut desk = Desk::open(fixture, limits(2));
    let (bob, _) = desk.log_in("bob");
    let outcomes = desk.group([
        append(bob, "alice", "one"),
        Call::Read { account: bob },
        append(bob, "alice", "two"),
        append(bob, "alice", "three"),
    ]);
    assert!(
        matches!(
            &outcomes[..],
            [
                Outcome::Composed { registered: true, .. },
                Outcome::NothingUnread,
                Outcome::Composed { registered: false, .. },
                Outcome::MailboxFull { capacity: 2, .. },
            ]
        ),
        "{outcomes:?}"
    );
}

fn a_name_is_one_account_however_it_is_spelt<F: Fixture>(fixture: &mut F) {
    let mut desk = Desk::open(fixture, limits(9));
    let (first, _) = desk.log_in("Bob");
    match desk.call(Call::Open {
        name: name("bOB"),
        key: Key::None,
        admits: Admits::ALL,
        may_create: 1,
    }) {
        Outcome::Opened { account, name, registered, .. } => {
            assert_eq!(account, first);
            assert_eq!(name.as_str(), "Bob", "shown as first registered");
            assert!(!registered);
        }
        other => panic!("{other:?}"),
    }
    drop(desk);
    let mut desk = Desk::open(fixture, limits(9));
    assert_eq!(desk.log_in("BOB").0, first, "after a restart too");
}

fn a_password_locks_its_account<F: Fixture>(fixture: &mut F) {
    let hash = PasswordHash("$argon2id$one".into());
    let other = PasswordHash("$argon2id$two".into());
    let mut desk = Desk::open(fixture, limits(9));
    let set = |password: &PasswordHash| Call::SetPassword {
        name: name("bob"),
        password: password.clone(),
        of: PasswordOf::Anyone,
    };
    let outcome = desk.call(set(&other));
    assert!(matches!(outcome, Outcome::PasswordSet { before: None, .. }), "{outcome:?}");
    let outcome = desk.call(set(&hash));
    assert!(matches!(outcome, Outcome::PasswordSet { before: Some(_), .. }), "{outcome:?}");
    drop(desk);
    let mut desk = Desk::open(fixture, limits(9));
    for key in [Key::None, Key::Verified(other)] {
        match desk.call(Call::Open { name: name("Bob"), key, admits: Admits::ALL, may_create: 1 }) {
            Outcome::Locked { password } => assert_eq!(password, hash),
            other => panic!("{other:?}"),
        }
    }
    let key = Key::Verified(hash);
    let outcome =
        desk.call(Call::Open { name: name("Bob"), key, admits: Admits::ALL, may_create: 1 });
    assert!(matches!(outcome, Outcome::Opened { registered: false, .. }), "{outcome:?}");
}

fn accounts_are_listed_as_registered<F: Fixture>(fixture: &mut F) {
    let mut desk = Desk::open(fixture, limits(9));
    let (bob, _) = desk.log_in("Bob");
    desk.append(bob, "alice", "hi");
    match desk.call(LIST_ACCOUNTS) {
        Outcome::Accounts { accounts, .. } => {
            let seen: Vec<_> = accounts
                .iter()
                .map(|account| (account.name.as_str(), account.unread, account.standing))
                .collect();
            assert_eq!(seen, [("Bob", 0, Standing::Open), ("alice", 1, Standing::Open)]);
        }
        other => panic!("{other:?}"),
    }
}
