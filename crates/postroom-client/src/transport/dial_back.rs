//! The connection that a server opens back to its client.

use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::{AsFd as _, BorrowedFd};

use rustix::event::PollFlags;
use socket2::SockRef;

use super::Transport;
use crate::signals::is_transient;

/// A port at which the server of a connection, and no other host, can connect
/// back.
#[derive(Debug)]
pub(crate) struct DialBack {
    listener: TcpListener,
    server: SocketAddr,
}

impl DialBack {
    /// Listens at the address at which the server of `known` sees this client.
    pub(crate) fn listen(known: &Transport) -> io::Result<Self> {
        let mut address = known.stream.local_addr()?;
        address.set_port(0);
        let listener = TcpListener::bind(address)?;
        listener.set_nonblocking(true)?;
        Ok(Self { listener, server: known.stream.peer_addr()? })
    }

    /// The port.
    pub(crate) fn port(&self) -> io::Result<u16> {
        Ok(self.listener.local_addr()?.port())
    }

    /// What to poll, and for what.
    pub(crate) fn watched(&self) -> (BorrowedFd<'_>, PollFlags) {
        (self.listener.as_fd(), PollFlags::IN)
    }

    /// The first waiting connection from the server's host. Connections from
    /// other hosts are closed.
    pub(crate) fn accept(&self) -> io::Result<Option<Transport>> {
        loop {
            match self.listener.accept() {
                Ok((stream, peer)) if peer.ip() == self.server.ip() => {
                    return prepare(stream).map(Some);
                }
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
                Err(error) if is_transient(&error) => return Ok(None),
                Err(error) => return Err(error),
            }
        }
    }
}

fn prepare(stream: TcpStream) -> io::Result<Transport> {
    let socket = SockRef::from(&stream);
    socket.set_nonblocking(true)?;
    socket.set_tcp_nodelay(true)?;
    Ok(Transport::over(stream))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_server_may_connect_back() {
        let server = TcpListener::bind("127.0.0.1:0").unwrap();
        let known = Transport::over(TcpStream::connect(server.local_addr().unwrap()).unwrap());
        let dial_back = DialBack::listen(&known).unwrap();
        let listens_at = dial_back.listener.local_addr().unwrap();
        assert_eq!(listens_at.ip(), known.stream.local_addr().unwrap().ip());
        assert_eq!(listens_at.port(), dial_back.port().unwrap());

        // Another address of the same loopback network stands for another host.
        let stranger = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None);
        let stranger = stranger.unwrap();
        stranger.bind(&SocketAddr::from(([127, 0, 0, 2], 0)).into()).unwrap();
        stranger.connect(&listens_at.into()).unwrap();
        assert!(dial_back.accept().unwrap().is_none());

        let _back = TcpStream::connect(listens_at).unwrap();
        assert!(dial_back.accept().unwrap().is_some());
    }
}
