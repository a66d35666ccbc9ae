//! Logins with a wrong password, at a rate and from one address; and beside them, with
//! or without, right logins to the same account, each from an address of its own.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, anyhow, ensure};
use clap::Args;

use super::{Crowd, Crowded, HonestOptions};
use crate::drive::dial;
use crate::options::at_least_one;

/// Where the wrong logins come from.
const WRONG_FROM: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2));

/// How often the wrong logins that are due begin, and those that ended are closed.
const INTERVAL: Duration = Duration::from_millis(2);

/// Time between the beginnings of two right logins.
const RIGHT_INTERVAL: Duration = Duration::from_millis(100);

/// How long a login may take.
const LIMIT: Duration = Duration::from_secs(30);

#[derive(Debug, Args)]
pub(super) struct WrongLoginsOptions {
    #[command(flatten)]
    pub(super) honest: HonestOptions,
    /// An account with a password (`postroom account add`)
    #[arg(long)]
    account: String,
    /// Its password
    #[arg(long)]
    password: String,
    /// Wrong logins a second, all from 127.0.0.2
    #[arg(long, default_value_t = 1000, value_parser = at_least_one())]
    rate: u32,
}

impl WrongLoginsOptions {
    pub(super) fn crowd(&self) -> anyhow::Result<WrongLogins> {
        let Self { account, password, rate, .. } = self;
        let server = self.honest.server;
        ensure!(
            server.is_ipv4() && server.ip().is_loopback(),
            "logins come from several loopback addresses of IPv4; let the server listen on one"
        );
        // As many as may be under way for a second.
        dial::allow_open_files(*rate)?;
        Ok(WrongLogins {
            server,
            wrong: format!("PASS not {password}\nLOGIN {account}\n"),
            right: format!("PASS {password}\nLOGIN {account}\n"),
            rate: *rate,
            right_logins: 0,
        })
    }
}

#[derive(Debug)]
pub(super) struct WrongLogins {
    server: SocketAddr,
    wrong: String,
    right: String,
    rate: u32,
    /// Right logins so far, of all rounds.
    right_logins: u32,
}

impl Crowd for WrongLogins {
    fn labels(&self) -> (&'static str, String) {
        ("wrong-logins", format!("{}/s", self.rate))
    }

    fn run(&mut self, is_there: bool, over: &AtomicBool) -> anyhow::Result<Crowded> {
        let Self { server, rate, .. } = *self;
        let mut attack = Attack { server, request: &self.wrong, under_way: Vec::new(), begun: 0 };
        let (right, right_logins) = (&self.right, &mut self.right_logins);
        let (mut crowded, requests) = thread::scope(|scope| {
            let right = scope.spawn(|| log_in_rightly(server, right, right_logins, over));
            let requests = if is_there { attack.run(rate, over) } else { Ok(0) };
            let right = right.join().map_err(|_| anyhow!("the thread of right logins panicked"))?;
            anyhow::Ok((right?, requests.context("a wrong login")?))
        })?;
        crowded.requests = requests;
        Ok(crowded)
    }
}

/// The wrong logins of a round.
#[derive(Debug)]
struct Attack<'a> {
    server: SocketAddr,
    request: &'a str,
    under_way: Vec<TcpStream>,
    begun: u64,
}

impl Attack<'_> {
    /// Begins `rate` logins a second, answered or not; returns how many.
    fn run(&mut self, rate: u32, over: &AtomicBool) -> anyhow::Result<u64> {
        let begin = Instant::now();
        while !over.load(Ordering::Relaxed) {
            let due = u64::try_from(begin.elapsed().as_millis())? * u64::from(rate) / 1000;
            while self.begun < due && !over.load(Ordering::Relaxed) {
                self.begin()?;
            }
            let mut answered = false;
            self.under_way.retain_mut(|stream| match stream.read(&mut [0]) {
                Ok(0) => false,
                Ok(_) => {
                    answered = true;
                    false
                }
                Err(error) => error.kind() == ErrorKind::WouldBlock,
            });
            ensure!(!answered, "the server answered it; is the account without a password?");
            thread::sleep(INTERVAL);
        }
        Ok(self.begun)
    }

    fn begin(&mut self) -> anyhow::Result<()> {
        let mut stream = dial::connect_from(WRONG_FROM, self.server)?;
        stream.write_all(self.request.as_bytes()).context("sending to the server")?;
        stream.set_nonblocking(true).context("making a socket non-blocking")?;
        self.under_way.push(stream);
        self.begun += 1;
        Ok(())
    }
}

