//! What idle connections that are logged in cost.

use std::io::{Read, Write};
use std::net::SocketAddr;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use clap::Args;

use crate::drive::dial::{self, Lines};
use crate::drive::login::Login;
use crate::drive::side::Side;
use crate::drive::tls;
use crate::measure::measurement::float;
use crate::measure::memory::Memory;
use crate::measure::table::Table;
use crate::options::{address, at_least_one};
use crate::outcome::Outcome;
use crate::report;

/// How long memory must not change to count as settled.
const QUIET: Duration = Duration::from_secs(2);

/// How long memory may take to settle.
const PATIENCE: Duration = Duration::from_secs(20);

/// How often memory is measured meanwhile.
const INTERVAL: Duration = Duration::from_millis(200);

const MEMORY: Table = Table::new(&["memory", "before kB", "after kB", "bytes a connection"], 1);

#[derive(Debug, Args)]
pub(crate) struct IdleOptions {
    /// Address of the server's listener
    #[arg(long, value_name = "HOST:PORT", value_parser = address)]
    pub(crate) server: SocketAddr,
    /// Protocol of the listener
    #[arg(long, value_enum, default_value_t = Login::Mailbox)]
    pub(crate) protocol: Login,
    /// The listener has TLS; its certificate is not checked
    #[arg(long)]
    pub(crate) tls: bool,
    /// Process id of the server [default: the owner of the listening socket]
    #[arg(long, value_name = "PID")]
    pub(crate) server_pid: Option<u32>,
    /// Connections to open
    #[arg(long, default_value_t = 10_000, value_parser = at_least_one())]
    pub(crate) connections: u32,
    /// Log in as this many accounts, in turn; fewer accounts than connections
    /// show the cost of a connection without an account [default: one a
    /// connection]
    #[arg(long, value_parser = at_least_one())]
    pub(crate) accounts: Option<u32>,
}

pub(crate) fn run(options: &IdleOptions) -> anyhow::Result<Outcome> {
    let side = Side::new(options.protocol, options.server, options.server_pid);
    let process = side.process.context("the server's process is unknown; give --server-pid")?;
    let before = settled(process)?;
    let measure = || {
        let after = settled(process)?;
        print(&before, &after, options.connections);
        anyhow::Ok(options.protocol.farewell())
    };
    if options.tls {
        let mut streams = open(options, tls::connect)?;
        let farewell = measure()?;
        streams.iter_mut().try_for_each(|lines| dial::say(lines, farewell))?;
    } else {
        let mut streams = open(options, dial::connect)?;
        let farewell = measure()?;
        streams.iter_mut().try_for_each(|lines| dial::say(lines, farewell))?;
    }
    Ok(Outcome::Clean)
}

fn open<S: Read + Write>(
    options: &IdleOptions,
    connect: impl Fn(SocketAddr) -> anyhow::Result<S>,
) -> anyhow::Result<Vec<Lines<S>>> {
    let accounts = options.accounts.unwrap_or(options.connections);
    let begin = Instant::now();
    let name = |number: u32| format!("idle{}", number % accounts);
    let IdleOptions { server, connections, protocol, .. } = *options;
    let streams = dial::log_in_with(server, connect, connections, protocol, &name)?;
    report::line(&format!(
        "{} connections logged in as {accounts} accounts within {:.1} s",
        streams.len(),
        begin.elapsed().as_secs_f64()
    ));
    Ok(streams)
}

fn settled(process: u32) -> anyhow::Result<Memory> {
    let begin = Instant::now();
    let mut memory = Memory::of(process)?;
    let mut changed = begin;
    while changed.elapsed() < QUIET && begin.elapsed() < PATIENCE {
        thread::sleep(INTERVAL);
        let now = Memory::of(process)?;
        if now != memory {
            (memory, changed) = (now, Instant::now());
        }
    }
    Ok(memory)
}

fn print(before: &Memory, after: &Memory, connections: u32) {
    report::line(&MEMORY.heading());
    let rows = [
        ("VmRSS", Some(before.vm_rss), Some(after.vm_rss)),
        ("RssAnon", Some(before.rss_anon), Some(after.rss_anon)),
        ("Pss_Anon", before.pss_anon, after.pss_anon),
    ];
    for (name, before, after) in rows {
        let (Some(before), Some(after)) = (before, after) else {
            continue;
        };
        let each = bytes_each(before, after, connections);
        report::line(&MEMORY.row(&[
            name,
            &before.to_string(),
            &after.to_string(),
            &format!("{each:.0}"),
        ]));
    }
}

fn bytes_each(before_kb: u64, after_kb: u64, connections: u32) -> f64 {
    (float(after_kb) - float(before_kb)) * 1024.0 / f64::from(connections)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn growth_is_divided_and_may_be_negative() {
        assert!((bytes_each(1000, 21_000, 10_000) - 2048.0).abs() < 1e-9);
        assert!((bytes_each(2000, 1000, 1000) + 1024.0).abs() < 1e-9);
    }
}
