//! One connection: its requests, one after the other, and the accounts that they prove.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::error::Error;
use std::future::poll_fn;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::header::{
    CACHE_CONTROL, CONNECTION, HeaderValue, TRANSFER_ENCODING, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::request::Parts;
use axum::http::{Method, Request, Version};
use axum::response::{IntoResponse, Response};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use postroom_engine::{HttpConnection, Proof};
use postroom_model::{Anonymous, Reply, Terms};
use postroom_server::HttpHandover;
use postroom_store::{History, HistoryFailure};
use subtle::ConstantTimeEq as _;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::{Mutex, watch};
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tower_service::Service as _;

use super::answers::Answers;
use super::connections::Place;
use super::credentials::Credentials;
use super::feeds::Feeds;
use super::guard::HttpSettings;
use super::histories::Histories;
use super::link::{Link, NoReply, Session, Whose};
use super::problem::{BODY_LATE, BODY_TOO_LONG, MALFORMED, Problem};
use super::receipts::Receipts;
use super::reply::{login_refused, not_replied, unexpected, unreadable, wrong_credentials};
use super::stream::{Plain, Wire, left};
use super::streams::{Streams, Telling};
use super::websocket;
use crate::places::Asks;

/// A connection ends if no whole head of a request has come for so long, before its first
/// request and between two; its body has as long.
const REQUEST_LIMIT: Duration = Duration::from_secs(30);
/// How long the handshake of TLS may take.
const HANDSHAKE_LIMIT: Duration = Duration::from_secs(10);
/// How long a connection is drained that the server ends.
const DRAIN_LIMIT: Duration = Duration::from_secs(1);
/// Bytes of the head of a request, and of what is read ahead.
const HEAD_BYTES_MAX: usize = 16 << 10;
/// Headers of a request.
const HEADERS_MAX: usize = 64;
/// Bytes of a body: the longest text, each byte as six of JSON.
pub(super) const BODY_BYTES_MAX: usize = 64 << 10;
/// Accounts that a connection proves at a time: behind a proxy it has several clients.
const ACCOUNTS_MAX: usize = 4;

/// What all connections share.
pub(super) struct Common {
    pub(super) link: Arc<Link>,
    pub(super) settings: HttpSettings,
    pub(super) router: Router,
    /// Set once the server stops.
    pub(super) stops: watch::Receiver<bool>,
    pub(super) feeds: Arc<Feeds>,
    pub(super) histories: Arc<Histories>,
    pub(super) streams: Streams,
    pub(super) answers: Arc<Answers>,
}

impl Common {
    /// Reads something of the store, on a thread that may wait.
    pub(super) async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&mut (dyn History + Send)) -> Result<T, HistoryFailure> + Send + 'static,
    ) -> Result<T, Problem> {
        let found = self.histories.read(read).await;
        let found = found.ok_or_else(|| not_replied(NoReply::Ended))?;
        found.map_err(|failure| unreadable(&failure))
    }

    /// Waits until the server stops.
    pub(super) async fn stopped(&self) {
        // Who holds the other end has gone too when that errs.
        drop(self.stops.clone().wait_for(|stops| *stops).await);
    }
}

/// The client of a connection.
pub(super) struct Client {
    common: Arc<Common>,
    connection: HttpConnection,
    local: SocketAddr,
    /// Its address.
    peer: IpAddr,
    /// What it may do without a login.
    anonymous: Anonymous,
    socket: Arc<TcpStream>,
    /// Whether what its TCP acknowledges has arrived: else a proxy's TCP acknowledges it.
    tcp_proves: bool,
    receipts: Arc<Receipts>,
    /// The accounts that it has proved, the latest last.
    accounts: Mutex<VecDeque<Proved>>,
    /// What it is streamed over WebSocket, once HTTP is over.
    upgrade: std::sync::Mutex<Option<Telling>>,
}

/// An account, as the credentials that prove it were sent; without any, it is nobody's.
struct Proved {
    sent: Option<HeaderValue>,
    session: Arc<Session>,
}

