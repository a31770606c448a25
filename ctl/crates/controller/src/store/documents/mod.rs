//! Documents of facts, whichever database keeps them: as bytes (`body`), many one after the other
//! (`texts`), what a new one is stored as (`prepare`), and the `entries` that it is found by. No I/O.

mod body;
mod entries;
mod prepare;
mod texts;

pub(super) use body::Damaged;
pub(super) use entries::{found, of_text};
pub(super) use prepare::{BaseSearch, CANDIDATES, NewBody, NewDocument, Newest, Prepared};
pub(super) use texts::{Bodies, Stored, Texts};

use super::StoreError;

/// The name of a base that was deleted between preparing and writing, in a refusal.
pub(super) const AGAIN: &str = "facts: the base was deleted meanwhile";

/// How often answers are prepared again, since a base was deleted meanwhile.
pub(super) const TRIES: usize = 3;

/// The most characters of an agent's sentence about a provider that fails.
pub(super) const MAX_MESSAGE: usize = 500;

/// Makes the refusal of facts that exceed their bound.
pub(super) fn no_room(max_bytes: i64) -> StoreError {
    StoreError::Full(format!(
        "there is no room for more facts: {} MiB are in use; raise --max-facts-mib",
        max_bytes >> 20
    ))
}
