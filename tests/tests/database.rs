//! Real agents and a real controller on PostgreSQL, both of which are killed during a run: the run
//! adds up, and each host starts its command at most once.

#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a failed step fails the test, which says what it tried; a test starts real binaries"
)]

#[path = "fleet/mod.rs"]
mod fleet;

use e2e::{wait_some_within, wait_until};
use fleet::{Controller, Host};
use serde_json::json;
use std::time::Duration;
use test_support::{PostgresServer, needs_root};

const HOSTS: u64 = 6;

/// Longer than the run takes to end once everything is back.
const PATIENCE: Duration = Duration::from_secs(120);

#[test]
fn a_run_adds_up_when_the_database_and_the_controller_are_killed() {
    if !needs_root("agents with host names of their own") {
        return;
    }
    let Some(server) = PostgresServer::start(&[]) else { return };
    let database = server.create();
    let mut controller = Controller::start_on("database", Some(database.url()));
    let hosts: Vec<Host> =
        (0..HOSTS).map(|n| Host::join(&controller, &format!("host-{n}"), "")).collect();
    let ledger = controller.scratch.file("ledger");
    std::fs::create_dir_all(&ledger).unwrap();
    let lines = |host: &Host| {
        std::fs::read_to_string(ledger.join(&host.id)).map_or(0, |text| text.lines().count())
    };
    let started = || hosts.iter().map(lines).sum::<usize>();
    wait_until("every host is online", || {
        controller.get("/hosts?connected=true").is_some_and(|page| {
            page["hosts"].as_array().map(Vec::len) == usize::try_from(HOSTS).ok()
        })
    });

    let body = json!({
        "request": {
            "method": "sync.bash",
            "cmd": format!("echo x >> {}/$HOSTNAME; sleep 0.2; echo done", ledger.display()),
        },
        "selector": "", "stop_after": "none", "ramp": false, "concurrency": 2,
    });
    let run = controller.call("POST", "/runs", Some(&body)).unwrap();
    let run = run["id"].as_str().unwrap_or_else(|| panic!("{run}")).to_owned();
    wait_until("the first hosts have started", || started() >= 1);
    server.kill();
    server.start_again();
    let until_started = |hosts: usize| {
        wait_some_within(PATIENCE, "more hosts have started", || (started() >= hosts).then_some(()))
    };
    until_started(3);
    controller.kill();
    until_started(4);
    // The other way around.
    server.kill();
    server.start_again();
    controller.kill();

    let row = wait_some_within(PATIENCE, "the run's end", || {
        controller.get(&format!("/runs/{run}")).filter(|row| row["state"] == "ended")
    });
    let equation = row["equation"].as_object().unwrap();
    let ends = equation.iter().filter(|(state, _)| *state != "total");
    let sum: u64 = ends.filter_map(|(_, count)| count.as_u64()).sum();
    assert_eq!((&row["equation"]["total"], sum), (&json!(HOSTS), HOSTS), "{row}");
    for host in &hosts {
        let target = controller.get(&format!("/runs/{run}/targets/{}", host.id)).unwrap();
        let state = target["target"]["state"].as_str().unwrap();
        assert!(lines(host) <= 1, "{} started {} times: {target}", host.id, lines(host));
        assert!(state != "succeeded" || lines(host) == 1, "{} did not start: {target}", host.id);
        assert!(state != "succeeded" || target["result"]["data"] == "done\n", "{target}");
    }
    assert!(row["equation"]["succeeded"].as_u64() >= Some(1), "{row}");
}
