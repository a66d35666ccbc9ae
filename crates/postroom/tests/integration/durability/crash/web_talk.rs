//! Clients of HTTP that post in channels and follow them.

use std::io;

use super::posts::{CHANNELS, PostEvent};
use super::record::Letter;
use super::talk::Talker;
use super::trigger::Seen;
use super::web::Web;

/// A stream that goes on from server to server: what it has told of a channel so far.
#[derive(Debug, Default)]
pub(super) struct Followed {
    tag: String,
    posts: Vec<Letter>,
    /// The id of the last one.
    last: Option<String>,
    /// How often it went on behind a post.
    pub(super) resumptions: u64,
}

impl Talker<'_> {
    pub(super) fn post_for_ever(&mut self) -> io::Result<()> {
        let name = format!("poster{}", self.number);
        let mut web = Web::open(self.scene, &name)?;
        loop {
            let mut requests = String::new();
            let mut posted = Vec::new();
            for _ in 0..=self.random.below(4) {
                let channel = self.random.index(CHANNELS);
                let at = self.scene.now();
                let text = format!("<{at}> by {name}");
                let tag = self.scene.tag(channel).trim_start_matches('#');
                let target = format!("POST /api/v1/channels/{tag}/posts");
                requests.push_str(&web.request(&target, "", &text));
                let post = Letter { sender: name.clone(), text: text.clone() };
                let (author, channels) = (self.number, vec![channel]);
                self.log.events.push(PostEvent::Asked { post, author, at, channels });
                posted.push(text);
            }
            web.send(&requests)?;
            for text in posted {
                let response = web.response()?;
                assert_eq!(response.status, 201, "{}", response.body);
                self.scene.trigger.saw(Seen::Posted);
                self.acknowledged(text);
            }
        }
    }

    /// Follows the first channel over all kills: each post that it has must be told once.
    pub(super) fn follow_for_ever(&mut self) -> io::Result<()> {
        const CHANNEL: usize = 0;
        loop {
            let scene = self.scene;
            let tag = scene.tag(CHANNEL);
            let mut followed = scene.workload.followed.lock().unwrap();
            if followed.tag != tag {
                let resumptions = followed.resumptions;
                *followed = Followed { tag: tag.to_owned(), resumptions, ..Followed::default() };
            }
            self.begin_sight(Some(CHANNEL), true);
            let sight = self.log.sights.len() - 1;
            self.log.sights[sight].posts.clone_from(&followed.posts);
            let mut web = Web::open(scene, "follower")?;
            followed.resumptions += u64::from(followed.last.is_some());
            let last = followed.last.as_deref().unwrap_or("p0000000000000");
            let target = format!("GET /api/v1/channels/{}/stream", tag.trim_start_matches('#'));
            web.follow(&target, &format!("Last-Event-ID: {last}\r\n"))?;
            while !self.random.once_in(64) {
                let told = web.event()?;
                assert_eq!(told["event"], "post", "{told}");
                let word = |name: &str| told[name].as_str().unwrap();
                self.shown(sight, word("from"), word("text"));
                followed.posts.extend(self.log.sights[sight].posts.last().cloned());
                followed.last = Some(word("id").to_owned());
            }
            web.reset();
        }
    }
}
