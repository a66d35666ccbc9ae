//! Streams over WebSocket (RFC 6455).

use std::collections::VecDeque;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::FromRequestParts;
use axum::http::header::{
    CONNECTION, HeaderValue, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION,
    UPGRADE,
};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, StatusCode, Version};
use axum::response::{IntoResponse as _, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures_util::{SinkExt as _, Stream, StreamExt as _};
use postroom_model::{Mark, MessageId, Reply, Request};
use ring::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::Notify;
use tokio::task::coop::consume_budget;
use tokio::time::Instant;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error, Message, Utf8Bytes};

use super::link::Session;
use super::problem::{Problem, WEBSOCKET};
use super::streams::{HEARTBEAT, Telling, Told};

/// Bytes of a frame and of a message of a client: they hold an id at most.
const MESSAGE_BYTES_MAX: usize = 1 << 10;
/// Bytes that are read at once: others have their turn after a few such reads.
const READ_BYTES: usize = 4 << 10;
/// Messages of a client since it was told something: it has nothing more to say.
const MESSAGES_MAX: u32 = 1_000;
/// Bytes that are written at once.
const WRITE_BYTES: usize = 4 << 10;
/// Bytes that may wait for a client, the longest event or answers to pings: beyond, it is cut off.
const WRITE_BYTES_MAX: usize = 128 << 10;
/// Live lines that wait for their acknowledgements: their senders do not wait long.
const LINES_MAX: usize = 64;
/// A client that has sent nothing for so long, not even answers to pings, has gone.
const SILENCE_LIMIT: Duration = HEARTBEAT.saturating_mul(3);

/// How a stream is told.
#[derive(Debug)]
pub(super) enum Transport {
    /// As server-sent events.
    Events,
    /// Over WebSocket: the value accepts the handshake.
    WebSocket(HeaderValue),
}

impl<S: Send + Sync> FromRequestParts<S> for Transport {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let headers = &parts.headers;
        if !has_token(headers, &UPGRADE, "websocket") {
            return Ok(Self::Events);
        }
        let wrong = |detail| Err(Problem::new(&WEBSOCKET, detail));
        if parts.version != Version::HTTP_11 || !has_token(headers, &CONNECTION, "upgrade") {
            return wrong("a WebSocket begins with HTTP/1.1 and \"Connection: Upgrade\"");
        }
        if headers.get(SEC_WEBSOCKET_VERSION).is_none_or(|version| version != "13") {
            return wrong("the version of WebSocket must be 13");
        }
        let key = headers.get(SEC_WEBSOCKET_KEY).map(HeaderValue::as_bytes);
        let Some(key) = key.filter(|key| STANDARD.decode(key).is_ok_and(|key| key.len() == 16))
        else {
            return wrong("Sec-WebSocket-Key must be 16 bytes as base64");
        };
        accept(key).map(Self::WebSocket)
    }
}

/// Whether a header, a list of words, has this one.
fn has_token(headers: &HeaderMap, name: &HeaderName, word: &str) -> bool {
    let values = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|token| token.trim().eq_ignore_ascii_case(word))
}

/// What proves that the server has understood the handshake (RFC 6455, 4.2.2).
fn accept(key: &[u8]) -> Result<HeaderValue, Problem> {
    const SUFFIX: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
    let hash = digest(&SHA1_FOR_LEGACY_USE_ONLY, &[key, SUFFIX].concat());
    HeaderValue::try_from(STANDARD.encode(hash)).map_err(|_| super::reply::unexpected())
}

/// The response behind which the connection is a WebSocket.
pub(super) fn switching(accept: HeaderValue) -> Response {
    let headers = [
        (UPGRADE, HeaderValue::from_static("websocket")),
        (CONNECTION, HeaderValue::from_static("Upgrade")),
        (SEC_WEBSOCKET_ACCEPT, accept),
    ];
    (StatusCode::SWITCHING_PROTOCOLS, headers).into_response()
}

/// Tells a stream to its end, or to that of the connection.
pub(super) async fn serve(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    read: Bytes,
    telling: Telling,
) {
    let config = WebSocketConfig::default()
        .read_buffer_size(READ_BYTES)
        .write_buffer_size(WRITE_BYTES)
        .max_write_buffer_size(WRITE_BYTES_MAX)
        .max_message_size(Some(MESSAGE_BYTES_MAX))
        .max_frame_size(Some(MESSAGE_BYTES_MAX));
    let socket =
        WebSocketStream::from_partially_read(stream, read.into(), Role::Server, Some(config));
    let Telling { session, told, confirmed } = telling;
    let mut conversation = Conversation {
        socket: socket.await,
        heard: Instant::now(),
        messages: 0,
        session,
        confirmed,
        awaited: None,
        lines: VecDeque::new(),
    };
    // Whoever breaks the connection off is not told of it.
    let _ = conversation.run(told).await;
}

struct Conversation<S> {
    socket: WebSocketStream<S>,
    /// When the client has sent something last.
    heard: Instant,
    /// What it has sent since it was told something.
    messages: u32,
    session: Arc<Session>,
    confirmed: Arc<Notify>,
    /// The message that the client has not acknowledged yet.
    awaited: Option<MessageId>,
    /// The live lines that it has not acknowledged yet, by their ids, the earliest first.
    lines: VecDeque<(String, Mark)>,
}

