//! A response's body whose event ends with it.

use crate::audit::Open;
use axum::body::Body as AnyBody;
use fleet::audit::Outcome;
use hyper::body::{Body, Bytes, Frame, SizeHint};
use serde_json::Map;
use std::pin::Pin;
use std::task::{Context, Poll};

/// The body. Dropped before its end, because the client has gone, it leaves its event's outcome
/// unknown.
pub(super) struct Recorded {
    body: AnyBody,
    state: State,
}

enum State {
    Open(Option<Open>),
    Ending(Pin<Box<dyn Future<Output = ()> + Send>>),
    Ended,
}

impl Recorded {
    /// Wraps the body of a response whose event is open.
    pub(super) fn new(body: AnyBody, open: Open) -> Self {
        Self { body, state: State::Open(Some(open)) }
    }
}

impl Body for Recorded {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let this = &mut *self;
        loop {
            match &mut this.state {
                State::Open(open) => {
                    let open = match Pin::new(&mut this.body).poll_frame(cx) {
                        Poll::Ready(None) => open.take(),
                        other => return other,
                    };
                    this.state = match open {
                        Some(open) => {
                            State::Ending(Box::pin(open.end(Outcome::Succeeded, Map::new())))
                        }
                        None => State::Ended,
                    };
                }
                State::Ending(ending) => match ending.as_mut().poll(cx) {
                    Poll::Ready(()) => this.state = State::Ended,
                    Poll::Pending => return Poll::Pending,
                },
                State::Ended => return Poll::Ready(None),
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self.state, State::Ended)
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
