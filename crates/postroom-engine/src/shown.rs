//! The lines of posts, written once for all members of a channel who are told the same.

use postroom_protocol::ShowPost;

use crate::recent::Untold;

/// The lines that were written last.
#[derive(Debug, Default)]
pub(crate) struct ShownPosts {
    of: Option<Shown>,
    lines: Vec<u8>,
    /// How many posts they show.
    posts: usize,
}

/// What the lines show: the posts of one channel, to sessions of one protocol.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct Shown {
    protocol: &'static str,
    /// The sequence number of the first post, which no other post has.
    first: u64,
    posts: usize,
    bytes_max: usize,
}

impl ShownPosts {
    /// The lines of posts for a protocol, and how many posts they show: no more once they
    /// have more than `bytes_max` bytes.
    pub(crate) fn lines(
        &mut self,
        protocol: &'static str,
        show: ShowPost,
        untold: &Untold<'_>,
        bytes_max: usize,
    ) -> (&[u8], usize) {
        let of = Shown { protocol, first: untold.first(), posts: untold.len(), bytes_max };
        if self.of != Some(of) {
            self.of = Some(of);
            self.lines.clear();
            self.posts = 0;
            for posted in untold.posts() {
                show(posted, &mut self.lines);
                self.posts += 1;
                if self.lines.len() > bytes_max {
                    break;
                }
            }
        }
        (&self.lines, self.posts)
    }
}
