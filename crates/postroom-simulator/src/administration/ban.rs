//! The operator bans names and addresses, some for a time, and lifts bans.

use std::time::Duration;

use postroom_engine::{
    AboutBan, AdminAnswer, AdminRequest, BanAnswer, BanCommand, BanRefusal, BanRequest,
};
use postroom_model::{Name, Prefix};
use postroom_store::{Ban, BanPage, BanPlace, BanSubject, Timestamp};

use super::kick::Whose;
use crate::judge::{BanId, Subject};
use crate::operator::What;
use crate::peer::PeerKey;
use crate::random::Random;
use crate::world::{TroubledDisk, World};

impl<D: TroubledDisk> World<D> {
    pub(super) fn ban_or_lift(&mut self) {
        let Some(random) = &mut self.operator.bans else {
            return;
        };
        match random.below(10) {
            0..4 => {
                let subject = Subject::of(Whose::pick(&self.scenario.people, random));
                let lasts = random.chance(600).then(|| lasts(random));
                self.begin_ban(subject, BanCommand::Ban { lasts });
            }
            4..8 => {
                let banned = self.judge.bans.subjects();
                let subject = match banned.len() {
                    0 => Subject::of(Whose::pick(&self.scenario.people, random)),
                    _ => random.pick(&banned),
                };
                self.begin_ban(subject, BanCommand::Unban);
            }
            _ => {
                self.look_at_bans();
            }
        }
    }

    fn begin_ban(&mut self, subject: Subject, command: BanCommand) {
        let begun = self.judge.tick();
        let id = self.judge.bans.begins(subject, command, (begun, self.driver.wall));
        let request = BanRequest { subject: subject.named(), command };
        self.ask(begun, AdminRequest::Ban(request), What::Ban(id));
    }

    pub(super) fn about_ban(&mut self, id: BanId, about: AboutBan) {
        let answer = match about {
            AboutBan::Done(answer) => answer,
            AboutBan::Unavailable => return self.not_done(What::Ban(id)),
            AboutBan::Unknown => return self.may_be_done(What::Ban(id)),
        };
        let at = self.judge.tick();
        match answer {
            Ok(BanAnswer::Banned { ban: Ban { subject, until, .. }, was_banned, .. }) => {
                self.judge.bans.is_banned(id, until, was_banned, at);
                self.are_sent_away(&subject);
            }
            Ok(BanAnswer::Unbanned { .. }) => self.judge.bans.is_lifted(id, true, at),
            Err(BanRefusal::NotBanned(_)) => self.judge.bans.is_lifted(id, false, at),
            Err(BanRefusal::TooMany) => {
                self.judge.bans.check_too_many(id, self.scenario.rules.limits.bans_max);
            }
            Err(BanRefusal::DiskFull) => {
                let is_told = self.scenario.store.full > 0;
                assert!(is_told, "the operator is told that the disk is full");
                self.not_done(What::Ban(id));
            }
        }
    }

    /// The sessions of those who are banned may have ended.
    fn are_sent_away(&mut self, banned: &BanSubject) {
        let subject = self.subject(banned);
        let is_of = |peer: &PeerKey| self.is_of(&self.links[peer], subject.whose()).0;
        let fronts = self.links.iter().filter(|(_, link)| !link.is_back).map(|(peer, _)| *peer);
        let fronts: Vec<PeerKey> = fronts.filter(is_of).collect();
        for peer in fronts {
            self.sent_away(peer);
        }
    }

    /// Asks for all bans, and returns who is banned.
    fn look_at_bans(&mut self) -> Vec<Subject> {
        let answer = self.ask_at_once(AdminRequest::Bans { from: BanPlace::default() });
        let AdminAnswer::Bans(BanPage { bans, next: None }) = answer else {
            panic!("{answer:?} answers who is banned");
        };
        self.note(|| format!("the operator is told who is banned: {bans:?}"));
        let listed = bans.iter().map(|ban| (self.subject(&ban.subject), ban.until));
        let listed: Vec<(Subject, Option<Timestamp>)> = listed.collect();
        self.judge.bans.check_list(&listed, self.scenario.rules.limits.bans_max);
        listed.into_iter().map(|(subject, _)| subject).collect()
    }

    /// Lifts all bans, in a world where nothing fails any more, and nobody waits.
    pub(crate) fn lift_all_bans(&mut self, restarts: bool) {
        if self.operator.bans.is_none() {
            return;
        }
        let banned = self.look_at_bans();
        if restarts {
            self.restart();
            assert_eq!(self.look_at_bans(), banned, "who is banned before and after a restart");
        }
        for subject in banned {
            self.begin_ban(subject, BanCommand::Unban);
            self.driver.settle();
            self.take_administered();
        }
        self.check_nobody_banned();
    }

    /// All bans were lifted.
    pub(crate) fn check_nobody_banned(&mut self) {
        if self.operator.bans.is_some() {
            let banned = self.look_at_bans();
            assert_eq!(banned, [], "all bans are lifted");
        }
    }

    /// Who is banned, as the simulation has it.
    pub(super) fn subject(&self, banned: &BanSubject) -> Subject {
        match banned {
            BanSubject::Addresses(prefix) => Subject::Addresses(*prefix),
            BanSubject::Name(name) => {
                let mut names = self.scenario.accounts().map(|(name, _)| name);
                let known = names.find(|known| *known == name.as_str());
                Subject::Name(known.unwrap_or_else(|| panic!("nobody has banned {name}")))
            }
        }
    }
}

impl Subject {
    fn of(whose: Whose) -> Self {
        match whose {
            Whose::Account(name) => Self::Name(name),
            Whose::Addresses(prefix) => Self::Addresses(Prefix::from(prefix)),
        }
    }

    fn whose(self) -> Whose {
        match self {
            Self::Name(name) => Whose::Account(name),
            Self::Addresses(prefix) => Whose::Addresses(prefix.net()),
        }
    }

    fn named(self) -> BanSubject {
        match self {
            Self::Name(name) => BanSubject::Name(Name::new(name).expect("a name")),
            Self::Addresses(prefix) => BanSubject::Addresses(prefix),
        }
    }
}

/// How long somebody is banned who is not banned for good.
fn lasts(random: &mut Random) -> Duration {
    Duration::from_millis(random.pick(&[1, 20, 300, 5_000, 600_000]))
}
