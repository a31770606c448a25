//! One round: a host is asked for all chosen providers and for the schemas of their answers in one
//! request, and what it answers is stored. A schema is kept like a fact; a host whose provider has
//! none (an older one, or one of a third party) lacks that.

use super::Settings;
use crate::agents::{AgentRequest, NoReply, Reach};
use crate::audit;
use crate::store::{
    FactAnswer, FactLabels, HostAnswers, KnownFacts, Store, StoreError, StoredAnswers,
};
use agent_wire::message::{Resp, line};
use agent_wire::{Method, Retcode};
use fleet::LabelValue;
use fleet::facts::{FactLabel, SCHEMA_ARGS, is_schema_call, schema_call, volatile};
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;
use uuid::Uuid;

/// The time for an agent to answer: its providers take 5 s each at most, four at a time.
const REPLY: Duration = Duration::from_secs(60);

/// The most calls that an agent takes in one request (PROTOCOL.md §8).
const MAX_CALLS: usize = 64;

/// The most bytes of a schema: as much as a plugin's description may have.
const MAX_SCHEMA: usize = 64 << 10;

/// Why a round came to nothing.
#[derive(Debug)]
pub(crate) enum RoundError {
    /// The host did not answer.
    NoReply(NoReply),
    /// It answered something that cannot be read, for this reason.
    Unreadable(String),
    /// The answers cannot be stored.
    Store(StoreError),
}

/// What a round found.
#[derive(Clone, Debug, Default)]
pub(crate) struct Outcome {
    /// What changed.
    pub(crate) stored: StoredAnswers,
    /// Methods that the host has no provider for.
    pub(crate) absent: Vec<String>,
    /// Methods whose provider failed, and the agent's sentence.
    pub(crate) failed: Vec<(String, String)>,
}

/// The reply to `getinfo.all`, as far as it matters here.
#[derive(Deserialize)]
struct Reply<'a> {
    resp: Resp,
    retcode: u16,
    #[serde(default)]
    message: String,
    #[serde(borrow)]
    data: Option<Vec<Part<'a>>>,
}

/// One provider's part of it.
#[derive(Deserialize)]
struct Part<'a> {
    method: String,
    #[serde(default)]
    args: String,
    resp: Resp,
    retcode: u16,
    #[serde(default)]
    message: String,
    #[serde(default)]
    unchanged: bool,
    #[serde(borrow)]
    data: Option<&'a RawValue>,
}

/// Asks a host and stores its answers.
///
/// # Errors
/// When the host does not answer, or its answers cannot be stored.
pub(super) async fn run(
    host: &str,
    reach: &Reach,
    store: &dyn Store,
    settings: &Settings,
) -> Result<Outcome, RoundError> {
    let known = store.known_facts(host).await.map_err(RoundError::Store)?;
    let id = Uuid::new_v4().to_string();
    let request =
        AgentRequest { line: request(&id, &settings.methods, &known), id, client_chose_id: false };
    let asked = reach.ask(request, REPLY).map_err(RoundError::NoReply)?;
    let reply = asked.reply().await.map_err(RoundError::NoReply)?;
    let version = match reach {
        Reach::Here(session) => session.version.clone(),
        // Its node has stored it when the host came.
        Reach::Elsewhere(_) => {
            store.host(host).await.map_err(RoundError::Store)?.and_then(|row| row.version)
        }
    };
    let (host, settings) = (host.to_owned(), settings.clone());
    // Some hundred KiB of JSON, whose volatile parts are taken out.
    let read = tokio::task::spawn_blocking(move || {
        read(&host, &reply, version.as_deref(), &settings, audit::now())
    });
    let answers = match read.await {
        Ok(answers) => answers.map_err(RoundError::Unreadable)?,
        Err(error) => return Err(RoundError::Unreadable(error.to_string())),
    };
    let mut outcome = Outcome::default();
    for (method, answer) in answers.answers.iter().filter(|(name, _)| !is_schema_call(name)) {
        match answer {
            FactAnswer::Absent => outcome.absent.push(method.clone()),
            FactAnswer::Failed { message, .. } => {
                outcome.failed.push((method.clone(), message.clone()));
            }
            FactAnswer::Facts { .. } | FactAnswer::Unchanged => {}
        }
    }
    outcome.stored = store.put_facts(answers).await.map_err(RoundError::Store)?;
    outcome.stored.changed.retain(|method| !is_schema_call(method));
    Ok(outcome)
}

