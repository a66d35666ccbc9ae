//! TLS, with rustls, over a plain transport.
//!
//! Two things must be exact, since messages are removed by them. What the peer has
//! acknowledged is known of ciphertext: [`Positions`] says what plaintext that is. And it
//! is sampled before the ciphertext of the bytes that it may prove something with: no
//! sample is taken while a part of a record has been read, or while bytes wait that were
//! decrypted, so that these have a sample which is older than all of their ciphertext.

use std::io::{self, Read, Write};
use std::sync::Arc;

use mio::net::TcpStream;
use postroom_engine::Broken;
use postroom_protocol::tls::{Positions, Records};
use rustls::{ServerConfig, ServerConnection};

use super::plain::Plain;
use super::{Handshake, Received};

/// Bytes that one write encrypts: a record. The engine keeps the rest, which it can bound.
const WRITE_BYTES_MAX: usize = 16 << 10;

/// Bytes that a client may send for its handshake. It needs about 2 kB.
const HANDSHAKE_BYTES_MAX: u64 = 16 << 10;

/// Reads from the socket for one read of the engine: enough for the longest record.
const READS_MAX: u32 = 6;

/// The type of the record that a client of TLS begins with.
const HANDSHAKE: u8 = 22;

const NOT_TLS: &str = "the client does not speak TLS";
const LEFT: &str = "the client left during the TLS handshake";
const FAILED: &str = "TLS with the client failed";

/// TLS over TCP, at the server's side.
pub(crate) struct Tls {
    incoming: Incoming,
    connection: ServerConnection,
    /// Bytes that are decrypted and not taken.
    plaintext: usize,
    /// Bytes that are encrypted, and not all written. The next write begins with them.
    encrypted: usize,
    /// Plaintext that is written.
    written: u64,
    positions: Positions,
    /// The sample that the next bytes carry.
    acknowledged: Option<u64>,
    state: State,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum State {
    Handshake,
    Open,
    /// The peer has ended its side in order.
    Ended,
    /// For this reason. Nothing that the peer sent since can be believed.
    Broken(Broken),
}

/// The socket, and how far its ciphertext was read.
struct Incoming {
    plain: Plain,
    records: Records,
    read: u64,
    /// Its type of record, once there is one.
    first: Option<u8>,
    /// What the last read of the socket told.
    last: Socket,
    /// Set once our side is to end with the last byte that waits.
    is_ending: bool,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Socket {
    /// It had as much as was asked for.
    MayHaveMore,
    /// It had less, so that an event tells of more bytes. An end that an event has told of
    /// already may follow.
    Short,
    /// It had nothing.
    Empty,
    /// The FIN of the peer.
    Ended,
}

impl Tls {
    pub(super) fn new(socket: TcpStream, settings: Arc<ServerConfig>) -> Result<Self, Broken> {
        let connection = ServerConnection::new(settings).map_err(|error| reason(&error))?;
        let incoming = Incoming {
            plain: Plain::new(socket),
            records: Records::default(),
            read: 0,
            first: None,
            last: Socket::Empty,
            is_ending: false,
        };
        Ok(Self {
            incoming,
            connection,
            plaintext: 0,
            encrypted: 0,
            written: 0,
            positions: Positions::default(),
            acknowledged: None,
            state: State::Handshake,
        })
    }

    pub(super) fn is_shaking_hands(&self) -> bool {
        self.state == State::Handshake
    }

    /// One read of the socket, and what follows from it.
    pub(super) fn shake_hands(&mut self) -> Result<Handshake, Broken> {
        self.receive()?;
        if !self.connection.is_handshaking() {
            if self.state == State::Handshake {
                self.state = State::Open;
            }
            return Ok(Handshake::Done);
        }
        match self.incoming.last {
            _ if self.state == State::Ended => Err(Broken::Tls(LEFT)),
            Socket::Ended => Err(Broken::Tls(LEFT)),
            _ if self.incoming.read > HANDSHAKE_BYTES_MAX => {
                Err(Broken::Tls("the TLS handshake of the client is too long"))
            }
            Socket::MayHaveMore => Ok(Handshake::MayGoOn),
            Socket::Short | Socket::Empty => Ok(Handshake::Waits),
        }
    }

