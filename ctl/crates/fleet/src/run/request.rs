//! What a run asks of each host.

use super::{DEFAULT_MAX_OUTPUT, MAX_REQUEST, MAX_SIGNATURE, MAX_SIGNATURES};
use crate::Action;
use crate::role::Command;
use agent_wire::message::{Bash, CronSet, MAX_TASK_TIMEOUT};
use agent_wire::{InvalidParams, Method, Params};
use serde_json::{Map, Value};
use std::fmt;

/// The greatest number in a request: JSON readers that keep numbers as doubles read it exactly.
const MAX_NUMBER: u64 = (1 << 53) - 1;

/// A request to many hosts: a method and its fields, without an id.
///
/// A command travels as `async.bash`, whose id makes at most one start true, whether it was given as
/// `sync.bash` or `async.bash`. Everything else may be sent to a host again.
#[derive(Clone, PartialEq)]
pub struct Request {
    method: Method,
    fields: Map<String, Value>,
    /// The user and the group that it names, as text: a number is an id.
    user: Option<String>,
    group: Option<String>,
}

/// Why something cannot be asked of many hosts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RequestError {
    /// There is no such method.
    UnknownMethod(String),
    /// The method is not for many hosts, for this reason.
    NotForMany(Method, &'static str),
    /// The controller sets this field.
    Reserved(&'static str),
    /// A field is not as the protocol describes.
    Invalid(InvalidParams),
    /// A field holds a number that is not whole, or too great.
    Number(String),
    /// It is larger than requests may be.
    TooLarge,
    /// Too many signatures, too long a signature, or one that is no text.
    Signatures,
}

impl Request {
    /// Reads a request: `{"method": …}` and the method's fields. Fields that are `null` are left
    /// out.
    ///
    /// # Errors
    /// When it cannot be asked of many hosts.
    pub fn parse(mut fields: Map<String, Value>) -> Result<Self, RequestError> {
        fields.retain(|_, value| !value.is_null());
        for reserved in ["id", "not_after", "plan", "signatures"] {
            if fields.contains_key(reserved) {
                return Err(RequestError::Reserved(reserved));
            }
        }
        let method = Params::new(&fields).required_text("method").map_err(RequestError::Invalid)?;
        let method = allowed(Method::parse(method))?;
        fields.remove("method");
        for (name, value) in &fields {
            check_numbers(name, value)?;
        }
        let params = Params::new(&fields);
        match method {
            Method::AsyncBash => {
                if params.flag("stream", false).map_err(RequestError::Invalid)? {
                    return Err(RequestError::NotForMany(method, "output cannot be streamed"));
                }
                Bash::parse(params, MAX_TASK_TIMEOUT).map_err(RequestError::Invalid)?;
                fields.remove("stream");
                fields.entry("max_output").or_insert_with(|| Value::from(DEFAULT_MAX_OUTPUT));
            }
            Method::CronSet => {
                CronSet::parse(params).map_err(RequestError::Invalid)?;
            }
            _ => {}
        }
        let account = |name| {
            let account = Params::new(&fields).account(name).map_err(RequestError::Invalid)?;
            Ok(account.map(|account| account.to_string()))
        };
        let (user, group) = (account("user")?, account("group")?);
        let request = Self { method, fields, user, group };
        if request.canonical().len() > MAX_REQUEST {
            Err(RequestError::TooLarge)
        } else {
            Ok(request)
        }
    }

    /// Returns the method that the agent gets.
    pub const fn method(&self) -> &Method {
        &self.method
    }

    /// Returns the method's fields.
    pub const fn fields(&self) -> &Map<String, Value> {
        &self.fields
    }

    /// Returns whether it is a command: the agent accepts it as a task and tells its result later.
    pub fn is_task(&self) -> bool {
        self.method == Method::AsyncBash
    }

    /// Returns the command as roles judge it: for each request that needs `commands.run`.
    pub fn command(&self) -> Command<'_> {
        let text = |name| self.fields.get(name).and_then(Value::as_str);
        Command {
            user: self.user.as_deref(),
            group: self.group.as_deref(),
            text: text("cmd").unwrap_or_default(),
            brings_more: ["env", "cwd", "stdin"].iter().any(|name| self.fields.contains_key(*name)),
        }
    }

    /// Returns the command by which roles judge it; `None` for a request that needs no
    /// `commands.run`.
    pub fn judged_command(&self) -> Option<Command<'_>> {
        (self.action() == Action::CommandsRun).then(|| self.command())
    }

    /// Returns the action that an operator's roles must allow on each host.
    pub fn action(&self) -> Action {
        Action::of_method(&self.method)
    }

    /// Returns the request as an object with `method`, as [`Request::parse`] reads it: for storage
    /// and for the API. It may hold secrets, in `env` and `stdin`.
    pub fn to_map(&self) -> Map<String, Value> {
        let mut map = self.fields.clone();
        map.insert("method".to_owned(), self.method.name().into());
        map
    }

    /// Returns the request in the form that a plan's hash covers: the JSON Canonicalization Scheme
    /// (RFC 8785), which is unique.
    pub fn canonical(&self) -> String {
        super::plan::canonical(&Value::Object(self.to_map()))
    }

    /// Returns the message to an agent: the request with an id and with what a command brings
    /// besides, `not_after` as an RFC 3339 time for instance.
    pub fn message(&self, id: &str, besides: Map<String, Value>) -> Map<String, Value> {
        let mut map = self.to_map();
        map.insert("id".to_owned(), id.into());
        map.extend(besides);
        map
    }
}

