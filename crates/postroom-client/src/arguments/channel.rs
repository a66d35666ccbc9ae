//! The options of the clients for channels.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use postroom_model::PostId;

use super::{DefaultsArguments, TlsArguments, parse_seconds};
use crate::server_address::GivenServer;
use crate::status;

/// Print the posts of a channel as they come, until Ctrl-C
#[derive(Args, Clone, Debug)]
#[command(after_help = status::HELP)]
pub struct TailArguments {
    /// The server: HOST, HOST:PORT, `http://HOST:PORT`, or `https://HOST:PORT` for TLS
    /// [default: that of client.toml, or 127.0.0.1]
    ///
    /// Without a port it is 4406, with TLS 5406: the `http` listener.
    #[arg(long, value_name = "ADDRESS")]
    pub server: Option<GivenServer>,

    /// Name to read as [default: that of client.toml, or nobody's]
    #[arg(long = "as", value_name = "NAME")]
    pub name: Option<String>,

    /// The channel, in quotes: '#rust'
    #[arg(value_name = "#CHANNEL")]
    pub channel: String,

    /// Begin behind the post with this id, instead of with the next one
    #[arg(long, value_name = "ID")]
    pub after: Option<PostId>,

    /// End when the connection is lost instead of connecting again
    #[arg(long)]
    pub no_reconnect: bool,

    /// Print one JSON object per line, `{"id":"...","time":"...","from":"...","text":"..."}`, with
    /// `"deleted":true` in place of the text of a deleted post, instead of `time from: text`
    #[arg(long)]
    pub json: bool,

    /// File that holds the account's password
    #[arg(long, value_name = "FILE")]
    pub password_file: Option<PathBuf>,

    /// Seconds to wait for the connection and for each answer
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = parse_seconds)]
    pub timeout: Duration,

    /// Whether and how to use TLS
    #[command(flatten)]
    pub tls: TlsArguments,

    /// Which file of defaults to use
    #[command(flatten)]
    pub defaults: DefaultsArguments,
}

/// Post a text in a channel; succeeds only once the server has stored it
#[derive(Args, Clone, Debug)]
#[command(after_help = status::HELP)]
pub struct PostArguments {
    /// The server: HOST, HOST:PORT, `http://HOST:PORT`, or `https://HOST:PORT` for TLS
    /// [default: that of client.toml, or 127.0.0.1]
    ///
    /// Without a port it is 4406, with TLS 5406: the `http` listener.
    #[arg(long, value_name = "ADDRESS")]
    pub server: Option<GivenServer>,

    /// Name to post as [default: that of client.toml]
    #[arg(long = "as", value_name = "NAME")]
    pub name: Option<String>,

    /// The channel, in quotes: '#rust'
    #[arg(value_name = "#CHANNEL")]
    pub channel: String,

    /// The text, up to 64 lines; read from the standard input if omitted or -
    ///
    /// Put it in quotes. It may begin with a hyphen: after the channel, anything is the text
    /// except a long option other than --help, the first --, and a lone -. Anything after -- is
    /// the text.
    pub text: Option<String>,

    /// The text is `-`: read it from the standard input
    #[arg(long, hide = true, conflicts_with = "text")]
    pub text_from_input: bool,

    /// Post an empty text if the standard input is empty
    #[arg(long)]
    pub allow_empty: bool,

    /// File that holds the account's password
    #[arg(long, value_name = "FILE")]
    pub password_file: Option<PathBuf>,

    /// Seconds to wait for the connection and for each answer
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = parse_seconds)]
    pub timeout: Duration,

    /// Whether and how to use TLS
    #[command(flatten)]
    pub tls: TlsArguments,

    /// Which file of defaults to use
    #[command(flatten)]
    pub defaults: DefaultsArguments,
}

/// Print what was said in a channel, oldest first
#[derive(Args, Clone, Debug)]
#[command(after_help = status::HELP)]
pub struct HistoryArguments {
    /// The server: HOST, HOST:PORT, `http://HOST:PORT`, or `https://HOST:PORT` for TLS
    /// [default: that of client.toml, or 127.0.0.1]
    ///
    /// Without a port it is 4406, with TLS 5406: the `http` listener.
    #[arg(long, value_name = "ADDRESS")]
    pub server: Option<GivenServer>,

    /// Name to read as [default: that of client.toml, or nobody's]
    #[arg(long = "as", value_name = "NAME")]
    pub name: Option<String>,

    /// The channel, in quotes: '#rust'
    #[arg(value_name = "#CHANNEL")]
    pub channel: String,

    /// How many posts to print, at most 10000
    #[arg(long, value_name = "N", default_value = "20", value_parser = parse_count)]
    pub count: usize,

    /// The latest ones before the post with this id
    #[arg(long, value_name = "ID", conflicts_with_all = ["after", "since"])]
    pub before: Option<PostId>,

    /// The first ones after the post with this id
    #[arg(long, value_name = "ID", conflicts_with = "since")]
    pub after: Option<PostId>,

    /// The first ones at this time or later, as in 2026-11-23T08:00:00Z
    #[arg(long, value_name = "TIME")]
    pub since: Option<String>,

    /// Print one JSON object per line, `{"id":"...","time":"...","from":"...","text":"..."}`, with
    /// `"deleted":true` in place of the text of a deleted post, instead of `time from: text`
    #[arg(long)]
    pub json: bool,

    /// File that holds the account's password
    #[arg(long, value_name = "FILE")]
    pub password_file: Option<PathBuf>,

    /// Seconds to wait for the connection and for each answer
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = parse_seconds)]
    pub timeout: Duration,

    /// Whether and how to use TLS
    #[command(flatten)]
    pub tls: TlsArguments,

    /// Which file of defaults to use
    #[command(flatten)]
    pub defaults: DefaultsArguments,
}

/// Posts that one run of `history` prints, at most: backwards they are all kept for their order.
const COUNT_MAX: usize = 10_000;

fn parse_count(word: &str) -> Result<usize, String> {
    let complaint = || format!("it must be a number from 1 to {COUNT_MAX}");
    word.parse().ok().filter(|count| (1..=COUNT_MAX).contains(count)).ok_or_else(complaint)
}
