//! Tasks, runs and commands that never began: nothing says that they had.

use super::*;

/// Checks that a result has no start, and that no processes are said to have been killed.
fn never_began(over: &Value, retcode: u16) {
    assert_eq!(over["retcode"], retcode, "{over}");
    assert!(over.get("started").is_none() && over.get("usage").is_none(), "{over}");
    assert!(over["ended"].is_string(), "{over}");
    assert!(!over["message"].as_str().unwrap().contains("killed"), "{over}");
}

/// Returns the next event about the task.
async fn event(channel: &mut Channel, id: &str) -> Value {
    next(channel, |message| message["id"] == id && !message["method"].is_null()).await
}

async fn cancel(channel: &mut Channel, id: &str) {
    let request = json!({"id": "cancel", "method": "async.cancel", "task": id});
    assert_eq!(ask(channel, &request).await["resp"], "success");
}

#[tokio::test]
async fn a_task_that_is_canceled_while_it_waits_has_no_start() {
    let (server, mut agent, mut channel) = with("[tasks]\nmax_running = 1\n").await;
    let sleep = format!("sleep 5{}.5", agent.pid());
    accept(&mut channel, "runs", &sleep, json!({})).await;
    accept(&mut channel, "waits", "true", json!({})).await;
    cancel(&mut channel, "waits").await;
    let over = event(&mut channel, "waits").await;
    never_began(&over, 3034);
    assert!(status(&mut channel, "waits").await.get("started").is_none());
    // The journal says the same. A command that has not begun would not survive the agent.
    eventually("the command runs", || !processes_with(&sleep).is_empty()).await;
    agent.restart();
    let mut channel = server.channel().await;
    assert_eq!(event(&mut channel, "waits").await, over);
    assert!(status(&mut channel, "waits").await.get("started").is_none());
    cancel(&mut channel, "runs").await;
    let over = event(&mut channel, "runs").await;
    assert!(over["started"].is_string() && over["message"].as_str().unwrap().contains("killed"));
}

#[tokio::test]
async fn a_task_whose_command_cannot_be_started_has_no_start() {
    let (_server, _agent, mut channel) = connected().await;
    accept(&mut channel, "one", "true", json!({"cwd": "/no/such/directory"})).await;
    let over = event(&mut channel, "one").await;
    never_began(&over, 3033);
    assert!(status(&mut channel, "one").await.get("started").is_none());
}

#[tokio::test]
async fn a_task_that_was_about_to_start_when_the_agent_went_down_has_no_start() {
    let (server, mut agent, mut channel) = connected().await;
    accept(&mut channel, "first", "true", json!({})).await;
    event(&mut channel, "first").await;
    // A zygote that starts nothing any more, as if the machine lost its power in this moment.
    let children = format!("/proc/{0}/task/{0}/children", agent.pid());
    let children: Vec<Pid> = std::fs::read_to_string(children)
        .unwrap()
        .split_ascii_whitespace()
        .map(|pid| Pid::from_raw(pid.parse().unwrap()))
        .collect();
    // The first task's supervisor may be gone by now.
    children.iter().for_each(|child| kill(*child, Signal::SIGSTOP).unwrap_or_default());
    accept(&mut channel, "one", "true", json!({})).await;
    until_state(&mut channel, "one", "running").await;
    agent.kill();
    children.iter().for_each(|child| kill(*child, Signal::SIGKILL).unwrap_or_default());
    agent.restart();
    let mut channel = server.channel().await;
    let over = event(&mut channel, "one").await;
    never_began(&over, 3035);
}

#[tokio::test]
async fn a_run_that_is_canceled_in_its_jobs_queue_has_no_start() {
    let (_server, _agent, mut channel) = connected().await;
    let job = json!({
        "id": "set", "method": "cron.set", "name": "job", "schedule": "* * * * * *",
        "overlap": "queue", "cmd": "sleep 600",
    });
    assert_eq!(ask(&mut channel, &job).await["resp"], "success");
    let history = json!({"id": "h", "method": "cron.history", "name": "job"});
    let end = std::time::Instant::now() + e2e::DEADLINE;
    let waiting = loop {
        let runs = ask(&mut channel, &history).await["data"].as_array().unwrap().clone();
        if let Some(run) = runs.iter().find(|run| run["state"] == "waiting") {
            break run["task"].as_str().unwrap().to_owned();
        }
        assert!(std::time::Instant::now() < end, "no run waits: {runs:?}");
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    };
    let remove = json!({"id": "remove", "method": "cron.remove", "name": "job"});
    assert_eq!(ask(&mut channel, &remove).await["resp"], "success");
    cancel(&mut channel, &waiting).await;
    let over = event(&mut channel, &waiting).await;
    never_began(&over, 3034);
    assert_eq!(over["method"], "cron.result");
    let list = ask(&mut channel, &json!({"id": "l", "method": "async.list"})).await;
    for run in list["data"].as_array().unwrap().iter().filter(|run| run["state"] != "ended") {
        cancel(&mut channel, run["task"].as_str().unwrap()).await;
    }
}

#[tokio::test]
async fn a_command_that_is_canceled_while_it_waits_for_its_turn_is_not_said_to_be_killed() {
    let (_server, agent, mut channel) = with("[exec]\nmax_running = 1\n").await;
    let mark = agent.scratch().file("mark");
    let cmd = format!("echo > {}; sleep 600", mark.display());
    channel.send(&json!({"id": "runs", "method": "sync.bash", "cmd": cmd})).await;
    channel.send(&json!({"id": "waits", "method": "sync.bash", "cmd": "true"})).await;
    eventually("the first command runs", || mark.exists()).await;
    for (id, killed) in [("waits", false), ("runs", true)] {
        let request = json!({"id": "cancel", "method": "sync.cancel", "target": id});
        assert_eq!(ask(&mut channel, &request).await["resp"], "success");
        let over = answer(&mut channel, id).await;
        assert_eq!(over["retcode"], 3034, "{over}");
        assert_eq!(over["message"].as_str().unwrap().contains("killed"), killed, "{over}");
        assert_eq!(over.get("usage").is_some(), killed, "{over}");
    }
}
