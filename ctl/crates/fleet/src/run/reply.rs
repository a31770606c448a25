//! What an agent tells → what becomes of the target. Every retcode is decided here and nowhere else.

use super::request::Request;
use super::state::{End, EndState};
use agent_wire::message::Resp;
use agent_wire::{InvalidParams, Params, Retcode};
use serde_json::{Map, Value};

/// What is told of a task that its agent does not know anymore.
pub const TASK_UNKNOWN: &str = "the agent does not know the task: outcome unknown";

/// The outcome in a reply, in a result, or in a task's status.
#[derive(Clone, Copy, Debug)]
pub struct Outcome<'a> {
    /// Success or failed.
    pub resp: Resp,
    /// An exit status, or a retcode.
    pub retcode: u16,
    /// For people.
    pub message: &'a str,
    /// Whether a command began.
    pub started: bool,
}

/// What a reply to a run's request says of the target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The agent has the task; its result follows.
    Accepted,
    /// The target has ended so.
    Ended(End),
    /// The agent has no room for it now, for this reason.
    Retry(Box<str>),
    /// The agent does not know the task.
    Unknown,
    /// The agent does not say what it knows of the task, for this reason.
    Denied(Box<str>),
}

impl<'a> Outcome<'a> {
    /// Reads the outcome in a message.
    ///
    /// # Errors
    /// When there is none.
    pub fn parse(map: &'a Map<String, Value>) -> Result<Self, InvalidParams> {
        let params = Params::new(map);
        let (resp, retcode) = Resp::with_retcode(&params)?;
        let message = params.text("message")?.unwrap_or_default();
        Ok(Self { resp, retcode, message, started: map.contains_key("started") })
    }

    /// Returns the end that a task's result tells.
    pub fn end_of_task(&self) -> End {
        match self.meaning() {
            // The result of a task that was canceled while it waited has no start.
            Meaning::End(EndState::Canceled) if !self.started => {
                self.end(EndState::CanceledBeforeStart)
            }
            Meaning::End(state) => self.end(state),
            Meaning::NoRoom | Meaning::NotFound => self.end(EndState::Failed),
        }
    }

    /// Returns what the reply to the request itself says. `data` is the reply's data: the state of a
    /// task that the agent knows already.
    pub fn of_request(&self, request: &Request, data: Option<&Value>) -> Answer {
        match self.meaning() {
            Meaning::NoRoom => Answer::Retry(self.sentence()),
            Meaning::End(EndState::Succeeded | EndState::Failed)
                if request.is_task() && self.resp == Resp::Success =>
            {
                of_known_task(data)
            }
            Meaning::End(state) => Answer::Ended(self.end(state)),
            Meaning::NotFound => Answer::Ended(self.end(EndState::Failed)),
        }
    }

    /// Returns what the reply to `async.status` or `async.cancel` says of the task.
    pub fn of_question(&self, data: Option<&Value>) -> Answer {
        match (self.resp, self.meaning()) {
            (Resp::Success, _) => of_known_task(data),
            (Resp::Failed, Meaning::NotFound) => Answer::Unknown,
            (Resp::Failed, Meaning::NoRoom) => Answer::Retry(self.sentence()),
            (Resp::Failed, Meaning::End(_)) => Answer::Denied(self.sentence()),
        }
    }

    fn end(&self, state: EndState) -> End {
        let plain = self.resp == Resp::Success;
        let end = End { state, code: Some(self.retcode), why: None };
        if plain { end } else { End { why: Some(self.sentence()), ..end } }
    }

    fn sentence(&self) -> Box<str> {
        super::state::cut(self.message).into()
    }

    fn meaning(&self) -> Meaning {
        match (self.resp, self.retcode) {
            (Resp::Success, 0) => Meaning::End(EndState::Succeeded),
            (Resp::Success, _) => Meaning::End(EndState::Failed),
            (Resp::Failed, number) => Retcode::ALL
                .into_iter()
                .find(|retcode| retcode.number() == number)
                .and_then(meaning_of)
                // A retcode of a later version.
                .unwrap_or(Meaning::End(EndState::Failed)),
        }
    }
}

/// What an outcome means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Meaning {
    End(EndState),
    /// Nothing was accepted; later there may be room.
    NoRoom,
    /// There is no such task, job or request.
    NotFound,
}

/// Returns what a retcode means; `None` for one that this version does not know.
fn meaning_of(retcode: Retcode) -> Option<Meaning> {
    Some(match retcode {
        Retcode::Malformed
        | Retcode::TooLarge
        | Retcode::NoSuchMethod
        | Retcode::InvalidParams
        | Retcode::NoSuchUser
        | Retcode::AlreadyExists => Meaning::End(EndState::Invalid),
        Retcode::Refused => Meaning::End(EndState::Refused),
        Retcode::NotFound => Meaning::NotFound,
        Retcode::Expired => Meaning::End(EndState::Expired),
        Retcode::TimedOut => Meaning::End(EndState::TimedOut),
        Retcode::Cancelled => Meaning::End(EndState::Canceled),
        Retcode::Interrupted => Meaning::End(EndState::Interrupted),
        Retcode::Busy | Retcode::ShuttingDown | Retcode::NoSpace => Meaning::NoRoom,
        Retcode::Signaled
        | Retcode::NotStarted
        | Retcode::PluginRefused
        | Retcode::PluginFailed
        | Retcode::PluginCrashed
        | Retcode::PluginTimedOut
        | Retcode::TokenUnknown
        | Retcode::TokenExpired
        | Retcode::TokenUsedUp
        | Retcode::TokenRevoked
        | Retcode::TokenNetwork
        | Retcode::IdentityRefused
        | Retcode::ApprovalRefused
        | Retcode::Internal => Meaning::End(EndState::Failed),
        _ => return None,
    })
}

