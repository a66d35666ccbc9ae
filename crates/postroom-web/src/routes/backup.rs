//! `POST /v1/backup`: the copy of the store as the body of the answer.

use std::io::Read as _;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse as _, Response};
use hyper::body::{Frame, SizeHint};
use postroom_engine::{AdminAnswer, AdminRequest};
use postroom_server::Administrator;
use postroom_store::{Backup, BackupGuard, NotBackedUp};

use super::{ask, unexpected};
use crate::api::{BACKUP_TYPE, Problem};
use crate::orders::problem;

/// Bytes that are read at a time, once the socket has taken those before.
const CHUNK: usize = 64 << 10;

/// Answers when the copy is complete. If the client has gone by then, the copy is canceled.
pub(super) async fn backup(
    State(administrator): State<Administrator>,
) -> Result<Response, Problem> {
    let (guard, token) = BackupGuard::new();
    match ask(&administrator, AdminRequest::Backup(token)).await? {
        AdminAnswer::Backup(Ok(backup)) => {
            let body = Body::new(Copy { left: backup.bytes, backup, _guard: guard });
            Ok(([(CONTENT_TYPE, BACKUP_TYPE)], body).into_response())
        }
        AdminAnswer::Backup(Err(refusal)) => Err(not_backed_up(&refusal)),
        _ => Err(unexpected()),
    }
}

fn not_backed_up(refusal: &NotBackedUp) -> Problem {
    let detail = refusal.to_string();
    match refusal {
        NotBackedUp::Unsupported => problem(StatusCode::NOT_IMPLEMENTED, "unsupported", &detail),
        NotBackedUp::UnderWay => problem(StatusCode::CONFLICT, "backup-under-way", &detail),
        NotBackedUp::DiskFull => problem(StatusCode::INSUFFICIENT_STORAGE, "disk-full", &detail),
        NotBackedUp::Canceled | NotBackedUp::Failed(_) => {
            problem(StatusCode::INTERNAL_SERVER_ERROR, "backup-failed", &detail)
        }
    }
}

/// A copy of the store on its way through the socket.
struct Copy {
    backup: Backup,
    left: u64,
    /// Until it is dropped, there is no other backup.
    _guard: BackupGuard,
}

impl hyper::body::Body for Copy {
    type Data = Bytes;
    type Error = std::io::Error;

    /// Reads the next bytes. They were written a moment ago, so this rarely waits.
    fn poll_frame(
        mut self: Pin<&mut Self>,
        _context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let next = usize::try_from(self.left).unwrap_or(usize::MAX).min(CHUNK);
        if next == 0 {
            return Poll::Ready(None);
        }
        let mut chunk = vec![0; next];
        let read = self.backup.content.read_exact(&mut chunk);
        Poll::Ready(Some(match read {
            Ok(()) => {
                self.left -= next as u64;
                Ok(Frame::data(chunk.into()))
            }
            Err(error) => {
                tracing::error!(%error, "cannot read the copy of the store");
                self.left = 0;
                Err(error)
            }
        }))
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}