/// Serves a connection to its end. It is closed once its place is dropped, however it ends.
pub(super) async fn serve(common: Arc<Common>, handover: HttpHandover, _place: Place, asks: Asks) {
    let HttpHandover { connection, socket, peer, local, options, tls, .. } = handover;
    let Ok(socket) = TcpStream::from_std(socket) else {
        return;
    };
    let (socket, receipts) = (Arc::new(socket), Arc::<Receipts>::default());
    let wire = Wire::new(Arc::clone(&socket), Arc::clone(&receipts));
    let client = Arc::new(Client {
        common,
        connection,
        local,
        peer: peer.ip().to_canonical(),
        anonymous: options.access.anonymous,
        socket,
        tcp_proves: options.proof == Proof::Tcp,
        receipts: Arc::clone(&receipts),
        accounts: Mutex::default(),
        upgrade: std::sync::Mutex::default(),
    });
    // In a box each: a connection takes the memory of what it is, not of the largest one.
    match tls {
        None => Box::pin(client.serve(Plain::new(wire, receipts), asks)).await,
        Some(tls) => {
            let handshake = Box::pin(TlsAcceptor::from(tls).accept(wire));
            // Who does not come to its end is closed without a word.
            if let Ok(Ok(stream)) = timeout(HANDSHAKE_LIMIT, handshake).await {
                Box::pin(client.serve(Plain::new(stream, receipts), asks)).await;
            }
        }
    }
}

/// What follows HTTP on a connection: a WebSocket perhaps, and the end.
async fn after_http(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    received: Bytes,
    telling: Option<Telling>,
) {
    if let Some(telling) = telling {
        websocket::serve(&mut stream, received, telling).await;
    }
    let _ = timeout(DRAIN_LIMIT, drain(&mut stream)).await;
}

/// Half-closes a connection, and waits for its end: what has come and is not read would turn
/// the close into a reset, and the last response could be lost. The end may prove its receipt.
async fn drain(stream: &mut (impl AsyncRead + AsyncWrite + Unpin)) -> io::Result<()> {
    stream.shutdown().await?;
    let mut dropped = [0; 1 << 10];
    while stream.read(&mut dropped).await? > 0 {}
    Ok(())
}

impl Client {
    async fn serve(self: Arc<Self>, stream: impl AsyncRead + AsyncWrite + Unpin, asks: Asks) {
        let (common, client) = (Arc::clone(&self.common), Arc::clone(&self));
        let service = service_fn(move |request: Request<Incoming>| {
            let (client, asks) = (Arc::clone(&client), asks.clone());
            Box::pin(async move { Ok::<_, Infallible>(client.respond(request, &asks).await) })
        });
        let mut builder = http1::Builder::new();
        builder
            .timer(TokioTimer::new())
            .half_close(true)
            .header_read_timeout(REQUEST_LIMIT)
            .max_buf_size(HEAD_BYTES_MAX)
            .max_headers(HEADERS_MAX);
        let mut served = builder.serve_connection(TokioIo::new(stream), service);
        let is_over = tokio::select! {
            over = poll_fn(|context| served.poll_without_shutdown(context)) => over.is_ok(),
            () = common.stopped() => {
                std::pin::Pin::new(&mut served).graceful_shutdown();
                poll_fn(|context| served.poll_without_shutdown(context)).await.is_ok()
            }
        };
        // What is wrong with a connection is not the server's concern. One that breaks the rules
        // of HTTP, or is late, is drained, too: its last response is to arrive.
        let parts = served.into_parts();
        let telling = self.upgrade.lock().unwrap_or_else(PoisonError::into_inner).take();
        let telling = telling.filter(|_| is_over);
        Box::pin(after_http(parts.io.into_inner(), parts.read_buf, telling)).await;
    }

