//! Opens connections and logs them in. It blocks: nothing here is measured.

use std::io::{BufRead as _, BufReader, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use socket2::{Domain, Socket, Type};

use crate::drive::login::{Login, Verdict};

/// Connections opened at once before their logins are awaited: enough to fill a
/// server's group commit, few enough for any listen backlog.
const BATCH: u32 = 100;

/// How long the server may take to answer a login.
const LOGIN_LIMIT: Duration = Duration::from_secs(30);

/// Files that the generator has open beside its connections.
const OTHER_FILES: u64 = 32;

/// Small, since answers to a login are short and connections may be many.
const BUFFER_BYTES: usize = 512;

/// A connection during login, read line by line.
pub(crate) type Lines<S = TcpStream> = BufReader<S>;

/// Opens `count` connections to `address` without a login.
pub(crate) fn open(address: SocketAddr, count: u32) -> anyhow::Result<Vec<TcpStream>> {
    allow_open_files(count)?;
    (0..count).map(|_| connect(address)).collect()
}

/// Opens `count` connections to `address` and logs connection N in as
/// `name(N)`.
pub(crate) fn log_in(
    address: SocketAddr,
    count: u32,
    login: Login,
    name: &dyn Fn(u32) -> String,
) -> anyhow::Result<Vec<Lines>> {
    log_in_with(address, connect, count, login, name)
}

/// The same over connections that `connect` opens.
pub(crate) fn log_in_with<S: Read + Write>(
    address: SocketAddr,
    connect: impl Fn(SocketAddr) -> anyhow::Result<S>,
    count: u32,
    login: Login,
    name: &dyn Fn(u32) -> String,
) -> anyhow::Result<Vec<Lines<S>>> {
    allow_open_files(count)?;
    let mut all = Vec::with_capacity(count as usize);
    for first in (0..count).step_by(BATCH as usize) {
        let names: Vec<String> = (first..count).take(BATCH as usize).map(name).collect();
        let mut batch: Vec<Lines<S>> = names
            .iter()
            .map(|_| Ok(BufReader::with_capacity(BUFFER_BYTES, connect(address)?)))
            .collect::<anyhow::Result<_>>()?;
        for step in 0..login.steps() {
            for (lines, name) in batch.iter_mut().zip(&names) {
                say(lines, login.request(step, name).as_bytes())?;
            }
            for (lines, name) in batch.iter_mut().zip(&names) {
                await_step(lines, login, step)
                    .with_context(|| format!("logging {name} in at {address}"))?;
            }
        }
        all.append(&mut batch);
    }
    Ok(all)
}

/// The next line, with its line end.
pub(crate) fn next_line<S: Read>(lines: &mut Lines<S>) -> anyhow::Result<Vec<u8>> {
    let mut line = Vec::new();
    lines.read_until(b'\n', &mut line).context("waiting for a line of the server")?;
    if !line.ends_with(b"\n") {
        bail!("the server closed the connection; its log may say why");
    }
    Ok(line)
}

pub(crate) fn say<S: Write>(lines: &mut Lines<S>, text: &[u8]) -> anyhow::Result<()> {
    let stream = lines.get_mut();
    stream.write_all(text).and_then(|()| stream.flush()).context("sending to the server")
}

pub(crate) fn connect(address: SocketAddr) -> anyhow::Result<TcpStream> {
    let stream = TcpStream::connect(address)
        .with_context(|| format!("connecting to {address}; is the server running?"))?;
    stream.set_nodelay(true).context("setting TCP_NODELAY")?;
    stream.set_read_timeout(Some(LOGIN_LIMIT)).context("setting a read timeout")?;
    Ok(stream)
}

/// A connection from one of this machine's addresses.
pub(crate) fn connect_from(from: IpAddr, address: SocketAddr) -> anyhow::Result<TcpStream> {
    let connect = || {
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
        socket.bind(&SocketAddr::new(from, 0).into())?;
        socket.connect(&address.into())?;
        socket.set_tcp_nodelay(true)?;
        std::io::Result::Ok(TcpStream::from(socket))
    };
    connect().with_context(|| format!("connecting from {from} to {address}"))
}

fn await_step<S: Read + Write>(
    lines: &mut Lines<S>,
    login: Login,
    step: usize,
) -> anyhow::Result<()> {
    // For the error: it may say what the server expected.
    let mut last = Vec::new();
    loop {
        let line = next_line(lines)
            .with_context(|| format!("after the line `{}`", last.escape_ascii()))?;
        last = line.trim_ascii_end().to_vec();
        match login.verdict(step, &last) {
            Verdict::Done => return Ok(()),
            Verdict::Wait => {}
            Verdict::Reply(reply) => say(lines, &reply)?,
            Verdict::Refused => bail!(
                "the server answered `{}`; is this the right listener, with the name free?",
                last.escape_ascii()
            ),
        }
    }
}

/// Raises this process's limit of open files to the hard limit: another side
/// may already have opened as many.
pub(crate) fn allow_open_files(connections: u32) -> anyhow::Result<()> {
    let needed = u64::from(connections) + OTHER_FILES;
    let limit = getrlimit(Resource::Nofile);
    if limit.current != limit.maximum {
        let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
        setrlimit(Resource::Nofile, raised).context("raising the limit of open files")?;
    }
    // `None` stands for no limit.
    ensure!(
        limit.maximum.is_none_or(|maximum| maximum >= needed),
        "{needed} open files are needed and the hard limit is lower; raise it (`ulimit -Hn`)"
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;
    use std::net::TcpListener;
    use std::thread;

    use super::*;

    fn login_answered_by(pieces: &'static [&'static [u8]]) -> anyhow::Result<()> {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let server = thread::spawn(move || {
            let (mut peer, _) = listener.accept().unwrap();
            let mut login = [0; 12];
            peer.read_exact(&mut login).unwrap();
            assert_eq!(&login, b"LOGIN test0\n");
            for piece in pieces {
                peer.write_all(piece).unwrap();
            }
        });
        let opened = log_in(address, 1, Login::Mailbox, &|number| format!("test{number}"));
        server.join().unwrap();
        opened.map(drop)
    }

    #[test]
    fn a_number_accepts_the_login() {
        login_answered_by(&[b"17\n"]).unwrap();
        login_answered_by(&[b"1", b"7", b"\n"]).unwrap();
    }

    #[test]
    fn anything_else_refuses_the_login() {
        assert!(login_answered_by(&[b"Welcome\n"]).is_err());
        assert!(login_answered_by(&[b"\n"]).is_err());
        assert!(login_answered_by(&[b"17"]).is_err());
    }
}
