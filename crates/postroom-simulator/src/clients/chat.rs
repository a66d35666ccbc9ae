//! A client of `chat`: between the answers come the lines of others.

use super::board::{channel, missed_posts};
use super::{Asked, Talk, What};
use crate::judge::Judge;
use crate::person::{HASHTAGS, LOBBY, LOCKED, Manners, NEW, OPEN};
use crate::random::Random;
use crate::texts::{Place, text_of};

/// Bytes of a post or a live line, at most: im shows it in one push.
const TEXT_BYTES: usize = 400;

impl Talk {
    pub(super) fn chat_log_in(&mut self, judge: &mut Judge) {
        let name = self.person.name;
        judge.presences.tries(name, self.visit);
        if let Some(given) = self.given {
            self.ask(&format!("/pass {given}\n"), What::Line, judge);
        }
        self.ask(&format!("/setname {name}\n"), What::LogIn, judge);
    }

    pub(super) fn chat_say(&mut self, random: &mut Random, judge: &mut Judge) {
        let name = self.person.name;
        match random.below(36) {
            0 => self.leave(judge),
            1..7 => {
                let place = Place::Channels(vec![LOBBY]);
                let (id, said) = judge.write(name, place, TEXT_BYTES, random);
                self.ask(&format!("/all {said}\n"), What::Say(id), judge);
                self.ask("/inbox\n", What::Count, judge);
            }
            7..12 => {
                let channel = random.pick(&HASHTAGS);
                let place = Place::Channels(vec![channel]);
                let (id, said) = judge.write(name, place, TEXT_BYTES, random);
                self.ask(&format!("/say {channel} {said}\n"), What::Post(id), judge);
            }
            12..16 => {
                let (id, to, said) = self.compose(random, judge);
                self.ask(&format!("/send {to} {said}\n"), What::Compose(id, to), judge);
            }
            16..20 => {
                let to = if random.chance(500) { random.pick(&LOCKED) } else { random.pick(&OPEN) };
                let (id, said) = judge.write(name, Place::Live(to), TEXT_BYTES, random);
                self.ask(&format!("/private {to} {said}\n"), What::Say(id), judge);
                self.ask("/inbox\n", What::Count, judge);
            }
            20..23 => self.ask("/read\n", What::Read, judge),
            23 => {
                self.ask("/allusers\n", What::List(None), judge);
                self.ask("/inbox\n", What::Count, judge);
            }
            24..28 => self.chat_join(random.pick(&HASHTAGS), judge),
            28..30 => self.chat_leave(random.pick(&HASHTAGS), judge),
            30 | 31 => self.change_password("/passwd", random, judge),
            _ => self.block(random, judge),
        }
    }

    fn chat_join(&mut self, channel: &'static str, judge: &mut Judge) {
        let is_free = !self.followed.iter().any(|followed| followed.channel == channel);
        if is_free && !self.changes(channel) {
            self.follow(channel, judge.clock, false, judge);
            self.ask(&format!("/join {channel}\n"), What::Join(channel), judge);
        }
    }

    fn chat_leave(&mut self, channel: &'static str, judge: &mut Judge) {
        let is_in = self.followed.iter().any(|followed| followed.channel == channel);
        if is_in && !self.changes(channel) {
            self.ask(&format!("/leave {channel}\n"), What::Leave(channel), judge);
        }
    }

    /// Whether the client has asked to join or leave a channel, and waits for the answer.
    fn changes(&self, channel: &'static str) -> bool {
        let mut asked = self.asked.iter().map(|asked| &asked.what);
        asked.any(|what| *what == What::Join(channel) || *what == What::Leave(channel))
    }

