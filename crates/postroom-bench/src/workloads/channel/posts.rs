//! Which posts were sent, and which members still lack them.
//!
//! Pure: bytes in, bytes out.

use std::time::Instant;

use anyhow::ensure;

use super::line::Line;
use crate::drive::fleet::Extent;
use crate::drive::login::Login;
use crate::drive::request::Requests;
use crate::measure::tally::Tally;

/// Where not all members are witnesses, a sender also waits for a member that
/// lacks this many times the posts that a witness may lack.
const LAG_MAX: usize = 64;

/// A member that receives posts.
#[derive(Debug)]
pub(super) struct Reader {
    /// The number of the next post, by sender.
    expected: Box<[u32]>,
    witness: bool,
}

impl Reader {
    /// Expects the second post of each of `senders`, of which it may be one.
    pub(super) fn new(number: u32, senders: u32, witness: bool) -> Self {
        let mut expected = vec![1; senders as usize];
        if let Some(own) = expected.get_mut(number as usize) {
            // Nobody receives their own posts.
            *own = u32::MAX;
        }
        Self { expected: expected.into_boxed_slice(), witness }
    }
}

#[derive(Debug)]
pub(super) struct Posts {
    senders: Vec<Sender>,
    /// Members that receive each post.
    readers: u32,
    /// How many of them are witnesses.
    witnesses: u32,
    /// Posts of each sender that may be unseen.
    unseen_max: usize,
    /// Posts of all senders that some member lacks.
    lacking: usize,
    /// When sending stops.
    deadline: Option<Instant>,
    /// The sender whose turn it is, where they take turns.
    turn: usize,
    /// For the replies that the protocol demands.
    login: Login,
    /// The last line that was not a post, for error messages.
    stranger: Vec<u8>,
}

/// A member that posts.
#[derive(Debug)]
struct Sender {
    requests: Requests,
    line: Line,
    /// Posts that some member lacks: a ring buffer, indexed by post number.
    under_way: Box<[UnderWay]>,
    lacking: usize,
    unseen: usize,
    /// The number of the next post.
    next: u32,
    /// Posts that this sender has yet to send in this round.
    left: u64,
}

#[derive(Clone, Copy, Debug)]
struct UnderWay {
    sent_at: Instant,
    /// Members that lack it.
    missing: u32,
    /// Witnesses among them.
    unwitnessed: u32,
}

impl Posts {
    /// Senders with their requests and the lines that readers receive. Each has
    /// sent its first request already.
    pub(super) fn new(
        senders: Vec<(Requests, Line)>,
        readers: u32,
        witnesses: u32,
        unseen_max: u32,
        login: Login,
    ) -> Self {
        let nothing = UnderWay { sent_at: Instant::now(), missing: 0, unwitnessed: 0 };
        let unseen_max = unseen_max as usize;
        let ring = if witnesses == readers { unseen_max } else { unseen_max * LAG_MAX };
        let senders = senders
            .into_iter()
            .map(|(requests, line)| Sender {
                requests,
                line,
                under_way: vec![nothing; ring].into_boxed_slice(),
                lacking: 0,
                unseen: 0,
                next: 1,
                left: 0,
            })
            .collect();
        let stranger = Vec::new();
        let (lacking, deadline, turn) = (0, None, 0);
        Self { senders, readers, witnesses, unseen_max, lacking, deadline, turn, login, stranger }
    }

    pub(super) fn senders(&self) -> usize {
        self.senders.len()
    }

    /// Posts that some member lacks.
    pub(super) fn lacking(&self) -> usize {
        self.lacking
    }

    /// Of each sender the form of its lines and the number of its next post.
    pub(super) fn upcoming(&self) -> impl Iterator<Item = (Line, u32)> {
        self.senders.iter().map(|sender| (sender.line.clone(), sender.next))
    }

    /// For the error of a stuck run: what the server sent instead of posts.
    pub(super) fn stranger(&self) -> String {
        if self.stranger.is_empty() {
            return String::new();
        }
        format!("; the last line that was not a post: `{}`", self.stranger.escape_ascii())
    }

    /// Sets how many posts each sender sends in the coming round.
    pub(super) fn allot(&mut self, extent: Extent, deadline: Option<Instant>) {
        let count = self.senders.len() as u64;
        for (number, sender) in (0..).zip(&mut self.senders) {
            sender.left = extent.share(number, count);
        }
        self.deadline = deadline;
    }

