//! The clients' options. Their comments are the program's help.

mod channel;

use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgGroup, Args};

pub use channel::{HistoryArguments, PostArguments, TailArguments};

use crate::fingerprint::Fingerprint;
use crate::server_address::{GivenServer, parse_port};
use crate::status;

/// Write and read messages in a dialogue
#[derive(Args, Clone, Debug)]
#[command(after_help = status::HELP)]
pub struct MailArguments {
    /// The server's `mailbox-verbose` listener, with --strict its `mailbox` listener
    #[command(flatten)]
    pub server: ServerArguments,

    /// Speak the strict protocol `mailbox`
    #[arg(long)]
    pub strict: bool,

    /// Name to log in as [default: that of client.toml, or what is typed]
    #[arg(long = "as", value_name = "NAME")]
    pub name: Option<String>,

    /// File that holds the account's password
    #[arg(long, value_name = "FILE")]
    pub password_file: Option<PathBuf>,

    /// Seconds to wait for the connection and for each answer
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = parse_seconds)]
    pub timeout: Duration,

    /// Keep no typed lines for the next time
    #[arg(long)]
    pub no_history: bool,

    /// Whether and how to use TLS
    #[command(flatten)]
    pub tls: TlsArguments,

    /// Which file of defaults to use
    #[command(flatten)]
    pub defaults: DefaultsArguments,
}

/// Leave one message; succeeds only once the server has stored it
#[derive(Args, Clone, Debug)]
#[command(after_help = status::HELP)]
pub struct SendArguments {
    /// The server: HOST, HOST:PORT, `postroom://HOST:PORT`, `http://HOST:PORT`, or, for TLS,
    /// `postrooms://` or `https://` [default: that of client.toml, or 127.0.0.1]
    ///
    /// Without a port it is 4401, with TLS 5401: the `mailbox` listener. With `http://` it is
    /// 4406, with `https://` 5406: the `http` listener, which takes several lines and several
    /// recipients.
    #[arg(long, value_name = "ADDRESS")]
    pub server: Option<GivenServer>,

    /// Name to send as [default: that of client.toml]
    #[arg(long = "as", value_name = "NAME")]
    pub name: Option<String>,

    /// Name of the account to leave the message for; over HTTP also several, with commas
    /// between them: all of them get it, or none
    pub recipient: String,

    /// The message, one line, over HTTP up to 64; read from the standard input if omitted or -
    ///
    /// Put it in quotes. It may begin with a hyphen: after RECIPIENT, anything is
    /// the message except a long option other than --help, the first --, and a
    /// lone -. Anything after -- is the message.
    pub text: Option<String>,

    /// The message is `-`: read it from the standard input
    #[arg(long, hide = true, conflicts_with = "text")]
    pub text_from_input: bool,

    /// Send an empty message if the standard input is empty
    #[arg(long)]
    pub allow_empty: bool,

    /// File that holds the sender's password
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

/// Print the earliest unread message, or all of them, and remove the printed
/// messages from the mailbox
#[derive(Args, Clone, Debug)]
#[command(after_help = status::HELP)]
#[expect(clippy::struct_excessive_bools, reason = "each is an option of the command line")]
pub struct ReadArguments {
    /// The server: HOST, HOST:PORT, `postroom://HOST:PORT`, `http://HOST:PORT`, or, for TLS,
    /// `postrooms://` or `https://` [default: that of client.toml, or 127.0.0.1]
    ///
    /// Without a port it is 4401, with TLS 5401: the `mailbox` listener. With `http://`, or with
    /// --follow, it is 4406, with `https://` 5406: the `http` listener, which tells ids and times
    /// for --json.
    #[arg(long, value_name = "ADDRESS")]
    pub server: Option<GivenServer>,

    /// Name to read as [default: that of client.toml]
    #[arg(long = "as", value_name = "NAME")]
    pub name: Option<String>,

    /// Read all unread messages instead of only the earliest
    #[arg(long)]
    pub all: bool,

    /// Read all unread messages, and then each as it comes, until Ctrl-C; over HTTP
    #[arg(long, conflicts_with_all = ["all", "fail_empty"])]
    pub follow: bool,

    /// With --follow: end when the connection is lost instead of connecting again
    #[arg(long, requires = "follow")]
    pub no_reconnect: bool,

    /// Exit with status 1 if nothing was unread
    #[arg(long)]
    pub fail_empty: bool,

    /// Print one JSON object per line, `{"from":"...","text":"..."}`, over HTTP with `id` and
    /// `time`, instead of `from: text`
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

/// Talk with users who are logged in at the same time
///
/// Without a terminal, commands are lines of the standard input.
#[derive(Args, Clone, Debug)]
#[command(after_help = status::HELP)]
pub struct ImArguments {
    /// The server's `im` listener
    #[command(flatten)]
    pub server: ServerArguments,

    /// Name to log in as [default: that of client.toml, or what is typed]
    #[arg(long = "as", value_name = "NAME")]
    pub name: Option<String>,

    /// File that holds the account's password; asked for at a terminal if
    /// omitted
    #[arg(long, value_name = "FILE")]
    pub password_file: Option<PathBuf>,

    /// Seconds to wait for the connection and for each answer; delivery may
    /// take a minute more
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = parse_seconds)]
    pub timeout: Duration,

    /// End when the connection is lost, as without a terminal, instead of connecting again
    #[arg(long)]
    pub no_reconnect: bool,

    /// Keep no typed lines for the next time
    #[arg(long)]
    pub no_history: bool,

    /// Whether and how to use TLS
    #[command(flatten)]
    pub tls: TlsArguments,

    /// Which file of defaults to use
    #[command(flatten)]
    pub defaults: DefaultsArguments,
}