    pub(super) fn read(&mut self, buffer: &mut [u8], proves: bool) -> Result<Received, Broken> {
        if self.state == State::Handshake {
            return Ok(Received::Nothing);
        }
        for _ in 0..READS_MAX {
            if let Some(received) = self.decrypted(buffer, proves) {
                return Ok(received);
            }
            // All that was decrypted is taken.
            if self.incoming.records.is_between() {
                self.acknowledged = proves.then(|| self.acknowledged());
            }
            self.receive()?;
            let has_more = self.plaintext > 0 || self.state == State::Ended;
            match self.incoming.last {
                Socket::Ended if !has_more => return Err(self.fail(Broken::Truncated)),
                Socket::Empty if !has_more => return Ok(Received::Nothing),
                _ => {}
            }
        }
        // Records without bytes: others have their turn first.
        Ok(self.decrypted(buffer, proves).unwrap_or(Received::Bytes {
            length: 0,
            acknowledged: None,
            may_be_more: true,
        }))
    }

    /// What was decrypted and not taken, or the end of it.
    fn decrypted(&mut self, buffer: &mut [u8], proves: bool) -> Option<Received> {
        let acknowledged = self.acknowledged.filter(|_| proves);
        if self.plaintext > 0 {
            // It has as much as it said.
            let length = self.connection.reader().read(buffer).unwrap_or(0);
            self.plaintext = self.plaintext.saturating_sub(length);
            let is_empty = matches!(self.incoming.last, Socket::Short | Socket::Empty);
            let may_be_more = !is_empty || self.plaintext > 0 || self.state == State::Ended;
            return Some(Received::Bytes { length, acknowledged, may_be_more });
        }
        (self.state == State::Ended).then_some(Received::End { acknowledged })
    }

    /// Reads ciphertext once, decrypts it, and sends what TLS has to answer.
    fn receive(&mut self) -> Result<(), Broken> {
        match self.state {
            State::Handshake | State::Open => {}
            State::Ended => return Ok(()),
            // The socket tells an error once, and a write may have been told it.
            State::Broken(broken) => return Err(broken),
        }
        match self.connection.read_tls(&mut self.incoming) {
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                self.incoming.last = Socket::Empty;
                return Ok(());
            }
            Err(error) => return Err(self.fail(super::broken(&error))),
        }
        let processed = self.connection.process_new_packets();
        // An error is told to the peer too.
        let flushed = self.flush();
        if self.incoming.first.is_some_and(|first| first != HANDSHAKE) {
            return Err(self.fail(Broken::Tls(NOT_TLS)));
        }
        let state = processed.map_err(|error| self.fail(reason(&error)))?;
        self.plaintext = state.plaintext_bytes_to_read();
        if state.peer_has_closed() {
            self.state = State::Ended;
        }
        flushed
    }

    fn fail(&mut self, broken: Broken) -> Broken {
        self.state = State::Broken(broken);
        broken
    }

    pub(super) fn room(&self) -> usize {
        if self.state == State::Handshake { 0 } else { self.incoming.plain.room() }
    }

    pub(super) fn regain_room(&mut self) -> bool {
        self.incoming.plain.regain_room()
    }

    /// Encrypts a record's worth of the bytes. They count as written once all of the
    /// ciphertext is, so that no more than one record waits here.
    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<usize, Broken> {
        self.flush()?;
        if self.encrypted == 0 && !self.connection.wants_write() {
            let part = &bytes[..bytes.len().min(WRITE_BYTES_MAX)];
            // Its buffer is empty, and longer than a record.
            self.encrypted = self.connection.writer().write(part).unwrap_or(0);
            if self.encrypted == 0 {
                return Err(self.fail(Broken::Tls(FAILED)));
            }
            self.flush()?;
        }
        if self.connection.wants_write() {
            return Ok(0);
        }
        let written = std::mem::take(&mut self.encrypted);
        debug_assert!(written <= bytes.len(), "what was not written comes again");
        self.written += written as u64;
        self.positions.wrote(self.written, self.incoming.plain.written);
        Ok(written)
    }

    /// Sends ciphertext, as far as the socket has room.
    pub(super) fn flush(&mut self) -> Result<(), Broken> {
        while self.connection.wants_write() {
            match self.connection.write_tls(&mut self.incoming) {
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.incoming.plain.has_room = false;
                    return Ok(());
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(self.fail(super::broken(&error))),
            }
        }
        if std::mem::take(&mut self.incoming.is_ending) {
            self.incoming.plain.half_close();
        }
        Ok(())
    }

    pub(super) fn acknowledged(&mut self) -> u64 {
        self.positions.acknowledged(self.incoming.plain.acknowledged())
    }

    /// Ends our side: TLS says so, and TCP once that is sent.
    pub(super) fn half_close(&mut self) {
        self.connection.send_close_notify();
        self.incoming.is_ending = true;
        // A peer that has disconnected needs no end.
        let _ = self.flush();
    }

