//! The jobs of one simulated agent, as schedules set and remove them.

use agent_wire::message::line;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// The jobs by name, as the agent lists them. They outlive the channel.
#[derive(Debug, Default)]
pub(super) struct Jobs(BTreeMap<String, Value>);

impl Jobs {
    /// Returns how many there are.
    pub(super) fn count(&self) -> usize {
        self.0.len()
    }

    /// Answers a message about jobs; returns whether it is one.
    pub(super) fn answer(&mut self, message: &Map<String, Value>, text: &mut Vec<u8>) -> bool {
        let of = |name: &str| message.get(name).and_then(Value::as_str).unwrap_or_default();
        let data = match of("method") {
            "cron.list" => {
                let after = of("after");
                self.0
                    .iter()
                    .filter(|(name, _)| name.as_str() > after)
                    .map(|(_, job)| job.clone())
                    .collect()
            }
            "cron.set" => {
                let job = json!({
                    "name": of("name"), "schedule": of("schedule"), "timezone": "UTC",
                    "cmd": of("cmd"), "enabled": true, "revision": message.get("revision"),
                    "next": []
                });
                self.0.insert(of("name").to_owned(), job);
                Value::Null
            }
            "cron.remove" => {
                self.0.remove(of("name"));
                Value::Null
            }
            _ => return false,
        };
        let reply =
            json!({ "id": of("id"), "resp": "success", "retcode": 0, "message": "", "data": data });
        line(&reply, text);
        true
    }
}
