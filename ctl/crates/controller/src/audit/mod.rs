//! The audit log's writer: an event is on disk before its act begins, and is completed after it.
//!
//! [`Audit::begin`] returns an [`Open`] event, which the caller ends with the outcome. Dropped
//! instead, because the client has gone, it is ended as unknown. An act that is refused has no
//! second line.

mod work;

pub(crate) use work::Work;

use crate::store::{Store, StoreError, milliseconds};
use fleet::audit::{Event, Outcome};
use serde_json::{Map, Value};
use std::sync::Arc;
use std::time::SystemTime;

/// The most bytes of one text in an event, as of a command.
pub(crate) const MAX_TEXT: usize = 4 << 10;

/// The audit log.
#[derive(Clone, Debug)]
pub(crate) struct Audit {
    store: Arc<dyn Store>,
    work: Work,
}

/// Who does something, and what it is.
#[derive(Clone, Debug)]
pub(crate) struct Deed {
    /// An operator's name, or `unknown`.
    pub(crate) actor: String,
    /// The address that the request came from.
    pub(crate) source: Option<String>,
    /// The action's name.
    pub(crate) action: String,
    /// The hosts that it concerns.
    pub(crate) hosts: Vec<String>,
    /// What else there is to say; never a secret.
    pub(crate) detail: Map<String, Value>,
}

/// An event whose act goes on.
#[derive(Debug)]
pub(crate) struct Open {
    audit: Audit,
    /// `None` once it has ended.
    sequence: Option<i64>,
}

impl Audit {
    /// Makes the writer; `work` completes the events of clients that have gone.
    pub(crate) fn new(store: Arc<dyn Store>, work: Work) -> Self {
        Self { store, work }
    }

    /// Writes an event before its act.
    ///
    /// # Errors
    /// When it cannot be stored: the act must not begin.
    pub(crate) async fn begin(&self, deed: Deed) -> Result<Open, StoreError> {
        let sequence = self.store.begin(event(deed), now()).await?;
        Ok(Open { audit: self.clone(), sequence: Some(sequence) })
    }

    /// Writes the event of an act that was refused.
    ///
    /// # Errors
    /// When it cannot be stored.
    pub(crate) async fn refused(&self, mut deed: Deed, why: String) -> Result<(), StoreError> {
        deed.detail.insert("refused".to_owned(), Value::String(why));
        self.store.record(event(deed), Outcome::Refused, now()).await.map(|_| ())
    }
}

impl Open {
    /// Ends the event. A failure is logged: the act is over.
    pub(crate) async fn end(mut self, outcome: Outcome, detail: Map<String, Value>) {
        if let Some(sequence) = self.sequence.take() {
            complete(&*self.audit.store, sequence, outcome, detail).await;
        }
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        let Some(sequence) = self.sequence.take() else { return };
        let store = Arc::clone(&self.audit.store);
        // Nobody waits for the end.
        drop(self.audit.work.start(async move {
            let why = "the client disconnected before the answer".to_owned();
            let detail = Map::from_iter([("message".to_owned(), Value::String(why))]);
            complete(&*store, sequence, Outcome::Unknown, detail).await;
        }));
    }
}

async fn complete(store: &dyn Store, sequence: i64, outcome: Outcome, detail: Map<String, Value>) {
    let detail = (!detail.is_empty()).then(|| Value::Object(detail).to_string());
    if let Err(error) = store.complete(sequence, outcome, detail, now()).await {
        log::error!("event {sequence} stays open, though its act has ended: {error}");
    }
}

fn event(deed: Deed) -> Event {
    let Deed { actor, source, action, hosts, detail } = deed;
    let detail = (!detail.is_empty()).then(|| Value::Object(detail).to_string());
    Event { actor, source, action, hosts, detail }
}

/// Returns the milliseconds since 1970, UTC.
pub(crate) fn now() -> i64 {
    milliseconds(SystemTime::now())
}

/// Shortens a text to [`MAX_TEXT`] bytes, and says so.
pub(crate) fn shortened(text: &str) -> String {
    if text.len() <= MAX_TEXT {
        return text.to_owned();
    }
    let mut end = MAX_TEXT;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}… ({} bytes)", &text[..end], text.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_text_is_shortened_between_characters() {
        assert_eq!(shortened("ls"), "ls");
        let long = "é".repeat(MAX_TEXT);
        let short = shortened(&format!("x{long}"));
        assert!(short.len() < MAX_TEXT + 32 && short.ends_with("… (8193 bytes)"), "{short}");
    }
}
