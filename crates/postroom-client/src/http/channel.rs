//! Channels over HTTP: to post, to read pages, and to be told of posts as they come.

use std::time::Duration;

use postroom_model::{Channel, PostId, Text};
use serde::Deserialize;

use super::client::{Asked, HttpClient};
use super::connection::PROTOCOL;
use super::event::Event;
use super::mailbox::{body, encoded};
use super::stream::Stream;
use crate::entry::{Entry, Says};
use crate::{ClientError, Deviation, ServerAddress};

/// Posts of a page, at most.
pub(crate) const PAGE_POSTS_MAX: usize = 100;

/// Where a page begins.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum PageFrom {
    /// The latest posts, backwards.
    Latest,
    /// Those before this one, backwards.
    Before(PostId),
    /// Those after this one, forwards.
    After(PostId),
    /// Those at this time (RFC 3339) or later, forwards.
    Since(String),
    /// What the server has named as the next page.
    Next(String),
}

/// Some posts of a channel.
#[derive(Debug)]
pub(crate) struct Page {
    /// In the direction of the page.
    pub(crate) posts: Vec<Entry>,
    /// Where the next page begins, if there is one.
    pub(crate) next: Option<PageFrom>,
}

/// The posts of a channel as they come.
pub(crate) struct Posts {
    stream: Stream,
    server: ServerAddress,
}

/// What a stream tells.
#[derive(Debug)]
pub(crate) enum Told {
    /// A post.
    Post(Entry),
    /// A post is deleted.
    Deleted {
        /// Its id.
        id: PostId,
    },
}

#[derive(Deserialize)]
struct PostLine {
    id: String,
    time: String,
    from: String,
    #[serde(default)]
    text: Option<String>,
    #[serde(default)]
    deleted: bool,
}

#[derive(Deserialize)]
struct PageLine {
    posts: Vec<PostLine>,
    #[serde(default)]
    next: Option<String>,
}

#[derive(Deserialize)]
struct DeletedLine {
    id: PostIdLine,
}

/// An event, by what it says it is.
#[derive(Deserialize)]
#[serde(tag = "event", rename_all = "lowercase")]
enum EventLine {
    Post(PostLine),
    Deleted(DeletedLine),
    /// Of a later version.
    #[serde(other)]
    Other,
}

#[derive(Deserialize)]
#[serde(try_from = "String")]
struct PostIdLine(PostId);

impl TryFrom<String> for PostIdLine {
    type Error = postroom_model::IdError;

    fn try_from(word: String) -> Result<Self, Self::Error> {
        word.parse().map(Self)
    }
}

impl PostLine {
    fn entry(self) -> Option<Entry> {
        let Self { id, time, from, text, deleted } = self;
        let says = match text {
            Some(text) => Says::Text(Text::from_stored(text.as_bytes()).ok()?),
            None if deleted => Says::Deleted,
            None => return None,
        };
        Some(Entry { id, time, from, says })
    }
}

impl PageFrom {
    fn query(&self) -> String {
        match self {
            Self::Latest => String::new(),
            Self::Before(id) => format!("&before={id}"),
            Self::After(id) => format!("&after={id}"),
            Self::Since(time) => format!("&since={}", encoded(time)),
            Self::Next(query) => format!("&{query}"),
        }
    }
}

impl HttpClient {
    /// Posts in a channel.
    pub(crate) fn post(&mut self, channel: &Channel, text: &Text) -> Result<(), ClientError> {
        self.store_one(Asked::post(format!("{}/posts", path(channel))).text(body(text)))
    }

    /// Reads some posts of a channel.
    pub(crate) fn page(
        &mut self,
        channel: &Channel,
        from: &PageFrom,
        count: usize,
    ) -> Result<Page, ClientError> {
        let count = count.min(PAGE_POSTS_MAX);
        let path = format!("{}/posts?count={count}{}", path(channel), from.query());
        let answer = self.ask(Asked::get(path), Duration::ZERO)?;
        let PageLine { posts, next } = self.read("GET", &answer)?;
        let posts: Option<Vec<_>> = posts.into_iter().map(PostLine::entry).collect();
        let posts = posts.ok_or_else(|| self.unexpected("GET", b"a post without a text"))?;
        // It is put into a path as it is.
        let next = next.filter(|next| next.bytes().all(|byte| byte.is_ascii_graphic()));
        Ok(Page { posts, next: next.map(PageFrom::Next) })
    }

