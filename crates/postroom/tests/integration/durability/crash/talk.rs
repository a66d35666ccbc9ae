//! Clients that post and read in the chat and on the board until the server is
//! killed.

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::io;

use super::posts::{BOARD, CHANNELS, PostEvent, PostLog, Sight};
use super::record::Letter;
use super::trigger::Seen;
use super::work::Scene;

use crate::harness::fallible::FallibleConnection;
use crate::harness::support::Random;

/// Authors of uploads whose answer is not awaited: each is one of its own, since
/// such uploads may overtake each other.
const HASTY_AUTHORS: u64 = 1 << 32;

#[derive(Clone, Copy, Debug)]
pub(super) enum Part {
    /// Is in the chat and says something, again and again.
    Speaks,
    /// Is in the chat and listens.
    Listens,
    /// Uploads to the board.
    Uploads,
    /// Streams the posts with one hashtag.
    Streams,
    /// Streams what is uploaded.
    StreamsBoard,
    /// Posts over HTTP.
    Posts,
    /// Follows a channel over HTTP, behind what the last server has told.
    Follows,
}

pub(super) const PARTS: [Part; 9] = [
    Part::Speaks,
    Part::Speaks,
    Part::Listens,
    Part::Uploads,
    Part::Uploads,
    Part::Streams,
    Part::StreamsBoard,
    Part::Posts,
    Part::Follows,
];

pub(super) struct Talker<'a> {
    pub(super) number: u64,
    pub(super) scene: &'a Scene<'a>,
    pub(super) random: Random,
    pub(super) log: PostLog,
}

impl<'a> Talker<'a> {
    pub(super) fn new(number: u64, scene: &'a Scene<'a>, random: Random) -> Self {
        Self { number, scene, random, log: PostLog::default() }
    }

    /// Works until the server is gone.
    pub(super) fn run(mut self, part: Part) -> PostLog {
        let gone = match part {
            Part::Speaks => self.speak_for_ever(),
            Part::Listens => self.listen_for_ever(),
            Part::Uploads => self.upload_for_ever(),
            Part::Streams => self.stream_for_ever(false),
            Part::StreamsBoard => self.stream_for_ever(true),
            Part::Posts => self.post_for_ever(),
            Part::Follows => self.follow_for_ever(),
        };
        assert!(gone.is_err());
        self.log
    }

    fn speak_for_ever(&mut self) -> io::Result<()> {
        let name = format!("speaker{}", self.number);
        loop {
            let mut connection = self.enter(&name)?;
            // Who has joined is shown what others say; anyone may speak.
            (0..CHANNELS).for_each(|channel| self.begin_sight(Some(channel), false));
            for channel in 0..CHANNELS {
                if self.random.once_in(2) {
                    self.join(&mut connection, channel)?;
                }
            }
            while !self.random.once_in(16) {
                let said = self.say(&mut connection, &name)?;
                self.hear_answers(&mut connection, said)?;
            }
            // Gone before the answers come.
            self.say(&mut connection, &name)?;
            connection.reset();
        }
    }

    fn listen_for_ever(&mut self) -> io::Result<()> {
        let name = format!("listener{}", self.number);
        loop {
            let channel = self.random.index(CHANNELS);
            let mut connection = self.enter(&name)?;
            // Those of the other channel stay empty.
            for of in 0..CHANNELS {
                self.begin_sight(Some(of), true);
            }
            self.join(&mut connection, channel)?;
            while !self.random.once_in(64) {
                let line = connection.line()?;
                assert!(self.is_post(&line), "{line}");
            }
            connection.reset();
        }
    }

    /// In the chat, under a name that is perhaps still taken by the connection
    /// before this one.
    fn enter(&mut self, name: &str) -> io::Result<FallibleConnection> {
        let mut connection = self.scene.connect("chat")?;
        connection.line()?;
        loop {
            connection.send(&format!("/setname {name}\n"))?;
            let answer = connection.line()?;
            if answer.starts_with("Username accepted.") {
                return Ok(connection);
            }
            assert!(answer.contains(" is taken."), "{answer}");
        }
    }

    fn join(&mut self, connection: &mut FallibleConnection, channel: usize) -> io::Result<()> {
        let tag = self.scene.tag(channel);
        connection.send(&format!("/join {tag}\n"))?;
        loop {
            let line = connection.line()?;
            if !self.is_post(&line) {
                assert_eq!(line, format!("You are in {tag} now."));
                return Ok(());
            }
        }
    }

