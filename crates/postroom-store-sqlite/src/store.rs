//! The store: groups calls, hands them out as jobs and completes them.

use std::convert::Infallible;
use std::net::IpAddr;

use postroom_model::{Batch, Channel, Fault, Name, Prefix, faulty};
use postroom_store::{
    AccountId, Backup, BackupToken, BanPage, BanPlace, Call, Completion, Damaged, End,
    HistoryQuery, HistoryRows, KeptQuery, KeptRows, Limits, NotBackedUp, NotKept, Outcome, Store,
    StoreFailure, StoreUsage, SweepDue, Ticket, Timestamp,
};

use crate::backup::Backups;
use crate::checkpoint::Checkpointer;
use crate::disk::Disk;
use crate::draft::Records;
use crate::error::OpenError;
use crate::folder::DataFolder;
use crate::history::HistorySource;
use crate::index::Index;
use crate::job::{CommitJob, CommitJobDone, Setback, Work};
use crate::load;
use crate::passwords::Passwords;
use crate::plan::Plan;
use crate::planner;
use crate::presences::Presences;
use crate::sweep::Sweep;
use crate::view::View;

/// Accounts, mailboxes and channels in one SQLite file.
///
/// One group is in flight at a time, and later calls wait: so what must be undone is
/// always the latest that was planned.
#[derive(Debug)]
pub struct SqliteStore {
    /// What a job takes along; `None` while one is out. Where it has a group, that is
    /// to be planned again before any other.
    pub(crate) work: Option<Box<Work>>,
    plan: Plan,
    index: Index,
    pub(crate) sweep: Sweep,
    presences: Presences,
    passwords: Passwords,
    limits: Limits,
    /// Bytes of the log after the last commit.
    log_bytes: u64,
    waiting: Vec<(Ticket, Call)>,
    /// Answers that wait for no commit. Empty; keeps its memory.
    answers: Batch<Outcome>,
    completed: Vec<Completion>,
    backups: Backups,
    history: HistorySource,
}

impl SqliteStore {
    /// Opens the store in `folder`, bringing its file to the present version,
    /// and reads what waits in the mailboxes.
    ///
    /// The [`Checkpointer`] must be run on a thread of its own, which ends once the store
    /// and the job that it may have given out are dropped; or be stepped between jobs.
    pub fn open(folder: DataFolder, limits: Limits) -> Result<(Self, Checkpointer), OpenError> {
        let (disk, checkpointer) = Disk::open(folder, limits.disk_reserve_bytes)?;
        let path = disk.folder.database();
        let history = HistorySource::new(path.clone(), disk.folder.platform().clone());
        let (index, sweep) = load::load(&disk.connection, &path, limits)?;
        disk.preallocate_log()?;
        let store = Self {
            work: Some(Box::new(Work::new(disk))),
            plan: Plan::default(),
            index,
            sweep,
            presences: Presences::default(),
            passwords: Passwords::default(),
            limits,
            log_bytes: 0,
            waiting: Vec::new(),
            answers: Batch::new(),
            completed: Vec::new(),
            backups: Backups::default(),
            history,
        };
        Ok((store, checkpointer))
    }

    /// Where the history of the channels is read, on other threads.
    #[must_use]
    pub fn history_source(&self) -> HistorySource {
        self.history.clone()
    }

    fn answer(&mut self, call: &Call) -> Option<Outcome> {
        let Self { index, plan, passwords, presences, .. } = self;
        View { index, plan, passwords, presences }.answer(call)
    }

    /// Completes a call with what was committed before.
    fn complete(&mut self, ticket: Ticket, outcome: Outcome) {
        self.answers.push(outcome);
        let committed = self.answers.commit(|| Ok::<_, Infallible>(())).into_iter().flatten();
        self.completed
            .extend(committed.map(|outcome| Completion { ticket, end: End::Done(outcome) }));
    }

    /// Completes the calls of a group that is committed, if it is.
    fn complete_group(
        &mut self,
        work: &mut Work,
        result: Result<(), Setback>,
    ) -> Result<(), Setback> {
        let drafts = self.plan.drafts.commit(|| result)?;
        let mut records = Records::new(&mut work.found, &self.index);
        let calls = work.group.calls.iter().zip(drafts);
        self.completed.extend(calls.map(|((ticket, _), draft)| Completion {
            ticket: *ticket,
            end: End::Done(draft.map(|draft| records.complete(draft))),
        }));
        Ok(())
    }
}

impl Store for SqliteStore {
    type Job = CommitJob;

    fn submit(&mut self, ticket: Ticket, call: Call) {
        if let Some(outcome) = self.answer(&call) {
            self.complete(ticket, outcome);
            return;
        }
        match &call {
            Call::SetPassword { name, .. }
            | Call::Import { name, .. }
            | Call::RemovePassword { name }
            | Call::Rename { from: name, .. }
            | Call::Delete { name } => {
                self.passwords.wait(name.clone());
            }
            Call::ChangePassword { account, .. } => {
                self.passwords.wait(self.index.account(*account).name.clone());
            }
            _ => {}
        }
        self.waiting.push((ticket, call));
    }

    fn session_began(&mut self, account: AccountId) {
        self.index.session_began(account);
    }

