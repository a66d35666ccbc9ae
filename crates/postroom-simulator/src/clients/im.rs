//! A client of `im`, with the connection that the server opens back to it.

use super::{Talk, What};
use crate::driver::PORT;
use crate::judge::Judge;
use crate::lock::WRONG;
use crate::person::{LOBBY, LOCKED, Manners, OPEN};
use crate::random::Random;
use crate::texts::{Place, text_of};

/// Bytes of a text, at most: one push holds it.
const TEXT_BYTES: usize = 200;

impl Talk {
    pub(super) fn im_log_in(&mut self, judge: &mut Judge) {
        let name = self.person.name;
        judge.presences.tries(name, self.visit);
        let given = self.given.unwrap_or(WRONG);
        self.ask(&format!("/login {name} {given}\n"), What::LogIn, judge);
    }

    pub(super) fn im_say(&mut self, random: &mut Random, judge: &mut Judge) {
        let name = self.person.name;
        match random.below(20) {
            0 => self.leave(judge),
            1..6 => {
                let place = Place::Channels(vec![LOBBY]);
                let (id, said) = judge.write(name, place, TEXT_BYTES, random);
                self.ask(&format!("/toall {said}\n"), What::Post(id), judge);
            }
            6..12 => {
                let to = if random.chance(500) { random.pick(&LOCKED) } else { random.pick(&OPEN) };
                let (id, said) = judge.write(name, Place::Live(to), TEXT_BYTES, random);
                self.ask(&format!("/to {to} {said}\n"), What::Tell(id), judge);
            }
            12 => self.ask("/port x\n", What::Line, judge),
            _ => self.ask("/list\n", What::List(None), judge),
        }
    }

    pub(super) fn im_answer(&mut self, line: &str, judge: &mut Judge) {
        if line == "/forceQuit" {
            return;
        }
        let asked = self.answered(line, judge);
        match (asked.what, line.get(..3).unwrap_or_default()) {
            (What::LogIn, "101") => {
                let at = judge.clock;
                judge.presences.entered(self.person.name, self.visit, at);
                self.let_in(asked.at, judge);
                if self.person.manners == Manners::Rude {
                    self.ask("/port 25\n", What::Line, judge);
                }
                self.ask(&format!("/port {PORT}\n"), What::Port, judge);
                let observer = self.follow(LOBBY, asked.at, true, judge);
                judge.posts.follows(observer, at);
            }
            (What::LogIn, code @ ("102" | "103")) => {
                if code == "103" {
                    judge.presences.check_taken(self.person.name, self.visit, asked.at);
                    judge.let_in(self.login(), asked.at);
                } else {
                    judge.check_wrong(self.login(), asked.at, false);
                }
                self.leave(judge);
            }
            (What::Post(id) | What::Tell(id), "303") => {
                self.has_said(id, judge);
                judge.acknowledged(id);
                if judge.is_punctual && matches!(judge.texts[id.0].place, Place::Channels(_)) {
                    judge.lives.check_answered_by_all(&judge.texts, id, self.visit);
                }
            }
            (What::Tell(id), "304") => {
                self.has_said(id, judge);
                if judge.is_punctual {
                    judge.lives.check_unanswered(id, judge.now);
                }
            }
            // It has said /exit already.
            (What::Port, "201") if self.has_ended => {}
            // The server may have ended the session of a slow client before it knows.
            (What::Port, "201") if matches!(self.person.manners, Manners::Slow | Manners::Deaf) => {
            }
            (What::Port, "201") => judge.lives.connected_back(self.visit, judge.clock),
            (What::List(_), "301") => {
                let listed: Vec<&str> = line.split(' ').skip(1).collect();
                judge.presences.check_list(&listed, asked.at);
            }
            // With 304 it is perhaps delivered, perhaps stored.
            (What::Port, "202") | (What::Post(_) | What::List(_), "304") | (What::Line, _) => {}
            (what, _) => panic!("{line:?} answers {what:?} on im"),
        }
    }

    /// A line of the connection back.
    pub(super) fn im_push(&mut self, line: &str, judge: &mut Judge) {
        if line == "/forceQuit" {
            return;
        }
        let mut words = line.splitn(3, ' ');
        let (verb, author) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let shown = words.next().unwrap_or_default();
        let id = text_of(shown);
        assert!(self.pushes.is_empty(), "{id:?} is pushed to {:?} before a 302", self.visit);
        self.pushes.push_back(id);
        match (&judge.texts[id.0].place, verb) {
            (Place::Mailbox(_), "/from") => {
                judge.check_shown(id, author, shown);
                let (name, lines) = (self.person.name, self.lines);
                judge.mailboxes.seen(name, id, self.visit, lines);
            }
            (Place::Live(_), "/from") => {
                judge.check_shown(id, author, shown);
                judge.blocks.check_passed(&judge.texts[id.0]);
            }
            (Place::Channels(_), "/broadcast") => self.saw_post(LOBBY, author, shown, judge),
            (place, _) => panic!("{line:?} is pushed, which was sent to {place:?}"),
        }
    }

    /// Answers the next push.
    pub(crate) fn im_receipt(&mut self, judge: &mut Judge) {
        if let Some(id) = self.pushes.pop_front() {
            let is_polite = self.person.manners == Manners::Polite;
            judge.lives.answers(id, self.visit, is_polite.then_some(judge.now));
            judge.arrived.insert(id);
            self.lines += 1;
            self.back_outbox.extend_from_slice(b"302 Message receipt successful\n");
        }
    }
}
