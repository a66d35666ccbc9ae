//! What most would write for durable messages over HTTP: axum, and SQLite in WAL mode with
//! `synchronous=FULL`, one commit a message. `send --against web=` measures it.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use anyhow::Context as _;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::post;
use axum::{Json, Router};
use clap::Args;
use rusqlite::{Connection, params};
use serde::Serialize;

use crate::options::address;
use crate::outcome::Outcome;
use crate::report;

#[derive(Debug, Args)]
pub(crate) struct WebServerOptions {
    /// Where it listens
    #[arg(long, value_name = "HOST:PORT", value_parser = address, default_value = "127.0.0.1:0")]
    pub(crate) listen: SocketAddr,
    /// Its database, a new file
    #[arg(long, value_name = "FILE")]
    pub(crate) database: PathBuf,
}

type Store = Arc<Mutex<Connection>>;

#[derive(Serialize)]
struct Sent {
    id: i64,
}

/// Serves until it is killed.
pub(crate) fn run(options: &WebServerOptions) -> anyhow::Result<Outcome> {
    let store = Connection::open(&options.database).context("opening the database")?;
    store.execute_batch(
        "PRAGMA journal_mode = WAL;
         PRAGMA synchronous = FULL;
         CREATE TABLE message (
             id INTEGER PRIMARY KEY, recipient TEXT NOT NULL, sender TEXT NOT NULL,
             text TEXT NOT NULL, stored INTEGER NOT NULL
         );
         CREATE INDEX message_recipient ON message (recipient, id);",
    )?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(serve(options.listen, Arc::new(Mutex::new(store))))
}

async fn serve(listen: SocketAddr, store: Store) -> anyhow::Result<Outcome> {
    let listener = tokio::net::TcpListener::bind(listen).await.context("listening")?;
    report::line(&listener.local_addr()?.to_string());
    let app = Router::new().route("/{mailbox}", post(send)).with_state(store);
    axum::serve(listener, app).await?;
    Ok(Outcome::Clean)
}

async fn send(
    State(store): State<Store>,
    Path(mailbox): Path<String>,
    text: String,
) -> Result<(StatusCode, Json<Sent>), StatusCode> {
    let stored = tokio::task::spawn_blocking(move || insert(&store, &mailbox, &text)).await;
    match stored {
        Ok(Ok(id)) => Ok((StatusCode::CREATED, Json(Sent { id }))),
        _ => Err(StatusCode::INTERNAL_SERVER_ERROR),
    }
}

fn insert(store: &Store, mailbox: &str, text: &str) -> anyhow::Result<i64> {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?.as_secs();
    let store = store.lock().unwrap_or_else(PoisonError::into_inner);
    let mut insert = store.prepare_cached(
        "INSERT INTO message (recipient, sender, text, stored) VALUES (?1, 'bench', ?2, ?3)",
    )?;
    insert.execute(params![mailbox, text, now])?;
    Ok(store.last_insert_rowid())
}
