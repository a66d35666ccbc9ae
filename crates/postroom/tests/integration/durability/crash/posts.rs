//! Which posts must, may and must not be in the timelines, and in which order.

use std::collections::{HashMap, HashSet};
use std::fmt;

use super::record::Letter;

/// Hashtags that are posted in at one time.
pub(super) const CHANNELS: usize = 2;

/// What one client did and saw, in its order. A time is a number of the clock that
/// all clients share.
#[derive(Debug, Default)]
pub(super) struct PostLog {
    pub(super) events: Vec<PostEvent>,
    pub(super) sights: Vec<Sight>,
}

#[derive(Debug)]
pub(super) enum PostEvent {
    /// About to be sent. Posts of one author are stored in the order of their
    /// times.
    Asked {
        post: Letter,
        author: u64,
        at: u64,
        channels: Vec<usize>,
    },
    Acknowledged {
        text: String,
        at: u64,
    },
}

/// What one connection was shown.
#[derive(Debug)]
pub(super) struct Sight {
    /// None for the board as a whole.
    pub(super) channel: Option<usize>,
    /// It shows every post of the channel, its reader's own included.
    pub(super) is_whole: bool,
    pub(super) posts: Vec<Letter>,
}

/// Whether a post is in the timelines of its channels.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Stored {
    Yes,
    Perhaps,
    Never,
}

#[derive(Debug)]
struct Entry {
    shown_as: String,
    author: u64,
    asked_at: u64,
    /// When its author, or the recorder, knew whether it was stored.
    known_at: Option<u64>,
    channels: Vec<usize>,
    stored: Stored,
    was_acknowledged: bool,
    was_shown: bool,
}

/// All that was ever posted, by text.
#[derive(Debug, Default)]
pub(super) struct Posts {
    entries: HashMap<String, Entry>,
    /// Texts of which the timelines have not told yet whether they are stored.
    open: HashSet<String>,
    /// The timelines as they were read last.
    last_seen: [Vec<Letter>; CHANNELS],
    /// What the last server has shown.
    sights: Vec<Sight>,
    /// When the latest of the uploads stored was asked for.
    last_upload_at: u64,
    counts: PostCounts,
}

#[derive(Clone, Copy, Debug, Default)]
pub(super) struct PostCounts {
    pub(super) acknowledged: u64,
    unanswered: u64,
    unanswered_but_stored: u64,
    pub(super) shown: u64,
    shown_and_unanswered: u64,
}

impl fmt::Display for PostCounts {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { acknowledged, unanswered, unanswered_but_stored, .. } = self;
        let Self { shown, shown_and_unanswered, .. } = self;
        write!(
            formatter,
            "posts: {acknowledged} acknowledged, {unanswered} unanswered of which \
             {unanswered_but_stored} were stored, {shown} shown of which {shown_and_unanswered} \
             were unanswered"
        )
    }
}

/// What a board calls the author of its texts.
pub(super) const BOARD: &str = "@board";

/// What the board says where there is no text.
const EMPTY: &str = "Empty Message";

impl Posts {
    pub(super) fn counts(&self) -> PostCounts {
        self.counts
    }

    /// Takes the logs of all clients of one server.
    pub(super) fn merge(&mut self, logs: Vec<PostLog>) {
        for PostLog { events, sights } in logs {
            for event in events {
                self.merge_event(event);
            }
            self.sights.extend(sights);
        }
        // All who wrote are known by now.
        let sights = std::mem::take(&mut self.sights);
        for Sight { channel, posts, .. } in &sights {
            for post in posts {
                self.shown(*channel, post);
            }
        }
        self.sights = sights;
    }

    fn merge_event(&mut self, event: PostEvent) {
        match event {
            PostEvent::Asked { post, author, at, channels } => {
                let entry = Entry {
                    shown_as: post.sender,
                    author,
                    asked_at: at,
                    known_at: None,
                    channels,
                    stored: Stored::Perhaps,
                    was_acknowledged: false,
                    was_shown: false,
                };
                self.open.insert(post.text.clone());
                assert!(self.entries.insert(post.text, entry).is_none(), "posted twice");
            }
            PostEvent::Acknowledged { text, at } => {
                self.counts.acknowledged += 1;
                let entry = self.entry(&text);
                entry.was_acknowledged = true;
                entry.known_at = Some(at);
                entry.stored = Stored::Yes;
            }
        }
    }

    /// Whatever its author was told, or not told: it is stored.
    fn shown(&mut self, channel: Option<usize>, post: &Letter) {
        let entry = self.entry(&post.text);
        assert_eq!(entry.shown_as, post.sender, "under another's name: {post:?}");
        assert!(
            channel.is_none_or(|channel| entry.channels.contains(&channel)),
            "shown in another channel: {post:?}"
        );
        entry.stored = Stored::Yes;
        let is_first = !std::mem::replace(&mut entry.was_shown, true);
        let is_unanswered = is_first && !entry.was_acknowledged;
        self.counts.shown += u64::from(is_first);
        self.counts.shown_and_unanswered += u64::from(is_unanswered);
    }

