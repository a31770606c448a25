//! A command's output handed on as it comes: pieces of it, to whoever takes them, at that one's pace.
//!
//! Used by [`super::streams`] where the caller asked for it. A piece is read from the pipe only once there is a
//! place for it, so a reader that is slow makes the command slow, and memory stays bounded. A reader that is gone
//! makes nothing slow: what comes afterwards is read, counted and dropped.

use std::fmt;
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::sync::mpsc;
use tokio::sync::mpsc::error::SendError;

/// The most bytes of one piece.
pub const MAX_PIECE: usize = 16 * 1024;

/// Some of a command's output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    /// Of standard error, when that was asked for apart.
    pub stderr: bool,
    /// At most [`MAX_PIECE`], at least one.
    pub bytes: Vec<u8>,
}

type Permit = mpsc::OwnedPermit<Piece>;
type Waiting = Pin<Box<dyn Future<Output = Result<Permit, SendError<()>>> + Send>>;

/// One output stream's way to the reader, and what did not get through.
pub(crate) struct Sink {
    stderr: bool,
    place: Place,
    dropped: u64,
}

enum Place {
    /// Not asked for since the last piece.
    Unasked(mpsc::Sender<Piece>),
    /// The reader has to take a piece first.
    Awaited(Waiting),
    Held(Permit),
    /// The reader is gone.
    Nowhere,
}

impl Sink {
    pub(crate) fn new(reader: mpsc::Sender<Piece>, stderr: bool) -> Self {
        Self { stderr, place: Place::Unasked(reader), dropped: 0 }
    }

    /// Ready when the next piece may be read from the pipe.
    pub(crate) fn poll_place(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            self.place = match mem::replace(&mut self.place, Place::Nowhere) {
                Place::Unasked(reader) => Place::Awaited(Box::pin(reader.reserve_owned())),
                Place::Awaited(mut waiting) => match waiting.as_mut().poll(cx) {
                    Poll::Ready(Ok(permit)) => Place::Held(permit),
                    Poll::Ready(Err(_)) => Place::Nowhere,
                    Poll::Pending => {
                        self.place = Place::Awaited(waiting);
                        return Poll::Pending;
                    }
                },
                known @ (Place::Held(_) | Place::Nowhere) => {
                    self.place = known;
                    return Poll::Ready(());
                }
            };
        }
    }

    /// Takes what was read from the pipe, into the place that [`Sink::poll_place`] has found.
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        self.place = match mem::replace(&mut self.place, Place::Nowhere) {
            Place::Held(permit) => {
                Place::Unasked(permit.send(Piece { stderr: self.stderr, bytes: bytes.to_vec() }))
            }
            elsewhere => {
                self.dropped += bytes.len() as u64;
                elsewhere
            }
        };
    }

    /// There was nothing to read after all: the place is free for the other stream.
    pub(crate) fn release(&mut self) {
        self.place = match mem::replace(&mut self.place, Place::Nowhere) {
            Place::Held(permit) => Place::Unasked(permit.release()),
            other => other,
        };
    }

    /// Whether it is the reader that is waited for.
    pub(crate) fn is_full(&self) -> bool {
        matches!(self.place, Place::Awaited(_))
    }

    /// Bytes that came in when there was no place for them.
    pub(crate) fn dropped(&self) -> u64 {
        self.dropped
    }
}

impl fmt::Debug for Sink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sink").field("full", &self.is_full()).field("dropped", &self.dropped).finish()
    }
}
