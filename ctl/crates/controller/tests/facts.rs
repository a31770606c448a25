//! What the controller keeps of the facts of hosts that are played here: within its bounds, and what
//! it writes down about those who ask.

#![expect(clippy::unwrap_used, reason = "a failed step fails the test")]

mod support;

use serde_json::{Value, json};
use support::{Agent, Controller, refresh};
use test_support::needs_root;

/// Returns a package list whose text hardly compresses, of about so many bytes.
fn packages(round: u64, bytes: usize) -> Value {
    let noise = support::noise(round, bytes);
    json!({"packages": [{"manager": "dpkg", "name": "a", "version": round.to_string(), "x": noise}]})
}

fn changes(controller: &Controller) -> Vec<Value> {
    let path = "/hosts/host-1/facts/getinfo.packages/changes?limit=1000";
    controller.get(path).1["changes"].as_array().unwrap().clone()
}

fn present(controller: &Controller) -> Value {
    controller.get("/hosts/host-1/facts/getinfo.packages").1["data"].clone()
}

fn refreshed(controller: &Controller, agent: &mut Agent, packages: &Value) -> u16 {
    refresh(controller, "host-1", agent, packages).0
}

#[test]
fn the_oldest_history_makes_room_and_the_present_stays() {
    let flags = ["--facts-hours", "0", "--facts-methods", "packages", "--max-facts-mib", "1"];
    let controller = Controller::start(&flags);
    let mut agent = controller.agent("host-1");
    controller.wait_for_hosts(&["host-1"]);
    // A hundred KiB each, as it is stored: forty of them are four times the bound.
    for round in 0..40 {
        assert_eq!(refreshed(&controller, &mut agent, &packages(round, 200 << 10)), 200);
        assert_eq!(present(&controller)["packages"][0]["version"], round.to_string());
    }
    let log = changes(&controller);
    assert!((2..=11).contains(&log.len()), "{}", log.len());
    assert!(log[0]["until"].is_null(), "{}", log[0]);
    // What is left of the log is whole: each entry ends where the next begins, and can be read.
    for pair in log.windows(2) {
        assert_eq!(pair[0]["since"], pair[1]["until"]);
        let at = pair[1]["since"].as_str().unwrap();
        let path = format!("/hosts/host-1/facts/getinfo.packages?at={at}");
        assert_eq!(controller.get(&path).0, 200, "{at}");
    }
    // The present alone is more than the bound: it is refused, and what was known stays.
    let (status, problem) = refresh(&controller, "host-1", &mut agent, &packages(40, 4 << 20));
    assert_eq!(status, 507, "{problem}");
    assert!(problem["detail"].as_str().unwrap().contains("--max-facts-mib"), "{problem}");
    assert_eq!(present(&controller), packages(39, 200 << 10));
    let found = controller.get("/facts/packages?name=a").1;
    assert_eq!(found["hosts"][0]["versions"][0]["version"], "39", "{found}");
    assert_eq!(refreshed(&controller, &mut agent, &packages(41, 1 << 10)), 200);
    assert_eq!(present(&controller), packages(41, 1 << 10));
}