    pub(super) fn chat_line(&mut self, line: &str, judge: &mut Judge) {
        if line.starts_with("Welcome to Postroom") || line == "Server has been closed by host" {
            return;
        }
        if line.starts_with("Disconnected: ") {
            return;
        }
        if line.ends_with(" active)") {
            self.chat_announced(line);
            return self.chat_list_ends(judge);
        }
        if let Some(missed) = line.strip_prefix('(')
            && line.ends_with(')')
            && !line.ends_with(" more)")
        {
            self.chat_list_ends(judge);
            if let Some((_, of)) = missed.rsplit_once(" missed in ") {
                let channel = channel(of.trim_end_matches(')'));
                judge.posts.missed(self.observer(channel), missed_posts(missed));
            } else {
                self.has_missed = true;
                self.absent.clear();
            }
            return;
        }
        if let Some((head, shown)) = line.split_once(": ")
            && is_speaker(head)
        {
            self.chat_list_ends(judge);
            return self.chat_heard(head, shown, judge);
        }
        self.chat_answer(line, judge);
    }

    /// Accounts have joined or left.
    fn chat_announced(&mut self, line: &str) {
        let mut names = Vec::new();
        for word in line.split([' ', ',']) {
            match word {
                "joined" => names.drain(..).for_each(|name: &str| {
                    self.absent.remove(name);
                }),
                "left" => self.absent.extend(names.drain(..).map(str::to_owned)),
                word if is_name(word) => names.push(word),
                _ => {}
            }
        }
    }

    /// Another client has said something.
    fn chat_heard(&mut self, head: &str, shown: &str, judge: &mut Judge) {
        let name = head.split('(').next().unwrap_or_default();
        // A live line goes before the posts that a slow client has not read, and all
        // announcements with it.
        let reads_all = !matches!(self.person.manners, Manners::Slow | Manners::Deaf);
        let has_left = reads_all && self.absent.contains(name);
        assert!(!has_left, "{} hears {shown:?} of {name}, who has left", self.person.name);
        match head.split_once('(') {
            None => self.saw_post(LOBBY, head, shown, judge),
            Some((author, "private)")) => {
                let id = text_of(shown);
                judge.check_shown(id, author, shown);
                judge.blocks.check_passed(&judge.texts[id.0]);
                judge.lives.heard(id);
                let place = &judge.texts[id.0].place;
                assert!(*place == Place::Live(self.person.name), "{id:?} is for {place:?}");
            }
            Some((author, of)) => {
                let channel = channel(of.trim_end_matches(')'));
                self.saw_post(channel, author, shown, judge);
            }
        }
    }

    /// A list of names is over where another line comes.
    fn chat_list_ends(&mut self, judge: &mut Judge) {
        let Some(Asked { what, at, .. }) = self.asked.front() else {
            return;
        };
        match what {
            What::List(Some(listed)) => judge.presences.check_list(&strs(listed), *at),
            What::Blocked(Some(listed)) => {
                judge.blocks.check_list(self.person.name, &strs(listed), *at);
            }
            _ => return,
        }
        self.answered("", judge);
    }