/// Logs in again and again until the round is over, one login at a time.
fn log_in_rightly(
    server: SocketAddr,
    request: &str,
    logins: &mut u32,
    over: &AtomicBool,
) -> anyhow::Result<Crowded> {
    let mut crowded = Crowded::default();
    while !over.load(Ordering::Relaxed) {
        let begin = Instant::now();
        if !log_in(right_from(*logins), server, request).context("a right login")? {
            crowded.wrong = Some("the server refused a right login".to_owned());
        }
        *logins += 1;
        crowded.wait = crowded.wait.max(Some(begin.elapsed()));
        thread::sleep(RIGHT_INTERVAL.saturating_sub(begin.elapsed()));
    }
    Ok(crowded)
}

/// An address from which no login has come before: the server lets an account in more
/// readily where it knows it from.
fn right_from(login: u32) -> IpAddr {
    let number = login % (1 << 16);
    Ipv4Addr::from_bits(Ipv4Addr::new(127, 1, 0, 0).to_bits() + number).into()
}

/// Whether the server accepts the login.
fn log_in(from: IpAddr, server: SocketAddr, request: &str) -> anyhow::Result<bool> {
    let mut stream = dial::connect_from(from, server)?;
    stream.set_read_timeout(Some(LIMIT)).context("setting a read timeout")?;
    stream.write_all(request.as_bytes()).context("sending to the server")?;
    // The number of unread messages.
    let accepted = match stream.read(&mut [0]) {
        Ok(size) => size > 0,
        Err(error) if error.kind() == ErrorKind::WouldBlock => false,
        Err(error) => return Err(error).context("waiting for the server"),
    };
    if accepted {
        stream.write_all(b"EXIT\n").context("sending to the server")?;
    }
    Ok(accepted)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::io::{BufRead as _, BufReader};
    use std::net::TcpListener;
    use std::sync::Arc;

    use super::*;

    /// A server that accepts one password. The round is over once it has had a right login
    /// and `wrong` wrong ones.
    fn server(wrong: usize, over: &Arc<AtomicBool>) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let over = Arc::clone(over);
        thread::spawn(move || {
            let mut seen = [0, 0];
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
                let is_right = lines.next().unwrap().unwrap() == "PASS secret";
                assert_eq!(lines.next().unwrap().unwrap(), "LOGIN ann");
                assert_eq!(stream.peer_addr().unwrap().ip() == WRONG_FROM, !is_right);
                if is_right {
                    stream.write_all(b"0\n").unwrap();
                }
                seen[usize::from(is_right)] += 1;
                over.store(seen[0] >= wrong && seen[1] > 0, Ordering::Relaxed);
            }
        });
        address
    }

    #[test]
    fn wrong_logins_come_from_one_address_and_right_ones_from_others() {
        for wrong in [0, 5] {
            let over = Arc::default();
            let mut crowd = WrongLogins {
                server: server(wrong, &over),
                wrong: "PASS not secret\nLOGIN ann\n".to_owned(),
                right: "PASS secret\nLOGIN ann\n".to_owned(),
                rate: 1000,
                right_logins: 0,
            };
            let crowded = crowd.run(wrong > 0, &over).unwrap();
            assert!(crowded.wait.is_some() && crowded.wrong.is_none());
            assert_eq!(crowded.requests > 0, wrong > 0);
        }
    }

    #[test]
    fn every_right_login_comes_from_another_address() {
        let addresses: HashSet<IpAddr> = (0..1_000).map(right_from).collect();
        assert!(addresses.len() == 1_000 && addresses.iter().all(IpAddr::is_loopback));
        assert!(!addresses.contains(&WRONG_FROM));
    }
}
