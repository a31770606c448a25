//! A store on a full disk: no result is acknowledged that is not stored, everything else works, and
//! the store recovers by itself.

mod support;

use serde_json::json;
use std::collections::BTreeSet;
use std::time::Duration;
use support::Controller;
use test_support::{needs_root, wait_until};

const RESULTS: usize = 30;

#[test]
fn results_wait_on_a_full_disk_and_are_stored_when_there_is_room_again() {
    if !needs_root("results_wait_on_a_full_disk_and_are_stored_when_there_is_room_again") {
        return;
    }
    let (controller, ballast) = Controller::start_on_small_disk("4m", &[]);
    let agent = controller.agent("host-1");
    controller.wait_for_hosts(&["host-1"]);
    std::fs::write(&ballast, vec![0; 4 << 20]).expect_err("the disk is smaller");
    let (status, problem) = controller.probe("/readyz");
    assert_eq!(status, 503, "{problem}");
    assert!(problem["detail"].as_str().unwrap().contains("is full"), "{problem}");
    // A host that is known gets in all the same.
    drop(agent);
    let mut agent = controller.agent("host-1");
    let data = "x".repeat(8 << 10);
    for number in 0..RESULTS {
        let event = json!({"method": "async.result", "id": format!("t{number}"), "resp": "success", "retcode": 0, "data": data});
        agent.send(&format!("{event}\n"));
    }
    wait_until("the disk to be full", || controller.log().contains("cannot store results"));
    // Other requests work.
    let status = std::thread::scope(|scope| {
        let asking = scope.spawn(|| controller.ask("host-1", r#"{"method":"agent.ping"}"#).0);
        let mut acked = BTreeSet::new();
        let id = loop {
            let message = agent.receive().unwrap();
            match message["method"].as_str() {
                Some("async.ack") => assert!(acked.insert(message["id"].to_string())),
                _ => break message["id"].to_string(),
            }
        };
        agent.send(&format!("{{\"id\":{id},\"resp\":\"success\",\"retcode\":0,\"message\":\"\"}}"));
        let status = asking.join().unwrap();
        assert!(acked.len() < RESULTS, "the disk was not full");
        for number in 0..RESULTS {
            let there = controller.get(&format!("/hosts/host-1/results/t{number}")).0 == 200;
            assert!(
                there || !acked.contains(&format!("\"t{number}\"")),
                "t{number} was acknowledged but not stored"
            );
        }
        // Logged once, however many were not stored.
        wait_until("the log", || controller.log().contains("cannot store results"));
        assert_eq!(controller.log().matches("cannot store results").count(), 1);
        std::fs::remove_file(&ballast).unwrap();
        while acked.len() < RESULTS {
            let message = agent.receive().unwrap();
            assert_eq!(message["method"], "async.ack");
            acked.insert(message["id"].to_string());
        }
        status
    });
    assert_eq!(status, 200);
    wait_until("the log", || controller.log().contains("results are stored again"));
    assert_eq!(controller.probe("/readyz").0, 200);
    let page = controller.get("/hosts/host-1/results?limit=1000").1;
    assert_eq!(page["results"].as_array().unwrap().len(), RESULTS);
    agent.stream.sock.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
    assert!(agent.try_receive().is_err());
}
