//! The lines of the audit log, as every store keeps them.

use super::{MAX_EVENT_BYTES, StoreError};
use fleet::Digest;
use fleet::audit::{Anchor, Entry, Outcome, Verifier};

/// Lines in all; beyond them, the oldest are deleted whatever their age.
pub(in crate::store) const MAX_LINES: i64 = 20_000_000;

/// A line as it is stored; the number of one that no version of the controller can have written.
pub(in crate::store) type Line = Result<(Entry, Digest), i64>;

/// Checks that a line is not too large.
///
/// # Errors
/// When it is.
pub(in crate::store) fn fits(entry: &Entry) -> Result<(), StoreError> {
    if entry.canonical().len() <= MAX_EVENT_BYTES {
        return Ok(());
    }
    Err(StoreError::Conflict(format!(
        "an entry of the audit log has at most {MAX_EVENT_BYTES} bytes; name fewer hosts"
    )))
}

/// Makes the error of ending an event that is not open.
pub(in crate::store) fn not_open(sequence: i64) -> StoreError {
    StoreError::Conflict(format!("audit entry {sequence} does not exist, or has ended already"))
}

/// Checks the next line of the log.
///
/// # Errors
/// A sentence that says what is wrong with it.
pub(in crate::store) fn check(
    verifier: &mut Verifier,
    line: Line,
    head: &Anchor,
) -> Result<(), String> {
    let (entry, digest) = line.map_err(|sequence| {
        format!("audit entry {sequence} is not what was written there: it cannot be read")
    })?;
    verifier.check(&entry, &digest).map_err(|broken| broken.to_string())?;
    if entry.sequence == head.sequence && digest != head.digest {
        return Err(format!("audit entry {} is not the one that was written last", entry.sequence));
    }
    Ok(())
}

/// Says that lines are missing at the end, if the log ends after this number.
pub(in crate::store) fn missing(after: i64, head: &Anchor) -> Option<String> {
    (after < head.sequence).then(|| {
        format!("the audit log ends with entry {after}, but entry {} was written", head.sequence)
    })
}

/// Returns an outcome's name in the database.
pub(in crate::store) const fn outcome_name(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Succeeded => "succeeded",
        Outcome::Refused => "refused",
        Outcome::Failed => "failed",
        Outcome::Unknown => "unknown",
    }
}

/// Returns the outcome of that name.
pub(in crate::store) fn outcome_named(name: &str) -> Option<Outcome> {
    [Outcome::Succeeded, Outcome::Refused, Outcome::Failed, Outcome::Unknown]
        .into_iter()
        .find(|outcome| outcome_name(*outcome) == name)
}
