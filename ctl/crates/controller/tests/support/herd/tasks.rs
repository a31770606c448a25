//! The tasks of one simulated agent: each is accepted and started once, and has ended at once.

use agent_wire::message::line;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// The tasks by id. They outlive the channel, as a real agent's outlive its process.
#[derive(Debug, Default)]
pub(super) struct Tasks(BTreeMap<String, Task>);

#[derive(Debug)]
struct Task {
    starts: u32,
    acknowledged: bool,
}

impl Tasks {
    /// Returns how often each task was started.
    pub(super) fn starts(&self) -> BTreeMap<String, u32> {
        self.0.iter().map(|(id, task)| (id.clone(), task.starts)).collect()
    }

    /// Returns the results that are to be delivered again.
    pub(super) fn unacknowledged(&self) -> Vec<u8> {
        let mut text = Vec::new();
        for (id, _) in self.0.iter().filter(|(_, task)| !task.acknowledged) {
            result(id, &mut text);
        }
        text
    }

    /// Answers a message, if it wants an answer.
    pub(super) fn answer(&mut self, message: &Map<String, Value>, text: &mut Vec<u8>) {
        let of = |name: &str| message.get(name).and_then(Value::as_str);
        let (Some(id), Some(method)) = (of("id"), of("method")) else { return };
        let mut reply = |data: Value, what: &str| {
            line(
                &json!({ "id": id, "resp": "success", "retcode": 0, "message": what, "data": data }),
                text,
            );
        };
        match method {
            "async.ack" => {
                if let Some(task) = self.0.get_mut(id) {
                    task.acknowledged = true;
                }
            }
            "async.bash" => {
                if let Some(task) = self.0.get(id) {
                    let state = json!({
                        "task": id, "state": "ended", "acknowledged": task.acknowledged,
                        "resp": "success", "retcode": 0, "started": "2026-01-31T09:30:00Z"
                    });
                    return reply(state, "Known");
                }
                self.0.insert(id.to_owned(), Task { starts: 1, acknowledged: false });
                reply(Value::Null, "Accepted");
                result(id, text);
            }
            "async.status" | "async.cancel" => match of("task").and_then(|task| self.0.get(task)) {
                Some(task) => reply(
                    json!({ "state": "ended", "acknowledged": task.acknowledged,
                        "resp": "success", "retcode": 0 }),
                    "",
                ),
                None => line(
                    &json!({ "id": id, "resp": "failed", "retcode": 3024, "message": "No such task" }),
                    text,
                ),
            },
            _ => reply(Value::Null, ""),
        }
    }
}

/// Writes a result, as long as the one of a real `true`.
fn result(id: &str, text: &mut Vec<u8>) {
    line(
        &json!({
            "method": "async.result", "id": id, "resp": "success", "retcode": 0,
            "message": "Normal termination", "data": "",
            "usage": { "user": 0.001, "sys": 0.001, "wall": 0.002, "max_rss_kib": 3456 },
            "started": "2026-01-31T09:30:00.120Z", "ended": "2026-01-31T09:30:00.122Z"
        }),
        text,
    );
}
