//! Fuzz targets: what must hold for all input, however hostile.
//!
//! A [`Target`] takes the bytes of one input and panics if a law does not hold. Most
//! targets read their input as a script: bytes that are said as they are, and actions,
//! `%` and a letter (`script.rs`), so that the files of the corpora can be read and
//! written by hand. The laws beside "no panic" are documented where they are checked:
//! `session/judge.rs`, `parsers.rs` and `client/mod.rs`.
//!
//! `cargo test` replays the corpora. `cargo xtask fuzz` looks for new inputs.

mod client;
mod parsers;
mod script;
mod session;

/// What is fuzzed under one name, with a corpus in the folder of that name.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// The name of the target and of the folder with its corpus.
    pub name: &'static str,
    /// Runs one input; panics if a law does not hold.
    pub run: fn(&[u8]),
}

/// All targets.
pub const TARGETS: &[Target] = &[
    Target { name: "mailbox", run: session::mailbox },
    Target { name: "mailbox-verbose", run: session::mailbox_verbose },
    Target { name: "im", run: session::im },
    Target { name: "im-receipts", run: session::im_receipts },
    Target { name: "board", run: session::board },
    Target { name: "chat", run: session::chat },
    Target { name: "lines", run: parsers::lines },
    Target { name: "telnet", run: parsers::telnet },
    Target { name: "receipts", run: parsers::receipts },
    Target { name: "proxy-header", run: parsers::proxy_header },
    Target { name: "client-mail", run: client::mail },
    Target { name: "client-mail-strict", run: client::mail_strict },
    Target { name: "client-read", run: client::read },
    Target { name: "client-send", run: client::send },
    Target { name: "client-im", run: client::im },
    Target { name: "client-chat", run: client::chat },
    Target { name: "client-board", run: client::board },
    Target { name: "client-tail", run: client::tail },
];

impl Target {
    /// The target of this name.
    #[must_use]
    pub fn find(name: &str) -> Option<&'static Self> {
        TARGETS.iter().find(|target| target.name == name)
    }
}