    /// The id of the latest post of a channel; below that of any, if there is none.
    pub(crate) fn latest(&mut self, channel: &Channel) -> Result<PostId, ClientError> {
        let page = self.page(channel, &PageFrom::Latest, 1)?;
        let Some(post) = page.posts.first() else { return Ok(PostId(0)) };
        post.id.parse().map_err(|_| self.unexpected("GET", post.id.as_bytes()))
    }

    /// Is told of the posts of a channel after this one.
    pub(crate) fn posts(&mut self, channel: &Channel, after: PostId) -> Result<Posts, ClientError> {
        let stream = self.stream(&format!("{}/stream", path(channel)), &after.to_string())?;
        Ok(Posts { stream, server: self.server().clone() })
    }
}

impl Posts {
    /// What is told next, and behind which post the stream goes on once it is done. What has no
    /// such post is about one that was told before.
    pub(crate) fn next(&mut self) -> Result<(Told, Option<PostId>), ClientError> {
        loop {
            let event = self.stream.next()?;
            match Understood::new(&event) {
                Some(Understood::Told(told, position)) => return Ok((told, position)),
                Some(Understood::Other) => {}
                None => {
                    let deviation = Deviation::unexpected("GET", &event.data);
                    return Err(ClientError::deviation(&self.server, PROTOCOL, deviation));
                }
            }
        }
    }
}

/// What an event is.
enum Understood {
    /// It tells something; where the stream goes on behind it, if it says.
    Told(Told, Option<PostId>),
    /// It is of a kind that a later version has.
    Other,
}

impl Understood {
    /// `None` if it is nothing that a server says.
    fn new(event: &Event) -> Option<Self> {
        let position = event.id.as_deref().map(str::parse).transpose().ok()?;
        let told = match serde_json::from_str(&event.data).ok()? {
            EventLine::Post(line) => Told::Post(line.entry()?),
            EventLine::Deleted(DeletedLine { id: PostIdLine(id) }) => Told::Deleted { id },
            EventLine::Other => return Some(Self::Other),
        };
        Some(Self::Told(told, position))
    }
}

fn path(channel: &Channel) -> String {
    let shown = channel.to_string();
    format!("/api/v1/channels/{}", encoded(shown.strip_prefix('#').unwrap_or(&shown)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(id: Option<&str>, data: &str) -> Event {
        Event { id: id.map(str::to_owned), data: data.to_owned() }
    }

    #[test]
    fn events_are_posts_and_deletions_and_others_are_passed_over() {
        let post =
            r#"{"event":"post","id":"p0000000000004","time":"t","from":"mary","text":"a\nb"}"#;
        let understood = |id, data| Understood::new(&event(id, data));
        let told = understood(Some("p0000000000004"), post);
        assert!(matches!(told, Some(Understood::Told(Told::Post(_), Some(PostId(4))))));
        let deleted = r#"{"event":"deleted","id":"p0000000000004"}"#;
        // In its place, or of one that was told before.
        for (id, expected) in [(Some("p0000000000004"), Some(PostId(4))), (None, None)] {
            let Some(Understood::Told(told, position)) = understood(id, deleted) else { panic!() };
            assert!(matches!(told, Told::Deleted { id: PostId(4) }) && position == expected);
        }
        let other = understood(None, r#"{"event":"read","id":3}"#);
        assert!(matches!(other, Some(Understood::Other)));
        for data in ["", "{}", r#"{"event":"post","id":"p","time":"t","from":"m"}"#] {
            assert!(understood(None, data).is_none(), "{data}");
        }
    }

    #[test]
    fn the_path_of_a_channel_has_no_hash() {
        let channel = Channel::parse("#Grüße_2").unwrap();
        assert!(path(&channel).starts_with("/api/v1/channels/"));
        assert!(path(&channel).is_ascii() && !path(&channel).contains('#'));
    }
}