    fn chat_answer(&mut self, line: &str, judge: &mut Judge) {
        if let Some(What::List(listed) | What::Blocked(listed)) =
            self.asked.front_mut().map(|asked| &mut asked.what)
        {
            match listed {
                None if matches!(line, "Users in chat:" | "Blocked users:") => {
                    return *listed = Some(Vec::new());
                }
                Some(listed) if is_name(line) => return listed.push(line.to_owned()),
                _ => self.chat_list_ends(judge),
            }
        }
        while let Some(What::Say(id)) = self.asked.front().map(|asked| asked.what.clone()) {
            // Replies come in order: this was said, unless the line refuses it.
            let asked = self.answered(line, judge).at;
            self.has_said(id, judge);
            if line.starts_with("Nothing was said") {
                return judge.refused(id);
            }
            match judge.texts[id.0].place {
                Place::Live(recipient) if line == "User not found" => {
                    // A blocked sender is told the same.
                    if !judge.blocks.may_be(recipient, self.person.name, asked) {
                        judge.presences.check_absent(recipient, asked);
                    }
                    return;
                }
                Place::Live(_) => judge.lives.passed_on(id),
                _ => judge.acknowledged(id),
            }
        }
        let asked = self.answered(line, judge);
        let at = judge.clock;
        match asked.what {
            What::LogIn if line.starts_with("Username accepted") => {
                judge.presences.entered(self.person.name, self.visit, at);
                self.let_in(asked.at, judge);
                let observer = self.follow(LOBBY, asked.at, false, judge);
                judge.posts.follows(observer, at);
            }
            What::LogIn => {
                self.chat_not_let_in(line, asked.at, judge);
                self.leave(judge);
            }
            What::Compose(id, _) if line.starts_with("Message left for ") => judge.acknowledged(id),
            What::Compose(id, to) => {
                assert!(line.starts_with("No message was left"), "{line:?} answers /send");
                let why = (line.ends_with(" already."), line.contains(": there is no user "));
                self.not_composed_since((id, to, asked.at), line, why, judge);
            }
            What::Post(id) if line.starts_with("Said in ") => {
                self.has_said(id, judge);
                judge.acknowledged(id);
            }
            What::Post(id) => {
                assert!(line.starts_with("Nothing was said"), "{line:?} answers /say");
                judge.refused(id);
            }
            What::Read if line.starts_with("from ") => {
                let (sender, text) = line["from ".len()..].split_once(": ").expect("a sender");
                self.saw_message(asked.line, sender, text, judge);
            }
            What::Read if line == "You have no unread messages." => {
                let (name, visit) = (self.person.name, self.visit);
                judge.mailboxes.check_empty(&judge.texts, name, visit, asked.at);
            }
            What::Count => self.chat_counted(line, asked.at, judge),
            What::Join(channel) if line.starts_with("You are in #") => {
                judge.posts.follows(self.observer(channel), at);
            }
            What::Leave(channel) if line.starts_with("You have left #") => {
                judge.posts.unfollowed(self.observer(channel));
                self.followed.retain(|followed| followed.channel != channel);
            }
            What::Passwd(old, new) => self.password_answer((old, new), asked.at, line, judge),
            What::Block(id) => self.block_answer(id, asked.at, line, judge),
            What::Blocked(None) if line == "You have blocked nobody." => {
                judge.blocks.check_list(self.person.name, &[], asked.at);
            }
            What::Read
            | What::Join(_)
            | What::Leave(_)
            | What::List(None)
            | What::Blocked(None)
            | What::Line => {}
            what => panic!("{line:?} answers {what:?} on chat"),
        }
    }

    /// A login, which was asked for at this moment, is refused.
    fn chat_not_let_in(&mut self, line: &str, asked: u64, judge: &mut Judge) {
        let login = self.login();
        match line {
            "That username is taken. Choose another: /setname NAME." => {
                judge.presences.check_taken(self.person.name, self.visit, asked);
                // Only who could come in is told who is there.
                judge.let_in(login, asked);
            }
            _ if line.contains("give its password with /pass") => {
                judge.check_wrong(login, asked, true);
            }
            _ if line.ends_with("Choose a name that it knows.")
                || line.starts_with("You have created too many users") =>
            {
                judge.locks.check_not_registered(login, asked);
            }
            _ if line.starts_with("Too many logins at the same time.") => {
                judge.locks.check_busy(login);
            }
            // It may have registered the name.
            _ if line.starts_with("You cannot come in at present.") => {}
            _ => panic!("{line:?} refuses a login on chat"),
        }
    }

    fn chat_counted(&mut self, line: &str, asked: u64, judge: &mut Judge) {
        if let Some(rest) = line.strip_prefix("You have ") {
            let count = rest.split(' ').next().and_then(|count| count.parse().ok());
            let count = count.unwrap_or_else(|| panic!("{line:?} answers /inbox"));
            judge.mailboxes.check_count(&judge.texts, self.person.name, asked, count);
        }
    }
}

fn strs(names: &[String]) -> Vec<&str> {
    names.iter().map(String::as_str).collect()
}

fn is_name(line: &str) -> bool {
    OPEN.contains(&line) || LOCKED.contains(&line) || NEW.contains(&line)
}

/// Whether a line with this before its colon is from another client, or the board.
fn is_speaker(head: &str) -> bool {
    let name = head.split('(').next().unwrap_or_default();
    is_name(name) || name == crate::judge::BOARD
}
