//! Requests to a host about its jobs, and what the replies say.

use crate::agents::{AgentRequest, NoReply, Reach};
use agent_wire::message::{Resp, line};
use agent_wire::reply::JobStatus;
use agent_wire::{Method, Retcode};
use fleet::schedule::{Definition, PREFIX};
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};
use std::time::Duration;
use uuid::Uuid;

/// The wait for a reply.
const REPLY: Duration = Duration::from_secs(30);

/// Jobs in one reply: as many as an agent lists.
const PAGE: usize = 1000;

/// Jobs of one host that are read in all.
const MAX_JOBS: usize = 100_000;

/// A reply, as far as it is read.
#[derive(Deserialize)]
struct Reply<'a> {
    resp: Resp,
    retcode: u16,
    message: String,
    #[serde(borrow, default)]
    data: Option<&'a RawValue>,
}

/// Why an agent did not do it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Failure {
    /// The policy of the host refuses it; the sentence names the rule.
    Refused(String),
    /// The agent cannot do it.
    Failed(String),
    /// There is no reply.
    NoReply(NoReply),
}

/// Sets a schedule's job.
pub(super) async fn set(reach: &Reach, definition: &Definition) -> Result<(), Failure> {
    let fields = serde_json::from_str(definition.job().to_fields().get()).unwrap_or_default();
    ask(reach, &Method::CronSet, fields, |_| Ok(())).await
}

/// Removes a job.
pub(super) async fn remove(reach: &Reach, job: &str) -> Result<(), Failure> {
    let fields = Map::from_iter([("name".to_owned(), Value::from(job))]);
    ask(reach, &Method::CronRemove, fields, |_| Ok(())).await
}

/// Lists the controller's jobs on a host.
pub(super) async fn list(reach: &Reach) -> Result<Vec<JobStatus<'static>>, Failure> {
    let mut all: Vec<JobStatus<'static>> = Vec::new();
    loop {
        // An agent that does not know `prefix` lists what sorts after it.
        let after = all.last().map_or(PREFIX, |job| &job.name);
        let page = page(reach, json!({"prefix": PREFIX, "after": after, "limit": PAGE})).await?;
        let is_last = page.len() < PAGE || all.len() >= MAX_JOBS;
        let before = all.len() + page.len();
        all.extend(page.into_iter().filter(|job| job.name.starts_with(PREFIX)));
        if is_last || all.len() < before {
            return Ok(all);
        }
    }
}

/// Lists all jobs of a host.
pub(super) async fn list_all(reach: &Reach) -> Result<Vec<JobStatus<'static>>, Failure> {
    let mut all: Vec<JobStatus<'static>> = Vec::new();
    loop {
        let after = all.last().map(|job| job.name.clone());
        let page = page(reach, json!({"after": after, "limit": PAGE})).await?;
        let is_last = page.len() < PAGE;
        all.extend(page);
        if is_last || all.len() >= MAX_JOBS {
            return Ok(all);
        }
    }
}

/// Asks for facts of a host, and reads them.
pub(super) async fn facts<T: for<'de> Deserialize<'de>>(
    reach: &Reach,
    method: &str,
) -> Result<T, Failure> {
    ask(reach, &Method::parse(method), Map::new(), |data| parsed(data)).await
}

async fn page(reach: &Reach, fields: Value) -> Result<Vec<JobStatus<'static>>, Failure> {
    let Value::Object(fields) = fields else { return Ok(Vec::new()) };
    ask(reach, &Method::CronList, fields, parsed).await
}

fn parsed<T: for<'de> Deserialize<'de>>(data: &str) -> Result<T, String> {
    serde_json::from_str(data).map_err(|error| error.to_string())
}

async fn ask<T>(
    reach: &Reach,
    method: &Method,
    mut fields: Map<String, Value>,
    read: impl FnOnce(&str) -> Result<T, String>,
) -> Result<T, Failure> {
    let id = Uuid::new_v4().to_string();
    fields.insert("id".to_owned(), id.as_str().into());
    fields.insert("method".to_owned(), method.name().into());
    let mut text = Vec::new();
    line(&fields, &mut text);
    let request = AgentRequest { id, client_chose_id: false, line: text };
    let asked = reach.ask(request, REPLY).map_err(Failure::NoReply)?;
    let text = asked.reply().await.map_err(Failure::NoReply)?;
    let unreadable =
        |why: String| Failure::Failed(format!("the agent's reply is unreadable: {why}"));
    let reply: Reply<'_> = serde_json::from_str(&text).map_err(|e| unreadable(e.to_string()))?;
    match reply.resp {
        Resp::Success => read(reply.data.map_or("null", RawValue::get)).map_err(unreadable),
        Resp::Failed if reply.retcode == Retcode::Refused.number() => {
            Err(Failure::Refused(reply.message))
        }
        Resp::Failed => Err(Failure::Failed(reply.message)),
    }
}
