//! The state directory: one controller at a time, trusted only if nobody else can change it, and
//! never acknowledged into when it has gone.

#![expect(clippy::unwrap_used, reason = "a failed step fails the test")]

mod support;

use rusqlite::Connection;
use serde_json::json;
use std::fs;
use std::os::unix::fs::{PermissionsExt as _, chown, symlink};
use std::path::Path;
use std::time::Duration;
use support::{Agent, Controller};
use test_support::{Scratch, needs_root, wait_until};

fn result(task: &str, data: &str) -> String {
    let event = json!({"method": "async.result", "id": task, "resp": "success", "retcode": 0, "data": data});
    format!("{event}\n")
}

fn acknowledged(agent: &mut Agent) -> String {
    let ack = agent.receive().unwrap();
    assert_eq!(ack["method"], "async.ack", "{ack:?}");
    ack["id"].as_str().unwrap().to_owned()
}

fn assert_silent(agent: &mut Agent) {
    agent.stream.sock.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
    assert!(agent.try_receive().is_err());
    agent.stream.sock.set_read_timeout(Some(support::DEADLINE)).unwrap();
}

/// Starts a controller that must not start; returns its log.
fn refused(dir: &Path, state: &Path) -> String {
    support::pki::make(dir, &[]);
    let output = support::command_with(dir, &[], state).output().unwrap();
    let log = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{log}");
    log
}

#[test]
fn a_second_controller_on_one_state_directory_does_not_start() {
    let mut controller = Controller::start(&[]);
    let log = refused(&controller.dir, &controller.state());
    assert!(log.contains("another BasicAgentController") && log.contains("state"), "{log}");
    // The lock ends with its process, however that ends.
    controller.kill();
    controller.restart();
    controller.get("/hosts");
}

#[test]
fn results_are_not_acknowledged_while_the_state_directory_is_gone() {
    for how in ["moved", "replaced", "one file moved"] {
        let mut controller = Controller::start(&[]);
        let mut agent = controller.agent("host-1");
        agent.send(&result("before", "x"));
        assert_eq!(acknowledged(&mut agent), "before");
        assert_eq!(controller.probe("/readyz"), (200, json!({"status": "ready"})));

        let (state, aside) = (controller.state(), controller.dir.join("aside"));
        let (from, to) = match how {
            "one file moved" => (state.join("results.db-wal"), aside),
            _ => (state.clone(), aside),
        };
        fs::rename(&from, &to).unwrap();
        if how == "replaced" {
            fs::create_dir(&state).unwrap();
            for file in fs::read_dir(&to).unwrap() {
                let file = file.unwrap();
                if !file.file_type().unwrap().is_file() {
                    continue;
                }
                fs::copy(file.path(), state.join(file.file_name())).unwrap();
            }
        }
        agent.send(&result("lost?", "x"));
        wait_until("the log", || controller.log().contains("while the controller runs"));
        assert_silent(&mut agent);
        let (status, problem) = controller.probe("/readyz");
        assert_eq!(status, 503, "{problem}");
        assert!(problem["detail"].as_str().unwrap().contains("results.db"), "{problem}");

        // Moved back, it is used again.
        if how == "replaced" {
            fs::remove_dir_all(&state).unwrap();
        }
        fs::rename(&to, &from).unwrap();
        assert_eq!(acknowledged(&mut agent), "lost?");
        wait_until("its use", || controller.probe("/readyz").0 == 200);
        drop(agent);
        controller.kill();
        controller.restart();
        for task in ["before", "lost?"] {
            let status =
                controller.get(&format!("/hosts/host-1/results/{}", task.replace('?', "%3F"))).0;
            assert_eq!(status, 200, "{how}: {task}");
        }
    }
}

#[test]
fn a_deleted_state_directory_is_reported_before_a_result_comes() {
    let controller = Controller::start(&[]);
    fs::remove_dir_all(controller.state()).unwrap();
    let (status, problem) = controller.probe("/readyz");
    assert_eq!(status, 503, "{problem}");
    let mut agent = controller.agent("host-1");
    agent.send(&result("t", "x"));
    wait_until("the log", || controller.log().contains("was deleted or moved"));
    assert_silent(&mut agent);
}

#[test]
fn a_state_directory_that_others_can_change_is_refused() {
    if !needs_root("a_state_directory_that_others_can_change_is_refused") {
        return;
    }
    let scratch = Scratch::new("controller");
    let dev = scratch.file("dev");
    let start = |state: &Path| refused(&dev, state);
    let mode =
        |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    let state = scratch.file("state");
    fs::create_dir(&state).unwrap();
    for loose in [0o777, 0o770, 0o1777] {
        mode(&state, loose);
        let log = start(&state);
        assert!(log.contains("chmod go-w") && log.contains("/state"), "{log}");
    }
    mode(&state, 0o700);
    chown(&state, Some(65534), None).unwrap();
    let log = start(&state);
    assert!(log.contains("uid 65534"), "{log}");

    // A directory above it, through which it could be replaced.
    let above = scratch.file("above");
    fs::create_dir_all(above.join("state")).unwrap();
    mode(&above.join("state"), 0o700);
    mode(&above, 0o777);
    let log = start(&above.join("state"));
    assert!(log.contains("chmod go-w") && log.contains("/above"), "{log}");
    mode(&above, 0o755);

    // Files in it: of another user, for others to use, a link, a FIFO.
    chown(&state, Some(0), None).unwrap();
    let file = state.join("results.db");
    fs::write(&file, "").unwrap();
    mode(&file, 0o666);
    let log = start(&state);
    assert!(log.contains("chmod 0600") && log.contains("results.db"), "{log}");
    mode(&file, 0o600);
    chown(&file, Some(65534), None).unwrap();
    let log = start(&state);
    assert!(log.contains("uid 65534") && log.contains("results.db"), "{log}");
    fs::remove_file(&file).unwrap();
    symlink(scratch.file("elsewhere"), &file).unwrap();
    let log = start(&state);
    assert!(log.contains("results.db") && !scratch.file("elsewhere").exists(), "{log}");
    fs::remove_file(&file).unwrap();
    test_support::run(&["mkfifo", "-m", "600", file.to_str().unwrap()]);
    let log = start(&state);
    assert!(log.contains("results.db"), "{log}");
}

