//! The client that reads what was said in a channel, oldest first.

use std::io::{self, Write};

use crate::entry::{Entry, Format, write};
use crate::http::{HttpClient, PageFrom};
use crate::parse::parse_channel;
use crate::settings::{Client, Settings};
use crate::signals::Signals;
use crate::{ClientError, Environment, HistoryArguments};

/// Prints posts to the standard output.
pub fn history(arguments: &HistoryArguments, environment: &Environment) -> Result<(), ClientError> {
    history_to(arguments, environment, &mut io::stdout().lock())
}

/// Prints posts to `output`.
pub fn history_to(
    arguments: &HistoryArguments,
    environment: &Environment,
    output: &mut dyn Write,
) -> Result<(), ClientError> {
    let settings = Settings::new(Client::History, arguments.given()?, environment)?;
    let name = settings.given_name()?;
    let channel = parse_channel(&arguments.channel)?;
    let mut client = HttpClient::new(&settings, name, arguments.timeout, Signals::default())?;
    let format = if arguments.json { Format::Json } else { Format::TextWithTime };
    let mut print = |posts: &[Entry]| {
        let printed: Result<String, _> = posts.iter().map(|post| post.printed(format)).collect();
        write(output, &printed?).map_err(ClientError::Output)
    };
    let (mut from, is_forwards) = begin(arguments);
    let mut missing = arguments.count;
    // Backwards, the oldest comes last.
    let mut kept = Vec::new();
    while missing > 0 {
        let page = client.page(&channel, &from, missing)?;
        let mut posts = page.posts;
        posts.truncate(missing);
        missing -= posts.len();
        let is_over = posts.is_empty();
        if is_forwards {
            print(&posts)?;
        } else {
            kept.extend(posts);
        }
        match page.next {
            Some(next) if !is_over => from = next,
            _ => break,
        }
    }
    kept.reverse();
    kept.chunks(PRINTED_AT_ONCE).try_for_each(print)
}

/// Posts that are written in one piece.
const PRINTED_AT_ONCE: usize = 100;

/// Where to begin, and whether the pages go forwards from there.
fn begin(arguments: &HistoryArguments) -> (PageFrom, bool) {
    let HistoryArguments { before, after, since, .. } = arguments;
    match (before, after, since) {
        (Some(id), ..) => (PageFrom::Before(*id), false),
        (_, Some(id), _) => (PageFrom::After(*id), true),
        (.., Some(time)) => (PageFrom::Since(time.clone()), true),
        _ => (PageFrom::Latest, false),
    }
}