    /// Adds one post for the sender whose turn it is.
    pub(super) fn allot_one(&mut self) {
        self.senders[self.turn].left += 1;
        self.turn = (self.turn + 1) % self.senders.len();
    }

    /// Whether no sender still has a post to send.
    pub(super) fn all_sent(&self) -> bool {
        self.senders.iter().all(|sender| sender.left == 0)
    }

    /// The posts that `sender` may send at `now`, as one piece.
    #[inline]
    pub(super) fn next(&mut self, sender: usize, now: Instant) -> &[u8] {
        let sender = &mut self.senders[sender];
        let unseen_room = self.unseen_max - sender.unseen;
        let room = unseen_room.min(sender.under_way.len() - sender.lacking);
        let count = usize::try_from(sender.left).map_or(room, |left| left.min(room));
        if count == 0 || self.deadline.is_some_and(|deadline| now >= deadline) {
            return &[];
        }
        sender.left -= count as u64;
        for _ in 0..count {
            let place = sender.place(sender.next);
            let (missing, unwitnessed) = (self.readers, self.witnesses);
            sender.under_way[place] = UnderWay { sent_at: now, missing, unwitnessed };
            sender.next += 1;
        }
        sender.unseen += count;
        sender.lacking += count;
        self.lacking += count;
        sender.requests.next(count, 0)
    }

    /// Counts the posts in `bytes`, which `reader` received at `now`, and adds
    /// the replies that the protocol demands to `reply`. Returns how many bytes
    /// were whole lines.
    #[inline]
    pub(super) fn hear(
        &mut self,
        bytes: &[u8],
        now: Instant,
        reader: &mut Reader,
        tally: &mut Tally,
        reply: &mut Vec<u8>,
    ) -> anyhow::Result<usize> {
        let mut taken = 0;
        // Posts of one sender tend to arrive together.
        let mut likely = 0;
        loop {
            let rest = &bytes[taken..];
            if let Some((sender, number)) = self.post(rest, likely) {
                self.deliver(sender, number, now, reader, tally)?;
                likely = sender;
                taken += self.senders[sender].line.bytes();
            } else if let Some(end) = rest.iter().position(|&byte| byte == b'\n') {
                self.take_other(&rest[..end], reply);
                taken += end + 1;
            } else {
                return Ok(taken);
            }
        }
    }

    /// The sender and the number of the post at the front of `bytes`.
    #[inline]
    fn post(&self, bytes: &[u8], likely: usize) -> Option<(usize, u32)> {
        let of = |sender: usize| Some((sender, self.senders[sender].line.number(bytes)?));
        of(likely).or_else(|| (0..self.senders.len()).find_map(of))
    }

    #[inline]
    fn deliver(
        &mut self,
        from: usize,
        number: u32,
        now: Instant,
        reader: &mut Reader,
        tally: &mut Tally,
    ) -> anyhow::Result<()> {
        let sender = &mut self.senders[from];
        let place = sender.place(number);
        let under_way = &mut sender.under_way[place];
        ensure!(
            number == reader.expected[from] && under_way.missing > 0,
            "received post {number} of sender {from}, expected {}",
            reader.expected[from]
        );
        reader.expected[from] += 1;
        tally.count(now.duration_since(under_way.sent_at));
        under_way.missing -= 1;
        if under_way.missing == 0 {
            sender.lacking -= 1;
            self.lacking -= 1;
        }
        if reader.witness {
            under_way.unwitnessed -= 1;
            if under_way.unwitnessed == 0 {
                sender.unseen -= 1;
            }
        }
        Ok(())
    }

    /// Handles a line that is not a post: an announcement, or a PING.
    #[cold]
    fn take_other(&mut self, line: &[u8], reply: &mut Vec<u8>) {
        let line = line.trim_ascii_end();
        if let Some(answer) = self.login.reply(line) {
            reply.extend_from_slice(&answer);
        } else {
            self.stranger.clear();
            self.stranger.extend_from_slice(line);
        }
    }
}

