//! The clients' errors. Each has one sentence that says what happened, to what,
//! and what to do.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use postroom_model::{Name, NameError, PasswordError, Safe, TextError};
use thiserror::Error;

use crate::listener::{client_for, protocol_of};
use crate::refusal::Refusal;
use crate::settings::SettingsError;
use crate::tls_failure::TlsFailure;
use crate::{ANSWER_BYTES_MAX, LINE_BYTES_MAX, ServerAddress};

/// Why a client gave up.
#[derive(Debug, Error)]
pub enum ClientError {
    /// What the client was told, on the command line or before, cannot be used.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// Nothing says as whom a script sends or reads.
    #[error(
        "there is no name to log in as; use --as NAME, or set name in ~/.config/postroom/client.toml"
    )]
    NameMissing,
    /// The host name has no address.
    #[error("cannot find the host {host}: {source}; check the spelling")]
    HostUnknown {
        /// The host as it was given.
        host: String,
        /// What the resolver said.
        source: io::Error,
    },
    /// No server listens at the address.
    #[error("{server} refused the connection; check the port and that the server is running")]
    Refused {
        /// The server's address.
        server: ServerAddress,
    },
    /// The server could not be reached, or stayed silent, for too long.
    #[error(
        "{server} did not answer within {} s: the server may be full or busy, or the port is not one of its listeners; try again later or with a longer --timeout",
        timeout.as_secs_f64()
    )]
    TimedOut {
        /// The server's address.
        server: ServerAddress,
        /// How long it was waited for.
        timeout: Duration,
    },
    /// The server closed the connection while an answer was due.
    #[error(
        "{server} closed the connection before it answered: it has stopped, or it is full; check that it is still running"
    )]
    Dropped {
        /// The server's address.
        server: ServerAddress,
    },
    /// The server violated the protocol; the connection was dropped.
    #[error(
        "{server} does not follow the protocol {protocol}: {deviation}; check that the port is its {protocol} listener"
    )]
    Deviation {
        /// The server's address.
        server: ServerAddress,
        /// The expected protocol.
        protocol: &'static str,
        /// What the server did.
        deviation: Deviation,
    },
    /// The server's answer belongs to another of its protocols.
    #[error(
        "{server} speaks the protocol {met}, not {protocol}: give the port of its {protocol} listener, or use {} at this one",
        client_for(.met)
    )]
    OtherListener {
        /// The server's address.
        server: ServerAddress,
        /// The protocol that was expected.
        protocol: &'static str,
        /// The protocol of the listener.
        met: &'static str,
    },
    /// The server closed the connection where its protocol has an answer.
    #[error(
        "{server} closed the connection without an answer, as a mailbox listener does; check that the port is its {protocol} listener, and that it is still running"
    )]
    Unanswered {
        /// The server's address.
        server: ServerAddress,
        /// The protocol that was expected.
        protocol: &'static str,
    },
    /// The server ended a lasting connection.
    #[error(
        "{server} has ended the connection: it has stopped, the network failed, or it was full before the login; connect again"
    )]
    Gone {
        /// The server's address.
        server: ServerAddress,
    },
    /// The server announced that it stops.
    #[error("the server {server} is stopping; connect again when it is back")]
    Stopped {
        /// The server's address.
        server: ServerAddress,
    },
    /// An operator has ended the session.
    #[error("an operator of {server} has ended your session; ask there before you come again")]
    Kicked {
        /// The server's address.
        server: ServerAddress,
    },
    /// The account is present through another client.
    #[error("{name} is already logged in at {server}; log out there first, or use another name")]
    AlreadyLoggedIn {
        /// The server's address.
        server: ServerAddress,
        /// The name that was tried.
        name: Name,
    },
    /// On chat, the name is taken.
    #[error(
        "{name} is taken at {server}: someone is logged in under this name, or it needs a password; use another name or --password-file"
    )]
    NameTaken {
        /// The server's address.
        server: ServerAddress,
        /// The name that was tried.
        name: Name,
    },
    /// On chat, the server refused the name and gave the reason.
    #[error("{server} refused the name {name} for the reason shown above")]
    NameRefused {
        /// The server's address.
        server: ServerAddress,
        /// The name that was tried.
        name: Name,
    },
    /// A script gave no password where one is needed.
    #[error(
        "{name} needs a password to log in; name the file that contains it with --password-file"
    )]
    PasswordMissing {
        /// The name to log in as.
        name: Name,
    },
    /// The password cannot be sent in a command.
    #[error(
        "the password for {name} cannot be used: this protocol cannot send a password that contains a space"
    )]
    PasswordSpace {
        /// The name to log in as.
        name: Name,
    },
    /// The server cannot reach the client's port.
    #[error(
        "{server} could not connect back to this computer, so messages could not arrive; {}",
        dial_back_advice(*.tls)
    )]
    NotDialledBack {
        /// The server's address.
        server: ServerAddress,
        /// Whether the connection that asked for it is TLS.
        tls: bool,
    },
    /// The port for the server to connect back to cannot be opened.
    #[error("cannot open a port for {server} to connect back to: {source}")]
    Listen {
        /// The server's address.
        server: ServerAddress,
        /// What the system said.
        source: io::Error,
    },
    /// A text for the board has too many characters. The wording is the original
    /// client's.
    #[error("message length illegal, connection refused.")]
    BoardTextTooLong,
    /// An invalid hashtag was given.
    #[error("\"{}\" is not a hashtag: use # and then letters, digits or _, in quotes, for example '#news'", Safe(.word))]
    Hashtag {
        /// What was given.
        word: String,
    },
    /// The board did not take the request.
    #[error("the server refused: {}", excerpt(.reason))]
    BoardRefused {
        /// The server's reason.
        reason: String,
    },
    /// The server refused the login.
    #[error("{server} refused the login as {name}; {}", login_advice(*.with_password))]
    LoginRefused {
        /// The server's address.
        server: ServerAddress,
        /// The name that was tried last.
        name: Name,
        /// Whether a password was given.
        with_password: bool,
    },
    /// On im, the server refused the login; its answer gives no reason.
    #[error(
        "{server} refused the login as {name}: the password may be wrong, the account may not exist or have no password, or there are too many logins at the same time; an account needs a password for im: stop the server, then run `postroom account add NAME` for a new account or `postroom account passwd NAME` for an existing one"
    )]
    ImLoginRefused {
        /// The server's address.
        server: ServerAddress,
        /// The name that was tried.
        name: Name,
    },
    /// The server ended the connection instead of answering a strict login.
    #[error("{server} closed the connection at login as {name}: {}", login_advice(*.with_password))]
    LoginClosed {
        /// The server's address.
        server: ServerAddress,
        /// The name that was tried.
        name: Name,
        /// Whether a password was given.
        with_password: bool,
    },
    /// The server stored nothing.
    #[error("the message for {recipient} was refused and not stored: {}", refusal_causes(.recipient))]
    MessageRefused {
        /// The recipient.
        recipient: Name,
    },
    /// The connection failed after a message was sent and before its answer.
    #[error("{0}; whether the message was stored is unknown")]
    Unacknowledged(#[source] Box<ClientError>),
    /// An invalid name was typed or given.
    #[error("\"{}\" cannot be used as a name: {source}", Safe(.word))]
    Name {
        /// What was given.
        word: String,
        /// What is wrong with it.
        source: NameError,
    },
    /// An invalid message was typed or given.
    #[error("the message cannot be sent: {0}")]
    Text(#[from] TextError),
    /// Over HTTP the server refused the request.
    #[error(transparent)]
    Refusal(Box<Refusal>),
    /// A message was printed after its lease had ended.
    #[error(
        "a message was printed so late that {server} keeps it unread: it will be printed once more"
    )]
    Unconfirmed {
        /// The server's address.
        server: ServerAddress,
    },
    /// Several lines were given as one message.
    #[error("the message cannot be sent: it has several lines, and a message is one line")]
    SeveralLines,
    /// The same for `send`, where a command for each line could send them.
    #[error(
        "nothing was sent: the message has several lines, and the listener takes one line; to send them as one message, use its http listener: --server http://{}; to send each line of a file as a message of its own: while IFS= read -r line; do postroom send --server {server} --as NAME RECIPIENT -- \"$line\"; done < FILE",
        server.shown_host()
    )]
    SeveralMessages {
        /// The server that was given.
        server: ServerAddress,
    },
    /// The standard input was empty, perhaps by mistake.
    #[error(
        "nothing was sent: the standard input is empty; add --allow-empty to send an empty message"
    )]
    EmptyInput,
    /// The same with a line end, as `echo` of an empty variable prints.
    #[error(
        "nothing was sent: the standard input is one empty line; add --allow-empty to send an empty message"
    )]
    EmptyLine,
    /// Nothing was unread, and the caller asked for an error then.
    #[error("nothing is unread")]
    NothingUnread,
    /// A line is longer than servers accept.
    #[error("the line is too long: at most {LINE_BYTES_MAX} bytes can be sent; shorten it")]
    LineTooLong,
    /// The password file cannot be read.
    #[error("cannot read the password file {}: {source}", path.display())]
    PasswordFile {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The password file holds an invalid password.
    #[error(
        "the password in {} cannot be used: {source}; the file must hold the password alone, in \
         one line",
        path.display()
    )]
    Password {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: PasswordError,
    },
    /// The standard input, or the terminal, failed.
    #[error("cannot read the input: {0}")]
    Input(#[source] io::Error),
    /// The standard output failed; a message that could not be written stays
    /// unread.
    #[error("cannot write the output: {0}; a message that was not printed stays unread")]
    Output(#[source] io::Error),
    /// A line from the server could not be shown.
    #[error("cannot show a line from the server: {0}")]
    Show(#[source] io::Error),
    /// The terminal cannot be put into raw mode.
    #[error("cannot set up the terminal: {0}")]
    Terminal(#[source] io::Error),
    /// Ctrl-C was pressed while the client waited for the server. The clients end
    /// in order then and do not return it.
    #[error("interrupted while waiting for the server")]
    Interrupted,
    /// TLS with the server failed.
    #[error("{server} {failure}")]
    Tls {
        /// The server's address.
        server: ServerAddress,
        /// Why.
        failure: TlsFailure,
    },
    /// The file of authorities cannot be used.
    #[error("cannot use the authorities in {} (ca): {source}", path.display())]
    AuthorityFile {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// This computer knows no authorities.
    #[error(
        "this computer knows no authorities that sign certificates; install them (the package ca-certificates), or use --ca or --pin"
    )]
    NoAuthorities,
    /// No certificate can be for this host.
    #[error("no certificate can be for the host {host}: use its name, or --pin")]
    HostForTls {
        /// The host as it was given.
        host: String,
    },
    /// TLS cannot be used at all.
    #[error("cannot use TLS: {0}")]
    TlsUnusable(#[source] rustls::Error),
    /// Any other failure of the connection.
    #[error("the connection to {server} failed: {source}")]
    Connection {
        /// The server's address.
        server: ServerAddress,
        /// What the system said.
        source: io::Error,
    },
}

/// How a server violated its protocol.
#[derive(Debug, Error)]
pub enum Deviation {
    /// A line that is not an answer to the command.
    #[error("it answered {command} with \"{}\"", excerpt(.line))]
    Unexpected {
        /// The command that was sent.
        command: &'static str,
        /// The line, as it arrived.
        line: String,
    },
    /// A line of more bytes than a server may send.
    #[error("it sent a line of more than {ANSWER_BYTES_MAX} bytes")]
    LineTooLong,
    /// A line that is not UTF-8.
    #[error("it sent a line that is not valid UTF-8")]
    InvalidUtf8,
    /// It does not read the answers that it requests.
    #[error("it does not read the client's answers")]
    Untaken,
    /// More than any answer has.
    #[error("it sent more than an answer can have")]
    TooMuch,
    /// More lines than the answer has.
    #[error("it sent lines that nothing asked for")]
    Unasked,
}

impl Deviation {
    pub(crate) fn unexpected(command: &'static str, line: &str) -> Self {
        Self::Unexpected { command, line: line.to_owned() }
    }
}

impl ClientError {
    /// The error for a server that left the protocol.
    pub(crate) fn deviation(
        server: &ServerAddress,
        protocol: &'static str,
        deviation: Deviation,
    ) -> Self {
        let server = server.clone();
        let met = match &deviation {
            Deviation::Unexpected { line, .. } => protocol_of(line),
            _ => None,
        };
        match met.filter(|met| *met != protocol) {
            Some(met) => Self::OtherListener { server, protocol, met },
            None => Self::Deviation { server, protocol, deviation },
        }
    }

    /// The error for a connection to `server` that failed; `timeout` is how long
    /// the client waited where it timed out.
    pub(crate) fn connection(server: &ServerAddress, timeout: Duration, source: io::Error) -> Self {
        let server = server.clone();
        let source = match source.downcast() {
            Ok(failure) => return Self::Tls { server, failure },
            Err(source) => source,
        };
        match source.kind() {
            io::ErrorKind::ConnectionRefused => Self::Refused { server },
            io::ErrorKind::TimedOut => Self::TimedOut { server, timeout },
            io::ErrorKind::Interrupted => Self::Interrupted,
            io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::BrokenPipe => Self::Dropped { server },
            _ => Self::Connection { server, source },
        }
    }
}

impl From<Refusal> for ClientError {
    fn from(refusal: Refusal) -> Self {
        Self::Refusal(Box::new(refusal))
    }
}

/// Why a message may have been refused; the answer gives no reason.
pub(crate) fn refusal_causes(recipient: &Name) -> String {
    format!(
        "the mailbox of {recipient} may be full, the server's disk may be full, {recipient} may have blocked the sender, or {recipient} is new and the server takes no new users"
    )
}

fn dial_back_advice(tls: bool) -> &'static str {
    if tls {
        "over TLS a server does not, unless its listener has dial_back=on, since that connection is plain text: use postroom chat"
    } else {
        "a firewall or NAT is in the way: use postroom chat, or allow connections from the server"
    }
}

fn login_advice(with_password: bool) -> &'static str {
    if with_password {
        "the password may be wrong, the name may not be allowed, or there are too many logins at the same time"
    } else {
        "the name may need a password (see --password-file), the server may not accept new users, or there are too many logins at the same time"
    }
}

/// Characters of a server's line that an error shows.
const EXCERPT_CHARACTERS_MAX: usize = 60;

fn excerpt(line: &str) -> String {
    match line.char_indices().nth(EXCERPT_CHARACTERS_MAX) {
        Some((at, _)) => format!("{}...", Safe(&line[..at])),
        None => Safe(line).to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hostile_line_is_cut_and_made_safe() {
        let line = format!("\u{1b}]0;owned\u{7}{}", "é".repeat(100));
        let shown = Deviation::unexpected("LOGIN", &line).to_string();
        assert!(shown.starts_with("it answered LOGIN with \"^[]0;owned^G"), "{shown}");
        assert!(shown.ends_with("é...\""), "{shown}");
        assert!(!shown.contains('\u{1b}'));
    }
}
