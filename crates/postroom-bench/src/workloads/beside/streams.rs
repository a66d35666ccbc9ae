//! Streams of a channel over HTTP, as server-sent events, all of which get each post.

use std::io::{BufReader, ErrorKind};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use clap::Args;
use mio::{Events, Poll};

use super::{Crowd, Crowded, HonestOptions};
use crate::drive::answer::Expected;
use crate::drive::dial;
use crate::drive::digits;
use crate::drive::fleet::{Extent, Fleet, STALL};
use crate::drive::http;
use crate::drive::login::Login;
use crate::drive::request::{Numbers, Requests, Template};
use crate::drive::side::SETUP;
use crate::drive::socket::{EVENTS, READ_BUFFER_BYTES, Socket};
use crate::measure::tally::Tally;
use crate::options::{address, at_least_one};

/// The field of an event that holds a post's text, up to the text.
const TEXT: &[u8] = b"\"text\":\"";

/// Digits of a post's number, its text.
const NUMBER_DIGITS: usize = 10;

/// How often a posting crowd looks whether the round is over.
const INTERVAL: Duration = Duration::from_millis(10);

#[derive(Debug, Args)]
pub(super) struct StreamsOptions {
    #[command(flatten)]
    pub(super) honest: HonestOptions,
    /// Address of the server's `http` listener
    #[arg(long, value_name = "HOST:PORT", value_parser = address)]
    http: SocketAddr,
    /// Streams, each of an account of its own
    #[arg(long, default_value_t = 5000, value_parser = at_least_one())]
    streams: u32,
    /// Posts a second
    #[arg(long, default_value_t = 1, value_parser = at_least_one())]
    rate: u32,
}

impl StreamsOptions {
    pub(super) fn crowd(&self) -> Streams {
        let Self { http, streams, rate, .. } = *self;
        let interval = Duration::from_secs(1) / rate;
        Streams { http, count: streams, interval, posted: 0, opened: Vec::new() }
    }
}

#[derive(Debug)]
pub(super) struct Streams {
    http: SocketAddr,
    count: u32,
    interval: Duration,
    /// Posts of all rounds.
    posted: u32,
    opened: Vec<TcpStream>,
}

impl Crowd for Streams {
    fn labels(&self) -> (&'static str, String) {
        ("streams", self.count.to_string())
    }

    fn enter(&mut self, _round: u32) -> anyhow::Result<()> {
        // A channel is there once something was posted.
        let (mut fleet, mut requests) = poster(self.http, &number(self.posted))?;
        self.posted += 1;
        let tally = fleet.run(&mut requests, Extent::Total(1))?;
        if let Some(wrong) = tally.first_wrong {
            bail!("the server refused a post: {wrong}");
        }
        let name = |number| format!("stream{number}");
        let opened = dial::log_in(self.http, self.count, Login::Stream, &name)?;
        self.opened = opened.into_iter().map(BufReader::into_inner).collect();
        Ok(())
    }

    fn run(&mut self, is_there: bool, over: &AtomicBool) -> anyhow::Result<Crowded> {
        if !is_there {
            return Ok(Crowded::default());
        }
        let opened = std::mem::take(&mut self.opened);
        let mut round = Round::begin(self.http, opened, self.posted)?;
        let mut due = Instant::now();
        while !over.load(Ordering::Relaxed) {
            if due <= Instant::now() {
                round.post()?;
                due += self.interval;
            }
            round.turn(INTERVAL)?;
        }
        let mut heard = Instant::now();
        while !round.is_complete() {
            if round.turn(INTERVAL)? {
                heard = Instant::now();
            }
            ensure!(heard.elapsed() < STALL, "{} streams lack posts", round.behind());
        }
        self.posted += u32::try_from(round.sent_at.len())?;
        let Round { tally, .. } = round;
        Ok(Crowded {
            requests: tally.answers,
            wait: Some(tally.quantile(0.99)),
            wrong: tally.first_wrong,
        })
    }

    fn leave(&mut self) {
        self.opened.clear();
    }
}

/// A post's text.
fn number(number: u32) -> String {
    format!("{number:0NUMBER_DIGITS$}")
}

/// A connection that posts `text`, with its digits overwritten by 0.
fn poster(http: SocketAddr, text: &str) -> anyhow::Result<(Fleet, Requests)> {
    let request = http::of_channel("POST", "posts", SETUP, text);
    let requests = Requests::new(Template::around(&request, 0, ""), Numbers::Own, 1);
    Ok((Fleet::new(dial::open(http, 1)?, 1, Expected::Created)?, requests))
}

/// The streams and the poster of a round.
struct Round {
    poll: Poll,
    events: Events,
    streams: Vec<(Socket, Listener)>,
    poster: Socket,
    /// When each post of the round was sent.
    sent_at: Vec<Instant>,
    /// The number of the first one.
    first: u32,
    tally: Tally,
    buffer: Box<[u8]>,
}

