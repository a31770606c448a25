//! Requests that may be repeated: those with an idempotency key, and their answers.

use super::StoreError;
use async_trait::async_trait;
use fleet::{Digest, UnixMillis};
use std::fmt;

/// The requests that were made with an idempotency key.
#[async_trait]
pub(crate) trait Idempotency {
    /// Begins a request that has an idempotency key, or finds out that it was made before. The
    /// reservation is on disk when this returns.
    ///
    /// # Errors
    /// When the database cannot be written, or the principal has [`MAX_KEYS_OF_ONE`] keys.
    async fn reserve(&self, request: Repeatable, now: UnixMillis) -> Result<Reserved, StoreError>;

    /// Keeps the answer to a reserved request for a day. A body above [`MAX_ANSWER_BYTES`] is not
    /// kept: a repetition learns the status only.
    ///
    /// # Errors
    /// When the database cannot be written.
    async fn answered(&self, request: &Repeatable, answer: Answer) -> Result<(), StoreError>;

    /// Gives a reservation back: the request changed nothing and may be made again.
    ///
    /// # Errors
    /// When the database cannot be written.
    async fn give_back(&self, request: &Repeatable) -> Result<(), StoreError>;
}

/// Idempotency keys of one principal within a day.
pub(crate) const MAX_KEYS_OF_ONE: u64 = 10_000;

/// How long an answer is kept.
pub(crate) const REPEATABLE_KEPT: UnixMillis = fleet::DAY;

/// Bytes of an answer that is kept.
pub(crate) const MAX_ANSWER_BYTES: usize = 16 << 10;

/// A request with an idempotency key.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Repeatable {
    /// Who asks.
    pub(crate) principal: String,
    /// The key, chosen by the client.
    pub(crate) key: String,
    /// SHA-256 of the method, the path and the body.
    pub(crate) digest: Digest,
}

/// What is known of a request with an idempotency key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Reserved {
    /// It is new: make it, then call [`Idempotency::answered`] or [`Idempotency::give_back`].
    New,
    /// It is being made.
    InProgress,
    /// It was made; this was the answer.
    Answered(Answer),
    /// The controller ended while it was being made: whether it was done is unknown.
    Interrupted,
    /// The key was used for another request.
    OtherRequest,
}

/// The answer to a request.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Answer {
    /// The HTTP status.
    pub(crate) status: u16,
    /// The body, without secrets; none if it is not kept.
    pub(crate) body: Option<String>,
}

impl fmt::Debug for Repeatable {
    /// Leaves out the digest.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Repeatable")
            .field("principal", &self.principal)
            .field("key", &self.key)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Answer {
    /// Leaves out the body.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answer").field("status", &self.status).finish_non_exhaustive()
    }
}
