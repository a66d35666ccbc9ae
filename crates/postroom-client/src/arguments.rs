//! The clients' options. Their comments are the program's help.

use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgGroup, Args};

use crate::fingerprint::Fingerprint;
use crate::server_address::{ServerAddress, parse_port};
use crate::status;

/// Write and read messages in a dialogue
#[derive(Args, Clone, Debug)]
#[command(after_help = status::HELP)]
pub struct MailArguments {
    /// Host name or address of the server
    pub host: String,

    /// Port of the server's `mailbox-verbose` listener, with --strict of its
    /// `mailbox` listener
    #[arg(value_parser = parse_port)]
    pub port: u16,

    /// Speak the strict protocol `mailbox`
    #[arg(long)]
    pub strict: bool,

    /// Name to log in as; asked for if omitted
    #[arg(long = "as", value_name = "NAME")]
    pub name: Option<String>,

    /// File that holds the account's password
    #[arg(long, value_name = "FILE")]
    pub password_file: Option<PathBuf>,

    /// Seconds to wait for the connection and for each answer
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = parse_seconds)]
    pub timeout: Duration,

    /// Whether and how to use TLS
    #[command(flatten)]
    pub tls: TlsArguments,
}

/// Leave one message; succeeds only once the server has stored it
#[derive(Args, Clone, Debug)]
#[command(after_help = status::HELP)]
pub struct SendArguments {
    /// The server's `mailbox` listener
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:4401")]
    pub server: ServerAddress,

    /// Name to send as
    #[arg(long = "as", value_name = "NAME")]
    pub name: String,

    /// Name of the account to leave the message for
    pub recipient: String,

    /// The message, one line; read from the standard input if omitted or -
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
}

/// Print the earliest unread message, or all of them, and remove the printed
/// messages from the mailbox
#[derive(Args, Clone, Debug)]
#[command(after_help = status::HELP)]
pub struct ReadArguments {
    /// The server's `mailbox` listener
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:4401")]
    pub server: ServerAddress,

    /// Name to read as
    #[arg(long = "as", value_name = "NAME")]
    pub name: String,

    /// Read all unread messages instead of only the earliest
    #[arg(long)]
    pub all: bool,

    /// Exit with status 1 if nothing was unread
    #[arg(long)]
    pub fail_empty: bool,

    /// Print one JSON object per line, `{"from":"...","text":"..."}`, instead of
    /// `from: text`
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
}

/// Talk with users who are logged in at the same time
///
/// Without a terminal, commands are lines of the standard input.
#[derive(Args, Clone, Debug)]
#[command(after_help = status::HELP)]
pub struct ImArguments {
    /// Host name or address of the server
    pub host: String,

    /// Port of the server's `im` listener
    #[arg(value_parser = parse_port)]
    pub port: u16,

    /// Name to log in as; asked for if omitted
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

    /// Whether and how to use TLS
    #[command(flatten)]
    pub tls: TlsArguments,
}

/// Chat with everyone who is logged in
///
/// Without a terminal, lines of the standard input are sent.
#[derive(Args, Clone, Debug)]
#[command(after_help = status::HELP)]
pub struct ChatArguments {
    /// Host name or address of the server
    pub host: String,

    /// Port of the server's `chat` listener
    #[arg(value_parser = parse_port)]
    pub port: u16,

    /// Name to log in as; asked for if omitted
    #[arg(long = "as", value_name = "NAME")]
    pub name: Option<String>,

    /// File that holds the account's password
    #[arg(long, value_name = "FILE")]
    pub password_file: Option<PathBuf>,

    /// Seconds to wait for the connection, for the login and for the end
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = parse_seconds)]
    pub timeout: Duration,

    /// Whether and how to use TLS
    #[command(flatten)]
    pub tls: TlsArguments,
}

/// Post a text to the board, or fetch the latest
#[derive(Args, Clone, Debug)]
#[command(after_help = status::HELP)]
#[command(group = ArgGroup::new("direction").args(["upload", "download"]).required(true))]
pub struct BoardArguments {
    /// Upload: MESSAGE becomes the latest text
    #[arg(short = 'u', long)]
    pub upload: bool,

    /// Download: print the latest text, or the latest with a hashtag
    #[arg(short = 'd', long)]
    pub download: bool,

    /// Host name or address of the server
    pub host: String,

    /// Port of the server's `board` listener
    #[arg(value_parser = parse_port)]
    pub port: u16,

    /// With -u the message, at most 150 characters; with -d a hashtag
    ///
    /// Put both in quotes: a shell treats a word that begins with # as a comment.
    /// An empty message clears the board. A message may begin with a hyphen:
    /// after PORT, anything is the message except a long option other than
    /// --help, the first --, and a lone -, which stands for the standard input.
    /// Anything after -- is the message.
    #[arg(value_name = "MESSAGE|#TAG")]
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
