//! A client of `board`: one request a connection.

use postroom_model::Anonymous;

use super::{Talk, What};
use crate::judge::{BOARD, BOARD_CHANNEL, Judge, Posts};
use crate::person::{HASHTAGS, LOBBY, Manners};
use crate::random::Random;
use crate::texts::{Place, marks, text_of};

/// Bytes of a text, at most: fewer than the board's characters, its hashtags included.
const TEXT_BYTES: usize = 100;

impl Talk {
    pub(super) fn board_ask(&mut self, random: &mut Random, judge: &mut Judge) {
        self.is_in = true;
        match random.below(10) {
            0..5 => {
                let mut channels = vec![BOARD_CHANNEL];
                channels.extend(HASHTAGS.iter().filter(|_| random.chance(400)));
                let place = Place::Channels(channels);
                let (id, said) = judge.write(BOARD, place, TEXT_BYTES, random);
                self.ask(&format!("u\n{said}"), What::Post(id), judge);
            }
            5 | 6 => {
                let channel = random.pick(&HASHTAGS);
                self.ask(&format!("t\n{channel}\n"), What::Posts, judge);
            }
            7 => self.ask("d\n\n", What::Latest, judge),
            8 => {
                let channel = random.pick(&HASHTAGS);
                self.ask(&format!("s\n{channel}\n"), What::Posts, judge);
                self.follow(channel, judge.clock, false, judge);
            }
            _ => {
                self.ask("s\n\n", What::Posts, judge);
                self.follow(BOARD_CHANNEL, judge.clock, false, judge);
            }
        }
        // A stream stays, and so do some that wait for the pause that ends their text.
        let stays = !self.followed.is_empty() || random.chance(200);
        self.has_ended = !stays || self.person.manners == Manners::Rude;
    }

    pub(super) fn board_answer(&mut self, line: &str, judge: &mut Judge) {
        if line.starts_with("error: ") {
            return self.board_refused(line, judge);
        }
        let following = self.followed.first().map(|followed| followed.channel);
        if let Some(channel) = following {
            return self.board_streamed(channel, line, judge);
        }
        match self.asked.front().map(|asked| asked.what.clone()) {
            Some(What::Post(id)) => {
                assert!(line == "operation success", "a post is answered with {line:?}");
                let may_post = self.person.access.anonymous == Anonymous::Post;
                assert!(may_post, "{id:?} is posted on a board that is read only");
                self.answered(line, judge);
                judge.acknowledged(id);
            }
            Some(What::Posts) => {
                let (author, shown) = line.split_once(": ").expect("a post has an author");
                judge.check_shown(text_of(shown), author, shown);
            }
            Some(What::Latest) => {
                let asked = self.answered(line, judge).at;
                let shown = marks(line).next();
                if let Some(id) = shown {
                    judge.check_shown(id, BOARD, line);
                }
                Posts::check_latest(&judge.texts, BOARD_CHANNEL, shown, asked);
            }
            what => panic!("{line:?} answers {what:?} on the board"),
        }
    }

    fn board_refused(&mut self, line: &str, judge: &mut Judge) {
        let may_post = self.person.access.anonymous == Anonymous::Post;
        let is_read_only = line == "error: this board is read only";
        assert!(!(may_post && is_read_only), "{line:?} answers a post where anyone may post");
        match self.asked.pop_front().map(|asked| asked.what) {
            Some(What::Post(id)) => judge.refused(id),
            Some(_) => {}
            None => panic!("nothing is refused on the board"),
        }
    }

    fn board_streamed(&mut self, channel: &'static str, line: &str, judge: &mut Judge) {
        let observer = self.observer(channel);
        let at = judge.clock;
        if let Some(missed) = line.strip_prefix('(') {
            judge.posts.follows(observer, at);
            judge.posts.missed(observer, missed_posts(missed));
            return;
        }
        let (author, shown) = line.split_once(": ").expect("a post has an author");
        self.saw_post(channel, author, shown, judge);
        judge.posts.follows(observer, at);
    }
}

/// The number with which a line says how many were missed.
pub(super) fn missed_posts(line: &str) -> usize {
    let count = line.split(' ').next().and_then(|count| count.parse().ok());
    count.unwrap_or_else(|| panic!("{line:?} says how many were missed"))
}

/// The channel of a hashtag as a line has it.
pub(super) fn channel(shown: &str) -> &'static str {
    let known = HASHTAGS.iter().chain([&LOBBY]).find(|channel| **channel == shown);
    known.unwrap_or_else(|| panic!("{shown:?} is a channel"))
}
