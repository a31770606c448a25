//! Requests to the controller's API.

use e2e::{DEADLINE, wait_some_within};
use serde_json::{Value, json};
use std::time::Duration;

/// A client of the controller's API for one host.
#[derive(Clone)]
pub(crate) struct Client {
    api: String,
    token: String,
}

impl Client {
    pub(crate) fn new(api: String, token: &str) -> Self {
        Self { api, token: token.to_owned() }
    }

    fn http() -> ureq::Agent {
        ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(Duration::from_secs(10)))
            .build()
            .into()
    }

    /// Sends a request once. Returns `None` when the agent did not reply.
    pub(crate) fn ask(&self, body: &Value) -> Option<Value> {
        let answer = Self::http()
            .post(format!("{}/requests", self.api))
            .header("Authorization", format!("Bearer {}", self.token))
            .header("Content-Type", "application/json")
            .send(body.to_string());
        let mut answer = answer.ok()?;
        let text = answer.body_mut().read_to_string().ok()?;
        let value: Value = serde_json::from_str(&text).ok()?;
        value.get("resp").is_some().then_some(value)
    }

    /// Sends a task until the agent replies, and returns the reply.
    pub(crate) fn submit(&self, id: &str, cmd: &str) -> Value {
        let body = json!({"id": id, "method": "async.bash", "cmd": cmd});
        wait_some_within(DEADLINE * 6, "the agent replies to the task", || self.ask(&body))
    }

    /// Returns the results that the controller has stored after a sequence number, and the last
    /// sequence number.
    pub(crate) fn results(&self, after: u64) -> Option<(Vec<Value>, u64)> {
        let answer = Self::http()
            .get(format!("{}/results?after={after}&limit=1000", self.api))
            .header("Authorization", format!("Bearer {}", self.token))
            .call();
        let mut answer = answer.ok()?;
        let body = answer.body_mut().with_config().limit(1 << 30).read_to_string().ok()?;
        let value: Value = serde_json::from_str(&body).ok()?;
        let results = value["results"].as_array()?.clone();
        let last =
            results.iter().filter_map(|result| result["sequence"].as_u64()).max().unwrap_or(after);
        Some((results.into_iter().map(|result| result["result"].clone()).collect(), last))
    }
}
