//! A request to a server and its answer.

use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper::Request;
use hyper::body::{Body as _, Bytes, Incoming};
use hyper::client::conn::http1::SendRequest;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use serde::de::DeserializeOwned;

use super::error::{Asked, ClientError};
use super::link::{Failure, Place};
use crate::api::Problem;

/// Bytes of an answer, at most: a page of a list has far less.
const ANSWER_BYTES_MAX: usize = 16 << 20;

/// A request that was sent, and whose answer comes.
pub(super) struct Exchange<'a> {
    place: &'a Place,
    asked: Asked,
    content_type: Option<HeaderValue>,
    body: Incoming,
}

impl<'a> Exchange<'a> {
    /// Sends a request. The server has agreed to it once this is done.
    pub(super) async fn begin(
        sender: &mut SendRequest<Full<Bytes>>,
        place: &'a Place,
        request: Request<Full<Bytes>>,
        asked: Asked,
    ) -> Result<Self, ClientError> {
        let head = async {
            sender.ready().await?;
            sender.send_request(request).await
        };
        let head = place.patient(head).await.and_then(|head| head.map_err(Failure::from));
        let response = head.map_err(|failure| place.failed(failure, asked))?;
        let status = response.status();
        let content_type = response.headers().get(CONTENT_TYPE).cloned();
        let exchange = Self { place, asked, content_type, body: response.into_body() };
        if status.is_success() {
            return Ok(exchange);
        }
        Err(ClientError::Refused(exchange.whole::<Problem>().await?))
    }

    /// The whole answer.
    pub(super) async fn whole<T: DeserializeOwned>(self) -> Result<T, ClientError> {
        let Self { place, asked, body, .. } = self;
        let whole = async {
            let body = place.patient(Limited::new(body, ANSWER_BYTES_MAX).collect()).await?;
            let body = body.map_err(|error| {
                if error.is::<LengthLimitError>() {
                    Failure::NotUnderstood(error)
                } else {
                    Failure::Ended
                }
            })?;
            Ok(serde_json::from_slice(&body.to_bytes())?)
        };
        whole.await.map_err(|failure| place.failed(failure, asked))
    }

    /// The bytes of the answer that come next; `None` behind the last.
    pub(super) async fn next(&mut self) -> Result<Option<Bytes>, ClientError> {
        let Self { place, asked, body, .. } = self;
        let next = async {
            let frame = place.patient(body.frame()).await?.transpose()?;
            Ok(frame.map(|frame| frame.into_data().unwrap_or_default()))
        };
        next.await.map_err(|failure| place.failed(failure, *asked))
    }

    /// How many bytes the answer has, which is to be of this type.
    pub(super) fn bytes_of(&self, content_type: &str) -> Result<u64, ClientError> {
        let sent = self.content_type.as_ref().and_then(|value| value.to_str().ok());
        if sent != Some(content_type) {
            return Err(self.not_understood(format!("it sends no {content_type}")));
        }
        let bytes = self.body.size_hint().exact();
        bytes.ok_or_else(|| self.not_understood("it does not say how much it sends"))
    }

    /// The answer is none of this API.
    pub(super) fn not_understood(
        &self,
        cause: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> ClientError {
        self.place.failed(Failure::NotUnderstood(cause.into()), self.asked)
    }
}
