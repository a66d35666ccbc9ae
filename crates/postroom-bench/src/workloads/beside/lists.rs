//! Users of the chat who ask for the names of all users, over and over, and do not read
//! them.

use std::io::{BufReader, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::Context as _;
use clap::Args;

use super::{Crowd, Crowded, HonestOptions};
use crate::drive::dial;
use crate::drive::login::Login;
use crate::options::{address, at_least_one};

/// How often the crowd looks whether the round is over.
const INTERVAL: Duration = Duration::from_millis(10);

const REQUEST: &str = "/allusers\n";

#[derive(Debug, Args)]
pub(super) struct ListsOptions {
    #[command(flatten)]
    pub(super) honest: HonestOptions,
    /// Address of the server's `chat` listener
    #[arg(long, value_name = "HOST:PORT", value_parser = address)]
    chat: SocketAddr,
    /// Users who ask
    #[arg(long, default_value_t = 500, value_parser = at_least_one())]
    users: u32,
    /// How often each asks at the beginning of a round
    #[arg(long, default_value_t = 128, value_parser = at_least_one())]
    lists: u32,
}

impl ListsOptions {
    pub(super) fn crowd(&self) -> Lists {
        let Self { chat, users, lists, .. } = *self;
        Lists { chat, users, requests: lists, entered: Vec::new() }
    }
}

#[derive(Debug)]
pub(super) struct Lists {
    chat: SocketAddr,
    users: u32,
    /// Of each user.
    requests: u32,
    entered: Vec<TcpStream>,
}

impl Crowd for Lists {
    fn labels(&self) -> (&'static str, String) {
        ("lists", format!("{} x {}", self.users, self.requests))
    }

    fn enter(&mut self, round: u32) -> anyhow::Result<()> {
        // The server may not have noticed yet that those of the last round have left.
        let name = |number| format!("list{round}x{number}");
        let entered = dial::log_in(self.chat, self.users, Login::Chat, &name)?;
        self.entered = entered.into_iter().map(BufReader::into_inner).collect();
        Ok(())
    }

    fn run(&mut self, is_there: bool, over: &AtomicBool) -> anyhow::Result<Crowded> {
        if !is_there {
            return Ok(Crowded::default());
        }
        let requests = REQUEST.repeat(self.requests as usize);
        for stream in &mut self.entered {
            stream.write_all(requests.as_bytes()).context("asking for the names")?;
        }
        while !over.load(Ordering::Relaxed) {
            thread::sleep(INTERVAL);
        }
        let requests = u64::from(self.users) * u64::from(self.requests);
        Ok(Crowded { requests, ..Crowded::default() })
    }

    fn leave(&mut self) {
        self.entered.clear();
    }
}
