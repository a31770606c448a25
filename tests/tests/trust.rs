//! Files and folders that others could have written: a root agent does not act on them.

#![expect(clippy::disallowed_methods, reason = "a test starts the real binary")]

use e2e::{Agent, AgentConfig, Local, Pki, Scratch, binary, needs_root, run};
use serde_json::json;
use std::process::Command;

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

#[test]
fn a_configuration_or_tls_file_of_others_and_a_key_that_others_read_are_refused_with_the_cure() {
    if !needs_root("a_configuration_or_tls_file_of_others_is_refused") {
        return;
    }
    let (scratch, pki) = (Scratch::new("files"), Pki::new());
    scratch.write("ca.pem", pki.ca());
    pki.sign(&["host-1"]).write(&scratch, "agent");
    let at = |name: &str| scratch.file(name).display().to_string();
    let text = format!(
        "host_id = \"host-1\"\nstate_dir = \"{}\"\n[tls]\nca = \"{}\"\ncert = \"{}\"\nkey = \"{}\"\n",
        at("state"),
        at("ca.pem"),
        at("agent.pem"),
        at("agent.key")
    );
    let config = scratch.write("agent.toml", text);
    let check = || {
        let mut agent = Command::new(binary("BasicAgent"));
        let output = agent.arg("--check-config").arg("--config").arg(&config).output();
        let output = output.expect("the agent starts");
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    assert_eq!(check(), (Some(0), String::new()));
    let (config, ca, cert, key) =
        (at("agent.toml"), at("ca.pem"), at("agent.pem"), at("agent.key"));
    for file in [&config, &ca, &cert, &key] {
        for (change, cure) in [
            (&["chown", "nobody", file], format!("run: chown 0 {file}")),
            (&["chmod", "0666", file], format!("(mode 0666); run: chmod go-w {file}")),
        ] {
            run(change);
            let (status, errors) = check();
            assert!(status == Some(2) && errors.contains(&cure), "{change:?}: {errors}");
            run(&["chown", "root", file]);
            run(&["chmod", "0600", file]);
        }
    }
    for mode in ["0644", "0640", "0604"] {
        run(&["chmod", mode, &key]);
        let (status, errors) = check();
        let cure = format!("(mode {mode}); run: chmod 600 {key}");
        assert!(status == Some(2) && errors.contains(&cure), "{mode}: {errors}");
        run(&["chmod", "0600", &key]);
    }
    // Files behind links are used.
    run(&["mv", &key, &at("real.key")]);
    run(&["ln", "-s", "real.key", &key]);
    assert_eq!(check(), (Some(0), String::new()));
    run(&["chmod", "0644", &at("real.key")]);
    let (status, errors) = check();
    let cure = format!("run: chmod 600 {}", at("real.key"));
    assert!(status == Some(2) && errors.contains(&cure), "{errors}");
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
