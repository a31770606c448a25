//! Turns a client's request into the line that the agent receives: checked, with an id, on one
//! line.

use super::problem::ApiError;
use crate::agents::AgentRequest;
use agent_wire::json::parse_object;
use agent_wire::message::{DEFAULT_TIMEOUT, MAX_ID, MAX_SYNC_TIMEOUT, line};
use agent_wire::{DEFAULT_MAX_MESSAGE, Decoder, InvalidParams, Limits, Method, Params};
use serde_json::{Map, Value};
use std::time::Duration;
use uuid::Uuid;

/// Bytes of a body: with the id added, an agent still accepts the message.
pub(super) const MAX_BODY: usize = DEFAULT_MAX_MESSAGE - 128;

/// The wait for a reply beyond the request's own timeout.
const MARGIN: Duration = Duration::from_secs(15);

/// The wait for the reply to any other request.
const DEFAULT_WAIT: Duration = Duration::from_secs(60);

/// A request that is ready to send.
#[derive(Clone, Debug)]
pub(super) struct Prepared {
    /// Its id and text.
    pub(super) request: AgentRequest,
    /// How long to wait for the reply.
    pub(super) wait: Duration,
    /// Whether to pass its output on as it arrives.
    pub(super) stream: bool,
    /// What it asks for.
    pub(super) method: Method,
}

/// Checks the fields that every request must have, and returns them too; the agent checks the
/// others.
///
/// # Errors
/// [`ApiError::InvalidRequest`] or [`ApiError::TooLarge`].
pub(super) fn prepare(body: &[u8]) -> Result<(Prepared, Map<String, Value>), ApiError> {
    let mut map = object(body)?;
    let params = Params::new(&map);
    let wrong = |error: InvalidParams| ApiError::InvalidRequest(error.to_string());
    let method = Method::parse(params.required_text("method").map_err(wrong)?);
    if matches!(method, Method::CertRenewNow | Method::CertReset | Method::CertTrust) {
        let why = "cert.* requests are the controller's own; see hosts settle and ca rotation";
        return Err(ApiError::InvalidRequest(why.to_owned()));
    }
    let sync = method == Method::SyncBash;
    let wait = if sync {
        // The agent rejects a timeout that is not a number of seconds.
        let given = params.whole("timeout", "", 1..=MAX_SYNC_TIMEOUT).ok().flatten();
        Duration::from_secs(given.unwrap_or(DEFAULT_TIMEOUT)) + MARGIN
    } else {
        DEFAULT_WAIT
    };
    let stream = sync && params.flag("stream", false).unwrap_or_default();
    let chosen = params.short_text("id", MAX_ID).map_err(wrong)?;
    if chosen.is_some() && method != Method::AsyncBash {
        return Err(ApiError::InvalidRequest(
            "id is allowed in async.bash only; the controller sets the id of other requests"
                .to_owned(),
        ));
    }
    let (id, client_chose_id) = match chosen {
        Some(id) => (id.to_owned(), true),
        None => (Uuid::new_v4().to_string(), false),
    };
    map.insert("id".to_owned(), Value::String(id.clone()));
    let mut text = Vec::with_capacity(body.len() + 64);
    line(&map, &mut text);
    // The rewritten text may have more escapes and exceed what an agent accepts.
    if text.len() > DEFAULT_MAX_MESSAGE {
        return Err(ApiError::TooLarge(MAX_BODY));
    }
    let request = AgentRequest { id, client_chose_id, line: text };
    Ok((Prepared { request, wait, stream, method }, map))
}

/// Reads a body that is one JSON object, as leniently as agents do.
fn object(body: &[u8]) -> Result<Map<String, Value>, ApiError> {
    let bad =
        |why: &str| ApiError::InvalidRequest(format!("the body must be one JSON object: {why}"));
    let mut decoder = Decoder::new(Limits::default());
    decoder.push(body);
    let text = match decoder.next_message() {
        Ok(Some(text)) => text,
        Ok(None) => return Err(bad("it is empty or incomplete")),
        Err(error) => return Err(bad(&error.message)),
    };
    let map = parse_object(text).map_err(|error| bad(&error.message))?;
    if !decoder.is_drained() {
        return Err(bad("something follows the object"));
    }
    Ok(map)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_gets_an_id_and_one_line() {
        let body = b" {\n\"method\": \"sync.bash\",\n\"cmd\": \"ls\", \"timeout\": 10, }\n";
        let prepared = prepare(body).unwrap().0;
        assert_eq!(prepared.wait, Duration::from_secs(25));
        let text = String::from_utf8(prepared.request.line).unwrap();
        assert_eq!(text.find('\n'), Some(text.len() - 1));
        let map = parse_object(text.trim()).unwrap();
        assert_eq!(map["id"], prepared.request.id);
        assert_eq!((map["cmd"].as_str(), map["timeout"].as_u64()), (Some("ls"), Some(10)));
    }

    #[test]
    fn the_wait_follows_the_request() {
        for (body, seconds) in [
            (r#"{"method":"sync.bash","cmd":"ls"}"#, 135),
            (r#"{"method":"sync.bash","cmd":"ls","timeout":86400}"#, 86_415),
            (r#"{"method":"sync.bash","cmd":"ls","timeout":"x"}"#, 135),
            (r#"{"method":"getinfo.kernel","timeout":9}"#, 60),
        ] {
            assert_eq!(prepare(body.as_bytes()).unwrap().0.wait.as_secs(), seconds, "{body}");
        }
    }

    #[test]
    fn only_a_task_has_a_client_chosen_id_and_only_a_command_is_streamed() {
        for (body, id, stream) in [
            (r#"{"method":"async.bash","cmd":"ls","id":"mine"}"#, Some("mine"), false),
            (r#"{"method":"async.bash","cmd":"ls","id":null,"stream":true}"#, None, false),
            (r#"{"method":"sync.bash","cmd":"ls","stream":true}"#, None, true),
            (r#"{"method":"sync.bash","cmd":"ls","stream":"x"}"#, None, false),
            (r#"{"method":"getinfo.kernel","stream":true}"#, None, false),
        ] {
            let prepared = prepare(body.as_bytes()).unwrap().0;
            assert_eq!(
                (prepared.request.client_chose_id, prepared.stream),
                (id.is_some(), stream),
                "{body}"
            );
            assert!(id.is_none_or(|id| id == prepared.request.id), "{body}");
        }
    }

    #[test]
    fn an_invalid_request_is_rejected() {
        for body in [
            "",
            "[]",
            "{",
            "{}",
            "x",
            r#"{"method":""}"#,
            r#"{"method":1}"#,
            r#"{"method":"a.b","method":"a.c"}"#,
            r#"{"method":"a.b"}{"method":"a.c"}"#,
            r#"{"method":"a.b","id":"1"}"#,
            r#"{"method":"sync.bash","cmd":"ls","id":"1"}"#,
            r#"{"method":"async.bash","cmd":"ls","id":""}"#,
            r#"{"method":"async.bash","cmd":"ls","id":1}"#,
            r#"{"method":"cert.trust","bundle":"","version":1}"#,
        ] {
            let found = prepare(body.as_bytes());
            assert!(matches!(found, Err(ApiError::InvalidRequest(_))), "{body:?}: {found:?}");
        }
    }
}
