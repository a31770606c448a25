//! Results of tasks: stored once, acknowledged only then, and returned to clients.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a test that reports its figures")]

mod support;

use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::time::{Duration, Instant};
use support::{Agent, Controller, DEADLINE};

/// Returns a result as an agent sends it.
fn result(task: &str, data: &str) -> Value {
    json!({
        "method": "async.result", "id": task, "resp": "success", "retcode": 0, "message": "Normal termination",
        "data": data, "started": "2026-01-01T00:00:00Z", "ended": "2026-01-01T00:00:01Z",
    })
}

/// Receives a message, which must be an acknowledgement, and returns its task.
fn acknowledged(agent: &mut Agent) -> String {
    let ack = agent.receive().unwrap();
    assert_eq!((ack["method"].as_str(), ack.len()), (Some("async.ack"), 2), "{ack:?}");
    ack["id"].as_str().unwrap().to_owned()
}

#[test]
fn a_result_is_stored_once_and_acknowledged_each_time() {
    let controller = Controller::start(&[]);
    let mut agent = controller.agent("host-1");
    // Verbatim, with fields of a later version and digits that no double holds.
    let first = "{\"method\":\"async.result\", \"id\":\"t/1\",\n\"resp\":\"failed\",\"retcode\":3035,\"new\":1e300,\"n\":18446744073709551617}";
    agent.send(first);
    assert_eq!(acknowledged(&mut agent), "t/1");
    for _ in 0..2 {
        agent.send(first);
        assert_eq!(acknowledged(&mut agent), "t/1");
    }
    let run = json!({"method": "cron.result", "id": "t2", "name": "nightly", "resp": "success", "retcode": 7});
    agent.send(&run.to_string());
    assert_eq!(acknowledged(&mut agent), "t2");
    // The same id on another host is another task.
    let mut other = controller.agent("host-2");
    other.send(&result("t2", "x").to_string());
    assert_eq!(acknowledged(&mut other), "t2");
    // Offline hosts have results too.
    drop((agent, other));
    controller.wait_for_hosts(&[]);

    let url = format!("{}/hosts/host-1/results/t%2F1", controller.api);
    let mut response =
        support::http().get(url).header("Authorization", controller.bearer()).call().unwrap();
    assert_eq!(response.body_mut().read_to_string().unwrap(), first);
    assert_eq!(controller.get("/hosts/host-1/results/t2"), (200, run));
    assert_eq!(controller.get("/hosts/host-2/results/t2").1["data"], "x");
    assert_eq!(controller.get("/hosts/host-2/results/t%2F1").0, 404);
    assert_eq!(controller.get("/hosts/nobody/results"), (200, json!({"results": []})));
    let stored = controller.get("/hosts/host-1/results").1;
    assert_eq!(stored["results"].as_array().unwrap().len(), 2, "{stored}");
}

#[test]
fn each_run_of_a_task_id_is_stored_and_the_newest_is_the_tasks_result() {
    let mut controller = Controller::start(&[]);
    let mut agent = controller.agent("host-1");
    let run = |day: u32| {
        let mut run = result("backup", &format!("day {day}"));
        run["ended"] = json!(format!("2026-01-{day:02}T00:00:01Z"));
        run
    };
    // As from an agent that was installed anew, or has forgotten the id after a week.
    let runs = [run(1), run(9), run(17)];
    for run in &runs {
        agent.send(&run.to_string());
        assert_eq!(acknowledged(&mut agent), "backup");
        assert_eq!(&controller.get("/hosts/host-1/results/backup").1, run);
    }
    let stored = |controller: &Controller| -> Vec<Value> {
        let page = controller.get("/hosts/host-1/results").1;
        page["results"].as_array().unwrap().iter().map(|row| row["result"].clone()).collect()
    };
    assert_eq!(stored(&controller), runs);
    // Redeliveries, also after a restart and of an older run, add nothing.
    controller.kill();
    controller.restart();
    let mut agent = controller.agent("host-1");
    for run in &runs {
        agent.send(&run.to_string());
        assert_eq!(acknowledged(&mut agent), "backup");
    }
    assert_eq!(stored(&controller), runs);
    assert_eq!(controller.get("/hosts/host-1/results/backup").1, runs[2]);
}

#[test]
fn the_results_of_a_host_are_read_in_pages() {
    let controller = Controller::start(&[]);
    let mut agent = controller.agent("host-1");
    let sent: Vec<String> = (0..25).map(|number| format!("t{number}")).collect();
    agent.send(
        &sent.iter().map(|task| result(task, "x").to_string()).collect::<Vec<_>>().join("\n"),
    );
    let acked: Vec<String> = sent.iter().map(|_| acknowledged(&mut agent)).collect();
    assert_eq!(acked, sent);
    let (mut found, mut after) = (Vec::new(), 0);
    loop {
        let (status, page) =
            controller.get(&format!("/hosts/host-1/results?limit=10&after={after}"));
        assert_eq!(status, 200, "{page}");
        let page = page["results"].as_array().unwrap().clone();
        assert!(page.len() <= 10);
        let Some(last) = page.last() else { break };
        assert!(last["received"].as_str().unwrap().ends_with('Z'));
        after = last["sequence"].as_i64().unwrap();
        found.extend(page.iter().map(|item| {
            assert_eq!(item["task"], item["result"]["id"]);
            item["task"].as_str().unwrap().to_owned()
        }));
    }
    assert_eq!(found, sent);
    // A page is bounded in bytes, too, but one result always fits.
    let big = "x".repeat(9 << 20);
    for task in ["big-1", "big-2"] {
        agent.send(&result(task, &big).to_string());
        assert_eq!(acknowledged(&mut agent), task);
    }
    let url = format!("{}/hosts/host-1/results?after={after}", controller.api);
    let mut response =
        support::http().get(url).header("Authorization", controller.bearer()).call().unwrap();
    let text = response.body_mut().with_config().limit(100 << 20).read_to_string().unwrap();
    let page: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(page["results"].as_array().unwrap().len(), 1);
    assert_eq!(page["results"][0]["task"], "big-1");
    for query in ["limit=0", "limit=1001", "limit=x", "after=", "nonsense=1"] {
        let (status, response) = controller.get(&format!("/hosts/host-1/results?{query}"));
        assert!(
            status == 400 && !response["detail"].as_str().unwrap().is_empty(),
            "{query}: {response}"
        );
    }
    assert_eq!(controller.get("/hosts/host-1/results/x?wait=61").0, 400);
}

