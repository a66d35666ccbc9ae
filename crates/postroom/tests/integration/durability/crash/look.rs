//! What a server returns after a restart.

use super::log_in;
use super::posts::CHANNELS;
use super::record::Letter;

use crate::harness::support::{Client, Server};

pub(super) type Timelines = [Vec<Letter>; CHANNELS];

/// All messages in some mailboxes, in order; they stay there.
pub(super) fn read_all(server: &Server, mailboxes: &[&str], verbose: bool) -> Vec<Vec<Letter>> {
    // All at once, since some passwords have to be checked.
    let log_in = |name| {
        let mut client = server.connect(if verbose { "mailbox-verbose" } else { "mailbox" });
        client.send(&log_in(name));
        client
    };
    let clients: Vec<_> = mailboxes.iter().map(|name| log_in(name)).collect();
    let names = mailboxes.iter().zip(clients);
    names
        .map(|(name, client)| if verbose { verbosely(client, name) } else { strictly(client) })
        .collect()
}

/// The commands go out together, so none proves that an earlier answer arrived, and
/// then the connection is reset.
fn strictly(mut client: Client) -> Vec<Letter> {
    let count: usize = client.line().parse().unwrap();
    client.send(&"READ\n".repeat(count + 1));
    let letters =
        (0..count).map(|_| Letter { sender: client.line(), text: client.line() }).collect();
    assert_eq!(client.line(), "READ ERROR", "LOGIN told {count} messages");
    client.reset();
    letters
}

fn verbosely(mut client: Client, name: &str) -> Vec<Letter> {
    let welcome = client.line();
    let count: usize = match welcome.split_once(". You have ") {
        Some((_, rest)) => rest.split(' ').next().unwrap().parse().unwrap(),
        None => 0,
    };
    client.send(&format!("READ {name}\n").repeat(count + 1));
    let letters = (0..count)
        .map(|number| {
            let line = client.line();
            let mut words = line.splitn(3, ' ');
            let left: usize = words.next().unwrap().parse().unwrap();
            assert_eq!(left, count - number - 1, "{line}");
            let sender = words.next().unwrap().to_owned();
            Letter { sender, text: words.next().unwrap().to_owned() }
        })
        .collect();
    assert_eq!(client.line(), "No More Unread Messages.", "LOGIN told {count} messages");
    client.reset();
    letters
}

/// The posts with each hashtag.
pub(super) fn timelines(server: &Server, tags: &[String; CHANNELS]) -> Timelines {
    tags.each_ref().map(|tag| {
        let mut client = server.connect("board");
        client.send(&format!("t\n{tag}\n"));
        let posts = client.rest();
        assert!(posts.is_empty() || posts.ends_with('\n'), "cut off: {posts:?}");
        let post = |line: &str| {
            let (sender, text) = line.split_once(": ").unwrap();
            Letter { sender: sender.to_owned(), text: text.to_owned() }
        };
        posts.lines().map(post).collect()
    })
}

/// The latest text with a hashtag, or of the board.
pub(super) fn latest(server: &Server, tag: &str) -> String {
    let mut client = server.connect("board");
    client.send(&format!("d\n{tag}\n"));
    client.rest()
}
