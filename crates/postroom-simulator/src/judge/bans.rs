//! Who is banned, as far as an operator can know.
//!
//! A ban ends at its time of day, which the machine's clock says: what was over once may be
//! forgotten by then, and is in force again if the clock is set back before it is.

use std::net::IpAddr;

use postroom_engine::BanCommand;
use postroom_model::Prefix;
use postroom_store::Timestamp;

use super::{Judge, Login};

/// Something that an operator does with a ban.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct BanId(usize);

/// Who is banned, or no longer.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Subject {
    Name(&'static str),
    Addresses(Prefix),
}

/// A moment of a simulation, with the turn to whose time of day it belongs.
#[derive(Clone, Copy, Debug)]
struct Since {
    moment: u64,
    turn: u64,
}

/// What an operator knows of one act.
#[derive(Debug)]
struct Act {
    subject: Subject,
    command: BanCommand,
    begun: u64,
    answer: Answer,
    /// When it ends, at the latest, if it is for a time.
    until: Option<Timestamp>,
    /// The moment of the last turn at which it had not ended.
    in_force: u64,
    /// The latest time of day since it was begun.
    latest: Timestamp,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Answer {
    /// It may be carried out, at a time of day that is not known.
    UnderWay,
    /// It was carried out, or never is.
    Unknown,
    Acknowledged {
        at: u64,
    },
    Refused,
}

impl Act {
    fn is_done_before(&self, moment: u64) -> bool {
        matches!(self.answer, Answer::Acknowledged { at } if at < moment)
    }

    fn is_after(&self, other: &Self) -> bool {
        other.is_done_before(self.begun)
    }

    fn is_ban(&self) -> bool {
        matches!(self.command, BanCommand::Ban { .. })
    }

    /// Whether it may have ended at some moment.
    fn was_over(&self) -> bool {
        self.until.is_some_and(|until| self.latest >= until)
    }

    /// At this moment a turn begins, at this time of day.
    fn time_is(&mut self, wall: Timestamp, moment: u64) {
        self.latest = self.latest.max(wall);
        if let BanCommand::Ban { lasts: Some(lasts) } = self.command
            && self.answer == Answer::UnderWay
        {
            self.until = Some(self.latest.after(lasts));
        }
        if self.until.is_none_or(|until| wall < until) {
            self.in_force = moment;
        }
    }
}

/// All that operators have done with bans.
#[derive(Debug, Default)]
pub(crate) struct Bans {
    acts: Vec<Act>,
    /// The moment at which the turn began.
    turn: u64,
}

impl Bans {
    /// A turn begins, at this time of day.
    pub(crate) fn time_is(&mut self, wall: Timestamp, moment: u64) {
        self.turn = moment;
        for act in &mut self.acts {
            act.time_is(wall, moment);
        }
    }

    /// Whether nobody was ever banned.
    pub(crate) fn is_empty(&self) -> bool {
        self.acts.is_empty()
    }

    /// An operator bans someone, or lifts a ban, at this moment and time of day.
    pub(crate) fn begins(
        &mut self,
        subject: Subject,
        command: BanCommand,
        (begun, wall): (u64, Timestamp),
    ) -> BanId {
        let (answer, until, latest) = (Answer::UnderWay, None, wall);
        let in_force = begun;
        self.acts.push(Act { subject, command, begun, answer, until, in_force, latest });
        self.time_is(wall, begun);
        BanId(self.acts.len() - 1)
    }

    /// It was not carried out.
    pub(crate) fn is_refused(&mut self, id: BanId) {
        self.acts[id.0].answer = Answer::Refused;
    }

    /// It was carried out, or never is.
    pub(crate) fn may_be_done(&mut self, id: BanId) {
        self.acts[id.0].answer = Answer::Unknown;
    }

    /// Someone is banned, and was before, or was not.
    pub(crate) fn is_banned(
        &mut self,
        id: BanId,
        until: Option<Timestamp>,
        was_banned: bool,
        at: u64,
    ) {
        self.check_was(id, was_banned);
        let act = &mut self.acts[id.0];
        let latest = act.until;
        let is_possible = match (until, latest) {
            (Some(until), Some(latest)) => until <= latest,
            (until, latest) => until == latest,
        };
        assert!(is_possible, "{:?} is banned until {until:?}, not {latest:?}", act.subject);
        (act.until, act.answer) = (until, Answer::Acknowledged { at });
    }

    /// A ban is lifted; there was one, or none.
    pub(crate) fn is_lifted(&mut self, id: BanId, was_banned: bool, at: u64) {
        self.check_was(id, was_banned);
        self.acts[id.0].answer = Answer::Acknowledged { at };
    }

    /// What an operator is told that was before an act.
    fn check_was(&mut self, id: BanId, was_banned: bool) {
        let Act { subject, begun, .. } = self.acts[id.0];
        self.acts[id.0].answer = Answer::Refused;
        let is_possible =
            if was_banned { self.may_be(subject, begun) } else { !self.is_certain(subject, begun) };
        assert!(is_possible, "{subject:?} was banned: {was_banned}, is told");
    }

    /// An act is refused, since there are as many bans as there may be.
    pub(crate) fn check_too_many(&mut self, id: BanId, most: u32) {
        self.is_refused(id);
        let begun = self.acts[id.0].begun;
        let subjects = self.subjects();
        let banned = subjects.iter().filter(|subject| self.may_be(**subject, begun)).count();
        assert!(banned >= most as usize, "there are too many bans of {most}, and are {banned}");
    }

    /// All who were banned.
    pub(crate) fn subjects(&self) -> Vec<Subject> {
        let mut subjects = Vec::new();
        for act in self.acts.iter().filter(|act| act.is_ban()) {
            if !subjects.contains(&act.subject) {
                subjects.push(act.subject);
            }
        }
        subjects
    }