#[test]
fn a_start_with_a_clock_far_ahead_deletes_nothing() {
    let mut controller = Controller::start(&[]);
    let mut agent = controller.agent("host-1");
    for task in ["a", "b"] {
        agent.send(&result(task, "x"));
        assert_eq!(acknowledged(&mut agent), task);
    }
    drop(agent);
    controller.kill();
    // Everything in the database becomes 40 days older: so a clock that far ahead sees it.
    let database = controller.state().join("results.db");
    let older = |sql: &str| Connection::open(&database).unwrap().execute_batch(sql).unwrap();
    older("UPDATE results SET received = received - 40 * 86400000");
    older("UPDATE clock SET trusted = trusted - 40 * 86400000");
    controller.restart();
    wait_until("the log", || controller.log().contains("none is deleted before"));
    let mut agent = controller.agent("host-1");
    agent.send(&result("c", "x"));
    assert_eq!(acknowledged(&mut agent), "c");
    drop(agent);
    // Neither does another start with that clock, after a result came.
    controller.kill();
    controller.restart();
    let mut agent = controller.agent("host-1");
    agent.send(&result("d", "x"));
    assert_eq!(acknowledged(&mut agent), "d");
    let page = controller.get("/hosts/host-1/results").1;
    assert_eq!(page["results"].as_array().unwrap().len(), 4, "{page}");
}

#[test]
fn one_host_cannot_fill_the_store_for_others() {
    let mut controller = Controller::start(&["--max-store-mib", "3", "--max-host-mib", "1"]);
    let (mut greedy, mut modest) = (controller.agent("host-1"), controller.agent("host-2"));
    let data = "x".repeat(100 << 10);
    for number in 0..30 {
        greedy.send(&result(&format!("g{number}"), &data));
    }
    wait_until("the log", || controller.log().contains("--max-host-mib"));
    modest.send(&result("m", &data));
    assert_eq!(acknowledged(&mut modest), "m");
    let stored = controller.get("/hosts/host-1/results?limit=1000").1;
    let stored = stored["results"].as_array().unwrap().len();
    assert_eq!(stored, 10);
    for number in 0..stored {
        assert_eq!(acknowledged(&mut greedy), format!("g{number}"));
    }
    assert_silent(&mut greedy);
    assert_eq!(controller.log().matches("--max-host-mib").count(), 1);
    // With more room, the agent's redeliveries are stored.
    drop((greedy, modest));
    controller.kill();
    controller.restart_with(&["--max-store-mib", "2", "--max-host-mib", "2"]);
    let mut greedy = controller.agent("host-1");
    for number in 10..30 {
        greedy.send(&result(&format!("g{number}"), &data));
    }
    // The bound in all counts the other host's result.
    wait_until("the log", || controller.log().contains("--max-store-mib"));
    for number in 10..19 {
        assert_eq!(acknowledged(&mut greedy), format!("g{number}"));
    }
    assert_silent(&mut greedy);
}

#[test]
fn a_damaged_database_is_reported_at_the_start() {
    let mut controller = Controller::start(&[]);
    let mut agent = controller.agent("host-1");
    let data = "x".repeat(64 << 10);
    for number in 0..20 {
        let task = format!("t{number}");
        agent.send(&result(&task, &data));
        assert_eq!(acknowledged(&mut agent), task);
    }
    drop(agent);
    controller.signal("-TERM");
    controller.wait();
    let database = controller.state().join("results.db");
    let checkpoint = "PRAGMA wal_checkpoint(TRUNCATE)";
    Connection::open(&database).unwrap().query_row(checkpoint, [], |_| Ok(())).unwrap();
    let mut bytes = fs::read(&database).unwrap();
    // Pages in the middle, which hold neither the header nor the schema.
    let middle = bytes.len() / 2;
    bytes[middle..middle + (64 << 10)].fill(0xff);
    fs::write(&database, bytes).unwrap();
    controller.restart();
    wait_until("the log", || controller.log().contains("the database is damaged"));
    let (status, problem) = controller.probe("/readyz");
    assert_eq!(status, 503, "{problem}");
    assert!(problem["detail"].as_str().unwrap().contains("damaged"), "{problem}");
    assert_eq!(controller.probe("/healthz").0, 200);

    // A table that is missing keeps the controller from starting.
    controller.kill();
    Connection::open(&database).unwrap().execute_batch("DROP TABLE usage").unwrap();
    let log = refused(&controller.dir, &controller.state());
    assert!(log.contains("no such table"), "{log}");
}