#[test]
fn facts_that_come_on_a_full_disk_are_refused_whole_and_stored_when_there_is_room_again() {
    if !needs_root("facts_that_come_on_a_full_disk_are_refused_whole") {
        return;
    }
    let flags = ["--facts-hours", "0", "--facts-methods", "packages"];
    let (controller, ballast) = Controller::start_on_small_disk("4m", &flags);
    let mut agent = controller.agent("host-1");
    controller.wait_for_hosts(&["host-1"]);
    let large = |round| packages(round, 64 << 10);
    assert_eq!(refreshed(&controller, &mut agent, &large(0)), 200);
    std::fs::write(&ballast, vec![0; 4 << 20]).expect_err("the disk is smaller");
    // What still fits is stored; then comes the end.
    let mut stored = 0;
    let problem = (1..200).find_map(|round| {
        match refresh(&controller, "host-1", &mut agent, &large(round)) {
            (200, _) => {
                stored = round;
                None
            }
            failed => Some(failed),
        }
    });
    let (status, problem) = problem.expect("the disk is full");
    assert_eq!(status, 507, "{problem}");
    assert!(problem["detail"].as_str().unwrap().contains("full"), "{problem}");
    assert_eq!(controller.probe("/readyz").0, 503);
    // Whatever was acknowledged is there, and nothing of what was not.
    let whole = |controller: &Controller| {
        assert_eq!(present(controller), large(stored));
        assert_eq!(changes(controller).len() as u64, stored + 1);
        let found = controller.get("/facts/packages?name=a").1;
        let version = &found["hosts"][0]["versions"][0]["version"];
        assert_eq!(version, &stored.to_string(), "{found}");
    };
    whole(&controller);
    assert_eq!(refreshed(&controller, &mut agent, &large(500)), 507);
    whole(&controller);
    std::fs::remove_file(&ballast).unwrap();
    assert_eq!(refreshed(&controller, &mut agent, &large(501)), 200);
    assert_eq!(present(&controller), large(501));
    assert_eq!(changes(&controller).len() as u64, stored + 2);
    assert_eq!(controller.probe("/readyz").0, 200);
}

#[test]
fn a_full_disk_is_named_in_the_log_once_when_hosts_are_asked_by_the_clock() {
    if !needs_root("a_full_disk_is_named_in_the_log_once_when_hosts_are_asked_by_the_clock") {
        return;
    }
    let flags = ["--facts-hours", "1", "--facts-methods", "packages"];
    let (controller, ballast) = Controller::start_on_small_disk("4m", &flags);
    // Hosts are known before the disk is full, and are asked when they come back.
    let mut agents = ["host-1", "host-2"].map(|host| controller.agent(host));
    let asked = agents.each_mut().map(|agent| agent.receive().unwrap());
    std::fs::write(&ballast, vec![0; 4 << 20]).expect_err("the disk is smaller");
    for (round, (agent, request)) in agents.iter_mut().zip(&asked).enumerate() {
        let packages = packages(round as u64, 2 << 20);
        support::send_facts(agent, request, &packages);
    }
    test_support::wait_until("the log", || controller.log().contains("cannot store facts"));
    let path = "/hosts/host-2/facts/getinfo.packages";
    assert_eq!(controller.get(path).0, 404, "nothing of it is stored");
    std::fs::remove_file(&ballast).unwrap();
    let (status, done) = refresh(&controller, "host-2", &mut agents[1], &packages(9, 1 << 10));
    assert_eq!(status, 200, "{done}");
    let again = || controller.log().contains("facts are stored again");
    test_support::wait_until("the log of its end", again);
    assert_eq!(controller.log().matches("cannot store facts").count(), 1);
}

#[test]
fn a_refresh_is_a_line_of_the_audit_log_and_a_question_is_none() {
    let controller = Controller::start(&["--facts-hours", "0", "--facts-methods", "packages"]);
    let mut agent = controller.agent("host-1");
    controller.wait_for_hosts(&["host-1"]);
    assert_eq!(refreshed(&controller, &mut agent, &packages(1, 10)), 200);
    let question = json!({"path": "$.packages[?@.name=='a'].version"});
    let (status, found) = controller.post("/facts/where", &question);
    assert_eq!((status, &found["hosts"][0]["values"]), (200, &json!(["1"])), "{found}");
    // A host that is not there is a failure, on record too.
    assert_eq!(controller.post("/hosts/host-2/facts/refresh", &json!({})).0, 404);
    let events = controller.get("/events?limit=1000").1;
    let events = events["events"].as_array().unwrap().iter();
    let found: Vec<_> = events
        .filter(|event| event["action"].as_str().unwrap().starts_with("facts"))
        .map(|event| (&event["action"], &event["hosts"], &event["outcome"]))
        .collect();
    let action = json!("facts.refresh");
    assert_eq!(
        found,
        [
            (&action, &json!(["host-1"]), &json!("succeeded")),
            (&action, &json!(["host-2"]), &json!("failed"))
        ]
    );
}
