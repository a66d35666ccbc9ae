use std::collections::HashMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use super::*;
use crate::measure::bare_server::{self, Work};

type Present = Arc<Mutex<HashMap<String, TcpStream>>>;

/// A chat server that delivers each text `copies` times.
fn server(copies: usize) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let present = Present::default();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let (present, stream) = (Arc::clone(&present), stream.unwrap());
            thread::spawn(move || serve(stream, &present, copies));
        }
    });
    address
}

fn serve(mut stream: TcpStream, present: &Present, copies: usize) {
    stream.write_all(b"Choose a name with /setname\n").unwrap();
    let mut name = String::new();
    for line in BufReader::new(stream.try_clone().unwrap()).lines() {
        let line = line.unwrap_or_default();
        let mut present = present.lock().unwrap();
        if let Some(text) = line.strip_prefix("/all ") {
            let line = format!("{name}: {text}\n").repeat(copies);
            for (_, peer) in present.iter_mut().filter(|(other, _)| **other != name) {
                // A peer may have left.
                let _ = peer.write_all(line.as_bytes());
            }
        } else if let Some(message) = line.strip_prefix("/private ") {
            let (reader, text) = message.split_once(' ').unwrap();
            let line = format!("{name}(private): {text}\n");
            present.get_mut(reader).unwrap().write_all(line.as_bytes()).unwrap();
        } else if let Some(own) = line.strip_prefix("/setname ") {
            own.clone_into(&mut name);
            stream.write_all(b"Username accepted\n").unwrap();
            for peer in present.values_mut() {
                peer.write_all(format!("{name} has joined\n").as_bytes()).unwrap();
            }
            present.insert(name.clone(), stream.try_clone().unwrap());
        }
    }
}

fn plan(audience: Audience, members: u32, senders: u32) -> Plan {
    Plan { audience, members, senders, unseen: 3, witnesses: None, body: 40 }
}

fn open(copies: usize, plan: &Plan) -> anyhow::Result<Channel> {
    Channel::open(Protocol::Chat, server(copies), plan)
}

fn line_bytes(channel: &Channel) -> Vec<usize> {
    channel.posts.upcoming().map(|(line, _)| line.bytes()).collect()
}

#[test]
fn everyone_else_gets_every_post() {
    for witnesses in [None, Some(2)] {
        let mut channel = open(1, &Plan { witnesses, ..plan(Audience::Everyone, 5, 2) }).unwrap();
        for _ in 0..2 {
            let tally = channel.run(Pace::Seen(Extent::Total(50))).unwrap();
            assert_eq!((tally.answers, tally.wrong), (50 * 4, 0));
        }
        assert_eq!(line_bytes(&channel), ["bench0: \n".len() + 40; 2]);
        assert!(channel.posts_a_read().is_some_and(|posts| posts >= 1.0));
        channel.end().unwrap();
    }
}

#[test]
fn posts_at_a_rate_are_all_sent() {
    let mut channel = open(1, &plan(Audience::Everyone, 3, 3)).unwrap();
    let pace = Pace::Every(Duration::from_millis(2), Duration::from_millis(20));
    assert_eq!(channel.run(pace).unwrap().answers, 10 * 2);
}

#[test]
fn a_private_message_has_one_reader() {
    let mut channel = open(1, &plan(Audience::Private, 2, 1)).unwrap();
    assert_eq!(channel.run(Pace::Seen(Extent::Total(20))).unwrap().answers, 20);
}

#[test]
fn a_server_that_repeats_a_post_fails_the_run() {
    let mut channel = open(2, &plan(Audience::Everyone, 2, 1)).unwrap();
    let error = channel.run(Pace::Seen(Extent::Total(5))).unwrap_err();
    assert!(format!("{error:#}").contains("expected"), "{error:#}");
}

#[test]
fn senders_are_members_and_witnesses_are_not_senders() {
    let with = |members, senders, witnesses| {
        let plan = Plan { witnesses, ..plan(Audience::Everyone, members, senders) };
        plan.check(Protocol::Chat)
    };
    assert!(with(2, 2, None).is_ok() && with(5, 2, Some(3)).is_ok());
    assert!(with(2, 3, None).is_err() && with(1, 1, None).is_err());
    assert!(with(5, 2, Some(4)).is_err());
}

#[test]
fn the_floor_repeats_the_lines_of_chat() {
    let plan = plan(Audience::Everyone, 5, 1);
    let server = bare_server::tests::start(Work::Repeat);
    let mut floor = Channel::open(Protocol::Bare, server, &plan).unwrap();
    assert_eq!(line_bytes(&floor), line_bytes(&open(1, &plan).unwrap()));
    let tally = floor.run(Pace::Seen(Extent::Total(50))).unwrap();
    assert_eq!((tally.answers, tally.wrong), (50 * 4, 0));
    floor.end().unwrap();
}
