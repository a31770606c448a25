//! Files and folders that others could have written: a root agent does not act on them.

use e2e::{Agent, AgentConfig, Local, Pki, needs_root, run};
use serde_json::json;

/// Starts an agent whose server is unreachable.
async fn alone() -> Agent {
    let agent =
        Agent::start(&Pki::new(), AgentConfig::new("127.0.0.1:1".parse().expect("an address")));
    let mut local = Local::connect(&agent).await;
    let task = json!({"id": "task", "method": "async.bash", "cmd": "true"});
    assert_eq!(local.ask(&task).await["message"], "Accepted");
    agent
}

/// Restarts the agent after each change, expects it to refuse to start with `why`, and undoes the
/// change.
async fn refuses(agent: &mut Agent, changes: &[(&[&str], &[&str], &str)]) {
    for (change, undo, why) in changes {
        agent.kill();
        let before = agent.log().len();
        run(change);
        agent.restart();
        let status = agent.wait().await;
        let log = agent.log().split_off(before);
        assert!(!status.success(), "{change:?}: {log}");
        assert!(log.contains(why), "{change:?}: {log}");
        run(undo);
    }
    agent.restart();
    Local::connect(agent).await;
}

#[tokio::test]
async fn a_state_directory_that_others_can_write_is_refused_with_the_cure() {
    if !needs_root("a_state_directory_that_others_can_write_is_refused_with_the_cure") {
        return;
    }
    let mut agent = alone().await;
    let state = agent.scratch().file("state").display().to_string();
    let at = |name: &str| format!("{state}/{name}");
    let (tasks, journal, id) = (at("tasks"), at("tasks/journal"), at("host_id.json"));
    run(&["sh", "-c", &format!("echo '{{}}' > {id}")]);
    let chmod_back: &[&str] = &["chmod", "0700", &state];
    refuses(
        &mut agent,
        &[
            (
                &["chmod", "0777", &state],
                chmod_back,
                &format!("(mode 0777); run: chmod go-w {state}"),
            ),
            (
                &["chmod", "0770", &state],
                chmod_back,
                &format!("(mode 0770); run: chmod go-w {state}"),
            ),
            (&["chmod", "1777", &state], chmod_back, &format!("run: chmod go-w {state}")),
            (
                &["chown", "nobody", &state],
                &["chown", "root", &state],
                &format!("run: chown 0 {state}"),
            ),
            (
                &["chown", "nobody", &tasks],
                &["chown", "root", &tasks],
                &format!("run: chown 0 {tasks}"),
            ),
            (
                &["chmod", "0777", &tasks],
                &["chmod", "0700", &tasks],
                &format!("run: chmod go-w {tasks}"),
            ),
            (
                &["chown", "nobody", &journal],
                &["chown", "root", &journal],
                &format!("run: chown 0 {journal}"),
            ),
            (&["chmod", "0666", &id], &["chmod", "0600", &id], &format!("run: chmod go-w {id}")),
        ],
    )
    .await;
}

#[tokio::test]
async fn a_state_directory_below_another_users_folder_is_refused_and_one_behind_a_link_is_used() {
    if !needs_root("a_state_directory_below_another_users_folder_is_refused") {
        return;
    }
    let mut agent = alone().await;
    let folder = agent.scratch().path().display().to_string();
    let move_away = format!(
        "mkdir {folder}/disk && mv {folder}/state {folder}/disk/state && ln -s disk/state {folder}/state"
    );
    run(&["sh", "-c", &move_away]);
    let disk = format!("{folder}/disk");
    refuses(
        &mut agent,
        &[
            (
                &["chown", "nobody", &disk],
                &["chown", "root", &disk],
                &format!("run: chown 0 {disk}"),
            ),
            (
                &["chmod", "0777", &disk],
                &["chmod", "0755", &disk],
                &format!("run: chmod go-w {disk}"),
            ),
        ],
    )
    .await;
}