    fn entry(&mut self, text: &str) -> &mut Entry {
        match self.entries.get_mut(text) {
            Some(entry) => entry,
            None => panic!("no one ever posted {text:?}"),
        }
    }

    /// Compares the timelines with what must be in them, and remembers them.
    pub(super) fn compare(&mut self, found: [Vec<Letter>; CHANNELS], idle: bool, now: u64) {
        let mut present = HashMap::new();
        for (channel, found) in found.iter().enumerate() {
            let before = &self.last_seen[channel];
            assert!(found.starts_with(before), "what was in a timeline has changed or moved");
            assert!(!idle || found.len() == before.len(), "new posts by a restart alone");
            let new = &found[before.len()..];
            self.check_new(channel, new);
            self.check_order(new);
            for post in new {
                *present.entry(post.text.clone()).or_insert(0) += 1;
            }
        }
        self.settle(&present, now);
        for sight in std::mem::take(&mut self.sights) {
            if let Some(channel) = sight.channel {
                check_sight(&sight, &found[channel]);
            }
        }
        self.last_seen = found;
    }

    fn check_new(&self, channel: usize, new: &[Letter]) {
        let mut texts = HashSet::new();
        for post in new {
            let text = &post.text;
            let Some(entry) = self.entries.get(text) else {
                panic!("no one ever posted {text:?}");
            };
            assert!(self.open.contains(text), "it was there, or never, and now is new: {text}");
            assert!(texts.insert(text), "twice in a timeline: {text}");
            assert_eq!(entry.shown_as, post.sender, "under another's name: {post:?}");
            assert!(entry.channels.contains(&channel), "in another's timeline: {post:?}");
        }
    }

    /// Each author's posts come in the order in which they were said, and nothing
    /// comes before what was answered before it was asked for.
    fn check_order(&self, new: &[Letter]) {
        let (mut latest, mut latest_of) = (0, HashMap::new());
        for Letter { text, .. } in new {
            let Entry { author, asked_at, known_at, .. } = self.entries[text];
            let before = latest_of.insert(author, asked_at);
            assert!(before < Some(asked_at), "said before what comes before it: {text}");
            assert!(
                known_at.is_none_or(|known_at| known_at > latest),
                "answered before what comes before it was asked for: {text}"
            );
            latest = latest.max(asked_at);
        }
    }

    /// Sees that nothing is missing, and that what is new is in all of its channels.
    fn settle(&mut self, present: &HashMap<String, usize>, now: u64) {
        for text in std::mem::take(&mut self.open) {
            let times = present.get(&text).copied().unwrap_or(0);
            let entry = self.entry(&text);
            let stored = entry.stored;
            entry.known_at.get_or_insert(now);
            entry.stored = if times == 0 { Stored::Never } else { Stored::Yes };
            let is_half = times != 0 && times != entry.channels.len();
            assert!(!is_half, "in {times} of its channels: {text}");
            let was_lost = stored == Stored::Yes && times == 0;
            let how = if entry.was_acknowledged { "acknowledged" } else { "shown" };
            assert!(!was_lost, "{how}, and yet lost: {text}");
            let (asked_at, was_acknowledged) = (entry.asked_at, entry.was_acknowledged);
            let is_upload = entry.shown_as == BOARD;
            if times > 0 && is_upload {
                self.last_upload_at = self.last_upload_at.max(asked_at);
            }
            if !was_acknowledged {
                self.counts.unanswered += 1;
                self.counts.unanswered_but_stored += u64::from(times > 0);
            }
        }
    }

    /// The latest text of the board is none that was answered before another that
    /// is stored was asked for.
    pub(super) fn check_latest(&self, latest: &str) {
        if latest == EMPTY {
            assert_eq!(self.last_upload_at, 0, "there were uploads, and yet no latest text");
            return;
        }
        let Some(entry) = self.entries.get(latest) else {
            panic!("no one ever posted {latest:?}");
        };
        assert_eq!(entry.shown_as, BOARD, "not from the board: {latest}");
        assert_eq!(entry.stored, Stored::Yes, "the latest text is in no timeline: {latest}");
        assert!(entry.known_at > Some(self.last_upload_at), "not the latest text: {latest}");
    }

    /// The latest text of each channel is the last of its timeline.
    pub(super) fn check_latest_in(&self, channel: usize, latest: &str) {
        let last = self.last_seen[channel].last().map_or(EMPTY, |post| &post.text);
        assert_eq!(latest, last, "not the latest text with this hashtag");
    }

    /// From now on other hashtags are posted in; returns the timelines of those
    /// before.
    pub(super) fn begin_anew(&mut self) -> [Vec<Letter>; CHANNELS] {
        std::mem::take(&mut self.last_seen)
    }
}

/// What was shown is in the timeline in the same order, and without gaps where all
/// of it was shown.
fn check_sight(sight: &Sight, timeline: &[Letter]) {
    let Some(first) = sight.posts.first() else {
        return;
    };
    let mut rest = timeline.iter().skip_while(|post| *post != first);
    for post in &sight.posts {
        let found =
            if sight.is_whole { rest.next() } else { rest.by_ref().find(|other| *other == post) };
        assert_eq!(found, Some(post), "shown in another order, or with a gap");
    }
}