impl Round {
    fn begin(http: SocketAddr, opened: Vec<TcpStream>, first: u32) -> anyhow::Result<Self> {
        let poll = Poll::new().context("creating the poll")?;
        let streams: Vec<_> = (0..)
            .zip(opened)
            .map(|(token, stream)| Ok((Socket::new(stream, token, &poll)?, Listener::default())))
            .collect::<anyhow::Result<_>>()?;
        let token = u32::try_from(streams.len())?;
        let poster = Socket::new(dial::connect(http)?, token, &poll)?;
        Ok(Self {
            poll,
            events: Events::with_capacity(EVENTS),
            streams,
            poster,
            sent_at: Vec::new(),
            first,
            tally: Tally::new(),
            buffer: vec![0; READ_BUFFER_BYTES].into_boxed_slice(),
        })
    }

    fn post(&mut self) -> anyhow::Result<()> {
        let text = number(self.first + u32::try_from(self.sent_at.len())?);
        self.sent_at.push(Instant::now());
        self.poster.send(http::of_channel("POST", "posts", SETUP, &text).as_bytes())
    }

    /// Waits up to `patience` for events and handles them; returns whether there were any.
    fn turn(&mut self, patience: Duration) -> anyhow::Result<bool> {
        match self.poll.poll(&mut self.events, Some(patience)) {
            Err(error) if error.kind() == ErrorKind::Interrupted => return Ok(true),
            result => result.context("waiting for posts")?,
        }
        let Self { events, streams, poster, sent_at, first, tally, buffer, .. } = self;
        for event in events.iter().filter(|event| event.is_readable()) {
            match streams.get_mut(event.token().0) {
                Some((socket, listener)) => {
                    socket.receive(buffer, |bytes, now| {
                        Ok(listener.hear(bytes, now, *first, sent_at, tally))
                    })?;
                }
                None => {
                    poster.receive(buffer, |bytes, _| Ok(refusals(bytes, tally)))?;
                }
            }
        }
        poster.flush()?;
        Ok(!events.is_empty())
    }

    fn is_complete(&self) -> bool {
        self.behind() == 0
    }

    /// How many streams lack a post.
    fn behind(&self) -> usize {
        self.streams.iter().filter(|(_, listener)| listener.heard < self.sent_at.len()).count()
    }
}

/// Takes the answers to posts, and counts those that are not the expected one.
fn refusals(bytes: &[u8], tally: &mut Tally) -> usize {
    let mut taken = 0;
    while let Some(answer) = Expected::Created.take(&bytes[taken..]) {
        if !answer.right {
            tally.count_wrong(&bytes[taken..taken + answer.length]);
        }
        taken += answer.length;
    }
    taken
}

/// What a stream has told: each post of the round must come once, in order.
#[derive(Debug, Default)]
struct Listener {
    /// Posts of the round.
    heard: usize,
}

impl Listener {
    /// Counts the posts in `bytes`; returns how many bytes make whole lines.
    fn hear(
        &mut self,
        bytes: &[u8],
        now: Instant,
        first: u32,
        sent_at: &[Instant],
        tally: &mut Tally,
    ) -> usize {
        let mut taken = 0;
        while let Some(length) = bytes[taken..].iter().position(|&byte| byte == b'\n') {
            let line = &bytes[taken..=taken + length];
            taken += line.len();
            let Some(at) = line.windows(TEXT.len()).position(|part| part == TEXT) else {
                continue;
            };
            let text = line.get(at + TEXT.len()..).and_then(|text| text.get(..NUMBER_DIGITS));
            let number = text.and_then(digits::read);
            match sent_at.get(self.heard) {
                Some(sent_at)
                    if number.map(|number| number as usize)
                        == Some(first as usize + self.heard) =>
                {
                    tally.count(now.duration_since(*sent_at));
                }
                _ => tally.count_wrong(line),
            }
            self.heard += 1;
        }
        taken
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(number: u32) -> String {
        format!("5a\r\nid: p0\nevent: post\ndata: {{\"text\":\"{number:010}\"}}\n\n\r\n")
    }

    fn heard(text: &str) -> Tally {
        let mut tally = Tally::new();
        let sent_at = [Instant::now(); 3];
        for split in 0..text.len() {
            tally = Tally::new();
            let mut listener = Listener::default();
            let now = Instant::now();
            let taken = listener.hear(&text.as_bytes()[..split], now, 7, &sent_at, &mut tally);
            listener.hear(&text.as_bytes()[taken..], now, 7, &sent_at, &mut tally);
            assert_eq!(listener.heard as u64, tally.answers + tally.wrong);
        }
        tally
    }

    #[test]
    fn each_post_comes_once_and_in_order() {
        let right = heard(&[&*event(7), ":\n\n", &event(8)].concat());
        assert_eq!((right.answers, right.wrong), (2, 0));
        for wrong in [[7, 7], [7, 9], [8, 9], [9, 8]] {
            assert!(heard(&wrong.map(event).concat()).wrong > 0, "{wrong:?}");
        }
    }
}
