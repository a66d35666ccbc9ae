//! The connections of the socket for operators.
//!
//! They are of one user, who may do everything: the limits are for programs that go wrong.
//! A client that closes its side has gone: what it has asked for need not be told any more.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::UnixListener;
use tokio::sync::Semaphore;
use tokio::time::sleep;

/// Connections that there may be; further ones wait.
const CONNECTIONS_MAX: usize = 128;
/// A connection ends if no whole head of a request has come for so long, before its first
/// request and between two.
const HEAD_LIMIT: Duration = Duration::from_secs(30);
/// How long to wait after the operating system could not accept a connection.
const ACCEPT_AGAIN_AFTER: Duration = Duration::from_millis(100);

/// Answers operators, for ever.
pub(crate) async fn serve(listener: UnixListener, router: Router) -> Infallible {
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    loop {
        let place = Arc::clone(&places).acquire_owned().await;
        // An error is of the connection, or descriptors or memory are short.
        let Ok((stream, _)) = listener.accept().await else {
            sleep(ACCEPT_AGAIN_AFTER).await;
            continue;
        };
        let service = TowerToHyperService::new(router.clone());
        tokio::spawn(async move {
            let _place = place;
            let mut builder = http1::Builder::new();
            builder.timer(TokioTimer::new()).header_read_timeout(HEAD_LIMIT);
            // What is wrong with a connection is not the server's concern.
            let _ = builder.serve_connection(TokioIo::new(stream), service).await;
        });
    }
}
