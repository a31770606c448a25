//! The memory of responses, which clients hold as long as they read them: bounded over all clients.

use super::problem::ApiError;
use axum::body::Body as AnyBody;
use hyper::body::{Body, Bytes, Frame, SizeHint};
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

/// KiB of responses that clients are reading at once.
const MAX_HELD_KIB: usize = 256 << 10;

/// The longest wait for the memory of one response.
const MAX_WAIT: Duration = Duration::from_secs(30);

/// The memory that responses share.
#[derive(Clone, Debug)]
pub(super) struct ResponseMemory(Arc<Semaphore>);

/// A share of it.
#[derive(Debug)]
pub(super) struct Share(OwnedSemaphorePermit);

impl ResponseMemory {
    /// Makes the memory.
    pub(super) fn new() -> Self {
        Self(Arc::new(Semaphore::new(MAX_HELD_KIB)))
    }

    /// Waits for room for a response of so many bytes.
    ///
    /// # Errors
    /// [`ApiError::Busy`] when other clients hold it for too long.
    pub(super) async fn reserve(&self, bytes: usize) -> Result<Share, ApiError> {
        let kib = u32::try_from(kib(bytes)).unwrap_or(u32::MAX);
        let acquiring = Arc::clone(&self.0).acquire_many_owned(kib);
        match timeout(MAX_WAIT, acquiring).await {
            Ok(Ok(permit)) => Ok(Share(permit)),
            Ok(Err(_)) | Err(_) => Err(ApiError::Busy),
        }
    }
}

impl Share {
    /// Makes a body of a text that may be smaller than the share, whose rest is given back.
    pub(super) fn body(mut self, text: String) -> AnyBody {
        let spare = self.0.num_permits().saturating_sub(kib(text.len()));
        drop(self.0.split(spare));
        AnyBody::new(Held { text: Some(text.into()), _share: self })
    }
}

fn kib(bytes: usize) -> usize {
    bytes.div_ceil(1 << 10).min(MAX_HELD_KIB)
}

/// A body that gives its memory back once it is sent, or its client has gone.
struct Held {
    text: Option<Bytes>,
    _share: Share,
}

impl Body for Held {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(self.text.take().map(|text| Ok(Frame::data(text))))
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.text.as_ref().map_or(0, |text| text.len() as u64))
    }
}