/// What a client may send.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Acknowledgement {
    ack: String,
}

/// What it is told then.
#[derive(Serialize)]
struct Confirmed {
    event: &'static str,
    id: String,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Conversation<S> {
    async fn run(&mut self, mut told: impl Stream<Item = Told> + Unpin) -> Result<(), Error> {
        loop {
            let over = tokio::select! {
                told = told.next() => {
                    self.messages = 0;
                    self.tell(told).await?
                }
                frame = self.socket.next() => match frame {
                    Some(frame) => self.take(frame).await?,
                    None => return Ok(()),
                },
            };
            // Others have their turn, however much this client sends.
            consume_budget().await;
            if let ControlFlow::Break(close) = over {
                return self.close(close).await;
            }
        }
    }

    async fn tell(&mut self, told: Option<Told>) -> Result<ControlFlow<CloseFrame>, Error> {
        match told {
            Some(Told::Events(events)) => {
                for event in events {
                    let json = Utf8Bytes::try_from(event.json())?;
                    self.socket.feed(Message::Text(json)).await?;
                }
                self.socket.flush().await?;
            }
            Some(Told::Message(id, event)) => {
                self.awaited = Some(id);
                let json = Utf8Bytes::try_from(event.json())?;
                self.socket.send(Message::Text(json)).await?;
            }
            Some(Told::Line { id, mark, event }) => {
                if let Some(mark) = mark {
                    if self.lines.len() == LINES_MAX {
                        self.lines.pop_front();
                    }
                    self.lines.push_back((id, mark));
                }
                let json = Utf8Bytes::try_from(event.json())?;
                self.socket.send(Message::Text(json)).await?;
            }
            Some(Told::Quiet) if self.heard.elapsed() > SILENCE_LIMIT => {
                return Ok(closes(CloseCode::Policy, "the client answers no pings"));
            }
            Some(Told::Quiet) => self.socket.send(Message::Ping(Bytes::new())).await?,
            None => return Ok(closes(CloseCode::Away, "the stream has ended; connect again")),
        }
        Ok(ControlFlow::Continue(()))
    }

    async fn take(
        &mut self,
        frame: Result<Message, Error>,
    ) -> Result<ControlFlow<CloseFrame>, Error> {
        self.heard = Instant::now();
        self.messages += 1;
        if self.messages > MESSAGES_MAX {
            return Ok(closes(CloseCode::Policy, "the client says more than it is asked"));
        }
        match frame {
            // The socket answers a close by itself; the connection ends behind it.
            Ok(Message::Ping(_) | Message::Pong(_) | Message::Close(_) | Message::Frame(_)) => {
                Ok(ControlFlow::Continue(()))
            }
            Ok(Message::Text(text)) => match serde_json::from_str(&text) {
                Ok(Acknowledgement { ack }) => self.acknowledge(&ack).await,
                Err(_) => Ok(closes(CloseCode::Policy, "a message must be {\"ack\":\"ID\"}")),
            },
            Ok(Message::Binary(_)) => Ok(closes(CloseCode::Unsupported, "messages must be text")),
            Err(Error::Capacity(_)) => {
                Ok(closes(CloseCode::Size, "a message has at most 1024 bytes"))
            }
            Err(Error::Utf8(_)) => Ok(closes(CloseCode::Invalid, "the message is not UTF-8")),
            Err(Error::Protocol(_)) => {
                Ok(closes(CloseCode::Protocol, "the frame is not well formed"))
            }
            Err(error) => Err(error),
        }
    }

    /// Confirms the message or the live line that the client has received. Another one is
    /// confirmed already, or was never told here.
    async fn acknowledge(&mut self, ack: &str) -> Result<ControlFlow<CloseFrame>, Error> {
        if let Some(at) = self.lines.iter().position(|(id, _)| id == ack) {
            if let Some((_, mark)) = self.lines.remove(at) {
                self.session.delivered(mark);
            }
            return Ok(ControlFlow::Continue(()));
        }
        let is_awaited = |id: &MessageId| id.to_string() == ack;
        let Some(id) = self.awaited.take_if(|id| is_awaited(id)) else {
            return Ok(ControlFlow::Continue(()));
        };
        if !matches!(self.session.ask(Request::Confirm).await, Ok(Reply::Confirmed(_))) {
            let reason = "the message could not be removed; it may come again";
            return Ok(closes(CloseCode::Error, reason));
        }
        self.confirmed.notify_one();
        let told = Confirmed { event: "confirmed", id: id.to_string() };
        let json = serde_json::to_string(&told).unwrap_or_default();
        self.socket.send(Message::text(json)).await?;
        Ok(ControlFlow::Continue(()))
    }

    /// Closes the stream. The connection is drained behind it.
    async fn close(&mut self, close: CloseFrame) -> Result<(), Error> {
        self.socket.close(Some(close)).await?;
        self.socket.flush().await
    }
}

fn closes(code: CloseCode, reason: &'static str) -> ControlFlow<CloseFrame> {
    ControlFlow::Break(CloseFrame { code, reason: Utf8Bytes::from_static(reason) })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of RFC 6455, 1.3.
    #[test]
    fn a_handshake_is_accepted_with_the_hash_of_its_key() {
        assert_eq!(accept(b"dGhlIHNhbXBsZSBub25jZQ==").unwrap(), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    }
}