/// Reads the state of a task that the agent knows. If the result was acknowledged, it will not come
/// again, and the state is all there is.
fn of_known_task(data: Option<&Value>) -> Answer {
    let Some(task) = data.and_then(Value::as_object) else { return Answer::Accepted };
    let acknowledged = task.get("acknowledged").and_then(Value::as_bool).unwrap_or_default();
    match Outcome::parse(task) {
        Ok(outcome) if acknowledged => Answer::Ended(outcome.end_of_task()),
        Ok(_) | Err(_) => Answer::Accepted,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn request(method: &str) -> Request {
        let Value::Object(map) = json!({"method": method, "cmd": "true"}) else { unreachable!() };
        Request::parse(map).unwrap()
    }

    fn failed(retcode: u16) -> Outcome<'static> {
        Outcome { resp: Resp::Failed, retcode, message: "Some reason", started: false }
    }

    fn success(retcode: u16) -> Outcome<'static> {
        Outcome { resp: Resp::Success, retcode, message: "", started: true }
    }

    #[test]
    fn every_retcode_is_decided() {
        for retcode in Retcode::ALL {
            assert!(meaning_of(retcode).is_some(), "{retcode}");
        }
    }

    #[test]
    fn a_result_tells_how_the_task_ended() {
        for (outcome, state) in [
            (success(0), EndState::Succeeded),
            (success(1), EndState::Failed),
            (success(255), EndState::Failed),
            (failed(3022), EndState::Invalid),
            (failed(3026), EndState::Expired),
            (failed(3023), EndState::Refused),
            (failed(3031), EndState::TimedOut),
            (failed(3032), EndState::Failed),
            (failed(3033), EndState::Failed),
            (failed(3034), EndState::CanceledBeforeStart),
            (Outcome { started: true, ..failed(3034) }, EndState::Canceled),
            (failed(3035), EndState::Interrupted),
            (failed(3043), EndState::Failed),
            (failed(4000), EndState::Failed),
        ] {
            let end = outcome.end_of_task();
            assert_eq!((end.state, end.code), (state, Some(outcome.retcode)), "{outcome:?}");
            assert_eq!(end.why.is_some(), outcome.resp == Resp::Failed, "{outcome:?}");
        }
    }

    #[test]
    fn a_reply_tells_whether_the_host_has_the_request() {
        let (task, facts) = (request("sync.bash"), request("getinfo.os"));
        assert_eq!(success(0).of_request(&task, None), Answer::Accepted);
        let ended = |answer: Answer| match answer {
            Answer::Ended(end) => end.state,
            other => panic!("{other:?}"),
        };
        assert_eq!(ended(success(0).of_request(&facts, None)), EndState::Succeeded);
        assert_eq!(ended(failed(3004).of_request(&facts, None)), EndState::Invalid);
        assert_eq!(ended(failed(3024).of_request(&facts, None)), EndState::Failed);
        assert_eq!(ended(failed(3023).of_request(&task, None)), EndState::Refused);
        assert_eq!(ended(failed(3099).of_request(&task, None)), EndState::Failed);
        for retcode in [3041, 3042, 3043] {
            let answer = failed(retcode).of_request(&task, None);
            assert_eq!(answer, Answer::Retry("Some reason".into()), "{retcode}");
        }
    }

    #[test]
    fn a_known_task_has_ended_only_if_its_result_will_not_come() {
        let task = request("async.bash");
        let ended = json!({"state": "ended", "acknowledged": true, "resp": "success",
            "retcode": 3, "started": "2026-11-28T00:00:00Z"});
        let Answer::Ended(end) = success(0).of_request(&task, Some(&ended)) else { panic!() };
        assert_eq!((end.state, end.code), (EndState::Failed, Some(3)));
        for data in [
            json!({"state": "ended", "acknowledged": false, "resp": "success", "retcode": 3}),
            json!({"state": "running"}),
        ] {
            assert_eq!(success(0).of_request(&task, Some(&data)), Answer::Accepted, "{data}");
            assert_eq!(success(0).of_question(Some(&data)), Answer::Accepted, "{data}");
        }
        assert_eq!(failed(3024).of_question(None), Answer::Unknown);
        assert_eq!(failed(3041).of_question(None), Answer::Retry("Some reason".into()));
        assert_eq!(failed(3023).of_question(None), Answer::Denied("Some reason".into()));
    }

    #[test]
    fn an_outcome_is_read_from_a_message() {
        let read = |value: Value| {
            let Value::Object(map) = value else { unreachable!() };
            Outcome::parse(&map).map(|outcome| outcome.end_of_task().state)
        };
        assert_eq!(
            read(json!({"resp": "failed", "retcode": 3034, "message": "x", "started": "t"})),
            Ok(EndState::Canceled)
        );
        assert!(read(json!({"resp": "success"})).is_err());
        assert!(read(json!({"resp": "maybe", "retcode": 0})).is_err());
    }
}