/// Returns the request's line.
fn request(id: &str, methods: &[String], known: &KnownFacts) -> Vec<u8> {
    let schemas = methods.iter().map(|method| schema_call(method));
    let methods: Vec<String> = methods.iter().cloned().chain(schemas).take(MAX_CALLS).collect();
    let digests: BTreeMap<&str, String> = known
        .digests
        .iter()
        .filter(|(method, _)| methods.contains(method))
        .map(|(method, digest)| (method.as_str(), digest.to_string()))
        .collect();
    let mut text = Vec::new();
    let method = Method::GetinfoAll;
    let request =
        json!({ "id": id, "method": method.name(), "methods": methods, "known": digests });
    line(&request, &mut text);
    text
}

/// Reads a reply. A host that refuses the whole request fails each provider.
fn read(
    host: &str,
    reply: &str,
    version: Option<&str>,
    settings: &Settings,
    now: i64,
) -> Result<HostAnswers, String> {
    let reply: Reply<'_> = serde_json::from_str(reply).map_err(|error| error.to_string())?;
    let mut answers = BTreeMap::new();
    match (reply.resp, reply.data) {
        (Resp::Success, Some(parts)) => {
            for part in parts.iter().filter(|part| settings.methods.contains(&part.method)) {
                match part.args.as_str() {
                    "" => answers.insert(part.method.clone(), part.answer()),
                    SCHEMA_ARGS => answers.insert(schema_call(&part.method), part.schema()),
                    _ => None,
                };
            }
        }
        (Resp::Success, None) => return Err("the reply has no data".to_owned()),
        (Resp::Failed, _) => {
            for method in &settings.methods {
                let failed =
                    FactAnswer::Failed { retcode: reply.retcode, message: reply.message.clone() };
                answers.insert(method.clone(), failed);
            }
        }
    }
    let labels = labels(&answers, version, &settings.labels);
    Ok(HostAnswers { host: host.to_owned(), now, answers, labels })
}

impl Part<'_> {
    fn answer(&self) -> FactAnswer {
        let lacks = [Retcode::PluginRefused, Retcode::NoSuchMethod].map(Retcode::number);
        match (self.resp, self.data) {
            (Resp::Success, _) if self.unchanged => FactAnswer::Unchanged,
            (Resp::Success, Some(data)) => match volatile::document(&self.method, data.get()) {
                Some(document) => {
                    FactAnswer::Facts { document, whole: Some(data.get().to_owned()) }
                }
                None => FactAnswer::Facts { document: data.get().to_owned(), whole: None },
            },
            (Resp::Failed, _) if lacks.contains(&self.retcode) && is_missing(&self.message) => {
                FactAnswer::Absent
            }
            (Resp::Failed | Resp::Success, _) => {
                FactAnswer::Failed { retcode: self.retcode, message: self.message.clone() }
            }
        }
    }
}

/// A reply to `--schema`, as far as it matters here.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SchemaReply {
    #[serde(rename = "schema")]
    _schema: Option<serde::de::IgnoredAny>,
}

impl Part<'_> {
    /// Returns the answer to `--schema`. A provider that fails on it has no schema: it may not know
    /// the argument, or ignore it and answer as it always does.
    fn schema(&self) -> FactAnswer {
        let fits = |data: &&RawValue| {
            data.get().len() <= MAX_SCHEMA
                && serde_json::from_str::<SchemaReply>(data.get()).is_ok()
        };
        match (self.resp, self.data.filter(fits)) {
            (Resp::Success, _) if self.unchanged => FactAnswer::Unchanged,
            (Resp::Success, Some(data)) => {
                FactAnswer::Facts { document: data.get().to_owned(), whole: None }
            }
            (Resp::Success | Resp::Failed, _) => FactAnswer::Absent,
        }
    }
}

/// Returns whether a method is refused since the host has no plugin for it, and not since the plugin
/// is unusable: the agent names the file that it looked for.
fn is_missing(message: &str) -> bool {
    message.contains(": no libgetinfo_")
}

