//! An agent that may open few files: it says so, and commands wait instead of failing.

use e2e::{Agent, AgentConfig, Local, Pki};
use serde_json::{Value, json};
use std::collections::HashSet;

/// Starts an agent under `ulimit` with these arguments; its server is unreachable.
fn limited(ulimit: &str) -> Agent {
    let mut config = AgentConfig::new("127.0.0.1:1".parse().expect("an address"));
    let script = format!("ulimit {ulimit} && exec \"$@\"");
    config.wrapper = ["bash", "-c", &script, "bash"].map(str::to_owned).to_vec();
    Agent::start(&Pki::new(), config)
}

#[tokio::test]
async fn a_limit_of_open_files_that_is_too_low_is_reported_at_the_start() {
    for limit in [8, 20, 63] {
        let mut agent = limited(&format!("-n {limit}"));
        assert_eq!(agent.wait().await.code(), Some(1), "{}", agent.log());
        let message = format!("only {limit} files can be open at once (RLIMIT_NOFILE)");
        let log = agent.log();
        assert!(log.contains(&message) && log.contains("at least 64"), "{log}");
        assert!(!log.contains("panic"), "{log}");
    }
}

#[tokio::test]
async fn with_few_descriptors_all_commands_and_tasks_wait_their_turn_and_none_fails() {
    let agent = limited("-n 64");
    let mut local = Local::connect(&agent).await;
    agent.logged("only 64 files can be open at once").await;
    let count = 40;
    for n in 0..count {
        for (kind, cmd) in [("sync.bash", "echo done"), ("async.bash", "exit 7")] {
            let request = json!({"id": format!("{kind} {n}"), "method": kind, "cmd": cmd});
            local.send_text(&format!("{request}\n")).await;
        }
    }
    for _ in 0..2 * count {
        let answer = local.next().await.expect("a reply");
        assert_eq!(answer["retcode"], 0, "{answer}");
    }
    let list = json!({"id": "list", "method": "async.list"});
    let ended = loop {
        let answer = local.ask(&list).await;
        let tasks = answer["data"].as_array().expect("tasks").clone();
        if tasks.iter().all(|task| task["state"] == "ended") {
            break tasks;
        }
        tokio::task::yield_now().await;
    };
    let retcodes: HashSet<Option<u64>> =
        ended.iter().map(|task| task["retcode"].as_u64()).collect();
    assert_eq!((ended.len(), retcodes), (count, HashSet::from([Some(7)])), "{ended:?}");
}

#[tokio::test]
async fn a_low_soft_limit_is_raised_for_the_agent_and_kept_for_commands() {
    let agent = limited("-S -n 20");
    let mut local = Local::connect(&agent).await;
    let bash = |id: &str, cmd: &str| json!({"id": id, "method": "sync.bash", "cmd": cmd});
    let answer = local.ask(&bash("1", "ulimit -n")).await;
    assert_eq!(answer["data"], "20\n", "{answer}");
    let answer =
        local.ask(&json!({"id": "t", "method": "async.bash", "cmd": "exit $(ulimit -n)"})).await;
    assert_eq!(answer["message"], "Accepted");
    let status = json!({"id": "s", "method": "async.status", "task": "t"});
    let task: Value = loop {
        let answer = local.ask(&status).await;
        if answer["data"]["state"] == "ended" {
            break answer["data"].clone();
        }
        tokio::task::yield_now().await;
    };
    assert_eq!(task["retcode"], 20, "{task}");
}
