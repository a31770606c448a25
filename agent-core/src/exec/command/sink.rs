//! Streams a command's output to a reader, piece by piece, at the reader's pace.
//!
//! [`super::streams`] uses it when the request asks for streaming. A piece is read from the pipe
//! only once the reader has a place for it: so a slow reader slows the command, and memory stays
//! bounded. A reader that is gone slows nothing: later output is read, counted and dropped.

use std::fmt;
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::sync::mpsc;
use tokio::sync::mpsc::error::SendError;

/// The most bytes of one piece.
pub const MAX_PIECE: usize = 16 * 1024;

/// A piece of a command's output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutputPiece {
    /// Whether it is of standard error, when the request separates it.
    pub stderr: bool,
    /// At most [`MAX_PIECE`], at least one.
    pub bytes: Vec<u8>,
}

type Permit = mpsc::OwnedPermit<OutputPiece>;
type Waiting = Pin<Box<dyn Future<Output = Result<Permit, SendError<()>>> + Send>>;

/// One output stream on its way to the reader, and the bytes that did not get through.
pub(crate) struct Sink {
    stderr: bool,
    place: Reservation,
    dropped: u64,
}

enum Reservation {
    /// Not requested since the last piece.
    Idle(mpsc::Sender<OutputPiece>),
    /// The reader must take a piece first.
    Awaited(Waiting),
    Held(Permit),
    /// The reader is gone.
    Gone,
}

impl Sink {
    pub(crate) fn new(reader: mpsc::Sender<OutputPiece>, stderr: bool) -> Self {
        Self { stderr, place: Reservation::Idle(reader), dropped: 0 }
    }

    /// Becomes ready when the next piece may be read from the pipe.
    pub(crate) fn poll_place(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            self.place = match mem::replace(&mut self.place, Reservation::Gone) {
                Reservation::Idle(reader) => Reservation::Awaited(Box::pin(reader.reserve_owned())),
                Reservation::Awaited(mut waiting) => match waiting.as_mut().poll(cx) {
                    Poll::Ready(Ok(permit)) => Reservation::Held(permit),
                    Poll::Ready(Err(_)) => Reservation::Gone,
                    Poll::Pending => {
                        self.place = Reservation::Awaited(waiting);
                        return Poll::Pending;
                    }
                },
                known @ (Reservation::Held(_) | Reservation::Gone) => {
                    self.place = known;
                    return Poll::Ready(());
                }
            };
        }
    }

    /// Sends bytes from the pipe to the place that [`Sink::poll_place`] found.
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        self.place = match mem::replace(&mut self.place, Reservation::Gone) {
            Reservation::Held(permit) => Reservation::Idle(
                permit.send(OutputPiece { stderr: self.stderr, bytes: bytes.to_vec() }),
            ),
            elsewhere => {
                self.dropped += bytes.len() as u64;
                elsewhere
            }
        };
    }

    /// Releases the place to the other stream, since there was nothing to read.
    pub(crate) fn release(&mut self) {
        self.place = match mem::replace(&mut self.place, Reservation::Gone) {
            Reservation::Held(permit) => Reservation::Idle(permit.release()),
            other => other,
        };
    }

    /// Returns whether the reader has no place.
    pub(crate) fn is_full(&self) -> bool {
        matches!(self.place, Reservation::Awaited(_))
    }

    /// Returns how many bytes came after the reader was gone.
    pub(crate) fn dropped(&self) -> u64 {
        self.dropped
    }
}

impl fmt::Debug for Sink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sink")
            .field("full", &self.is_full())
            .field("dropped", &self.dropped)
            .finish()
    }
}