/// Chat with everyone who is logged in
///
/// Without a terminal, lines of the standard input are sent.
#[derive(Args, Clone, Debug)]
#[command(after_help = status::HELP)]
pub struct ChatArguments {
    /// The server's `chat` listener
    #[command(flatten)]
    pub server: ServerArguments,

    /// Name to log in as [default: that of client.toml, or what is typed]
    #[arg(long = "as", value_name = "NAME")]
    pub name: Option<String>,

    /// File that holds the account's password
    #[arg(long, value_name = "FILE")]
    pub password_file: Option<PathBuf>,

    /// Seconds to wait for the connection, for the login and for the end
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = parse_seconds)]
    pub timeout: Duration,

    /// End when the connection is lost, as without a terminal, instead of connecting again
    #[arg(long)]
    pub no_reconnect: bool,

    /// Keep no typed lines for the next time
    #[arg(long)]
    pub no_history: bool,

    /// Whether and how to use TLS
    #[command(flatten)]
    pub tls: TlsArguments,

    /// Which file of defaults to use
    #[command(flatten)]
    pub defaults: DefaultsArguments,
}

/// Post a text to the board, or fetch the latest
#[derive(Args, Clone, Debug)]
#[command(after_help = status::HELP)]
#[command(
    override_usage = "postroom board [OPTIONS] <--upload|--download> [ADDRESS [PORT]] [MESSAGE|#TAG]"
)]
#[command(group = ArgGroup::new("direction").args(["upload", "download"]).required(true))]
pub struct BoardArguments {
    /// Upload: MESSAGE becomes the latest text
    #[arg(short = 'u', long)]
    pub upload: bool,

    /// Download: print the latest text, or the latest with a hashtag
    #[arg(short = 'd', long)]
    pub download: bool,

    /// The server's `board` listener
    #[command(flatten)]
    pub server: ServerArguments,

    /// With -u the message, at most 150 characters; with -d a hashtag
    ///
    /// Put both in quotes: a shell treats a word that begins with # as a comment.
    /// An empty message clears the board. A message may begin with a hyphen:
    /// after an address, anything is the message except a long option other than
    /// --help, the first --, and a lone -, which stands for the standard input.
    /// Anything after -- is the message.
    #[arg(value_name = "MESSAGE|#TAG", last = true)]
    #[arg(required_unless_present_any = ["download", "text_from_input"])]
    pub text: Option<String>,

    /// The message is `-`: read it from the standard input
    #[arg(long, hide = true)]
    pub text_from_input: bool,

    /// File to append status reports to; the client continues if it cannot be
    /// written
    #[arg(long, value_name = "FILE")]
    pub report: Option<PathBuf>,

    /// Seconds to wait for the connection and for the answer
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = parse_seconds)]
    pub timeout: Duration,

    /// Whether and how to use TLS
    #[command(flatten)]
    pub tls: TlsArguments,

    /// Which file of defaults to use
    #[command(flatten)]
    pub defaults: DefaultsArguments,
}

/// Where the server is
#[derive(Args, Clone, Debug, Default)]
pub struct ServerArguments {
    /// The server: HOST, HOST:PORT, `postroom://HOST:PORT`, or `postrooms://HOST:PORT` for
    /// TLS [default: that of client.toml, or 127.0.0.1]
    #[arg(value_name = "ADDRESS")]
    pub address: Option<String>,

    /// The port, if ADDRESS has none [default: that of this client's listener]
    #[arg(value_name = "PORT", value_parser = parse_port)]
    pub port: Option<u16>,

    /// The same as ADDRESS
    #[arg(long, value_name = "ADDRESS", conflicts_with_all = ["address", "port"])]
    pub server: Option<GivenServer>,
}

/// Which file of defaults to use
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Defaults")]
pub struct DefaultsArguments {
    /// File of defaults, in place of ~/.config/postroom/client.toml
    #[arg(long, value_name = "FILE", conflicts_with = "no_config")]
    pub config: Option<PathBuf>,

    /// Use no file of defaults
    #[arg(long)]
    pub no_config: bool,
}

/// Whether and how to use TLS
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "TLS")]
pub struct TlsArguments {
    /// Connect with TLS; the certificate must be for the host that is given, by an
    /// authority that this computer knows
    #[arg(long)]
    pub tls: bool,

    /// PEM file of the authorities to trust instead of this computer's; implies --tls
    #[arg(long, value_name = "FILE")]
    pub ca: Option<PathBuf>,

    /// SHA-256 fingerprint of the server's certificate, which is then trusted whatever
    /// its name, authority and dates are, and no other; implies --tls
    #[arg(long, value_name = "SHA256", conflicts_with = "ca")]
    pub pin: Option<Fingerprint>,

    /// Connect without TLS, even if client.toml or the environment asks for it
    #[arg(long, conflicts_with_all = ["tls", "ca", "pin"])]
    pub no_tls: bool,
}

/// Seconds of the longest time-out, so that a deadline never overflows.
const TIMEOUT_SECONDS_MAX: f64 = 86_400.0;

fn parse_seconds(word: &str) -> Result<Duration, String> {
    let complaint = "it must be a number of seconds above 0 and at most 86400";
    let seconds: f64 = word.parse().map_err(|_| complaint.to_owned())?;
    if seconds > 0.0 && seconds <= TIMEOUT_SECONDS_MAX {
        Ok(Duration::from_secs_f64(seconds))
    } else {
        Err(complaint.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_out_is_above_nothing_and_at_most_a_day() {
        assert_eq!(parse_seconds("10"), Ok(Duration::from_secs(10)));
        assert_eq!(parse_seconds("0.5"), Ok(Duration::from_millis(500)));
        for word in ["0", "-1", "NaN", "inf", "86401", "ten", ""] {
            assert!(parse_seconds(word).is_err(), "{word}");
        }
    }
}
