//! Durable tasks on the real agent: accepted once, run at most once, redelivered until
//! acknowledged.

#![expect(clippy::unwrap_used, reason = "a failing test panics")]

mod bounds;
mod lost_state;
mod output;
mod results;
mod survival;
mod unstarted;

use e2e::{
    Agent, AgentConfig, Channel, Pki, Server, connected, eventually, in_mount_namespace,
    needs_root, processes_with,
};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};
use std::cell::RefCell;
use std::path::Path;

/// Returns an `async.bash` request with more fields.
fn task(id: &str, cmd: &str, mut fields: Value) -> Value {
    let request = json!({"id": id, "method": "async.bash", "cmd": cmd});
    fields.as_object_mut().unwrap().extend(request.as_object().cloned().unwrap());
    fields
}

thread_local! {
    /// Messages that arrived while a test waited for another message.
    static PENDING: RefCell<Vec<Value>> = const { RefCell::new(Vec::new()) };
}

/// Returns the next message that `wanted` accepts; keeps others for later calls.
async fn next(channel: &mut Channel, wanted: impl Fn(&Value) -> bool) -> Value {
    let kept = PENDING.with_borrow_mut(|kept| {
        let at = kept.iter().position(&wanted)?;
        Some(kept.remove(at))
    });
    if let Some(message) = kept {
        return message;
    }
    loop {
        let message = channel.next().await.unwrap();
        if wanted(&message) {
            return message;
        }
        PENDING.with_borrow_mut(|kept| kept.push(message));
    }
}

fn is_event(message: &Value) -> bool {
    message["method"] == "async.result"
}

async fn answer(channel: &mut Channel, id: &str) -> Value {
    next(channel, |message| message["id"] == id && !is_event(message)).await
}

async fn ask(channel: &mut Channel, request: &Value) -> Value {
    channel.send(request).await;
    answer(channel, request["id"].as_str().unwrap()).await
}

async fn accept(channel: &mut Channel, id: &str, cmd: &str, fields: Value) {
    let answer = ask(channel, &task(id, cmd, fields)).await;
    assert_eq!(
        (&answer["resp"], &answer["message"]),
        (&json!("success"), &json!("Accepted")),
        "{answer}"
    );
}

async fn result(channel: &mut Channel, id: &str) -> Value {
    next(channel, |message| message["id"] == id && is_event(message)).await
}

async fn acknowledge(channel: &mut Channel, id: &str) {
    let answer = ask(channel, &json!({"id": "ack", "method": "async.ack", "task": id})).await;
    assert_eq!(answer["resp"], "success", "{answer}");
}

async fn status(channel: &mut Channel, id: &str) -> Value {
    let answer = ask(channel, &json!({"id": "status", "method": "async.status", "task": id})).await;
    answer["data"].clone()
}

async fn until_state(channel: &mut Channel, id: &str, state: &str) {
    let end = std::time::Instant::now() + e2e::DEADLINE;
    while status(channel, id).await["state"] != state {
        assert!(std::time::Instant::now() < end, "{id} is not {state}");
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
}

/// Waits until the stored output of a task contains a text.
async fn until_output(channel: &mut Channel, id: &str, text: &str) {
    let request = json!({"id": "output", "method": "async.output", "task": id, "offset": 0});
    let end = std::time::Instant::now() + e2e::DEADLINE;
    loop {
        let answer = ask(channel, &request).await;
        if answer["data"]["text"].as_str().is_some_and(|stored| stored.contains(text)) {
            return;
        }
        assert!(std::time::Instant::now() < end, "{id} has not printed {text}: {answer}");
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
}

/// Starts an agent with these tables in its configuration.
async fn with(extra: &str) -> (Server, Agent, Channel) {
    let pki = Pki::new();
    let server = Server::start(&pki).await;
    let mut config = AgentConfig::new(server.address());
    config.extra = extra.to_owned();
    let agent = Agent::start(&pki, config);
    let channel = server.channel().await;
    (server, agent, channel)
}

/// Returns the supervisors of an agent's tasks: processes with that name and open files of the
/// agent.
fn supervisors(agent: &Agent) -> Vec<i32> {
    let tasks = agent.scratch().file("state/tasks");
    std::fs::read_dir("/proc")
        .unwrap()
        .flatten()
        .filter(|entry| {
            let named = std::fs::read_to_string(entry.path().join("comm")).unwrap_or_default();
            named.starts_with("basicagent-task") && has_open(&entry.path(), &tasks)
        })
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .collect()
}

/// Kills every supervisor of an agent's tasks; one may just have ended by itself.
fn kill_supervisors(agent: &Agent) {
    for pid in supervisors(agent) {
        let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
    }
}

fn has_open(process: &Path, below: &Path) -> bool {
    let open = std::fs::read_dir(process.join("fd")).into_iter().flatten().flatten();
    open.filter_map(|fd| std::fs::read_link(fd.path()).ok()).any(|path| path.starts_with(below))
}
