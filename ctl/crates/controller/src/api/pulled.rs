//! A response's body that is made while its client reads it, and holds one chunk at a time. A client
//! that does not read has nothing made for it, and is disconnected by `connection`.

use axum::body::Body as AnyBody;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::Response;
use controller_api::EVENT_STREAM;
use hyper::body::{Body, Bytes, Frame};
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

/// Makes the chunks of a body.
pub(super) trait Source: Send + 'static {
    /// Makes the next chunk; `None` at the end.
    fn next(&mut self) -> impl Future<Output = Option<Bytes>> + Send;
}

/// The making of one chunk, which gives the source back.
type Making<S> = Pin<Box<dyn Future<Output = (S, Option<Bytes>)> + Send>>;

/// The body; `None` at its end. Dropped early, because the client has gone, it drops its source.
struct Pulled<S>(Option<Making<S>>);

/// Makes a body of a source.
pub(super) fn body(source: impl Source) -> AnyBody {
    AnyBody::new(Pulled(Some(making(source))))
}

/// Makes the response of a stream of server-sent events.
pub(super) fn events(source: impl Source) -> Response {
    Response::builder()
        .header(CONTENT_TYPE, EVENT_STREAM)
        .header(CACHE_CONTROL, "no-store")
        // A proxy that gathers a response before it passes it on would hold the events back.
        .header("x-accel-buffering", "no")
        .body(body(source))
        .expect("a status and fixed headers make a response")
}

fn making<S: Source>(mut source: S) -> Making<S> {
    Box::pin(async move {
        let chunk = source.next().await;
        (source, chunk)
    })
}

impl<S: Source> Body for Pulled<S> {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let Some(next) = &mut self.0 else { return Poll::Ready(None) };
        match next.as_mut().poll(cx) {
            Poll::Pending => Poll::Pending,
            Poll::Ready((source, Some(chunk))) => {
                self.0 = Some(making(source));
                Poll::Ready(Some(Ok(Frame::data(chunk))))
            }
            Poll::Ready((_, None)) => {
                self.0 = None;
                Poll::Ready(None)
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_none()
    }
}
