//! Playing a transcript on a stage, with its lines cut in one of several ways.

use std::time::Duration;

use super::{Action, Step, Transcript};

/// Where a transcript can be played: in memory or over TCP.
pub trait Stage {
    /// Sends the parts one after the other; connects first if needed.
    fn send(&mut self, client: &str, parts: &[&[u8]]);
    /// The next line from the server, without its end.
    fn line(&mut self, client: &str) -> Result<Vec<u8>, String>;
    /// Waits until the server has closed the connection, and returns the bytes before
    /// that.
    fn rest(&mut self, client: &str) -> Vec<u8>;
    /// The client half-closes.
    fn end(&mut self, client: &str);
    /// The client resets its connection.
    fn reset(&mut self, client: &str);
    /// The client closes its connection without reading what has arrived.
    fn leave(&mut self, client: &str);
    /// Selects the listener that the client connects to.
    fn choose(&mut self, client: &str, protocol: &str);
    /// Time passes.
    fn pause(&mut self, time: Duration);
    /// Whether the server has neither sent anything more nor closed the connection.
    fn is_silent(&mut self, client: &str) -> bool;
    /// A client listens on a port.
    fn listen(&mut self, client: &str);
    /// The port that a client listens on, if it does.
    fn port(&self, client: &str) -> Option<u16>;
    /// The server is killed, and another one starts.
    fn kill(&mut self);
    /// The server is asked to stop.
    fn stop(&mut self);
    /// The server has stopped, and another one starts.
    fn start(&mut self);
    /// Stops the server and starts it again; returns what it sent to its clients before
    /// their connections ended.
    fn restart(&mut self) -> Vec<(String, Vec<u8>)>;
    /// The clients whose connections have not ended.
    fn clients(&self) -> Vec<String>;
}

/// How the bytes of a client are cut into writes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Cut {
    /// All lines up to the next answer in one write.
    Turns,
    /// All lines up to the next action of another client in one write, with the answers
    /// expected after them.
    Pipelined,
    /// One byte at a time.
    Bytes,
    /// Each line in two writes, the first one of this many bytes.
    At(usize),
}

/// Plays transcripts.
struct Player<'a, S> {
    transcript: &'a Transcript,
    stage: S,
    cut: Cut,
}

/// Plays a transcript; panics at the line where the server deviates from it.
pub fn play(transcript: &Transcript, stage: impl Stage, cut: Cut) {
    Player { transcript, stage, cut }.play();
}

impl<S: Stage> Player<'_, S> {
    fn play(mut self) {
        let mut line = 0;
        let mut problem = None;
        for step in arranged(&self.transcript.steps, self.cut) {
            line = step.line;
            problem = self.step(&step.action).err();
            if problem.is_some() {
                break;
            }
        }
        if let Some(problem) = problem.or_else(|| self.end().err()) {
            panic!("{}, {:?}: {problem}", self.transcript.place(line), self.cut);
        }
    }

    /// Ends the remaining connections; the server must send nothing more.
    fn end(&mut self) -> Result<(), String> {
        for client in self.stage.clients() {
            self.stage.end(&client);
            let rest = self.stage.rest(&client);
            if !rest.is_empty() {
                return Err(too_much(&client, &rest));
            }
        }
        Ok(())
    }

    fn step(&mut self, action: &Action) -> Result<(), String> {
        match action {
            Action::Send { client, bytes } => {
                let bytes = with_port(bytes, self.stage.port(client));
                self.stage.send(client, &parts(&bytes, self.cut));
            }
            Action::Expect { client, line } => self.expect(client, line)?,
            Action::Close { client, rest } => self.expect_end(client, rest)?,
            Action::Leave { client } => self.stage.leave(client),
            Action::End { client } => self.stage.end(client),
            Action::Reset { client } => self.stage.reset(client),
            Action::Use { client, protocol } => self.stage.choose(client, protocol),
            Action::Fill { name, messages } => self.fill(name, *messages)?,
            Action::Pause(time) => self.stage.pause(*time),
            Action::Silent { client } => {
                if !self.stage.is_silent(client) {
                    return Err(format!("{client:?} was sent something"));
                }
            }
            Action::Listen { client } => self.stage.listen(client),
            Action::Kill => self.stage.kill(),
            Action::Stop => self.stage.stop(),
            Action::Start => self.stage.start(),
            Action::Restart => {
                for (client, rest) in self.stage.restart() {
                    if !rest.is_empty() {
                        return Err(too_much(&client, &rest));
                    }
                }
            }
            Action::Interactive => {}
        }
        Ok(())
    }

    fn expect(&mut self, client: &str, line: &[u8]) -> Result<(), String> {
        let got = self.stage.line(client)?;
        if got != line {
            return Err(format!("the server sent {:?}", String::from_utf8_lossy(&got)));
        }
        Ok(())
    }

    fn expect_end(&mut self, client: &str, rest: &[u8]) -> Result<(), String> {
        let got = self.stage.rest(client);
        if got != rest {
            return Err(too_much(client, &got));
        }
        Ok(())
    }

    fn fill(&mut self, name: &str, messages: usize) -> Result<(), String> {
        const FILLER: &str = "filler";
        self.stage.choose(FILLER, "mailbox");
        self.stage.send(FILLER, &[b"LOGIN filler\n"]);
        self.stage.line(FILLER)?;
        let one = format!("COMPOSE {name}\nfilled\n");
        self.stage.send(FILLER, &[one.repeat(messages).as_bytes()]);
        for _ in 0..messages {
            let answer = self.stage.line(FILLER)?;
            if answer != b"MESSAGE SENT" {
                return Err("the mailbox cannot be filled so far".to_owned());
            }
        }
        self.stage.send(FILLER, &[b"EXIT\n"]);
        self.stage.rest(FILLER);
        Ok(())
    }
}