    async fn respond(self: Arc<Self>, request: Request<Incoming>, asks: &Asks) -> Response {
        // A proxy may have seen another end of such a body: what follows it is not taken for a
        // request.
        let is_last = request.headers().contains_key(TRANSFER_ENCODING);
        let (mut head, body) = request.into_parts();
        let (mut response, is_taken) = match self.common.settings.check(&head, self.local) {
            Err(problem) => (problem.into_response(), false),
            Ok(Some(origin)) if head.method == Method::OPTIONS => (origin.preflight(), true),
            Ok(origin) => {
                head.extensions.insert(Arc::clone(&self));
                head.extensions.insert(asks.clone());
                let (mut response, is_taken) = match whole(body).await {
                    Ok(body) => {
                        let response = self.route(Request::from_parts(head, body), asks).await;
                        let hold = |body| self.common.answers.hold(self.connection, body);
                        (response.map(hold), true)
                    }
                    Err(problem) => (problem.into_response(), false),
                };
                if let Some(origin) = origin {
                    origin.allow(response.headers_mut());
                }
                (response, is_taken)
            }
        };
        let headers = response.headers_mut();
        // Messages are for nobody who stores pages, and no page is made of them.
        headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
        headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        if is_last || !is_taken {
            headers.insert(CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }

    async fn route(&self, request: Request<Body>, asks: &Asks) -> Response {
        // From now on it waits for the server.
        let _held = asks.hold();
        let mut router = self.common.router.clone();
        match router.call(request).await {
            Ok(response) => response,
            Err(never) => match never {},
        }
    }

    /// Streams something to it over WebSocket, once the response is written.
    pub(super) fn upgrade(&self, telling: Telling) {
        *self.upgrade.lock().unwrap_or_else(PoisonError::into_inner) = Some(telling);
    }

    /// What all connections share.
    pub(super) fn common(&self) -> &Arc<Common> {
        &self.common
    }

    /// Waits until it has closed its side.
    pub(super) async fn left(&self) {
        left(&self.socket).await;
    }

    /// Its connection, to be watched.
    pub(super) fn socket(&self) -> &Arc<TcpStream> {
        &self.socket
    }

    /// What proves that a response has arrived, if anything does: through a proxy nothing does.
    pub(super) fn receipts(&self, head: &Parts) -> Option<&Arc<Receipts>> {
        const FORWARDED: [&str; 6] = [
            "via",
            "forwarded",
            "x-forwarded-for",
            "x-forwarded-host",
            "x-forwarded-proto",
            "x-real-ip",
        ];
        let is_direct = FORWARDED.iter().all(|name| !head.headers.contains_key(*name));
        let is_in_turn = head.version <= Version::HTTP_11;
        (self.tcp_proves && is_direct && is_in_turn).then_some(&self.receipts)
    }

    /// What it may do without a login.
    pub(super) fn anonymous(&self) -> Anonymous {
        self.anonymous
    }

    /// The session of the account that a request proves, or of nobody without credentials: one
    /// that it has proved before, or a new one.
    pub(super) async fn session(
        &self,
        sent: Option<&HeaderValue>,
    ) -> Result<Arc<Session>, Problem> {
        let mut accounts = self.accounts.lock().await;
        accounts.retain(|proved| !proved.session.has_ended());
        let is_same = |proved: &Proved| match (&proved.sent, sent) {
            (Some(other), Some(sent)) => bool::from(other.as_bytes().ct_eq(sent.as_bytes())),
            (other, sent) => other.is_none() && sent.is_none(),
        };
        if let Some(at) = accounts.iter().position(is_same) {
            return Ok(Arc::clone(&accounts[at].session));
        }
        let session = match sent {
            Some(sent) => self.log_in(sent).await?,
            None => self.common.link.enter(self.connection, Whose::Address(self.peer)),
        };
        if accounts.len() == ACCOUNTS_MAX {
            accounts.pop_front();
        }
        let session = Arc::new(session);
        accounts.push_back(Proved { sent: sent.cloned(), session: Arc::clone(&session) });
        Ok(session)
    }

    async fn log_in(&self, sent: &HeaderValue) -> Result<Session, Problem> {
        let Some(Credentials { name, password }) = Credentials::parse(sent) else {
            return Err(wrong_credentials());
        };
        let mut session = self.common.link.enter(self.connection, Whose::Address(self.peer));
        let terms = Terms::WITHOUT_PRESENCE;
        let request = postroom_model::Request::LogIn { name, password, terms };
        match session.ask(request).await {
            Ok(Reply::LoggedIn { name, .. }) => session.set_account(name),
            Ok(Reply::LogInRefused(refusal)) => return Err(login_refused(refusal)),
            Ok(_) => return Err(unexpected()),
            Err(no_reply) => return Err(not_replied(no_reply)),
        }
        Ok(session)
    }
}

/// The whole of a body. It is copied together: each of its parts holds a buffer of the
/// connection, however short it is.
async fn whole(body: Incoming) -> Result<Body, Problem> {
    let collect = async {
        let (mut body, mut whole) = (Limited::new(body, BODY_BYTES_MAX), Vec::new());
        while let Some(frame) = body.frame().await {
            if let Ok(part) = frame?.into_data() {
                whole.extend_from_slice(&part);
            }
        }
        Ok::<_, Box<dyn Error + Send + Sync>>(whole)
    };
    match timeout(REQUEST_LIMIT, collect).await {
        Ok(Ok(whole)) => Ok(Body::from(whole)),
        Ok(Err(error)) if error.is::<LengthLimitError>() => {
            let detail = format!("a body has at most {BODY_BYTES_MAX} bytes");
            Err(Problem::new(&BODY_TOO_LONG, detail))
        }
        Ok(Err(_)) => Err(Problem::new(&MALFORMED, "the body cannot be read")),
        Err(_) => {
            let detail = "the whole body has not come within 30 seconds";
            Err(Problem::new(&BODY_LATE, detail))
        }
    }
}