/// Checks the signatures beside a request.
///
/// # Errors
/// When there are too many, or one is too long.
pub fn check_signatures(signatures: &[String]) -> Result<(), RequestError> {
    let fit = signatures.len() <= MAX_SIGNATURES
        && signatures.iter().all(|one| (1..=MAX_SIGNATURE).contains(&one.len()));
    if fit { Ok(()) } else { Err(RequestError::Signatures) }
}

/// Returns the method by which many hosts are asked.
fn allowed(method: Method) -> Result<Method, RequestError> {
    let not = |method, why| Err(RequestError::NotForMany(method, why));
    match method {
        Method::SyncBash => Ok(Method::AsyncBash),
        Method::AgentInfo
        | Method::AgentMethods
        | Method::AgentPing
        | Method::AsyncBash
        | Method::AsyncCancel
        | Method::AsyncList
        | Method::AsyncOutput
        | Method::AsyncStatus
        | Method::CronHistory
        | Method::CronList
        | Method::CronRemove
        | Method::CronRun
        | Method::CronSet
        | Method::GetinfoAll
        | Method::Provider(_) => Ok(method),
        Method::AsyncAck => not(method, "the controller acknowledges results itself"),
        Method::CertRenewNow | Method::CertReset | Method::CertTrust => {
            not(method, "cert.* requests are the controller's own")
        }
        Method::SyncCancel => not(method, "cancel the run instead"),
        Method::Unknown(name) => Err(RequestError::UnknownMethod(name)),
        Method::ExecCheck => not(method, "a plan asks for it by itself"),
    }
}

/// Rejects numbers that readers of JSON may disagree about.
fn check_numbers(name: &str, value: &Value) -> Result<(), RequestError> {
    match value {
        Value::Number(number) => {
            let size = number.as_u64().or_else(|| number.as_i64().map(i64::unsigned_abs));
            if size.is_some_and(|size| size <= MAX_NUMBER) {
                Ok(())
            } else {
                Err(RequestError::Number(name.to_owned()))
            }
        }
        Value::Array(items) => items.iter().try_for_each(|item| check_numbers(name, item)),
        Value::Object(map) => map.iter().try_for_each(|(key, item)| check_numbers(key, item)),
        Value::Null | Value::Bool(_) | Value::String(_) => Ok(()),
    }
}

impl fmt::Debug for Request {
    /// Writes only the method: commands, environments and inputs may hold secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request").field("method", &self.method).finish_non_exhaustive()
    }
}

impl fmt::Display for RequestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownMethod(name) => {
                write!(f, "there is no method \"{}\"", agent_wire::json::quote(name))
            }
            Self::NotForMany(method, why) => {
                write!(f, "{method} cannot be asked of many hosts: {why}")
            }
            Self::Reserved(field) => {
                write!(f, "the controller sets the field {field} of a run's request; leave it out")
            }
            Self::Invalid(error) => error.fmt(f),
            Self::Number(name) => write!(
                f,
                "{} must be a whole number of at most {MAX_NUMBER}",
                agent_wire::json::quote(name)
            ),
            Self::TooLarge => write!(f, "the request has more than {MAX_REQUEST} bytes"),
            Self::Signatures => write!(
                f,
                "a plan has at most {MAX_SIGNATURES} signatures of at most {MAX_SIGNATURE} bytes"
            ),
        }
    }
}

