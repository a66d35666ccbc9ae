//! The port for those who watch the server.
//!
//! It may be reached by strangers. Whatever they do, the server has a few connections there,
//! accepts so many a second, and each has one request and ten seconds. A new connection
//! takes the place of the first one that has not asked, or does not read its answer: those
//! that do nothing keep nobody out.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::Full;
use hyper::body::{Body, Bytes};
use hyper::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use socket2::{Domain, Socket, Type};
use thiserror::Error;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{sleep, timeout};

use super::pace::Pace;
use super::scraper::{Page, Scraper, Unhealthy};
use crate::places::{Asks, Places};

/// Connections that there may be.
const CONNECTIONS_MAX: usize = 16;
/// Connections that the operating system queues.
const BACKLOG: i32 = 1_024;
/// A connection has so long in all: a request that waits for the event loop and for the
/// disk takes three seconds.
const CONNECTION_LIMIT: Duration = Duration::from_secs(10);
/// The line and the headers of a request must have come by then.
const HEADER_LIMIT: Duration = Duration::from_secs(5);
/// Bytes of them, the least that hyper can be given.
const HEADER_BYTES_MAX: usize = 8 << 10;
/// After a rest so many connections are accepted at once,
const ACCEPTED_AT_ONCE: u32 = 64;
/// and then one each interval: 500 a second.
const ACCEPT_INTERVAL: Duration = Duration::from_millis(2);
/// How long to wait after the operating system could not accept a connection.
const ACCEPT_AGAIN_AFTER: Duration = Duration::from_millis(100);

/// The health of a healthy server, and nothing more: anyone may ask.
const HEALTHY: &str = "ok\n";

/// Why there is no such port.
#[derive(Debug, Error)]
#[error("cannot listen for metrics on {address}: {cause}")]
pub struct MetricsError {
    address: SocketAddr,
    cause: io::Error,
}

/// A port that is open.
#[derive(Debug)]
pub struct MetricsListener {
    listener: std::net::TcpListener,
    address: SocketAddr,
}

impl MetricsListener {
    /// Opens a port; port 0 takes a free one.
    pub fn bind(address: SocketAddr) -> Result<Self, MetricsError> {
        let open = || {
            let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
            socket.set_reuse_address(true)?;
            socket.bind(&address.into())?;
            socket.listen(BACKLOG)?;
            socket.set_nonblocking(true)?;
            let listener = std::net::TcpListener::from(socket);
            let address = listener.local_addr()?;
            Ok(Self { listener, address })
        };
        open().map_err(|cause| MetricsError { address, cause })
    }

    /// Its address, with the port that the operating system chose.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

/// Answers those who watch the server, for ever.
pub(crate) async fn serve(listener: MetricsListener, scraper: Scraper) -> io::Error {
    let listener = match TcpListener::from_std(listener.listener) {
        Ok(listener) => listener,
        Err(error) => return error,
    };
    let scraper = Arc::new(scraper);
    let mut pace = Pace::new(ACCEPT_INTERVAL, ACCEPTED_AT_ONCE);
    let mut places = Places::new(CONNECTIONS_MAX);
    loop {
        pace.wait().await;
        // An error is of the connection, or descriptors or memory are short.
        let Ok((stream, _)) = listener.accept().await else {
            sleep(ACCEPT_AGAIN_AFTER).await;
            continue;
        };
        let scraper = Arc::clone(&scraper);
        let serve = |asks| async move {
            // What takes longer is closed without a word.
            let _ = timeout(CONNECTION_LIMIT, answer_one(stream, scraper, asks)).await;
        };
        places.serve(serve).await;
    }
}

/// Answers one request.
async fn answer_one(stream: TcpStream, scraper: Arc<Scraper>, asks: Asks) {
    let service = service_fn(move |request: Request<_>| {
        let (scraper, asks) = (Arc::clone(&scraper), asks.clone());
        async move {
            let _held = asks.hold();
            Ok::<_, Infallible>(answer(&request, &scraper).await)
        }
    });
    let mut builder = http1::Builder::new();
    builder.keep_alive(false).max_buf_size(HEADER_BYTES_MAX);
    builder.timer(TokioTimer::new()).header_read_timeout(HEADER_LIMIT);
    // What is wrong with a connection is not the server's concern.
    let _ = builder.serve_connection(TokioIo::new(stream), service).await;
}

async fn answer<B: Body>(request: &Request<B>, scraper: &Scraper) -> Response<Full<Bytes>> {
    if !matches!(request.method(), &Method::GET | &Method::HEAD) {
        let mut response = text(StatusCode::METHOD_NOT_ALLOWED, "GET alone is answered\n");
        response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
        return response;
    }
    match request.uri().path() {
        "/metrics" => match scraper.page().await {
            Ok(Page { metrics, .. }) => {
                let mut response = text(StatusCode::OK, metrics);
                let format = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
                response.headers_mut().insert(CONTENT_TYPE, format);
                response
            }
            Err(unhealthy) => unavailable(unhealthy),
        },
        "/health" => match scraper.page().await.and_then(|page| page.health) {
            Ok(()) => text(StatusCode::OK, HEALTHY),
            Err(unhealthy) => unavailable(unhealthy),
        },
        _ => text(StatusCode::NOT_FOUND, "there are /metrics and /health\n"),
    }
}

fn unavailable(unhealthy: Unhealthy) -> Response<Full<Bytes>> {
    text(StatusCode::SERVICE_UNAVAILABLE, format!("{unhealthy}\n"))
}

fn text(status: StatusCode, text: impl Into<Bytes>) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(text.into()));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