/// The bytes to send, with the client's own port filled in.
fn with_port(bytes: &[u8], port: Option<u16>) -> Vec<u8> {
    const PLACE: &[u8] = b"{port}";
    let place = bytes.windows(PLACE.len()).position(|window| window == PLACE);
    match (place, port) {
        (Some(at), Some(port)) => {
            [&bytes[..at], port.to_string().as_bytes(), &bytes[at + PLACE.len()..]].concat()
        }
        _ => bytes.to_vec(),
    }
}

fn too_much(client: &str, rest: &[u8]) -> String {
    format!("the client {client:?} was at the end sent {:?}", String::from_utf8_lossy(rest))
}

fn parts(bytes: &[u8], cut: Cut) -> Vec<&[u8]> {
    match cut {
        Cut::Turns | Cut::Pipelined => vec![bytes],
        Cut::Bytes => bytes.chunks(1).collect(),
        Cut::At(at) => {
            let (first, second) = bytes.split_at(at.min(bytes.len()));
            [first, second].into_iter().filter(|part| !part.is_empty()).collect()
        }
    }
}

/// The steps with their lines combined as the cut requires.
fn arranged(steps: &[Step], cut: Cut) -> Vec<Step> {
    match cut {
        Cut::Bytes | Cut::At(_) => steps.to_vec(),
        Cut::Turns => {
            let mut arranged: Vec<Step> = Vec::new();
            for step in steps {
                if !appended(arranged.last_mut(), step) {
                    arranged.push(step.clone());
                }
            }
            arranged
        }
        Cut::Pipelined => {
            let mut arranged: Vec<Step> = Vec::new();
            let mut rest = steps;
            while let [first, ..] = rest {
                let length = run_length(rest);
                let (run, later) = rest.split_at(length.max(1));
                rest = later;
                let (sent, answered): (Vec<Step>, Vec<Step>) = run
                    .iter()
                    .cloned()
                    .partition(|step| matches!(step.action, Action::Send { .. }));
                let mut all: Option<Step> = None;
                for step in sent {
                    if !appended(all.as_mut(), &step) {
                        all = Some(Step { line: first.line, ..step });
                    }
                }
                arranged.extend(all.into_iter().chain(answered));
            }
            arranged
        }
    }
}

/// The number of steps from the first on that are one client's lines and their answers.
/// On a second stream the client answers the server, so its lines are not sent ahead.
fn run_length(steps: &[Step]) -> usize {
    let speaker = |step: &Step| match &step.action {
        Action::Send { client, .. } | Action::Expect { client, .. } => {
            client.strip_suffix(".b").is_none().then(|| client.clone())
        }
        _ => None,
    };
    let Some(first) = speaker(&steps[0]) else {
        return 0;
    };
    steps.iter().take_while(|step| speaker(step).as_ref() == Some(&first)).count()
}

/// Appends the bytes of a step to an earlier step of the same client.
fn appended(earlier: Option<&mut Step>, step: &Step) -> bool {
    match (earlier.map(|earlier| &mut earlier.action), &step.action) {
        (Some(Action::Send { client, bytes }), Action::Send { client: same, bytes: more })
            if client == same =>
        {
            bytes.extend_from_slice(more);
            true
        }
        _ => false,
    }
}