#[test]
fn a_client_that_waits_for_a_result_gets_it_at_once() {
    let controller = Controller::start(&[]);
    let mut agent = controller.agent("host-1");
    let begun = Instant::now();
    std::thread::scope(|scope| {
        let waiting: Vec<_> = (0..3)
            .map(|_| scope.spawn(|| controller.get("/hosts/host-1/results/t?wait=60")))
            .collect();
        let other = scope.spawn(|| controller.get("/hosts/host-1/results/u?wait=1"));
        agent.send(&result("not-t", "x").to_string());
        assert_eq!(acknowledged(&mut agent), "not-t");
        agent.send(&result("t", "there").to_string());
        for wait in waiting {
            let (status, event) = wait.join().unwrap();
            assert_eq!((status, event["data"].as_str()), (200, Some("there")));
        }
        assert_eq!(other.join().unwrap().0, 404);
    });
    assert!(begun.elapsed() < DEADLINE);
}

#[test]
fn every_acknowledged_result_survives_a_kill_of_the_controller() {
    const RESULTS: usize = 20_000;
    let mut controller = Controller::start(&[]);
    let mut acked = BTreeSet::new();
    for round in 0..5 {
        let mut agent = controller.agent("host-1");
        let events: String = (0..RESULTS)
            .map(|number| result(&format!("{round}-{number}"), "output").to_string())
            .collect::<Vec<_>>()
            .join("\n");
        let mut sent = 0;
        for chunk in events.as_bytes().chunks(64 << 10) {
            sent += chunk.len();
            agent.send(std::str::from_utf8(chunk).unwrap());
            if sent > (64 << 10) * (1 + round) {
                break;
            }
        }
        // Killed after the first acknowledgements, with more of them on their way.
        acked.insert(acknowledged(&mut agent));
        controller.kill();
        while let Ok(Some(ack)) = agent.try_receive() {
            acked.insert(ack["id"].as_str().unwrap().to_owned());
        }
        controller.restart();
    }
    let mut stored = BTreeSet::new();
    let mut after = 0;
    loop {
        let page = controller.get(&format!("/hosts/host-1/results?limit=1000&after={after}")).1;
        let page = page["results"].as_array().unwrap().clone();
        let Some(last) = page.last() else { break };
        after = last["sequence"].as_i64().unwrap();
        for item in &page {
            assert_eq!(item["result"]["data"], "output");
            assert!(
                stored.insert(item["task"].as_str().unwrap().to_owned()),
                "stored twice: {item}"
            );
        }
    }
    println!("{} acknowledged, {} stored", acked.len(), stored.len());
    let lost: Vec<_> = acked.difference(&stored).collect();
    assert!(lost.is_empty(), "{} of {} are lost: {lost:?}", lost.len(), acked.len());
    // A result that was stored but not acknowledged is redelivered, and acknowledged then.
    let mut agent = controller.agent("host-1");
    for task in stored.difference(&acked).take(100) {
        agent.send(&result(task, "output").to_string());
        assert_eq!(&acknowledged(&mut agent), task);
        assert_eq!(controller.get(&format!("/hosts/host-1/results/{task}")).1["data"], "output");
    }
    let page = controller.get(&format!("/hosts/host-1/results?after={after}")).1;
    assert_eq!(page, json!({"results": []}));
}

#[test]
fn an_invalid_result_is_not_acknowledged_and_does_not_end_the_session() {
    let controller = Controller::start(&[]);
    let mut agent = controller.agent("host-1");
    for broken in [
        r#"{"method":"async.result"}"#.to_owned(),
        r#"{"method":"async.result","id":"","resp":"success","retcode":0}"#.to_owned(),
        r#"{"method":"async.result","id":7,"resp":"success","retcode":0}"#.to_owned(),
        r#"{"method":"async.result","id":"a","resp":"perhaps","retcode":0}"#.to_owned(),
        r#"{"method":"async.result","id":"a","resp":"success","retcode":-1}"#.to_owned(),
        result(&"a".repeat(129), "x").to_string(),
        format!(
            "{{\"method\":\"async.result\",\"id\":\"a\",\"x\":{}1{}}}",
            "[".repeat(40),
            "]".repeat(40)
        ),
        result("a", &"x".repeat(65 << 20)).to_string(),
    ] {
        agent.send(&broken);
    }
    agent.send(&result("good", "x").to_string());
    assert_eq!(acknowledged(&mut agent), "good");
    agent.stream.sock.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
    assert!(agent.try_receive().is_err());
    assert_eq!(controller.get("/hosts/host-1/results/a").0, 404);
}
