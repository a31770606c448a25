//! The lines of the audit log, as every store keeps them.

use super::{MAX_EVENT_BYTES, StoreError, Verified};
use fleet::Digest;
use fleet::audit::{Anchor, Entry, Outcome, Verifier};

/// Lines in all; beyond them, the oldest are deleted whatever their age.
pub(in crate::store) const MAX_LINES: i64 = 20_000_000;

/// Lines that one query of the check reads.
pub(in crate::store) const CHECKED: i64 = 4096;

/// Lines that one transaction deletes for their age.
pub(in crate::store) const MAX_DELETED: i64 = 1024;

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

/// A check of the whole log, which reads it in pieces.
pub(in crate::store) struct LogCheck {
    anchor: Anchor,
    head: Anchor,
    verifier: Verifier,
    checked: u64,
    fault: Option<String>,
    is_over: bool,
}

impl LogCheck {
    /// Begins a check of the log between its anchor and its head.
    pub(in crate::store) fn begin((anchor, head): (Anchor, Anchor)) -> Self {
        let verifier = Verifier::behind(anchor);
        Self { anchor, head, verifier, checked: 0, fault: None, is_over: false }
    }

    /// Returns behind which line the next piece begins, and the last line of all; `None` when the
    /// check is over.
    pub(in crate::store) fn next(&self) -> Option<(i64, i64)> {
        (!self.is_over).then_some((self.verifier.anchor().sequence, self.head.sequence))
    }

    /// Checks a piece: no line means that there are no more.
    pub(in crate::store) fn take(&mut self, lines: Vec<Line>) {
        if lines.is_empty() {
            self.fault = missing(self.verifier.anchor().sequence, &self.head);
            self.is_over = true;
            return;
        }
        for line in lines {
            self.checked += 1;
            if let Err(fault) = check(&mut self.verifier, line, &self.head) {
                self.fault = Some(fault);
                self.is_over = true;
                return;
            }
        }
    }

    /// Returns what the check has found.
    pub(in crate::store) fn found(self) -> Verified {
        let Self { anchor, verifier, checked, fault, .. } = self;
        Verified { lines: checked, anchor, head: verifier.anchor(), fault }
    }
}

/// Checks the next line of the log.
fn check(verifier: &mut Verifier, line: Line, head: &Anchor) -> Result<(), String> {
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
fn missing(after: i64, head: &Anchor) -> Option<String> {
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
