//! The client that prints posts of a channel as they come.
//!
//! It knows behind which post it goes on: the latest one at its start, or the one that it is
//! given, then each that is printed. So a lost connection costs no post, and none comes twice.

use std::collections::VecDeque;
use std::io::{self, Write};

use postroom_model::{Channel, PostId};

use crate::entry::{Entry, Format, Says, printed_deletion, write};
use crate::http::{HttpClient, Told};
use crate::parse::parse_channel;
use crate::returning::{Returning, repeat};
use crate::settings::{Client, Settings};
use crate::signals::Signals;
use crate::{ClientError, Environment, TailArguments};

/// Posts of which time and author are kept, for when they are deleted.
const RECENT_MAX: usize = 256;

/// Prints posts to the standard output until Ctrl-C.
pub fn tail(arguments: &TailArguments, environment: &Environment) -> Result<(), ClientError> {
    let signals = Signals::listen_to_first().and_then(Signals::or_unread_output);
    let signals = signals.map_err(ClientError::Input)?;
    let (mut output, mut complaints) = (io::stdout().lock(), io::stderr().lock());
    tail_with(arguments, environment, &mut output, &mut complaints, signals)
}

/// Prints posts to `output` until it fails; no signal ends it in order.
pub fn tail_to(
    arguments: &TailArguments,
    environment: &Environment,
    output: &mut dyn Write,
) -> Result<(), ClientError> {
    tail_with(arguments, environment, output, &mut io::sink(), Signals::default())
}

fn tail_with(
    arguments: &TailArguments,
    environment: &Environment,
    output: &mut dyn Write,
    complaints: &mut dyn Write,
    signals: Signals,
) -> Result<(), ClientError> {
    let settings = Settings::new(Client::Tail, arguments.given()?, environment)?;
    let name = settings.given_name()?;
    let mut tail = Tail {
        channel: parse_channel(&arguments.channel)?,
        client: HttpClient::new(&settings, name, arguments.timeout, signals.clone())?,
        format: if arguments.json { Format::Json } else { Format::TextWithTime },
        output,
        position: arguments.after,
        recent: VecDeque::new(),
    };
    let mut returning = Returning::new(settings.reconnects, signals, complaints);
    repeat(&mut returning, |returning| tail.follow(returning))
}

/// A channel, and how far it is printed.
struct Tail<'a> {
    client: HttpClient,
    channel: Channel,
    format: Format,
    output: &'a mut dyn Write,
    /// The post behind which it goes on, once that is known.
    position: Option<PostId>,
    /// The latest posts, without their texts.
    recent: VecDeque<Entry>,
}

impl Tail<'_> {
    /// Prints what comes until the connection ends.
    fn follow(&mut self, returning: &mut Returning<'_>) -> Result<(), ClientError> {
        let position = match self.position {
            Some(position) => position,
            None => self.client.latest(&self.channel)?,
        };
        self.position = Some(position);
        let mut posts = self.client.posts(&self.channel, position)?;
        returning.arrive();
        loop {
            let (told, position) = posts.next()?;
            if position.is_some() && position <= self.position {
                continue;
            }
            let printed = self.printed(told)?;
            write(self.output, &printed).map_err(ClientError::Output)?;
            self.position = position.or(self.position);
        }
    }

    fn printed(&mut self, told: Told) -> Result<String, ClientError> {
        let id = match told {
            Told::Post(post) => {
                let printed = post.printed(self.format)?;
                if self.recent.len() == RECENT_MAX {
                    self.recent.pop_front();
                }
                self.recent.push_back(Entry { says: Says::Deleted, ..post });
                return Ok(printed);
            }
            Told::Deleted { id } => id.to_string(),
        };
        match self.recent.iter().find(|post| post.id == id) {
            Some(post) => post.printed(self.format),
            None => printed_deletion(&id, self.format),
        }
    }
}
