//! Pages of a channel's history, read over HTTP at random places and at a steady rate.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use clap::Args;

use super::{Crowd, Crowded, HonestOptions};
use crate::drive::answer::Expected;
use crate::drive::dial;
use crate::drive::fleet::{Extent, Fleet};
use crate::drive::http;
use crate::drive::request::{Numbers, Requests, Template};
use crate::drive::side::{OWN, SETUP};
use crate::drive::xorshift::Xorshift;
use crate::measure::tally::Tally;
use crate::options::{address, at_least_one};
use crate::report;

/// Posts of a page: the most that the server gives.
const PAGE: u32 = 100;

/// Connections and requests in flight that fill the channel.
const FILL_CONNECTIONS: u32 = 50;
const FILL_IN_FLIGHT: u32 = 8;

/// The digits of an id behind its letter.
const DIGITS: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
const ID_DIGITS: usize = 13;

#[derive(Debug, Args)]
pub(super) struct PagesOptions {
    #[command(flatten)]
    pub(super) honest: HonestOptions,
    /// Address of the server's `http` listener
    #[arg(long, value_name = "HOST:PORT", value_parser = address)]
    http: SocketAddr,
    /// Posts that are added to the channel `#bench` before the first round; let the server
    /// keep as many (`channels.posts`)
    #[arg(long, default_value_t = 1_000_000)]
    fill: u32,
    /// Pages a second
    #[arg(long, default_value_t = 20, value_parser = at_least_one())]
    rate: u32,
}

impl PagesOptions {
    pub(super) fn crowd(&self) -> anyhow::Result<Pages> {
        let Self { http, fill, rate, ref honest } = *self;
        let text = "x".repeat(honest.body);
        let request = Template::around(&http::of_channel("POST", "posts", OWN, &text), 0, "");
        let mut requests = Requests::new(request, Numbers::Own, FILL_IN_FLIGHT);
        let streams = dial::open(http, FILL_CONNECTIONS)?;
        let mut fleet = Fleet::new(streams, FILL_IN_FLIGHT, Expected::Created)?;
        let tally = fleet.run(&mut requests, Extent::Total(fill.into()))?;
        ensure!(tally.wrong == 0, "the server refused posts: {:?}", tally.first_wrong);
        let mut reader = Reader { stream: dial::connect(http)?, received: Vec::new() };
        let oldest = reader.first("posts?count=1&after=p0000000000000")?;
        let newest = reader.first("posts?count=1")?;
        report::line(&format!("the channel has posts from {} to {}", id(oldest), id(newest)));
        ensure!(newest - oldest >= u64::from(PAGE), "the channel has too few posts for a page");
        let interval = Duration::from_secs(1) / rate;
        Ok(Pages { reader, oldest, newest, interval, random: Xorshift::new() })
    }
}

#[derive(Debug)]
pub(super) struct Pages {
    reader: Reader,
    oldest: u64,
    newest: u64,
    interval: Duration,
    random: Xorshift,
}

impl Crowd for Pages {
    fn labels(&self) -> (&'static str, String) {
        ("pages", format!("{}/s", 1_000_000 / self.interval.as_micros().max(1)))
    }

    fn run(&mut self, is_there: bool, over: &AtomicBool) -> anyhow::Result<Crowded> {
        if !is_there {
            return Ok(Crowded::default());
        }
        let mut tally = Tally::new();
        let mut due = Instant::now();
        while !over.load(Ordering::Relaxed) {
            let span = u32::try_from(self.newest - self.oldest - u64::from(PAGE))?;
            let from = id(self.oldest + u64::from(self.random.below(span.max(1))));
            let page = self.reader.get(&format!("posts?count={PAGE}&from={from}"))?;
            match Expected::Page(PAGE as usize).take(&page) {
                Some(answer) if answer.right => tally.count(due.elapsed()),
                _ => tally.count_wrong(&page[..page.len().min(400)]),
            }
            due += self.interval;
            thread::sleep(due.saturating_duration_since(Instant::now()));
        }
        Ok(Crowded {
            requests: tally.answers,
            wait: Some(tally.quantile(0.99)),
            wrong: tally.first_wrong,
        })
    }
}

/// A connection that asks for one page at a time.
#[derive(Debug)]
struct Reader {
    stream: TcpStream,
    received: Vec<u8>,
}

impl Reader {
    /// The response to a request of the channel.
    fn get(&mut self, path: &str) -> anyhow::Result<Vec<u8>> {
        let request = http::of_channel("GET", path, SETUP, "");
        self.stream.write_all(request.as_bytes()).context("asking for a page")?;
        let mut buffer = [0; 16 * 1024];
        loop {
            if let Some(answer) = Expected::Page(0).take(&self.received) {
                let behind = self.received.split_off(answer.length);
                return Ok(std::mem::replace(&mut self.received, behind));
            }
            let size = self.stream.read(&mut buffer).context("waiting for a page")?;
            ensure!(size > 0, "the server closed the connection; its log may say why");
            self.received.extend_from_slice(&buffer[..size]);
        }
    }

    /// The number of the first post of a page.
    fn first(&mut self, path: &str) -> anyhow::Result<u64> {
        let page = self.get(path)?;
        let text = String::from_utf8_lossy(&page);
        let found =
            text.split_once("\"id\":\"p").and_then(|(_, rest)| number(rest.get(..ID_DIGITS)?));
        found.with_context(|| format!("no post in the page: {text}"))
    }
}

/// A post's id.
fn id(number: u64) -> String {
    let digit = |at: usize| char::from(DIGITS[(number >> (5 * at) & 31) as usize]);
    std::iter::once('p').chain((0..ID_DIGITS).rev().map(digit)).collect()
}

/// The number in the digits of an id.
fn number(digits: &str) -> Option<u64> {
    digits.bytes().try_fold(0, |number: u64, byte| {
        let digit = DIGITS.iter().position(|&digit| digit == byte)?;
        Some(number << 5 | digit as u64)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_numbers_in_base_32() {
        assert_eq!(id(33), "p0000000000011");
        for value in [0, 31, 1_000_000, u64::MAX] {
            assert_eq!(number(&id(value)[1..]), Some(value));
        }
        assert_eq!(number("i"), None);
    }
}
