//! A streamed reply (NDJSON): each output frame is a line as it arrives, the agent's reply the last
//! one. If there is no reply, the last line is a problem.

use super::problem::ApiError;
use crate::agents::{NoReply, OutputStream};
use agent_wire::message::line;
use axum::body::Body as AnyBody;
use axum::http::header::CONTENT_TYPE;
use axum::response::Response;
use hyper::body::{Body, Bytes, Frame};
use std::convert::Infallible;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::time::{Sleep, sleep};

/// The body. Dropped early, because the client has disconnected, it cancels the command.
pub(super) struct NdJson {
    /// `None` once the last line is out.
    output: Option<OutputStream>,
    /// The lines that came before there was a body.
    first: Option<Vec<u8>>,
    deadline: Pin<Box<Sleep>>,
    host: String,
}

impl NdJson {
    /// Waits for the first line, because an error before it can still set the status; the body
    /// follows. `wait` bounds the whole stream.
    ///
    /// # Errors
    /// When there is no line at all.
    pub(super) async fn begin(
        output: OutputStream,
        host: String,
        wait: Duration,
    ) -> Result<Response, ApiError> {
        let mut body =
            Self { output: Some(output), first: None, deadline: Box::pin(sleep(wait)), host };
        match poll_fn(|cx| body.poll_lines(cx)).await {
            Some(Ok(lines)) => body.first = Some(lines),
            Some(Err(why)) => return Err(ApiError::NoReply { host: body.host, why }),
            None => {}
        }
        Ok(Response::builder()
            .header(CONTENT_TYPE, controller_api::NDJSON)
            .body(AnyBody::new(body))
            .expect("a status and one fixed header make a response"))
    }

    fn poll_lines(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Vec<u8>, NoReply>>> {
        let Some(output) = &mut self.output else { return Poll::Ready(None) };
        let lines = match output.poll_lines(cx) {
            Poll::Pending => match self.deadline.as_mut().poll(cx) {
                Poll::Ready(()) => Some(Err(NoReply::TimedOut)),
                Poll::Pending => return Poll::Pending,
            },
            Poll::Ready(lines) => lines,
        };
        if !matches!(lines, Some(Ok(_))) {
            self.output = None;
        }
        Poll::Ready(lines)
    }
}

impl Body for NdJson {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let lines = match self.first.take() {
            Some(lines) => Poll::Ready(Some(Ok(lines))),
            None => self.poll_lines(cx),
        };
        lines.map(|lines| {
            let lines = lines?.unwrap_or_else(|why| {
                let mut last = Vec::new();
                let host = std::mem::take(&mut self.host);
                line(&ApiError::NoReply { host, why }.problem(), &mut last);
                last
            });
            Some(Ok(Frame::data(lines.into())))
        })
    }
}
