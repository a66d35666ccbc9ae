//! Logs the members in, blocking, and lets each sender post once. Before
//! anything is measured, all members are thus present and the form of a received
//! post is known.

use std::io::BufReader;
use std::net::SocketAddr;

use anyhow::{Context as _, ensure};
use mio::{Events, Poll};

use super::line::{Line, MOST_SENDERS, Text};
use super::posts::{Posts, Reader};
use super::{Channel, Member, Plan, Protocol, Reads};
use crate::drive::dial::{self, Lines};
use crate::drive::digits;
use crate::drive::request::{Numbers, Requests, Template};
use crate::drive::side::OWN;
use crate::drive::socket::{EVENTS, READ_BUFFER_BYTES, Socket};

impl Channel {
    pub(crate) fn open(
        protocol: Protocol,
        address: SocketAddr,
        plan: &Plan,
    ) -> anyhow::Result<Self> {
        plan.check(protocol)?;
        let login = protocol.login();
        let mut members = dial::log_in(address, plan.members, login, &|at| plan.name(at as usize))?;
        let mut requests: Vec<Requests> =
            (0..plan.senders as usize).map(|sender| plan.requests(protocol, sender)).collect();
        for (requests, member) in requests.iter_mut().zip(&mut members) {
            dial::say(member, requests.next(1, 0))?;
        }
        let lines = learn(protocol, plan, &mut members)?;
        let posts = Posts::new(
            requests.into_iter().zip(lines).collect(),
            plan.members - 1,
            plan.witnesses.unwrap_or(plan.members - 1),
            plan.unseen,
            login,
        );
        let poll = Poll::new().context("creating the poll")?;
        let members = (0..)
            .zip(members)
            .map(|(number, lines)| Member::new(number, lines, plan, &poll))
            .collect::<anyhow::Result<_>>()?;
        Ok(Self {
            poll,
            events: Events::with_capacity(EVENTS),
            members,
            posts,
            buffer: vec![0; READ_BUFFER_BYTES].into_boxed_slice(),
            protocol,
            reads: Reads::default(),
        })
    }
}

impl Member {
    fn new(number: u32, lines: Lines, plan: &Plan, poll: &Poll) -> anyhow::Result<Self> {
        // Nobody posts now, so the bytes that are buffered and dropped here can
        // only be part of an announcement.
        let socket = Socket::new(BufReader::into_inner(lines), number, poll)?;
        let reader = Reader::new(number, plan.senders, plan.is_witness(number));
        Ok(Self { socket, reader })
    }
}

impl Plan {
    pub(super) fn check(&self, protocol: Protocol) -> anyhow::Result<()> {
        ensure!(
            self.members >= 2 && self.senders <= self.members && self.senders <= MOST_SENDERS,
            "{} senders do not fit {} members: a channel needs at least two members, and as \
             senders at most {MOST_SENDERS} of them",
            self.senders,
            self.members
        );
        ensure!(
            self.witnesses.is_none_or(|count| count > 0 && count <= self.members - self.senders),
            "there are {} members that do not send, so {} cannot be witnesses",
            self.members - self.senders,
            self.witnesses.unwrap_or_default()
        );
        let longest = protocol.longest_text();
        ensure!(
            self.body <= longest,
            "{} has no room for posts of {} bytes; ask for {longest} at most",
            protocol.label(),
            self.body
        );
        Ok(())
    }

    /// Witnesses are spread evenly over the members that only read.
    fn is_witness(&self, member: u32) -> bool {
        let Some(witnesses) = self.witnesses else {
            return true;
        };
        let readers = self.members - self.senders;
        let of = |reader: u32| u64::from(reader) * u64::from(witnesses) / u64::from(readers);
        member.checked_sub(self.senders).is_some_and(|reader| of(reader) < of(reader + 1))
    }

    fn name(&self, member: usize) -> String {
        format!("{OWN}{member:0width$}", width = digits::width(self.members))
    }

    /// The member that receives private messages.
    fn reader(&self) -> String {
        self.name(1)
    }

    fn requests(&self, protocol: Protocol, sender: usize) -> Requests {
        let text = Text::new(sender, self.body);
        let command = protocol.command(self.audience, &self.name(sender), &self.reader());
        let before = command + &text.before;
        let behind = text.behind + protocol.line_end();
        let template = Template::around(&before, text.digits, &behind);
        Requests::new(template, Numbers::cycle(u32::MAX), self.unseen)
    }
}

/// Waits until every member has the first post of all other senders, and
/// returns the form of their lines, by sender.
fn learn(protocol: Protocol, plan: &Plan, members: &mut [Lines]) -> anyhow::Result<Vec<Line>> {
    let senders: Vec<Introduction> = (0..plan.senders as usize)
        .map(|sender| Introduction::new(protocol, plan, sender))
        .collect();
    let mut learned: Vec<Option<Line>> = vec![None; senders.len()];
    for (own, lines) in members.iter_mut().enumerate() {
        let others = (0..senders.len()).filter(|&sender| sender != own);
        let mut missing: Vec<usize> = others.collect();
        while !missing.is_empty() {
            let line = dial::next_line(lines).with_context(|| {
                format!("member {own} has not received the first posts of senders {missing:?}")
            })?;
            if let Some(reply) = protocol.login().reply(line.trim_ascii_end()) {
                dial::say(lines, &reply)?;
            }
            let Some((sender, line)) =
                missing.iter().find_map(|&at| Some((at, senders[at].find(&line)?)))
            else {
                continue;
            };
            missing.retain(|&at| at != sender);
            let known = learned[sender].get_or_insert_with(|| line.clone());
            ensure!(
                *known == line,
                "member {own} received another line from sender {sender} than the others"
            );
        }
    }
    learned.into_iter().collect::<Option<_>>().context("a sender has no readers")
}

/// The end of a sender's first post, and what may precede it.
struct Introduction {
    end: String,
    fits: Box<dyn Fn(&str) -> bool>,
}

impl Introduction {
    fn new(protocol: Protocol, plan: &Plan, sender: usize) -> Self {
        let (name, reader, audience) = (plan.name(sender), plan.reader(), plan.audience);
        Self {
            end: Text::new(sender, plan.body).first() + protocol.line_end(),
            fits: Box::new(move |front| protocol.introduces(front, audience, &name, &reader)),
        }
    }

    fn find(&self, line: &[u8]) -> Option<Line> {
        let front = std::str::from_utf8(line.strip_suffix(self.end.as_bytes())?).ok()?;
        (self.fits)(front).then(|| Line::new(line, front.len()))
    }
}