    /// Says some things at once; returns them in their order.
    fn say(
        &mut self,
        connection: &mut FallibleConnection,
        name: &str,
    ) -> io::Result<VecDeque<(usize, String)>> {
        let mut commands = String::new();
        let mut said = VecDeque::new();
        for _ in 0..=self.random.below(4) {
            let channel = self.random.index(CHANNELS);
            let at = self.scene.now();
            let end = if self.random.once_in(16) { 7_000 } else { 100 };
            let text = format!("<{at}> by {name}{}", "-".repeat(self.random.index(end)));
            let tag = self.scene.tag(channel);
            // Writing to memory does not fail.
            let _ = writeln!(commands, "/say {tag} {text}");
            let post = Letter { sender: name.to_owned(), text: text.clone() };
            let (author, channels) = (self.number, vec![channel]);
            self.log.events.push(PostEvent::Asked { post, author, at, channels });
            said.push_back((channel, text));
        }
        connection.send(&commands)?;
        Ok(said)
    }

    fn hear_answers(
        &mut self,
        connection: &mut FallibleConnection,
        mut said: VecDeque<(usize, String)>,
    ) -> io::Result<()> {
        while let Some((channel, _)) = said.front() {
            let line = connection.line()?;
            if self.is_post(&line) {
                continue;
            }
            assert_eq!(line, format!("Said in {}.", self.scene.tag(*channel)));
            self.scene.trigger.saw(Seen::Posted);
            if let Some((_, text)) = said.pop_front() {
                self.acknowledged(text);
            }
        }
        Ok(())
    }

    pub(super) fn acknowledged(&mut self, text: String) {
        let at = self.scene.now();
        self.log.events.push(PostEvent::Acknowledged { text, at });
    }

    /// Whether this is what someone said, `author(#tag): text`, which is noted.
    fn is_post(&mut self, line: &str) -> bool {
        let Some((head, text)) = line.split_once("): ") else {
            return false;
        };
        let (author, tag) = head.split_once('(').unwrap();
        let channel = (0..CHANNELS).find(|channel| self.scene.tag(*channel) == tag).unwrap();
        // The latest sights are those of this connection, one for each channel.
        let sight = self.log.sights.len() - CHANNELS + channel;
        self.shown(sight, author, text);
        true
    }

    pub(super) fn begin_sight(&mut self, channel: Option<usize>, is_whole: bool) {
        self.log.sights.push(Sight { channel, is_whole, posts: Vec::new() });
    }

    pub(super) fn shown(&mut self, sight: usize, author: &str, text: &str) {
        self.scene.trigger.saw(Seen::Shown);
        let post = Letter { sender: author.to_owned(), text: text.to_owned() };
        self.log.sights[sight].posts.push(post);
    }

    fn upload_for_ever(&mut self) -> io::Result<()> {
        loop {
            let is_hasty = self.random.once_in(12);
            let mut connection = self.scene.connect("board")?;
            let text = self.upload(&mut connection, is_hasty)?;
            if is_hasty {
                // As the original client does, which closes without reading.
                continue;
            }
            assert_eq!(connection.line()?, "operation success");
            self.scene.trigger.saw(Seen::Posted);
            self.acknowledged(text);
        }
    }

    /// Sends an upload with one hashtag or with both.
    fn upload(
        &mut self,
        connection: &mut FallibleConnection,
        is_hasty: bool,
    ) -> io::Result<String> {
        let at = self.scene.now();
        let mut channels = vec![self.random.index(CHANNELS)];
        if self.random.once_in(3) {
            channels = (0..CHANNELS).collect();
        }
        let mut text = format!("<{at}> by uploader{}", self.number);
        for channel in &channels {
            text.push(' ');
            text.push_str(self.scene.tag(*channel));
        }
        let post = Letter { sender: BOARD.to_owned(), text: text.clone() };
        let author = if is_hasty { HASTY_AUTHORS + at } else { self.number };
        self.log.events.push(PostEvent::Asked { post, author, at, channels });
        connection.send(&format!("u\n{text}\n"))?;
        connection.end()?;
        Ok(text)
    }

    fn stream_for_ever(&mut self, whole_board: bool) -> io::Result<()> {
        loop {
            let channel = (!whole_board).then(|| self.random.index(CHANNELS));
            let tag = channel.map_or("", |channel| self.scene.tag(channel));
            let mut connection = self.scene.connect("board")?;
            connection.send(&format!("s\n{tag}\n"))?;
            self.begin_sight(channel, true);
            let sight = self.log.sights.len() - 1;
            while !self.random.once_in(64) {
                let line = connection.line()?;
                let (author, text) = line.split_once(": ").unwrap();
                self.shown(sight, author, text);
            }
            connection.reset();
        }
    }
}