    fn session_ended(&mut self, account: AccountId) {
        self.index.session_ended(account);
    }

    fn has_blocked(&self, account: AccountId, sender: &Name) -> bool {
        self.index.blocks().contains(account, sender)
    }

    fn may_enter(&self, channel: &Channel, account: Option<AccountId>) -> bool {
        self.index.may_enter(channel, account)
    }

    fn is_banned(&self, name: &Name, now: Timestamp) -> bool {
        self.index.bans.is_banned(name, now)
    }

    fn banned_with(&self, address: IpAddr, now: Timestamp) -> Option<Prefix> {
        self.index.bans.banned_with(address, now)
    }

    fn bans(&self, from: BanPlace, now: Timestamp) -> BanPage {
        self.index.bans.page(from, now)
    }

    fn history(&self, query: HistoryQuery) -> HistoryRows {
        self.index.channels.history(query)
    }

    fn kept(&self, query: KeptQuery) -> Result<KeptRows, NotKept> {
        let rows = self.index.kept.history(query)?;
        let has_password = self.index.account(query.account).password.is_some();
        if has_password { Ok(rows) } else { Err(NotKept::HasNoPassword) }
    }

    fn note_damaged(&mut self, Damaged { table, key, what }: Damaged) {
        self.index.damages.note(table, key, what);
    }

    fn set_members(&mut self, channel: &Channel, has_members: bool) {
        self.index.channels.set_members(channel, has_members);
    }

    fn set_limits(&mut self, limits: Limits) {
        self.limits = self.limits.replaced_by(limits);
    }

    fn sweep_due(&self) -> SweepDue {
        let Index { channels, kept, expiry, .. } = &self.index;
        if channels.needs_sweep() || kept.needs_sweep() || self.sweep.is_erasing() {
            SweepDue::Soon
        } else {
            expiry.due()
        }
    }

    fn next_job(&mut self, now: Timestamp) -> Option<CommitJob> {
        let is_new = self.work.as_ref()?.group.calls.is_empty();
        let has_calls = !(is_new && self.waiting.is_empty());
        if !has_calls && !self.backups.is_due() {
            return None;
        }
        let mut work = self.work.take()?;
        work.part = self.backups.next_part();
        if !has_calls {
            return Some(CommitJob(work));
        }
        if is_new {
            std::mem::swap(&mut work.group.calls, &mut self.waiting);
            self.passwords.group();
        }
        work.group.now = now;
        let Self { index, plan, sweep, limits, .. } = self;
        planner::plan(&mut work.group, index, plan, sweep, *limits);
        Some(CommitJob(work))
    }

    fn finish(&mut self, done: CommitJobDone) -> Result<(), StoreFailure> {
        let CommitJobDone { mut work, result } = done;
        self.backups.copied(work.ended.take());
        for Damaged { table, key, what } in work.found.damaged.drain(..) {
            self.index.damages.note(table, key, what);
        }
        let look = self.plan.expiry.as_ref().and_then(|step| step.look);
        let failed_look = look.zip(work.found.look_failed.take());
        if let Some((look, why)) = &failed_look {
            let block = look.block;
            self.index.damages.note_block(block.kind().table(), block.numbers(), why);
        }
        match self.complete_group(&mut work, result) {
            Ok(()) => {
                if let Some(step) = self.plan.expiry.take() {
                    self.index.expiry.committed(step, &work.found.aged);
                }
                let (through, kept) = (work.found.sweeps_through, self.limits.channel_posts);
                let kept = kept - u32::from(faulty(Fault::ChannelTrimmed));
                self.plan.committed(&mut self.index, &mut self.sweep, through, kept);
                self.passwords.completed();
                work.group.clear();
            }
            Err(Setback::DiskFull) => {
                self.sweep.hurry();
                work.group.allowed = work.group.allowed.less();
                if !faulty(Fault::UndoSkipped) {
                    self.plan.undo(&mut self.index);
                }
            }
            Err(Setback::Damaged) => {
                if let Some((look, _)) = failed_look {
                    self.index.expiry.give_up(look);
                }
                self.plan.undo(&mut self.index);
            }
            // Without its work the store plans nothing more.
            Err(Setback::Failed(failure)) => return Err(failure),
        }
        self.log_bytes = work.disk.log_bytes();
        self.work = Some(work);
        Ok(())
    }

    fn take_completions(&mut self, completions: &mut Vec<Completion>) {
        completions.append(&mut self.completed);
    }

    fn take_damaged(&mut self) -> Vec<Damaged> {
        self.index.damages.take()
    }

    fn begin_backup(&mut self, token: BackupToken) -> Result<(), NotBackedUp> {
        self.backups.begin(token)
    }

    fn continue_backup(&mut self) {
        self.backups.proceed();
    }

    fn take_backup(&mut self) -> Option<Result<Backup, NotBackedUp>> {
        self.backups.take()
    }

    fn usage(&self) -> StoreUsage {
        StoreUsage {
            accounts: self.index.accounts(),
            accounts_max: self.limits.accounts_max,
            channels: self.index.channels.hashtags(),
            channels_max: self.limits.channels_max,
            unread: self.index.unread,
            log_bytes: self.log_bytes,
            disk_reserve_bytes: self.limits.disk_reserve_bytes,
        }
    }
}
