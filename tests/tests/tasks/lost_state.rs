//! The state directory, or a file of it, is removed, moved or replaced while the agent runs: the
//! agent accepts and acknowledges nothing that the next start would not find.

use super::*;
use std::fs;
use std::path::PathBuf;

/// Copies a file or directory in the place of itself, under other inodes.
fn replace_by_copy(path: &Path) {
    let aside = path.with_extension("aside");
    fs::rename(path, &aside).unwrap();
    e2e::run(&["cp", "-a", aside.to_str().unwrap(), path.to_str().unwrap()]);
}

fn set(name: &str) -> Value {
    json!({"id": "set", "method": "cron.set", "name": name, "schedule": "0 0 0 1 1 *",
        "cmd": "true"})
}

#[tokio::test]
async fn nothing_is_accepted_into_a_state_directory_that_was_removed_moved_or_replaced() {
    type Change = fn(PathBuf);
    let changes: [(&str, Change); 6] = [
        ("removed", |state| fs::remove_dir_all(state).unwrap()),
        ("moved", |state| fs::rename(&state, state.with_extension("aside")).unwrap()),
        ("replaced", |state| replace_by_copy(&state)),
        ("tasks replaced", |state| replace_by_copy(&state.join("tasks"))),
        ("journal removed", |state| fs::remove_file(state.join("tasks/journal")).unwrap()),
        ("journal replaced", |state| replace_by_copy(&state.join("tasks/journal"))),
    ];
    for (what, change) in changes {
        let (_server, agent, mut channel) = connected().await;
        accept(&mut channel, "before", "echo before", json!({})).await;
        result(&mut channel, "before").await;
        change(agent.scratch().file("state"));
        let mark = agent.scratch().file("mark");
        let cmd = format!("touch {}", mark.display());
        let refused = ask(&mut channel, &task("after", &cmd, json!({}))).await;
        assert_eq!(refused["retcode"], 3099, "{what}: {refused}");
        let refused = ask(&mut channel, &set("job")).await;
        assert_eq!(refused["retcode"], 3099, "{what}: {refused}");
        let ack = json!({"id": "ack", "method": "async.ack", "task": "before"});
        let refused = ask(&mut channel, &ack).await;
        assert_eq!(refused["retcode"], 3099, "{what}: {refused}");
        assert_eq!(status(&mut channel, "before").await["acknowledged"], false, "{what}");
        agent.logged("while the agent runs").await;
        // A command needs no state.
        let bash = json!({"id": "bash", "method": "sync.bash", "cmd": "echo out"});
        assert_eq!(ask(&mut channel, &bash).await["data"], "out\n", "{what}");
        assert!(!mark.exists(), "{what}: the rejected task ran");
    }
}

#[tokio::test]
async fn tasks_are_accepted_again_when_a_moved_state_directory_is_back() {
    let (_server, agent, mut channel) = connected().await;
    let go = agent.scratch().file("go");
    let cmd = format!("echo out; until [ -e {} ]; do sleep 0.02; done", go.display());
    accept(&mut channel, "runs", &cmd, json!({})).await;
    until_state(&mut channel, "runs", "running").await;
    let (state, aside) = (agent.scratch().file("state"), agent.scratch().file("aside"));
    fs::rename(&state, &aside).unwrap();
    fs::write(go, "").unwrap();
    agent.logged("cannot record the end of task").await;
    fs::rename(&aside, &state).unwrap();
    // The end that could not be recorded is.
    let over = result(&mut channel, "runs").await;
    assert_eq!((&over["retcode"], &over["data"]), (&json!(0), &json!("out\n")), "{over}");
    accept(&mut channel, "again", "true", json!({})).await;
    result(&mut channel, "again").await;
}

#[tokio::test]
async fn no_task_is_accepted_without_the_file_that_records_its_end() {
    let (_server, agent, mut channel) = connected().await;
    fs::remove_file(agent.scratch().file("state/tasks/slots")).unwrap();
    let refused = ask(&mut channel, &task("one", "true", json!({}))).await;
    assert_eq!(refused["retcode"], 3099, "{refused}");
    agent.logged("slots was removed or moved while the agent runs").await;
}