impl Sender {
    #[inline]
    fn place(&self, number: u32) -> usize {
        number as usize % self.under_way.len()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::drive::request::{Numbers, Template};
    use crate::workloads::channel::line::Text;

    /// Two senders with two posts unseen at most, and two readers of each.
    fn posts(witnesses: u32) -> Posts {
        let sender = |number, name: &str| {
            let text = Text::new(number, 17);
            let line = Line::new(format!("{name}: {}\n", text.first()).as_bytes(), 5);
            let template = Template::around(&text.before, text.digits, &text.behind);
            let mut requests = Requests::new(template, Numbers::cycle(u32::MAX), 2);
            requests.next(1, 0);
            (requests, line)
        };
        let mut posts =
            Posts::new(vec![sender(0, "ann"), sender(1, "bob")], 2, witnesses, 2, Login::Irc);
        posts.allot(Extent::For(Duration::from_mins(1)), None);
        posts
    }

    fn line(name: &str, sender: usize, number: u32) -> String {
        format!("{name}: {sender:03} {number:010} xx\n")
    }

    /// A member that posts nothing.
    fn reader(witness: bool) -> Reader {
        Reader::new(2, 2, witness)
    }

    fn hear(posts: &mut Posts, text: &str, mut reader: Reader) -> anyhow::Result<usize> {
        let (now, mut tally) = (Instant::now(), Tally::new());
        posts.hear(text.as_bytes(), now, &mut reader, &mut tally, &mut Vec::new())
    }

    #[test]
    fn a_post_is_seen_once_all_have_received_it() {
        let mut posts = posts(2);
        assert_eq!(posts.next(0, Instant::now()), b"000 0000000001 xx000 0000000002 xx");
        assert!(posts.next(0, Instant::now()).is_empty());
        hear(&mut posts, &line("ann", 0, 1), reader(true)).unwrap();
        assert_eq!(posts.lacking(), 2);
        hear(&mut posts, &line("ann", 0, 1), reader(true)).unwrap();
        assert_eq!(posts.lacking(), 1);
        assert_eq!(posts.next(0, Instant::now()), b"000 0000000003 xx");
    }

    #[test]
    fn a_sender_waits_for_witnesses_and_a_round_for_all() {
        let mut posts = posts(1);
        posts.next(0, Instant::now());
        hear(&mut posts, &line("ann", 0, 1), reader(false)).unwrap();
        assert!(posts.next(0, Instant::now()).is_empty());
        hear(&mut posts, &line("ann", 0, 1), reader(true)).unwrap();
        assert_eq!(posts.next(0, Instant::now()), b"000 0000000003 xx");
        let both = line("ann", 0, 2) + &line("ann", 0, 3);
        let mut late = reader(true);
        late.expected[0] = 2;
        hear(&mut posts, &both, late).unwrap();
        assert_eq!(posts.lacking(), 2);
    }

    #[test]
    fn posts_come_split_and_mixed_with_other_lines() {
        let stream = [&*line("ann", 0, 1), "PING :x\r\n", &line("bob", 1, 1), &line("ann", 0, 2)];
        let stream = stream.concat();
        for split in 0..=stream.len() {
            let mut posts = posts(2);
            for sender in 0..2 {
                posts.next(sender, Instant::now());
            }
            let (mut reader, mut tally, mut reply) = (reader(true), Tally::new(), Vec::new());
            let mut taken = 0;
            for end in [split, stream.len()] {
                let bytes = &stream.as_bytes()[taken..end];
                let now = Instant::now();
                taken += posts.hear(bytes, now, &mut reader, &mut tally, &mut reply).unwrap();
            }
            assert_eq!((taken, tally.answers), (stream.len(), 3), "split at {split}");
            assert_eq!((&*reader.expected, &*reply), (&[3, 2][..], &b"PONG :x\r\n"[..]));
        }
    }

    #[test]
    fn a_missing_repeated_or_unknown_post_ends_the_run() {
        for wrong in [line("ann", 0, 2), line("ann", 0, 1).repeat(2), line("bob", 1, 1)] {
            let mut posts = posts(2);
            posts.next(0, Instant::now());
            let error = hear(&mut posts, &wrong, reader(true)).unwrap_err();
            assert!(error.to_string().contains("expected"), "{error}");
        }
    }

    #[test]
    fn nothing_is_posted_after_the_deadline() {
        let mut posts = posts(2);
        let now = Instant::now();
        posts.allot(Extent::Total(3), Some(now));
        assert!(posts.next(0, now).is_empty());
        posts.allot(Extent::Total(3), None);
        assert!(
            !posts.next(0, now).is_empty() && posts.all_sent() == posts.next(1, now).is_empty()
        );
    }

    #[test]
    fn senders_take_turns() {
        let mut posts = posts(2);
        posts.allot(Extent::Total(0), None);
        (0..3).for_each(|_| posts.allot_one());
        let lengths = [0, 1].map(|sender| posts.next(sender, Instant::now()).len());
        assert_eq!(lengths, [34, 17]);
        assert!(posts.all_sent());
    }
}