    fn of(&self, subject: Subject) -> impl Iterator<Item = &Act> {
        let is_of = move |act: &&Act| act.subject == subject && act.answer != Answer::Refused;
        self.acts.iter().filter(is_of)
    }

    fn possible(&self, subject: Subject, since: Since) -> impl Iterator<Item = &Act> {
        let is_replaced = move |ban: &Act| {
            let mut others = self.of(subject);
            others.any(|other| other.is_after(ban) && other.is_done_before(since.moment))
        };
        let bans = self.of(subject).filter(|act| act.is_ban());
        bans.filter(move |ban| ban.in_force >= since.turn && !is_replaced(ban))
    }

    /// Whether someone may have been banned at some moment since this one.
    fn may_be(&self, subject: Subject, since: u64) -> bool {
        self.possible(subject, Since { moment: since, turn: since }).next().is_some()
    }

    /// Whether someone may be banned now.
    fn may_be_now(&self, subject: Subject) -> bool {
        self.possible(subject, self.now()).next().is_some()
    }

    fn now(&self) -> Since {
        Since { moment: u64::MAX, turn: self.turn }
    }

    /// Whether someone was banned all the time since this moment.
    fn is_certain(&self, subject: Subject, since: u64) -> bool {
        let is_last = |ban: &Act| {
            let is_before = |other: &Act| std::ptr::eq(other, ban) || ban.is_after(other);
            self.of(subject).all(is_before)
        };
        let bans = self.of(subject).filter(|act| act.is_ban() && !act.was_over());
        bans.filter(|ban| ban.is_done_before(since)).any(is_last)
    }

    /// Whether a name may have been banned at some moment since this one.
    pub(crate) fn may_be_name(&self, name: &'static str, since: u64) -> bool {
        self.may_be(Subject::Name(name), since)
    }

    /// Whether a name is banned for certain.
    pub(crate) fn is_name(&self, name: &'static str) -> bool {
        self.is_certain(Subject::Name(name), u64::MAX)
    }

    /// Whether an address is banned for certain.
    pub(crate) fn is_address(&self, address: IpAddr) -> bool {
        self.with(address).into_iter().any(|subject| self.is_certain(subject, u64::MAX))
    }

    /// Whether an address may be banned.
    pub(crate) fn may_be_address(&self, address: IpAddr) -> bool {
        self.with(address).into_iter().any(|subject| self.may_be_now(subject))
    }

    /// Those among whom an address is.
    fn with(&self, address: IpAddr) -> Vec<Subject> {
        let mut subjects = self.subjects();
        subjects.retain(|subject| match subject {
            Subject::Name(_) => false,
            Subject::Addresses(prefix) => prefix.contains(address),
        });
        subjects
    }

    /// A client that asked at this moment is let in.
    fn check_let_in(&self, name: &'static str, asked: u64) {
        let is_banned = self.is_certain(Subject::Name(name), asked);
        assert!(!is_banned, "{name} is banned, and is let in");
    }

    /// In a backup, for which was asked at this moment, these are banned, and until when.
    pub(super) fn check_copied(&self, banned: &[(Subject, Option<Timestamp>)], begun: u64) {
        for (subject, until) in banned {
            let is_possible = self.may_be(*subject, begun);
            assert!(is_possible, "{subject:?} is banned in a backup until {until:?}");
        }
        let is_missing = |subject: &Subject| {
            let is_copied = banned.iter().any(|(other, _)| other == subject);
            !is_copied && self.is_certain(*subject, begun)
        };
        let missing = self.subjects().into_iter().find(is_missing);
        assert_eq!(missing, None, "others are banned in a backup than {banned:?}");
    }

    /// An operator is told that these are banned, and until when.
    pub(crate) fn check_list(&self, listed: &[(Subject, Option<Timestamp>)], most: u32) {
        for (number, (subject, until)) in listed.iter().enumerate() {
            let is_new = listed[..number].iter().all(|(other, _)| other != subject);
            assert!(is_new, "{subject:?} is listed twice");
            let fits = |ban: &Act| match ban.answer {
                Answer::Acknowledged { .. } => ban.until == *until,
                _ => ban.until.is_some() == until.is_some() && *until <= ban.until,
            };
            let is_possible = self.possible(*subject, self.now()).any(fits);
            assert!(is_possible, "{subject:?} is listed as banned until {until:?}");
        }
        let is_missing = |subject: &Subject| {
            let is_listed = listed.iter().any(|(other, _)| other == subject);
            !is_listed && self.is_certain(*subject, u64::MAX)
        };
        let missing = self.subjects().into_iter().find(is_missing);
        assert_eq!(missing, None, "others are banned than {listed:?}");
        assert!(listed.len() <= most as usize, "there are more bans than {most}: {listed:?}");
    }
}

impl Judge {
    /// A client that asked at this moment is let in.
    pub(crate) fn let_in(&mut self, login: Login, asked: u64) {
        self.bans.check_let_in(login.name, asked);
        self.locks.let_in(login, asked, self.clock);
    }

    /// Whether a login that began at this moment may be refused.
    pub(crate) fn may_refuse(&self, login: Login, asked: u64) -> bool {
        self.bans.may_be_name(login.name, asked) || self.locks.may_refuse(login, asked)
    }

    /// A client that asked at this moment is told that its password is wrong, or that it is
    /// not let in, as is one whose name is banned.
    pub(crate) fn check_wrong(&mut self, login: Login, asked: u64, is_certain: bool) {
        if self.bans.may_be_name(login.name, asked) {
            return self.locks.is_kept_out(login);
        }
        self.locks.check_wrong(login, asked, is_certain);
    }
}
