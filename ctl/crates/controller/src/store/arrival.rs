//! One result on its way from an agent to the disk.

use crate::agents::Session;
use agent_wire::message::{Ack, EventKind, MAX_ID, line};
use agent_wire::{InvalidParams, Params};
use serde_json::{Map, Value};
use std::fmt;
use std::sync::Arc;

/// What an event costs beside its text, in bytes: ids, queue, session.
const OVERHEAD: usize = 1 << 10;

/// An `async.result` or `cron.result` as it came.
pub(crate) struct Arrival {
    /// Who sent it, and waits for the acknowledgement.
    pub(in crate::store) session: Arc<Session>,
    pub(in crate::store) kind: EventKind,
    /// The task's id.
    pub(in crate::store) task: String,
    /// The event's JSON text.
    pub(in crate::store) text: String,
}

impl fmt::Debug for Arrival {
    /// Without the text: output may hold secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Arrival")
            .field("host", &self.session.id)
            .field("task", &self.task)
            .finish_non_exhaustive()
    }
}

impl Arrival {
    /// Reads what storing needs; `None` for a message that is no result. The rest of it is kept as
    /// it came, also what only a later version knows.
    ///
    /// # Errors
    /// When it is a result that names no task or has no outcome.
    pub(crate) fn parse(
        session: &Arc<Session>,
        map: &Map<String, Value>,
        text: impl FnOnce() -> String,
    ) -> Result<Option<Self>, InvalidParams> {
        let params = Params::new(map);
        let method = params.text("method")?;
        let kinds = [EventKind::Task, EventKind::Cron];
        let Some(kind) = kinds.into_iter().find(|kind| method == Some(kind.method())) else {
            return Ok(None);
        };
        let Some(task) = params.short_text("id", MAX_ID)? else {
            return Err(InvalidParams("id is missing: that of the task".to_owned()));
        };
        if params.one_of("resp", &[("success", ()), ("failed", ())])?.is_none() {
            return Err(InvalidParams("resp is missing".to_owned()));
        }
        if params.whole("retcode", "", 0..=u64::from(u16::MAX))?.is_none() {
            return Err(InvalidParams("retcode is missing".to_owned()));
        }
        Ok(Some(Self { session: Arc::clone(session), kind, task: task.to_owned(), text: text() }))
    }

    /// The host it is of.
    pub(in crate::store) fn host(&self) -> &str {
        &self.session.id
    }

    /// Bytes of memory it holds, about.
    pub(in crate::store) fn size(&self) -> usize {
        self.text.len() + OVERHEAD
    }

    /// Tells the agent that it may forget the result. An acknowledgement that is lost is no harm: the
    /// result comes again.
    pub(in crate::store) fn acknowledge(&self) {
        let mut bytes = Vec::with_capacity(64 + self.task.len());
        line(&serde_json::json!({ "method": Ack::METHOD, "id": self.task }), &mut bytes);
        self.session.post(&bytes);
    }
}
