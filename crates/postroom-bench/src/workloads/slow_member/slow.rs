//! The members that read slowly.

use std::io::{ErrorKind, Read as _};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Context as _;

use crate::drive::dial::{self, Lines};
use crate::drive::login::Login;
use crate::drive::side::Side;
use crate::measure::process::PeerSocket;
use crate::workloads::channel::{Channel, Follower, Protocol};

/// How often the slow members read.
const INTERVAL: Duration = Duration::from_millis(20);

/// How long the lines left in a connection may take to arrive.
const CATCH_UP_LIMIT: Duration = Duration::from_secs(5);

const BUFFER_BYTES: usize = 64 * 1024;

/// What became of a slow member.
#[derive(Clone, Debug)]
pub(super) struct Ending {
    /// When the server closed the connection, counted from the first post.
    pub(super) closed_after: Option<Duration>,
    /// Whether an end of file or a reset has arrived.
    pub(super) ended: bool,
    /// Whether it has got as far as the others.
    pub(super) caught_up: bool,
    /// Bytes that have arrived.
    pub(super) arrived: u64,
    pub(super) seen: Follower,
}

/// All slow members of a round.
#[derive(Debug)]
pub(super) struct SlowMembers(Vec<SlowMember>);

#[derive(Debug)]
struct SlowMember {
    stream: TcpStream,
    peer: PeerSocket,
    ending: Ending,
}

impl SlowMembers {
    /// Lets `count` members join the channel.
    pub(super) fn join(
        side: &Side<Protocol>,
        process: u32,
        channel: &Channel,
        round: u32,
        count: u32,
    ) -> anyhow::Result<Self> {
        let name = |number| format!("slow{round}x{number}");
        let entered = dial::log_in(side.address, count, Login::Chat, &name)?;
        let member = |lines| SlowMember::new(lines, side, process, channel);
        Ok(Self(entered.into_iter().map(member).collect::<anyhow::Result<_>>()?))
    }

    /// Lets each read `rate` bytes a second until the round is over.
    pub(super) fn attend(&mut self, rate: u32, over: &AtomicBool) -> anyhow::Result<()> {
        let begin = Instant::now();
        let mut buffer = vec![0; BUFFER_BYTES];
        while !over.load(Ordering::Relaxed) {
            let elapsed = begin.elapsed();
            let allowed = elapsed.as_millis() * u128::from(rate) / 1000;
            for member in &mut self.0 {
                member.read_up_to(u64::try_from(allowed)?, &mut buffer);
                if member.ending.closed_after.is_none() && !member.peer.is_open() {
                    member.ending.closed_after = Some(elapsed);
                }
            }
            thread::sleep(INTERVAL);
        }
        Ok(())
    }

    /// Lets each read on, now that the round is over, until it has got as far as
    /// `others`.
    pub(super) fn catch_up(self, others: &Follower) -> anyhow::Result<Vec<Ending>> {
        self.0.into_iter().map(|member| member.catch_up(others)).collect()
    }
}

impl SlowMember {
    fn new(
        lines: Lines,
        side: &Side<Protocol>,
        process: u32,
        channel: &Channel,
    ) -> anyhow::Result<Self> {
        let stream = lines.into_inner();
        stream.set_nonblocking(true).context("making a socket non-blocking")?;
        let local = stream.local_addr().context("asking for an address")?;
        let peer = PeerSocket::find(process, side.address, local).with_context(|| {
            format!("process {process} does not have the slow member's connection")
        })?;
        let ending = Ending {
            closed_after: None,
            ended: false,
            caught_up: false,
            arrived: 0,
            seen: channel.follower(),
        };
        Ok(Self { stream, peer, ending })
    }

    fn read_up_to(&mut self, allowed: u64, buffer: &mut [u8]) {
        let room = usize::try_from(allowed.saturating_sub(self.ending.arrived));
        let room = room.map_or(buffer.len(), |room| room.min(buffer.len()));
        if room > 0 && !self.ending.ended {
            self.read(&mut buffer[..room]);
        }
    }

    /// Reads once; returns whether something was there.
    fn read(&mut self, buffer: &mut [u8]) -> bool {
        match self.stream.read(buffer) {
            Ok(0) => self.ending.ended = true,
            Ok(size) => {
                self.ending.arrived += size as u64;
                self.ending.seen.hear(&buffer[..size]);
                return true;
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => return true,
            Err(error) => self.ending.ended |= error.kind() != ErrorKind::WouldBlock,
        }
        false
    }

    fn catch_up(mut self, others: &Follower) -> anyhow::Result<Ending> {
        self.stream.set_nonblocking(false).context("making a socket blocking")?;
        self.stream.set_read_timeout(Some(CATCH_UP_LIMIT)).context("setting a read timeout")?;
        let mut buffer = vec![0; BUFFER_BYTES];
        while !self.ending.seen.is_as_far_as(others) && self.read(&mut buffer) {}
        self.ending.caught_up = self.ending.seen.is_as_far_as(others);
        Ok(self.ending)
    }
}
