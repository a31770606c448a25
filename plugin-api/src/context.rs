//! What a call is made with beside its arguments, and the request both ends exchange.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::API_VERSION;

/// Who calls and within which bounds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Context {
    /// The interface version the host speaks ([`API_VERSION`]).
    pub api: u32,
    /// Milliseconds the caller still waits, counted from the start of the call; 0 means no bound.
    pub deadline_ms: u64,
    /// The uid on whose behalf the call is made.
    pub caller_uid: u32,
    /// The longest reply the host takes, in bytes of JSON text.
    pub max_reply: usize,
}

impl Context {
    /// A context of this crate's [`API_VERSION`].
    pub fn new(caller_uid: u32, deadline: Duration, max_reply: usize) -> Self {
        let deadline_ms = u64::try_from(deadline.as_millis()).unwrap_or(u64::MAX);
        Self { api: API_VERSION, deadline_ms, caller_uid, max_reply }
    }
}

impl Default for Context {
    /// No deadline, replies up to 4 MiB, on behalf of nobody in particular (uid 65534).
    fn default() -> Self {
        Self { api: API_VERSION, deadline_ms: 0, caller_uid: 65534, max_reply: 4 << 20 }
    }
}

/// The request as it crosses the boundary, in JSON.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Request {
    #[serde(default)]
    pub(crate) args: String,
    #[serde(default)]
    pub(crate) ctx: Context,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_newer_hosts_request_is_understood() {
        let text = r#"{"args":"-A","ctx":{"api":1,"caller_uid":7,"colour":"red"},"more":[1]}"#;
        let request: Request = serde_json::from_str(text).unwrap();
        assert_eq!((request.args.as_str(), request.ctx.caller_uid), ("-A", 7));
    }
}
