//! The controller on PostgreSQL: nothing acknowledged is lost, whichever of the two is killed.

#![expect(clippy::unwrap_used, reason = "helpers of tests, outside of test functions")]

mod support;

use serde_json::{Value, json};
use std::process::Output;
use support::{Agent, Controller};
use test_support::{FAST, PostgresServer, Scratch, wait_until};

/// Sends the result of a task.
fn send(agent: &mut Agent, task: &str) {
    let result = json!({
        "method": "async.result", "id": task, "resp": "success", "retcode": 0, "message": "Normal termination",
        "data": task, "started": "2026-01-01T00:00:00Z", "ended": "2026-01-01T00:00:01Z",
    });
    agent.send(&result.to_string());
}

/// Receives an acknowledgement; returns its task.
fn acknowledged(agent: &mut Agent) -> Value {
    let ack = agent.receive().unwrap();
    assert_eq!(ack["method"], "async.ack", "{ack:?}");
    ack["id"].clone()
}

/// Runs a controller that must not start.
fn refused(flags: &[&str]) -> Output {
    let scratch = Scratch::new("database");
    let state = scratch.file("state");
    let mut command = support::binary();
    command.args(["--listen", "127.0.0.1:0", "--http", "127.0.0.1:0", "--name", "localhost"]);
    command.arg("--state-dir").arg(state).args(flags);
    let output = command.output().unwrap();
    assert!(!output.status.success(), "{output:?}");
    output
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn nothing_acknowledged_is_lost_when_the_controller_or_the_database_is_killed() {
    let Some(server) = PostgresServer::start(&[]) else { return };
    let database = server.create();
    let flags = ["--database", database.url()];
    let mut controller = Controller::start_own(&flags);
    let (_, token) = controller.join_token(&json!({"labels": {"role": "web"}}));
    let host = controller.enroll(&token);
    let stored = |controller: &Controller| -> Vec<Value> {
        let (status, page) = controller.get(&format!("/hosts/{}/results", host.id));
        assert_eq!(status, 200, "{page}");
        page["results"].as_array().unwrap().iter().map(|row| row["task"].clone()).collect()
    };
    let (_, system) = controller.get("/system");
    assert_eq!(system["database"]["engine"], "PostgreSQL", "{system}");
    assert!(system["database"]["place"].as_str().unwrap().starts_with("postgres://"), "{system}");
    assert!(system["database"]["bytes"].as_u64().unwrap() > 0, "{system}");
    assert_eq!(system["database"].get("free"), None, "{system}");
    let mut agent = controller.channel(&host);
    send(&mut agent, "first");
    assert_eq!(acknowledged(&mut agent), "first");

    controller.kill();
    controller.restart_own(&flags);
    assert_eq!(stored(&controller), ["first"]);
    assert_eq!(controller.get(&format!("/hosts/{}", host.id)).1["labels"]["role"]["value"], "web");
    let mut agent = controller.channel(&host);
    send(&mut agent, "second");
    assert_eq!(acknowledged(&mut agent), "second");

    server.kill();
    wait_until("the outage is known", || {
        let (status, problem) = controller.probe("/readyz");
        let why = problem["detail"].as_str().unwrap_or_default();
        status == 503 && why.contains("cannot connect to postgres://")
    });
    // It is acknowledged when it is stored, which is after the outage.
    send(&mut agent, "third");
    server.start_again();
    assert_eq!(acknowledged(&mut agent), "third");
    wait_until("the end of the outage", || controller.probe("/readyz").0 == 200);
    assert_eq!(stored(&controller).len(), 3);

    controller.kill();
    server.kill();
    server.start_again();
    controller.restart_own(&flags);
    let mut all = stored(&controller);
    all.sort_by_key(ToString::to_string);
    assert_eq!(all, ["first", "second", "third"]);
}

#[test]
fn a_standby_takes_over_and_nothing_acknowledged_is_lost() {
    let Some(primary) = PostgresServer::start(FAST) else { return };
    let database = primary.create();
    let standby = primary.start_standby(FAST);
    let hosts = [&primary, &standby].map(|server| format!("127.0.0.1:{}", server.port()));
    let url = format!(
        "postgres://basicagent@{}/{}?target_session_attrs=read-write",
        hosts.join(","),
        database.name()
    );
    let controller = Controller::start_own(&["--database", &url]);
    let (_, token) = controller.join_token(&json!({"labels": {"role": "web"}}));
    let host = controller.enroll(&token);
    let mut agent = controller.channel(&host);
    let tasks: Vec<String> = (0..200).map(|number| format!("task-{number:03}")).collect();
    let (before, after) = tasks.split_at(100);
    before.iter().for_each(|task| send(&mut agent, task));
    // Some are acknowledged, others are on their way.
    let mut all: Vec<Value> = (0..10).map(|_| acknowledged(&mut agent)).collect();
    primary.kill();
    after.iter().for_each(|task| send(&mut agent, task));
    standby.promote();
    all.extend((10..200).map(|_| acknowledged(&mut agent)));
    all.sort_by_key(ToString::to_string);
    assert_eq!(all, tasks);

    wait_until("the controller is ready again", || controller.probe("/readyz").0 == 200);
    let (status, page) = controller.get(&format!("/hosts/{}/results?limit=1000", host.id));
    assert_eq!(status, 200, "{page}");
    let rows = page["results"].as_array().unwrap().iter();
    let mut stored: Vec<Value> = rows.map(|row| row["task"].clone()).collect();
    stored.sort_by_key(ToString::to_string);
    assert_eq!(stored, tasks);
    assert_eq!(controller.get(&format!("/hosts/{}", host.id)).1["labels"]["role"]["value"], "web");
    let (_, token) = controller.join_token(&json!({}));
    controller.enroll(&token);
}

#[test]
fn a_second_controller_cannot_use_the_database() {
    let Some(server) = PostgresServer::shared() else { return };
    let database = server.create();
    let _first = Controller::start_own(&["--database", database.url()]);
    let second = said(&refused(&["--database", database.url()]));
    assert!(second.contains("another BasicAgentController uses it"), "{second}");
}

#[test]
fn a_database_that_cannot_be_used_is_refused_with_a_sentence() {
    for (flags, wanted) in [
        (&["--database", "mysql://db/fleet"][..], "postgres://USER@HOST/NAME"),
        (&["--database", "postgres://fleet:hunter2@127.0.0.1/fleet"], "password"),
        (&["--database", "postgres://fleet@127.0.0.1:1/fleet"], "cannot connect to"),
        (
            &["--database", "postgres://f@127.0.0.1/f", "--database-password-file", "/nonexistent"],
            "/nonexistent",
        ),
        (&["--database-password-file", "/nonexistent"], "--database"),
    ] {
        let text = said(&refused(flags));
        assert!(text.contains(wanted) && !text.contains("hunter2"), "{flags:?}: {text}");
    }
}
