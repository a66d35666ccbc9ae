//! A client of `im`, with the connection that the server opens back to it.

use super::{Talk, What};
use crate::driver::PORT;
use crate::judge::Judge;
use crate::person::{LOBBY, LOCKED, OPEN, PASSWORD};
use crate::random::Random;
use crate::texts::{Place, text_of};

/// Bytes of a text, at most: one push holds it.
const TEXT_BYTES: usize = 200;

impl Talk {
    pub(super) fn im_log_in(&mut self, judge: &mut Judge) {
        let name = self.person.name;
        judge.presences.tries(name);
        self.ask(&format!("/login {name} {PASSWORD}\n"), What::LogIn, judge);
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
                self.is_in = true;
                self.ask(&format!("/port {PORT}\n"), What::Port, judge);
                let observer = self.follow(LOBBY, asked.at, true, judge);
                judge.posts.follows(observer, at);
            }
            (What::LogIn, "102" | "103") => self.leave(judge),
            (What::Post(id) | What::Tell(id), "303") => judge.acknowledged(id),
            (What::List(_), "301") => {
                let listed: Vec<&str> = line.split(' ').skip(1).collect();
                judge.presences.check_list(&listed, asked.at);
            }
            // With 304 it is perhaps delivered, perhaps stored.
            (What::Port, "201" | "202")
            | (What::Post(_) | What::Tell(_) | What::List(_), "304")
            | (What::Line, _) => {}
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
        self.pushes += 1;
        match (&judge.texts[id.0].place, verb) {
            (Place::Mailbox(_), "/from") => {
                judge.check_shown(id, author, shown);
                let (name, lines) = (self.person.name, self.lines);
                judge.mailboxes.seen(name, id, self.visit, lines);
            }
            (Place::Live(_), "/from") => judge.check_shown(id, author, shown),
            (Place::Channels(_), "/broadcast") => self.saw_post(LOBBY, author, shown, judge),
            (place, _) => panic!("{line:?} is pushed, which was sent to {place:?}"),
        }
    }

    /// Answers the next push.
    pub(crate) fn im_receipt(&mut self) {
        if self.pushes > 0 {
            self.pushes -= 1;
            self.lines += 1;
            self.back_outbox.extend_from_slice(b"302 Message receipt successful\n");
        }
    }
}