/// Returns what becomes of the labels from facts.
fn labels(
    answers: &BTreeMap<String, FactAnswer>,
    version: Option<&str>,
    labels: &[FactLabel],
) -> FactLabels {
    let mut documents: BTreeMap<&str, Value> = BTreeMap::new();
    let mut result = FactLabels::default();
    for label in labels {
        let Some(method) = &label.method else {
            if let Some(version) = version {
                result.set.insert(label.key.clone(), LabelValue::nearest(version));
            }
            continue;
        };
        match answers.get(method) {
            Some(FactAnswer::Facts { document, .. }) => {
                let document = documents
                    .entry(method)
                    .or_insert_with(|| serde_json::from_str(document).unwrap_or_default());
                if let Some(value) = label.value(document) {
                    result.set.insert(label.key.clone(), value);
                }
            }
            Some(FactAnswer::Unchanged | FactAnswer::Failed { .. }) => {
                result.keep.push(label.key.clone())
            }
            Some(FactAnswer::Absent) | None => {}
        }
    }
    result
}

impl fmt::Display for RoundError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoReply(NoReply::TimedOut) => {
                write!(f, "the host did not answer within {} s", REPLY.as_secs())
            }
            Self::NoReply(NoReply::Duplicate) => NoReply::Disconnected.fmt(f),
            Self::NoReply(why) => why.fmt(f),
            Self::Unreadable(why) => write!(f, "the host's reply cannot be read: {why}"),
            Self::Store(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for RoundError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::NoReply(_) | Self::Unreadable(_) => None,
            Self::Store(error) => Some(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reply_becomes_an_answer_for_each_provider() {
        let methods = ["getinfo.os", "getinfo.packages", "getinfo.acme", "getinfo.cpu"];
        let settings =
            Settings { methods: methods.map(str::to_owned).to_vec(), ..Settings::default() };
        let reply = json!({"id": "1", "resp": "success", "retcode": 0, "message": "", "data": [
            {"method": "getinfo.os", "resp": "success", "retcode": 0, "message": "",
                "data": {"release": {"id": "debian"}, "uptime_seconds": 7}},
            {"method": "getinfo.packages", "resp": "success", "retcode": 0, "unchanged": true},
            {"method": "getinfo.cpu", "resp": "failed", "retcode": 3052, "message": "broken"},
            {"method": "getinfo.asked-by-nobody", "resp": "success", "retcode": 0, "data": 1},
            {"method": "getinfo.os", "args": "--schema", "resp": "success", "retcode": 0,
                "data": {"schema": {"type": "object"}}},
            {"method": "getinfo.cpu", "args": "--schema", "resp": "failed", "retcode": 3021},
            {"method": "getinfo.acme", "args": "--schema", "resp": "success", "retcode": 0,
                "data": {"an": "answer", "schema": 1}},
        ]});
        let answers = read("h", &reply.to_string(), Some("1.2.3+x"), &settings, 5).unwrap();
        let facts = &answers.answers["getinfo.os"];
        let FactAnswer::Facts { document, whole: Some(whole) } = facts else { panic!("{facts:?}") };
        assert_eq!(document, r#"{"release":{"id":"debian"}}"#);
        assert!(whole.contains("uptime_seconds"));
        assert_eq!(answers.answers["getinfo.packages"], FactAnswer::Unchanged);
        assert!(matches!(answers.answers["getinfo.cpu"], FactAnswer::Failed { retcode: 3052, .. }));
        let schema = |method: &str| &answers.answers[&format!("{method} --schema")];
        assert_eq!(
            schema("getinfo.os"),
            &FactAnswer::Facts {
                document: r#"{"schema":{"type":"object"}}"#.to_owned(),
                whole: None
            }
        );
        // An older provider, and one that answers whatever it is asked, have no schema.
        for method in ["getinfo.cpu", "getinfo.acme"] {
            assert_eq!(schema(method), &FactAnswer::Absent);
        }
        assert_eq!(answers.answers.len(), 6);
        let set: Vec<_> =
            answers.labels.set.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
        assert_eq!(set, [("agent.version", "1.2.3_x"), ("os.id", "debian")]);
        // A host that refuses everything keeps its labels.
        let refused = json!({"resp": "failed", "retcode": 3023, "message": "Not permitted"});
        let answers = read("h", &refused.to_string(), None, &settings, 5).unwrap();
        assert_eq!(answers.answers.len(), methods.len());
        assert!(answers.labels.set.is_empty() && answers.labels.keep.len() == 4);
        assert!(read("h", "{}", None, &settings, 5).is_err());
    }
}