    /// A peer that has ended its side in order is told the end of ours.
    pub(super) fn close(&mut self) {
        if self.state == State::Ended && !self.connection.wants_write() {
            self.half_close();
        }
    }

    pub(super) fn socket(&mut self) -> &mut TcpStream {
        &mut self.incoming.plain.socket
    }

    pub(super) fn stream(&self) -> &TcpStream {
        &self.incoming.plain.socket
    }
}

/// What the peer did, for the log.
fn reason(error: &rustls::Error) -> Broken {
    use rustls::{AlertDescription as Alert, Error};
    Broken::Tls(match error {
        Error::PeerIncompatible(_) => "the client offers no TLS that the server has",
        Error::AlertReceived(
            Alert::UnknownCA
            | Alert::BadCertificate
            | Alert::CertificateUnknown
            | Alert::CertificateExpired
            | Alert::UnsupportedCertificate,
        ) => "the client does not trust the server's certificate",
        Error::AlertReceived(_) => "the client ended TLS with an alert",
        Error::DecryptError => "what the client sent cannot be decrypted",
        Error::InvalidMessage(_)
        | Error::InappropriateMessage { .. }
        | Error::InappropriateHandshakeMessage { .. }
        | Error::PeerMisbehaved(_)
        | Error::PeerSentOversizedRecord => "the client violates the rules of TLS",
        _ => FAILED,
    })
}

impl Read for Incoming {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.plain.receive(buffer)?;
        self.records.pass(&buffer[..length]);
        self.read += length as u64;
        self.first = self.first.or(buffer[..length].first().copied());
        self.last = match length {
            0 => Socket::Ended,
            // Bytes that arrive after a short read cause a new event.
            _ if length < buffer.len() => Socket::Short,
            _ => Socket::MayHaveMore,
        };
        Ok(length)
    }
}

impl Write for Incoming {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.plain.socket.write(bytes)?;
        self.plain.written += written as u64;
        Ok(written)
    }

    fn write_vectored(&mut self, parts: &[io::IoSlice<'_>]) -> io::Result<usize> {
        let written = self.plain.socket.write_vectored(parts)?;
        self.plain.written += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream as StdStream};
    use std::time::Duration;

    use mio::{Events, Interest, Poll, Token};
    use rustls::crypto::ring;
    use rustls::pki_types::pem::PemObject as _;
    use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
    use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

    use super::*;

    type Client = StreamOwned<ClientConnection, StdStream>;

    /// Both ends of a connection after the handshake, and what awaits events of ours.
    fn connect() -> (Tls, Client, Poll) {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let certificate = CertificateDer::from_pem_slice(made.cert.pem().as_bytes()).unwrap();
        let key = made.signing_key.serialize_pem();
        let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap();
        let provider = Arc::new(ring::default_provider());
        let server = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.clone()], key)
            .unwrap();
        let mut roots = RootCertStore::empty();
        roots.add(certificate).unwrap();
        let client = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let sock = StdStream::connect(listener.local_addr().unwrap()).unwrap();
        sock.set_nonblocking(true).unwrap();
        let name = ServerName::try_from("localhost").unwrap();
        let conn = ClientConnection::new(Arc::new(client), name).unwrap();
        let mut client = StreamOwned::new(conn, sock);
        let (socket, _) = listener.accept().unwrap();
        socket.set_nonblocking(true).unwrap();
        let mut tls = Tls::new(TcpStream::from_std(socket), Arc::new(server)).unwrap();
        let mut poll = Poll::new().unwrap();
        poll.registry().register(tls.socket(), Token(0), Interest::READABLE).unwrap();
        loop {
            // It has nothing to read at times.
            let _ = client.conn.complete_io(&mut client.sock);
            wait(&mut poll);
            if tls.shake_hands().unwrap() == Handshake::Done {
                return (tls, client, poll);
            }
        }
    }

    fn wait(poll: &mut Poll) {
        poll.poll(&mut Events::with_capacity(8), Some(Duration::from_secs(10))).unwrap();
    }

    #[test]
    fn a_reset_that_a_write_has_met_is_told_to_a_read() {
        let (mut tls, client, mut poll) = connect();
        while tls.read(&mut [0; 64], false) != Ok(Received::Nothing) {}
        socket2::SockRef::from(&client.sock).set_linger(Some(Duration::ZERO)).unwrap();
        drop(client);
        wait(&mut poll);
        tls.half_close();
        assert_eq!(tls.read(&mut [0; 64], false), Err(Broken::Reset));
    }
}
