//! The connections of the socket for operators.
//!
//! They are of one user, who may do everything: the limits are for programs that go wrong.
//! A client that closes its side has gone: what it has asked for need not be told any more.

use std::convert::Infallible;
use std::time::Duration;

use axum::Router;
use axum::http::StatusCode;
use axum::response::IntoResponse as _;
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper::Request;
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{UnixListener, UnixStream};
use tokio::time::{sleep, timeout};

use crate::api::Problem;
use crate::orders::problem;
use crate::places::{Asks, Places};
use crate::routes::ORDER_BYTES_MAX;

/// Connections that there may be.
const CONNECTIONS_MAX: usize = 128;
/// A connection ends if no whole head of a request has come for so long, before its first
/// request and between two; its body has as long.
const REQUEST_LIMIT: Duration = Duration::from_secs(30);
/// How long to wait after the operating system could not accept a connection.
const ACCEPT_AGAIN_AFTER: Duration = Duration::from_millis(100);

/// Answers operators, for ever.
pub(crate) async fn serve(listener: UnixListener, router: Router) -> Infallible {
    let mut places = Places::new(CONNECTIONS_MAX);
    loop {
        // An error is of the connection, or descriptors or memory are short.
        let Ok((stream, _)) = listener.accept().await else {
            sleep(ACCEPT_AGAIN_AFTER).await;
            continue;
        };
        places.serve(|asks| answer(stream, router.clone(), asks)).await;
    }
}

async fn answer(stream: UnixStream, router: Router, asks: Asks) {
    let service = service_fn(move |request: Request<Incoming>| {
        let (router, asks) = (TowerToHyperService::new(router.clone()), asks.clone());
        async move {
            let request = match whole(request).await {
                Ok(request) => request,
                Err(problem) => return Ok(problem.into_response()),
            };
            // From now on it waits for the server, or reads what it has asked for.
            let held = asks.hold();
            let response = router.call(request).await;
            // A long answer is read for longer.
            std::mem::forget(held);
            response
        }
    });
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(REQUEST_LIMIT);
    // What is wrong with a connection is not the server's concern.
    let _ = builder.serve_connection(TokioIo::new(stream), service).await;
}

/// A request with the whole of its body.
async fn whole(request: Request<Incoming>) -> Result<Request<Full<Bytes>>, Problem> {
    let (head, body) = request.into_parts();
    let body = Limited::new(body, ORDER_BYTES_MAX).collect();
    let refused = |status, detail: &str| Err(problem(status, "malformed", detail));
    match timeout(REQUEST_LIMIT, body).await {
        Ok(Ok(body)) => Ok(Request::from_parts(head, Full::new(body.to_bytes()))),
        Ok(Err(error)) if error.is::<LengthLimitError>() => {
            refused(StatusCode::PAYLOAD_TOO_LARGE, "the body is too long")
        }
        Ok(Err(_)) => refused(StatusCode::BAD_REQUEST, "the body cannot be read"),
        Err(_) => refused(StatusCode::REQUEST_TIMEOUT, "the body has not come within 30 seconds"),
    }
}
