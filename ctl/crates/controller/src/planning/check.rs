//! Asks connected hosts whether they would carry out the plan's request: the agents' method
//! `exec.check`, a dry run of the host's policy, of the account and of the limits.

use super::hosts::Candidate;
use crate::agents::{AgentRequest, NoReply, Reach, Registry};
use agent_wire::Retcode;
use agent_wire::message::line;
use controller_api::Answer;
use fleet::run::Request;
use serde::Deserialize;
use serde_json::{Map, Value};
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};
use uuid::Uuid;

/// Hosts that are asked at once.
const AT_ONCE: usize = 256;

/// Bytes of questions that are on their way at once.
const MAX_BYTES: usize = 32 << 20;

/// The time for all hosts together.
const TIME: Duration = Duration::from_secs(5);

/// The method.
const METHOD: &str = "exec.check";

/// What an agent replies.
#[derive(Deserialize)]
struct Reply {
    resp: controller_api::Resp,
    retcode: u16,
    #[serde(default)]
    message: String,
}

/// A host that is connected.
struct Reached {
    place: usize,
    reach: Reach,
    version: Option<String>,
}

/// What is known of a host after it was asked.
struct Checked {
    place: usize,
    answer: Answer,
    why: Option<String>,
}

/// Asks each candidate that is connected, for [`TIME`] at most; the rest is "not asked".
pub(super) async fn ask(registry: &Registry, request: &Request, candidates: &mut [Candidate]) {
    let mut text = Vec::new();
    line(&question(request), &mut text);
    let at_once = (MAX_BYTES / text.len()).clamp(1, AT_ONCE);
    let deadline = Instant::now() + TIME;
    let mut asked = JoinSet::new();
    let reached: Vec<Reached> = candidates.iter_mut().enumerate().filter_map(reached).collect();
    let mut waiting = reached.into_iter();
    let mut in_time = true;
    loop {
        while in_time && asked.len() < at_once {
            let Some(reached) = waiting.next() else { break };
            let question = with_id(&text);
            asked.spawn(async move { one(reached, question, deadline).await });
        }
        match asked.join_next().await {
            Some(Ok(checked)) => note(candidates, checked),
            Some(Err(error)) => log::error!("a question to a host failed: {error}"),
            None if in_time && waiting.len() > 0 => {}
            None => break,
        }
        in_time = Instant::now() < deadline;
    }
    for Reached { place, .. } in waiting {
        let why = Some(format!("not asked: the {} s for asking were over", TIME.as_secs()));
        note(candidates, Checked { place, answer: Answer::NotAsked, why });
    }
    // A host may have gone while others were asked.
    for candidate in candidates.iter_mut().filter(|one| one.answer == Answer::Online) {
        if !registry.is_connected(&candidate.host) {
            candidate.answer = Answer::Queued;
            candidate.why = Some("the host has just gone offline".to_owned());
        }
    }
}

fn reached((place, candidate): (usize, &mut Candidate)) -> Option<Reached> {
    let (reach, version) = (candidate.reach.take()?, candidate.version.take());
    Some(Reached { place, reach, version })
}

fn note(candidates: &mut [Candidate], checked: Checked) {
    let Checked { place, answer, why } = checked;
    if let Some(candidate) = candidates.get_mut(place) {
        (candidate.answer, candidate.why) = (answer, why);
    }
}

/// Returns the question without its id.
fn question(request: &Request) -> Map<String, Value> {
    let mut fields = if request.is_task() {
        request.fields().clone()
    } else {
        Map::from_iter([("check".to_owned(), request.method().name().into())])
    };
    fields.insert("method".to_owned(), METHOD.into());
    fields
}

/// Adds an id in front of the question's fields; `text` is its JSON on one line.
fn with_id(text: &[u8]) -> AgentRequest {
    let id = Uuid::new_v4().to_string();
    let mut line = format!("{{\"id\":\"{id}\",").into_bytes();
    line.extend_from_slice(&text[1..]);
    AgentRequest { id, client_chose_id: false, line }
}