impl std::error::Error for RequestError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Invalid(error) => Some(error),
            Self::UnknownMethod(_)
            | Self::NotForMany(..)
            | Self::Reserved(_)
            | Self::Number(_)
            | Self::TooLarge
            | Self::Signatures => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn parse(value: Value) -> Result<Request, RequestError> {
        let Value::Object(map) = value else { panic!("not an object") };
        Request::parse(map)
    }

    #[test]
    fn a_command_travels_as_a_task_with_bounded_output() {
        for method in ["sync.bash", "async.bash"] {
            let request =
                parse(json!({"method": method, "cmd": "id", "user": "app", "cwd": null})).unwrap();
            assert!(request.is_task());
            assert_eq!(
                request.canonical(),
                r#"{"cmd":"id","max_output":65536,"method":"async.bash","user":"app"}"#
            );
            let command = request.command();
            assert_eq!(
                (command.text, command.user, command.brings_more),
                ("id", Some("app"), false)
            );
            assert_eq!(Request::parse(request.to_map()), Ok(request));
        }
        let whole = parse(json!({"method": "async.bash", "cmd": "id", "max_output": 16 << 20}));
        assert_eq!(whole.unwrap().fields()["max_output"], 16 << 20);
    }

    #[test]
    fn a_group_named_by_its_number_is_judged_as_a_group() {
        let request =
            parse(json!({"method": "sync.bash", "cmd": "id", "user": 7, "group": 0})).unwrap();
        let command = request.command();
        assert_eq!((command.user, command.group), (Some("7"), Some("0")));
    }

    #[test]
    fn facts_need_less_than_commands() {
        for (request, action) in [
            (json!({"method": "getinfo.kernel"}), Action::FactsRead),
            (json!({"method": "agent.ping"}), Action::FactsRead),
            (json!({"method": "cron.history", "name": "x"}), Action::ResultsRead),
            (json!({"method": "cron.remove", "name": "x"}), Action::CommandsRun),
            (json!({"method": "sync.bash", "cmd": "x"}), Action::CommandsRun),
        ] {
            assert_eq!(parse(request.clone()).unwrap().action(), action, "{request}");
        }
    }

    #[test]
    fn requests_that_many_hosts_cannot_be_asked_are_refused() {
        for (request, why) in [
            (json!({}), "method is missing"),
            (json!({"method": "sync.bashful"}), "no method"),
            (json!({"method": "async.ack"}), "acknowledges"),
            (json!({"method": "cert.trust"}), "controller's own"),
            (json!({"method": "sync.cancel", "target": "x"}), "cancel the run"),
            (json!({"method": "sync.bash", "cmd": "x", "id": "1"}), "field id"),
            (json!({"method": "sync.bash", "cmd": "x", "not_after": "1"}), "field not_after"),
            (json!({"method": "sync.bash", "cmd": ""}), "cmd"),
            (json!({"method": "sync.bash", "cmd": "x", "timeout": 0}), "timeout"),
            (json!({"method": "sync.bash", "cmd": "x", "stream": true}), "streamed"),
            (json!({"method": "cron.set", "name": "x"}), "missing"),
            (json!({"method": "getinfo.os", "x": {"y": [1.5]}}), "whole number"),
            (json!({"method": "getinfo.os", "x": u64::MAX}), "whole number"),
            (json!({"method": "getinfo.os", "args": "x".repeat(MAX_REQUEST)}), "more than"),
        ] {
            let error = parse(request.clone()).unwrap_err().to_string();
            assert!(error.contains(why), "{request}: {error}");
        }
    }

    #[test]
    fn the_message_has_the_id_and_what_it_brings_besides() {
        let request = parse(json!({"method": "getinfo.os"})).unwrap();
        let besides = Map::from_iter([("not_after".to_owned(), json!("2026-11-28T00:00:00Z"))]);
        assert_eq!(
            Value::Object(request.message("run:1", besides)),
            json!({"id": "run:1", "method": "getinfo.os", "not_after": "2026-11-28T00:00:00Z"})
        );
    }

    #[test]
    fn signatures_are_bounded() {
        let of = |count, bytes| check_signatures(&vec!["x".repeat(bytes); count]);
        assert_eq!(of(MAX_SIGNATURES, MAX_SIGNATURE), Ok(()));
        for (count, bytes) in [(MAX_SIGNATURES + 1, 1), (1, MAX_SIGNATURE + 1), (1, 0)] {
            assert_eq!(of(count, bytes), Err(RequestError::Signatures));
        }
    }
}
