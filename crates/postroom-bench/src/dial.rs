//! Opens connections and logs them in, blocking: nothing here is measured.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Connections opened before the first of them must have its answer: enough to
/// fill a server's group commit, few enough for any backlog.
const BATCH: u32 = 100;

/// A server that does not answer LOGIN within this is given up.
const LOGIN_LIMIT: Duration = Duration::from_secs(30);

/// Files of the generator that are no connections.
const OTHER_FILES: u64 = 32;

/// Opens `count` connections to `address`; with `names`, logs connection N in
/// as `names(N)`.
pub(crate) fn open(
    address: SocketAddr,
    count: u32,
    names: Option<&dyn Fn(u32) -> String>,
) -> anyhow::Result<Vec<TcpStream>> {
    allow_open_files(u64::from(count) + OTHER_FILES)?;
    let mut streams = Vec::with_capacity(count as usize);
    while streams.len() < count as usize {
        let first = streams.len();
        for number in (0..count).skip(first).take(BATCH as usize) {
            let mut stream = connect(address)?;
            if let Some(name) = names {
                let login = format!("LOGIN {}\n", name(number));
                stream.write_all(login.as_bytes()).context("sending LOGIN")?;
            }
            streams.push(stream);
        }
        if names.is_some() {
            streams[first..].iter_mut().try_for_each(await_login)?;
        }
    }
    Ok(streams)
}

fn connect(address: SocketAddr) -> anyhow::Result<TcpStream> {
    let stream = TcpStream::connect(address)
        .with_context(|| format!("connecting to {address}; is the server running?"))?;
    stream.set_nodelay(true).context("setting TCP_NODELAY")?;
    stream.set_read_timeout(Some(LOGIN_LIMIT)).context("setting a read timeout")?;
    Ok(stream)
}

/// Reads the line that answers LOGIN: the number of messages stored.
fn await_login(stream: &mut TcpStream) -> anyhow::Result<()> {
    let mut answer = Vec::new();
    let mut bytes = [0; 64];
    while !answer.ends_with(b"\n") {
        let size = stream.read(&mut bytes).context("waiting for the answer to LOGIN")?;
        if size == 0 {
            bail!("the server closed the connection at LOGIN; its log may say why");
        }
        answer.extend_from_slice(&bytes[..size]);
    }
    ensure!(
        answer.len() > 1 && answer[..answer.len() - 1].iter().all(u8::is_ascii_digit),
        "the answer to LOGIN is no number: `{}`; is this the `mailbox` listener?",
        answer.escape_ascii()
    );
    Ok(())
}

/// Raises this process's limit of open files as far as it may.
fn allow_open_files(needed: u64) -> anyhow::Result<()> {
    let limit = getrlimit(Resource::Nofile);
    // No limit at all reads as none.
    if limit.current.is_none_or(|current| current >= needed) {
        return Ok(());
    }
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    setrlimit(Resource::Nofile, raised).context("raising the limit of open files")?;
    ensure!(
        limit.maximum.is_none_or(|maximum| maximum >= needed),
        "{needed} open files are needed and the hard limit is lower; raise it (`ulimit -Hn`)"
    );
    Ok(())
}

#[cfg(test)]
mod tests {
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
        let opened = open(address, 1, Some(&|number| format!("test{number}")));
        server.join().unwrap();
        opened.map(drop)
    }

    #[test]
    fn a_number_lets_in() {
        login_answered_by(&[b"17\n"]).unwrap();
        login_answered_by(&[b"1", b"7", b"\n"]).unwrap();
    }

    #[test]
    fn anything_else_does_not() {
        assert!(login_answered_by(&[b"Welcome\n"]).is_err());
        assert!(login_answered_by(&[b"\n"]).is_err());
        assert!(login_answered_by(&[b"17"]).is_err());
    }
}
