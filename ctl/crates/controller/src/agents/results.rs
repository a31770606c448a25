//! Results on their way from an agent to the store, and the acknowledgement back.

use super::session::Session;
use crate::store::{Acknowledgement, Arrival, Outcome};
use agent_wire::message::{Ack, EventKind, MAX_ID, line};
use agent_wire::{InvalidParams, Params};
use serde_json::{Map, Value};
use std::sync::Arc;

/// Reads the fields that storing a result needs; `None` for a message that is not a result. The
/// event's text is kept verbatim, with the fields that only a later version knows.
///
/// # Errors
/// When the message is a result without a task id or an outcome.
pub(super) fn arrival(
    session: &Arc<Session>,
    map: &Map<String, Value>,
    text: impl FnOnce() -> String,
) -> Result<Option<Arrival>, InvalidParams> {
    let params = Params::new(map);
    let method = params.text("method")?;
    let kinds = [EventKind::Task, EventKind::Cron];
    let Some(kind) = kinds.into_iter().find(|kind| method == Some(kind.method())) else {
        return Ok(None);
    };
    let Some(task) = params.short_text("id", MAX_ID)? else {
        return Err(InvalidParams("id, the task's id, is missing".to_owned()));
    };
    if params.one_of("resp", &[("success", ()), ("failed", ())])?.is_none() {
        return Err(InvalidParams("resp is missing".to_owned()));
    }
    if params.whole("retcode", "", 0..=u64::from(u16::MAX))?.is_none() {
        return Err(InvalidParams("retcode is missing".to_owned()));
    }
    Ok(Some(Arrival {
        host: session.host.clone(),
        kind,
        task: task.to_owned(),
        event: text(),
        acknowledgement: acknowledgement(session, task),
    }))
}

/// Passes the store's report on to the agent: `async.ack` for a stored result. An acknowledgement
/// that gets lost does no harm: the agent redelivers the result.
fn acknowledgement(session: &Arc<Session>, task: &str) -> Acknowledgement {
    let (session, task) = (Arc::clone(session), task.to_owned());
    Acknowledgement::new(move |outcome| match outcome {
        Outcome::Stored => {
            let mut bytes = Vec::with_capacity(64 + task.len());
            line(&serde_json::json!({ "method": Ack::METHOD, "id": task }), &mut bytes);
            session.post(&bytes);
        }
        Outcome::Redeliver => session.close_for_redelivery(),
    })
}
