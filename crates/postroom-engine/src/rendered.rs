//! The lines of posts, rendered once for all members of a channel who are told the same.

use postroom_protocol::RenderPost;

use crate::recent::Untold;

/// The lines that were rendered last.
#[derive(Debug, Default)]
pub(crate) struct RenderedPosts {
    run: Option<Run>,
    lines: Vec<u8>,
    /// How many posts they are of.
    posts: usize,
}

/// What is rendered: successive posts of one channel, for sessions of one protocol.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct Run {
    protocol: &'static str,
    /// The sequence number of the first post, which no other post has.
    first: u64,
    posts: usize,
    bytes_max: usize,
}

impl RenderedPosts {
    /// The lines of posts in a protocol, and of how many posts they are: of no more once
    /// they have more than `bytes_max` bytes.
    pub(crate) fn lines(
        &mut self,
        protocol: &'static str,
        render: RenderPost,
        untold: &Untold<'_>,
        bytes_max: usize,
    ) -> (&[u8], usize) {
        let run = Run { protocol, first: untold.first(), posts: untold.len(), bytes_max };
        if self.run != Some(run) {
            self.run = Some(run);
            self.lines.clear();
            self.posts = 0;
            for posted in untold.posts() {
                render(posted, &mut self.lines);
                self.posts += 1;
                if self.lines.len() > bytes_max {
                    break;
                }
            }
        }
        (&self.lines, self.posts)
    }
}
