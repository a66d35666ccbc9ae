//! Readers that receive pushes until the server is killed.
//!
//! They break off at any place between a push and what follows its receipt.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::time::Duration;

use super::record::{Event, Letter};
use super::trigger::Seen;
use super::work::{END_OF_TEXT, Scene};
use super::{MAILBOXES, PASSWORD, PUSHED};

use crate::harness::fallible::FallibleConnection;
use crate::harness::support::{PATIENCE, Random};

const RECEIPT: &str = "302 Message receipt successful\n";

/// Bytes of one push, its line end included.
const PUSH_BYTES_MAX: usize = 1_024;

/// The message that was pushed last.
#[derive(Debug)]
struct Last {
    /// How its text begins, and no other's.
    beginning: String,
    /// All of it, once its receipt was sent.
    answered: Option<String>,
    /// The connection is the one over which it came.
    is_connected: bool,
}

pub(super) struct Receiver<'a> {
    mailbox: usize,
    scene: &'a Scene<'a>,
    random: Random,
    last: Option<Last>,
    log: Vec<Event>,
}

impl<'a> Receiver<'a> {
    pub(super) fn new(mailbox: usize, scene: &'a Scene<'a>, random: Random) -> Self {
        Self { mailbox, scene, random, last: None, log: Vec::new() }
    }

    /// Reads until the server is gone.
    pub(super) fn run(mut self) -> Vec<Event> {
        let gone = self.read_for_ever();
        assert!(gone.is_err());
        self.log
    }

    fn read_for_ever(&mut self) -> io::Result<()> {
        loop {
            let (front, back) = self.enter()?;
            self.receive_until_the_end(front, back)?;
        }
    }

    /// Logs in, perhaps before the server knows that the connection before this
    /// one has ended, and lets the server dial.
    fn enter(&self) -> io::Result<(FallibleConnection, Back)> {
        let mut front = self.scene.connect("im")?;
        loop {
            front.send(&format!("/login {} {PASSWORD}\n", MAILBOXES[self.mailbox]))?;
            match front.line()?.as_str() {
                "101 Authentication successful" => break,
                answer => assert_eq!(answer, "103 You are already logged in"),
            }
        }
        let listener = TcpListener::bind("127.0.0.1:0")?;
        front.send(&format!("/port {}\n", listener.local_addr()?.port()))?;
        assert_eq!(front.line()?, "201 Build connection successful");
        Ok((front, Back::accept(&listener)?))
    }

    /// Receives, and breaks off at last.
    fn receive_until_the_end(
        &mut self,
        mut front: FallibleConnection,
        mut back: Back,
    ) -> io::Result<()> {
        loop {
            let Some(text) = self.receive(&mut back)? else {
                self.log.push(Event::BrokenOff { halfway: true });
                break;
            };
            if self.scene.trigger.saw(Seen::Pushed) || self.random.once_in(6) {
                self.log.push(Event::BrokenOff { halfway: false });
                if self.random.once_in(3) {
                    back.send(&RECEIPT[..self.random.index(RECEIPT.len() - 1)])?;
                }
                break;
            }
            self.answer(&mut back, text)?;
            if self.random.once_in(8) {
                break;
            }
            if self.random.once_in(8) {
                front.send("/list\n")?;
                assert!(front.line()?.starts_with("301 "));
            }
        }
        self.break_off(front, back);
        Ok(())
    }

    /// Takes the next message with all of its pieces, or some of them only.
    fn receive(&mut self, back: &mut Back) -> io::Result<Option<String>> {
        let mut letter = back.push()?;
        self.begins(&letter);
        while !letter.text.ends_with(END_OF_TEXT) {
            if self.random.once_in(16) {
                return Ok(None);
            }
            back.send(RECEIPT)?;
            let piece = back.push()?;
            assert_eq!(piece.sender, letter.sender);
            letter.text.push_str(&piece.text);
        }
        self.scene.workload.check_not_confirmed(&letter);
        let text = letter.text.clone();
        self.log.push(Event::Pushed { mailbox: self.mailbox, letter });
        Ok(Some(text))
    }

    fn answer(&mut self, back: &mut Back, text: String) -> io::Result<()> {
        self.log.push(Event::Receipted { text: text.clone() });
        if let Some(last) = &mut self.last {
            last.answered = Some(text);
        }
        back.send(RECEIPT)?;
        self.scene.trigger.saw(Seen::Receipted);
        Ok(())
    }

    /// Looks at the first piece of a message: the message before it must come again
    /// unless its receipt was sent, and must not over the connection that took its
    /// receipt.
    fn begins(&mut self, piece: &Letter) {
        let (number, _) = piece.text.split_once('>').expect("a message begins with its number");
        let last = Last { beginning: format!("{number}>"), answered: None, is_connected: true };
        let Some(before) = self.last.replace(last) else {
            return;
        };
        let is_same = piece.text.starts_with(&before.beginning);
        let is_alone = self.mailbox == PUSHED;
        match before.answered {
            Some(_) if is_same => assert!(!before.is_connected, "pushed twice: {piece:?}"),
            // What came first is gone when it is another's turn.
            Some(text) if before.is_connected || is_alone => {
                self.scene.workload.confirm(&text);
                self.log.push(Event::Confirmed { text });
            }
            None if is_alone => assert!(is_same, "{piece:?} came, not {}", before.beginning),
            _ => {}
        }
    }

    /// Ends the connection in one of the ways there are.
    fn break_off(&mut self, front: FallibleConnection, back: Back) {
        if let Some(last) = &mut self.last {
            last.is_connected = false;
        }
        match self.random.below(5) {
            0 => {
                back.reset();
                front.reset();
            }
            1 => {
                back.reset();
                front.finish();
            }
            2 => {
                front.reset();
                back.finish();
            }
            3 => {
                back.finish();
                front.finish();
            }
            _ => {
                front.finish();
                back.finish();
            }
        }
    }
}

/// The stream that the server has opened.
struct Back {
    input: BufReader<TcpStream>,
}

impl Back {
    /// Takes the connection that the server has said to be there.
    fn accept(listener: &TcpListener) -> io::Result<Self> {
        let (stream, _) = listener.accept()?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        Ok(Self { input: BufReader::new(stream) })
    }

    /// The next push.
    fn push(&mut self) -> io::Result<Letter> {
        let mut line = String::new();
        self.input.read_line(&mut line)?;
        if line.pop() != Some('\n') {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        assert!(line.len() < PUSH_BYTES_MAX, "{} bytes in a push", line.len() + 1);
        let words: Vec<_> = line.splitn(3, ' ').collect();
        let ["/from", sender, text] = words[..] else {
            panic!("not a push: {line:?}");
        };
        Ok(Letter { sender: sender.to_owned(), text: text.to_owned() })
    }

    fn send(&mut self, bytes: &str) -> io::Result<()> {
        self.input.get_mut().write_all(bytes.as_bytes())
    }

    /// Ends this side and waits for the server's end.
    fn finish(mut self) {
        let _ = self.input.get_ref().shutdown(Shutdown::Write);
        let _ = self.input.read_to_end(&mut Vec::new());
    }

    fn reset(self) {
        let socket = socket2::SockRef::from(self.input.get_ref());
        let _ = socket.set_linger(Some(Duration::ZERO));
    }
}