async fn one(reached: Reached, question: AgentRequest, deadline: Instant) -> Checked {
    let Reached { place, reach, version } = reached;
    let wait = deadline.saturating_duration_since(Instant::now());
    let reply = match reach.ask(question, wait) {
        // Another node waits as long, and its answer has a way to go.
        Ok(asked) => match timeout_at(deadline, asked.reply()).await {
            Ok(reply) => reply,
            Err(_) => Err(NoReply::TimedOut),
        },
        Err(why) => Err(why),
    };
    let (answer, why) = match reply {
        Ok(text) => meaning(&text, version.as_deref().unwrap_or("unknown")),
        Err(why) => no_reply(why),
    };
    Checked { place, answer, why }
}

fn no_reply(why: NoReply) -> (Answer, Option<String>) {
    let not_asked = |why: &str| (Answer::NotAsked, Some(format!("not asked: {why}")));
    match why {
        NoReply::Withheld(why) => (Answer::Quarantined, Some(why.to_string())),
        NoReply::Disconnected => {
            (Answer::Queued, Some("the host has just gone offline".to_owned()))
        }
        NoReply::TimedOut => not_asked("the host did not answer in time"),
        NoReply::Busy | NoReply::Duplicate => not_asked("too many requests wait for the host"),
        NoReply::Invalid(error) => not_asked(&format!("the host's answer cannot be read: {error}")),
        NoReply::Stopping => not_asked("the controller is shutting down"),
    }
}

/// Returns what an agent's reply means for the plan.
fn meaning(text: &str, version: &str) -> (Answer, Option<String>) {
    let reply: Reply = match serde_json::from_str(text) {
        Ok(reply) => reply,
        Err(error) => {
            let why = format!("not asked: the host's answer cannot be read: {error}");
            return (Answer::NotAsked, Some(why));
        }
    };
    if reply.resp == controller_api::Resp::Success {
        return (Answer::Online, None);
    }
    let known = Retcode::ALL.into_iter().find(|known| known.number() == reply.retcode);
    match known {
        Some(Retcode::NoSuchMethod) => {
            (Answer::NotAsked, Some(format!("not asked: version {version} does not know {METHOD}")))
        }
        Some(Retcode::Busy | Retcode::ShuttingDown | Retcode::NoSpace) => {
            (Answer::NotAsked, Some(format!("not asked: {}", reply.message)))
        }
        Some(Retcode::Refused) => (Answer::Refused, Some(reply.message)),
        Some(_) | None => (Answer::Invalid, Some(reply.message)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn request(value: &Value) -> Request {
        Request::parse(value.as_object().unwrap().clone()).unwrap()
    }

    #[test]
    fn a_command_is_checked_with_its_fields_and_anything_else_by_its_method() {
        let command = question(&request(&json!({"method": "sync.bash", "cmd": "id", "user": "a"})));
        assert_eq!(
            Value::Object(command),
            json!({"method": "exec.check", "cmd": "id", "user": "a", "max_output": 65536})
        );
        let facts = question(&request(&json!({"method": "getinfo.os", "args": "-A"})));
        assert_eq!(Value::Object(facts), json!({"method": "exec.check", "check": "getinfo.os"}));
    }

    #[test]
    fn each_reply_is_an_answer_of_the_plan() {
        let failed = |retcode: u16, message: &str| {
            json!({"id": "1", "resp": "failed", "retcode": retcode, "message": message}).to_string()
        };
        let success = json!({"id": "1", "resp": "success", "retcode": 0, "data": {}}).to_string();
        for (reply, answer, why) in [
            (success, Answer::Online, None),
            (failed(3023, "refused by rule 2"), Answer::Refused, Some("refused by rule 2")),
            (failed(3022, "no user"), Answer::Invalid, Some("no user")),
            (failed(3033, "no limits"), Answer::Invalid, Some("no limits")),
            (failed(3041, "busy"), Answer::NotAsked, Some("not asked: busy")),
            (
                failed(3004, "No such method"),
                Answer::NotAsked,
                Some("not asked: version 0.9 does not know exec.check"),
            ),
            (failed(3999, "new"), Answer::Invalid, Some("new")),
        ] {
            let found = meaning(&reply, "0.9");
            assert_eq!((found.0, found.1.as_deref()), (answer, why), "{reply}");
        }
        assert_eq!(meaning("{", "0.9").0, Answer::NotAsked);
    }
}
