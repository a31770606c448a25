//! Scheduled jobs on the real agent: each due run starts once, and its result is delivered.

#![expect(clippy::unwrap_used, reason = "a failing test panics")]

mod crontabs;
mod jobs;
mod sources;
mod steps;

use e2e::{Agent, AgentConfig, Channel, Clock, DEADLINE, Pki, Server, connected};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

async fn ask(channel: &mut Channel, request: Value) -> Value {
    channel.ask_past(&request).await
}

async fn set(channel: &mut Channel, name: &str, fields: Value) -> Value {
    let mut request = json!({"id": "set", "method": "cron.set", "name": name});
    request.as_object_mut().unwrap().extend(fields.as_object().cloned().unwrap());
    ask(channel, request).await
}

async fn list(channel: &mut Channel) -> Vec<Value> {
    let answer = ask(channel, json!({"id": "list", "method": "cron.list"})).await;
    assert_eq!(answer["resp"], "success", "{answer}");
    answer["data"].as_array().unwrap().clone()
}

async fn history(channel: &mut Channel, name: &str) -> Vec<Value> {
    let request = json!({"id": "history", "method": "cron.history", "name": name, "limit": 1000});
    let answer = ask(channel, request).await;
    assert_eq!(answer["resp"], "success", "{answer}");
    answer["data"].as_array().unwrap().clone()
}

/// Checks that each run of a job has a due time of its own and wrote at most one line. When it wrote
/// proves nothing: on a busy machine, two runs may come to that in the same second.
async fn ran_once_each(channel: &mut Channel, name: &str, path: &Path) {
    // Read first: another run may start meanwhile.
    let written = lines(path).len();
    let runs = history(channel, name).await;
    let due: BTreeSet<&str> = runs.iter().filter_map(|run| run["due"].as_str()).collect();
    assert_eq!(due.len(), runs.len(), "two runs of one second: {runs:?}");
    assert!(written <= runs.len(), "{written} lines of {runs:?}");
}

/// Waits for the next `cron.result` of a job.
async fn result(channel: &mut Channel, name: &str) -> Value {
    loop {
        let message = channel.next().await.unwrap();
        if message["method"] == "cron.result" && message["name"] == name {
            return message;
        }
    }
}

fn lines(path: &Path) -> Vec<String> {
    std::fs::read_to_string(path).unwrap_or_default().lines().map(str::to_owned).collect()
}

/// Waits until a file has at least `count` lines.
async fn until_lines(path: &Path, count: usize) -> Vec<String> {
    let end = Instant::now() + DEADLINE;
    loop {
        let found = lines(path);
        if found.len() >= count {
            return found;
        }
        assert!(Instant::now() < end, "{} has {found:?}", path.display());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn file(agent: &Agent, name: &str) -> PathBuf {
    agent.scratch().file(name)
}

fn append(path: &Path) -> String {
    format!("date +%s >> {}", path.display())
}

/// Writes a file in the agent's crontab directory.
fn crontab(agent: &Agent, name: &str, text: &str, mode: u32) {
    let dir = file(agent, "cron.d");
    std::fs::create_dir_all(&dir).unwrap();
    std::fs::set_permissions(&dir, std::fs::Permissions::from_mode(0o755)).unwrap();
    // Written under another name and renamed, as an editor does, so that the agent never sees half.
    let beside = file(agent, &format!("{name}.new"));
    std::fs::write(&beside, text).unwrap();
    std::fs::set_permissions(&beside, std::fs::Permissions::from_mode(mode)).unwrap();
    std::fs::rename(&beside, dir.join(name)).unwrap();
}

/// Waits until the agent reports these numbers of jobs and of crontab problems.
async fn until_jobs(channel: &mut Channel, jobs: usize, problems: usize) -> Value {
    let end = Instant::now() + DEADLINE;
    loop {
        let info =
            ask(channel, json!({"id": "info", "method": "agent.info"})).await["data"].clone();
        let found = info["crontab_problems"].as_array().map_or(0, Vec::len);
        if info["jobs"] == jobs && found == problems {
            return info;
        }
        assert!(Instant::now() < end, "{info}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
