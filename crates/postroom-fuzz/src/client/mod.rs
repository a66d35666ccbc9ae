//! Clients: what each makes of the bytes of a hostile server.
//!
//! The server's input is a script (`script.rs`) over a real socket:
//!
//! | action | meaning |
//! |---|---|
//! | `.` | waits until the client has sent something |
//! | `b`, `f` | what follows is said on the connection back to a client of im, on its own |
//! | `E` | ends the connection back |
//!
//! After the script the server ends its side. The laws: the client ends by itself, before
//! its time-out; what it prints is UTF-8 that a terminal may be shown, and so are its errors.

mod server;

use std::io::{self, PipeReader, Write as _};
use std::path::PathBuf;
use std::sync::OnceLock;
use std::time::Duration;

use postroom_client::{
    BoardArguments, ChatArguments, ClientError, DefaultsArguments, Environment, GivenServer,
    ImArguments, MailArguments, ReadArguments, SendArguments, ServerAddress, ServerArguments,
    TailArguments, TlsArguments, board_with, chat_with, im_with, mail_with, read_to, send_from,
    tail_to,
};
use postroom_testing::terminal::check_safe;
use tempfile::NamedTempFile;

use self::server::Server;

/// How long a client waits for the server: the server ends its side before.
const TIMEOUT: Duration = Duration::from_secs(5);

const HOST: &str = "127.0.0.1";

/// What a person types who uses each command of a mailbox.
const TYPED_MAIL: &str = "COMPOSE\nalice\nHi\nREAD\nCOMPOSE alice Hello there\nREAD\nEXIT\n";

const TYPED_IM: &str = "/to bob hi\n/list\n/toall hello\n/exit\n";

const TYPED_CHAT: &str = "hello\n/private bob hi\n/allusers\n/join #rust\n/read\n/quit\n";

/// The server at a port, as an option gives it.
fn given(port: u16) -> GivenServer {
    ServerAddress::new(HOST, port).into()
}

/// The same for a client that also takes it without an option.
fn at(port: u16) -> ServerArguments {
    ServerArguments { server: Some(given(port)), ..ServerArguments::default() }
}

pub(crate) fn mail(input: &[u8]) {
    run_mail(input, false);
}

pub(crate) fn mail_strict(input: &[u8]) {
    run_mail(input, true);
}

fn run_mail(input: &[u8], strict: bool) {
    run(input, |port, shown| {
        let arguments = MailArguments {
            server: at(port),
            strict,
            name: Some("jacky".to_owned()),
            password_file: None,
            timeout: TIMEOUT,
            no_history: false,
            tls: TlsArguments::default(),
            defaults: DefaultsArguments::default(),
        };
        mail_with(&arguments, &Environment::default(), typed(TYPED_MAIL), shown)
    });
}

pub(crate) fn read(input: &[u8]) {
    // The first byte says how the messages are printed.
    let (json, input) = (input.first() == Some(&b'j'), input.get(1..).unwrap_or_default());
    run(input, |port, shown| {
        let arguments = ReadArguments {
            server: Some(given(port)),
            name: Some("jacky".to_owned()),
            all: true,
            follow: false,
            no_reconnect: false,
            fail_empty: false,
            json,
            password_file: None,
            timeout: TIMEOUT,
            tls: TlsArguments::default(),
            defaults: DefaultsArguments::default(),
        };
        read_to(&arguments, &Environment::default(), shown)
    });
}

pub(crate) fn send(input: &[u8]) {
    run(input, |port, _| {
        let arguments = SendArguments {
            server: Some(given(port)),
            name: Some("jacky".to_owned()),
            recipient: "alice".to_owned(),
            text: Some("Hi Alice!".to_owned()),
            text_from_input: false,
            allow_empty: false,
            password_file: None,
            timeout: TIMEOUT,
            tls: TlsArguments::default(),
            defaults: DefaultsArguments::default(),
        };
        send_from(&arguments, &Environment::default(), &mut io::empty())
    });
}

pub(crate) fn tail(input: &[u8]) {
    // The first byte says how the posts are printed.
    let (json, input) = (input.first() == Some(&b'j'), input.get(1..).unwrap_or_default());
    run(input, |port, shown| {
        let arguments = TailArguments {
            server: Some(given(port)),
            name: Some("jacky".to_owned()),
            channel: "#rust".to_owned(),
            after: "p0000000000001".parse().ok(),
            no_reconnect: true,
            json,
            password_file: None,
            timeout: TIMEOUT,
            tls: TlsArguments::default(),
            defaults: DefaultsArguments::default(),
        };
        tail_to(&arguments, &Environment::default(), shown)
    });
}

pub(crate) fn im(input: &[u8]) {
    run(input, |port, shown| {
        let arguments = ImArguments {
            server: at(port),
            name: Some("jacky".to_owned()),
            password_file: Some(password_file()),
            timeout: TIMEOUT,
            no_reconnect: false,
            no_history: false,
            tls: TlsArguments::default(),
            defaults: DefaultsArguments::default(),
        };
        im_with(&arguments, &Environment::default(), typed(TYPED_IM), shown)
    });
}

pub(crate) fn chat(input: &[u8]) {
    run(input, |port, shown| {
        let arguments = ChatArguments {
            server: at(port),
            name: Some("jacky".to_owned()),
            password_file: None,
            timeout: TIMEOUT,
            no_reconnect: false,
            no_history: false,
            tls: TlsArguments::default(),
            defaults: DefaultsArguments::default(),
        };
        chat_with(&arguments, &Environment::default(), typed(TYPED_CHAT), shown)
    });
}

pub(crate) fn board(input: &[u8]) {
    // The first byte says what is asked for.
    let (upload, input) = (input.first() == Some(&b'u'), input.get(1..).unwrap_or_default());
    run(input, |port, shown| {
        let arguments = BoardArguments {
            upload,
            download: !upload,
            server: at(port),
            text: upload.then(|| "hi #rust".to_owned()),
            text_from_input: false,
            report: None,
            timeout: TIMEOUT,
            tls: TlsArguments::default(),
            defaults: DefaultsArguments::default(),
        };
        board_with(&arguments, &Environment::default(), &mut io::empty(), shown, &mut io::sink())
    });
}

fn run(input: &[u8], client: impl FnOnce(u16, &mut Vec<u8>) -> Result<(), ClientError>) {
    let mut shown = Vec::new();
    let ended = Server::serve(input, |port| client(port, &mut shown));
    check_safe("what the client prints", &shown);
    if let Err(error) = ended {
        let is_late = matches!(error, ClientError::TimedOut { .. });
        assert!(!is_late, "the client waits for a server that has ended: {error}");
        check_safe("the client's error", error.to_string().as_bytes());
    }
}

/// What is typed, all at once, through a pipe.
fn typed(lines: &str) -> PipeReader {
    let (reader, mut writer) = io::pipe().expect("the process may open a pipe");
    writer.write_all(lines.as_bytes()).expect("a pipe takes a few lines");
    reader
}

fn password_file() -> PathBuf {
    static FILE: OnceLock<NamedTempFile> = OnceLock::new();
    let file = FILE.get_or_init(|| {
        let file = NamedTempFile::new().expect("a file can be made");
        file.as_file().write_all(b"12345\n").expect("the disk has room");
        file
    });
    file.path().to_owned()
}
