//! The context of a call, and the request that host and plugin exchange.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::API_VERSION;

/// The caller of a provider, and the bounds of the call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Context {
    /// The interface version that the host supports ([`API_VERSION`]).
    pub api: u32,
    /// Milliseconds that the caller waits, from the start of the call; 0: no limit.
    pub deadline_ms: u64,
    /// The uid of the user on whose behalf the call is made.
    pub caller_uid: u32,
    /// The longest reply that the host accepts, in bytes of JSON text.
    pub max_reply: usize,
}

impl Context {
    /// Creates a context with this crate's [`API_VERSION`].
    pub fn new(caller_uid: u32, deadline: Duration, max_reply: usize) -> Self {
        let deadline_ms = u64::try_from(deadline.as_millis()).unwrap_or(u64::MAX);
        Self { api: API_VERSION, deadline_ms, caller_uid, max_reply }
    }
}

impl Default for Context {
    /// Returns a context without a deadline, with replies up to 4 MiB, for uid 65534 (nobody).
    fn default() -> Self {
        Self { api: API_VERSION, deadline_ms: 0, caller_uid: 65534, max_reply: 4 << 20 }
    }
}

/// The request as it crosses the boundary as JSON.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Request {
    #[serde(default)]
    pub(crate) args: String,
    #[serde(default)]
    pub(crate) ctx: Context,
    /// `args` split into words, for plugins in C. The Rust SDK splits them itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) words: Option<Vec<String>>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_fields_of_a_newer_host_are_ignored() {
        let text = r#"{"args":"-A","ctx":{"api":1,"caller_uid":7,"colour":"red"},"more":[1]}"#;
        let request: Request = serde_json::from_str(text).unwrap();
        assert_eq!((request.args.as_str(), request.ctx.caller_uid), ("-A", 7));
    }
}
