//! A client of `mailbox-verbose`.

use super::{Talk, What};
use crate::judge::{Act, Judge};
use crate::random::Random;

impl Talk {
    pub(super) fn verbose_log_in(&mut self, judge: &mut Judge) {
        if let Some(given) = self.given {
            self.say_unanswered(&format!("PASS {given}\n"));
        }
        self.ask(&format!("LOGIN {}\n", self.person.name), What::LogIn, judge);
    }

    pub(super) fn verbose_say(&mut self, random: &mut Random, judge: &mut Judge) {
        let name = self.person.name;
        if self.person.is_restless && random.chance(500) {
            return self.change_password("PASSWD", random, judge);
        }
        match random.below(20) {
            0 => self.leave(judge),
            1..12 => {
                let (id, to, said) = self.compose(random, judge);
                self.ask(&format!("COMPOSE {name} {to} {said}\n"), What::Compose(id, to), judge);
            }
            12 => self.ask(&format!("READ {name}x\n"), What::Line, judge),
            // A rename and a change at the same time would be more than the judges know.
            13 if !self.person.is_aside() => self.change_password("PASSWD", random, judge),
            _ => self.ask(&format!("READ {name}\n"), What::Read, judge),
        }
    }

    pub(super) fn verbose_answer(&mut self, line: &str, judge: &mut Judge) {
        let asked = self.answered(line, judge);
        match asked.what {
            What::LogIn if line.starts_with("Login successful") => {
                let words: Vec<&str> = line.split(' ').collect();
                if let ["unread", "messages."] = words[words.len() - 2..] {
                    let count = words[words.len() - 3].parse().expect("a number of messages");
                    let name = self.person.name;
                    judge.mailboxes.check_count(&judge.texts, name, asked.at, count);
                }
                self.let_in(asked.at, judge);
                if line.contains(" with new username") {
                    self.has_created(judge);
                }
            }
            What::LogIn => {
                assert!(line.starts_with("LOGIN ERROR") || line.starts_with("MESSAGE FAILED"));
                judge.check_wrong(self.login(), asked.at, false);
                self.leave(judge);
            }
            What::Compose(id, _) if line.starts_with("MESSAGE SENT SUCCESSFULLY") => {
                judge.acknowledged(id);
                if line.ends_with(" TO NEW USER.") {
                    self.has_created(judge);
                }
            }
            What::Compose(id, to) => {
                assert!(line.starts_with("MESSAGE FAILED."), "{line:?} answers COMPOSE");
                let is_full = line.contains("UNREAD MESSAGE IS MORE THAN");
                let is_unknown = line.ends_with("There is no user of this name.");
                let why = (is_full, is_unknown);
                self.not_composed_since((id, to, asked.at), line, why, judge);
            }
            What::Read if line == "No More Unread Messages." => {
                let (name, visit) = (self.person.name, self.visit);
                judge.mailboxes.check_empty(&judge.texts, name, visit, asked.at);
            }
            What::Read if line.starts_with("MESSAGE FAILED") => {}
            What::Read => {
                let mut words = line.splitn(3, ' ');
                let (left, sender, text) = (words.next(), words.next(), words.next());
                let left = left.and_then(|left| left.parse::<u32>().ok());
                assert!(left.is_some(), "{line:?} answers READ");
                self.saw_message(
                    asked.line,
                    sender.unwrap_or_default(),
                    text.unwrap_or_default(),
                    judge,
                );
            }
            What::Passwd(old, new) => self.password_answer((old, new), asked.at, line, judge),
            What::Line => {}
            what => panic!("{line:?} answers {what:?} on mailbox-verbose"),
        }
    }

    /// The client has registered an account, for which its address pays.
    fn has_created(&self, judge: &mut Judge) {
        judge.usage.done(self.visit, Act::Account, judge.now);
    }
}
