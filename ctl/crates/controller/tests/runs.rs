//! Runs: one request to many hosts. Each host has one end, whatever happens to the controller, and
//! starts the command once.
//!
//! More than 400 lines: each test plays the same hosts, by the functions at the top.

#![expect(clippy::unwrap_used, reason = "a failed step fails the test")]

#[path = "support/herd/mod.rs"]
mod herd;
mod support;

use fleet::run::Request;
use fleet::run::plan::{PlanBytes, Proof};
use herd::{Herd, members};
use serde_json::{Map, Value, json};
use std::io::{BufRead as _, BufReader, Write as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;
use support::{Controller, DEADLINE};
use test_support::{wait_some_within, wait_until};

/// Longer than any run here takes, with restarts, on a machine that is busy with other tests.
const PATIENCE: Duration = Duration::from_secs(120);

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}")).to_owned()
}

/// Starts a run; returns its id.
fn start(controller: &Controller, body: &Value) -> String {
    let (status, run) = controller.post("/runs", body);
    assert_eq!(status, 201, "{run}");
    text(&run["id"])
}

/// Lets a host connect, and waits until it has gone again.
fn visit(controller: &Controller, host: &str) {
    let agent = controller.agent(host);
    controller.wait_for_hosts(&[host]);
    drop(agent);
    controller.wait_for_hosts(&[]);
}

/// Waits until a whole herd is connected.
fn wait_for_all(herd: &Herd) {
    let is_whole = || (herd.connected() == herd.members.len()).then_some(());
    wait_some_within(PATIENCE, "the herd", is_whole);
}

fn command(hosts: &[&str]) -> Value {
    json!({ "request": { "method": "sync.bash", "cmd": "true" }, "hosts": hosts,
        "stop_after": "none", "ramp": false })
}

/// Waits for a run's end; returns it.
fn ended(controller: &Controller, run: &str) -> Value {
    wait_some_within(PATIENCE, "the run's end", || {
        let (status, run) = controller.get(&format!("/runs/{run}"));
        assert_eq!(status, 200, "{run}");
        (run["state"] == "ended").then_some(run)
    })
}

/// Returns a host's target.
fn target(controller: &Controller, run: &str, host: &str) -> Value {
    controller.get(&format!("/runs/{run}/targets/{host}")).1["target"].clone()
}

/// Checks that a run has as many ends as targets, in these states.
fn assert_equation(run: &Value, wanted: &[(&str, u64)]) {
    let equation = run["equation"].as_object().unwrap();
    let found: Vec<_> = equation
        .iter()
        .filter(|(_, count)| count.as_u64() != Some(0))
        .map(|(state, count)| (state.as_str(), count.as_u64().unwrap()))
        .collect();
    let total = wanted.iter().map(|(_, count)| count).sum();
    let mut wanted = [wanted, &[("total", total)]].concat();
    wanted.sort_unstable();
    let mut found = found;
    found.sort_unstable();
    assert_eq!(found, wanted, "{run}");
}

/// Plays a host that answers each request but `exec.check` by `answer`; returns what it gets.
fn play(
    controller: &Controller,
    host: &str,
    answer: impl Fn(&Map<String, Value>) -> Vec<Value> + Send + 'static,
) -> Receiver<Map<String, Value>> {
    let mut agent = controller.agent(host);
    let (sender, received) = channel();
    std::thread::spawn(move || {
        while let Ok(Some(message)) = agent.try_receive() {
            let answers = match message["method"].as_str() {
                Some("exec.check") => vec![success(&message)],
                _ => {
                    let answers = answer(&message);
                    // The test may have ended.
                    let _ = sender.send(message);
                    answers
                }
            };
            answers.iter().for_each(|answer| agent.send(&format!("{answer}\n")));
        }
    });
    received
}

fn success(message: &Map<String, Value>) -> Value {
    json!({ "id": message["id"], "resp": "success", "retcode": 0, "message": "Accepted" })
}

fn failure(message: &Map<String, Value>, retcode: u16, why: &str) -> Value {
    json!({ "id": message["id"], "resp": "failed", "retcode": retcode, "message": why })
}

fn result(message: &Map<String, Value>) -> Value {
    json!({ "method": "async.result", "id": message["id"], "resp": "success", "retcode": 0,
        "message": "Normal termination", "data": "", "started": "2026-01-31T09:30:00Z" })
}

/// Accepts a command, and has done it.
fn does_it(message: &Map<String, Value>) -> Vec<Value> {
    match message["method"].as_str() {
        Some("async.bash") => vec![success(message), result(message)],
        _ => Vec::new(),
    }
}

fn next(received: &Receiver<Map<String, Value>>) -> Map<String, Value> {
    received.recv_timeout(DEADLINE).expect("a request in time")
}

#[test]
fn a_command_reaches_each_host_once_and_the_equation_adds_up() {
    const HOSTS: usize = 200;
    let controller = Controller::start(&[]);
    let mut herd = Herd::new(members(&controller.dir, controller.agents, HOSTS, true));
    herd.start(Duration::ZERO);
    wait_for_all(&herd);
    let mut wanted = command(&[]);
    wanted.as_object_mut().unwrap().remove("hosts");
    wanted["selector"] = json!("");
    let run = start(&controller, &wanted);
    assert_equation(&ended(&controller, &run), &[("succeeded", HOSTS as u64)]);
    for member in &herd.members {
        assert_eq!(member.starts(), [(format!("run:{run}"), 1)].into(), "{}", member.id);
    }
    let groups = controller.get(&format!("/runs/{run}/outputs")).1;
    assert_eq!(groups["groups"][0]["count"], HOSTS, "{groups}");
    let result = controller.get(&format!("/runs/{run}/targets/herd-00007")).1["result"].clone();
    assert_eq!(result["message"], "Normal termination", "{result}");
}

#[test]
fn a_run_goes_on_after_kills_and_no_host_starts_twice() {
    const HOSTS: usize = 120;
    let mut controller = Controller::start(&[]);
    let mut herd = Herd::new(members(&controller.dir, controller.agents, HOSTS, true));
    herd.start(Duration::ZERO);
    wait_for_all(&herd);
    let mut wanted = command(&[]);
    wanted.as_object_mut().unwrap().remove("hosts");
    wanted["selector"] = json!("");
    wanted["concurrency"] = json!(2);
    let run = start(&controller, &wanted);
    for part in [10, 60] {
        wait_some_within(PATIENCE, "a part of the run", || {
            let equation = &controller.get(&format!("/runs/{run}")).1["equation"];
            (equation["succeeded"].as_u64().unwrap() >= part).then_some(())
        });
        controller.kill();
        controller.restart();
        herd.move_to(controller.agents);
    }
    assert_equation(&ended(&controller, &run), &[("succeeded", HOSTS as u64)]);
    for member in &herd.members {
        assert_eq!(member.starts(), [(format!("run:{run}"), 1)].into(), "{}", member.id);
    }
}

#[test]
fn a_host_that_comes_back_gets_its_queue_in_order() {
    let controller = Controller::start(&[]);
    visit(&controller, "host-1");
    let runs: Vec<String> = (0..3).map(|_| start(&controller, &command(&["host-1"]))).collect();
    wait_until("the queue", || {
        runs.iter().all(|run| target(&controller, run, "host-1")["state"] == "queued")
    });
    let received = play(&controller, "host-1", does_it);
    let mut ids = Vec::new();
    while ids.len() < runs.len() {
        let message = next(&received);
        if message["method"] == "async.bash" {
            ids.push(text(&message["id"]));
        }
    }
    assert_eq!(ids, runs.iter().map(|run| format!("run:{run}")).collect::<Vec<_>>());
    for run in &runs {
        assert_equation(&ended(&controller, run), &[("succeeded", 1)]);
    }
}

#[test]
fn each_host_that_cannot_do_it_has_an_end_and_a_sentence() {
    let hosts = ["refuses", "old", "full", "broken", "quarantined", "banned", "removed", "fine"];
    let controller = Controller::start_with_hosts(&hosts);
    let reply = |host: &'static str, retcode, why: &'static str| {
        play(&controller, host, move |message| match message["method"].as_str() {
            Some("async.bash") => vec![failure(message, retcode, why)],
            _ => Vec::new(),
        })
    };
    let _played = [
        reply("refuses", 3023, "Refused by policy: rule 2"),
        reply("old", 3004, "No such method: async.bash"),
        reply("full", 3043, "No space: the disk is full"),
        reply("broken", 3033, "Could not be started: no /bin/bash"),
        play(&controller, "quarantined", does_it),
        play(&controller, "fine", does_it),
    ];
    let gone: Vec<_> = ["banned", "removed"].map(|host| controller.agent(host)).into();
    wait_until("the hosts", || {
        controller.get("/hosts?connected=true").1["hosts"].as_array().unwrap().len() == hosts.len()
    });
    drop(gone);
    for host in ["banned", "removed"] {
        wait_until("the host's end", || {
            controller.get(&format!("/hosts/{host}")).1["connected"] == false
        });
    }
    let mut wanted = command(&hosts);
    let soon =
        humantime::format_rfc3339_seconds(std::time::SystemTime::now() + Duration::from_secs(20));
    wanted["not_after"] = json!(soon.to_string());
    let (status, _) = controller.post("/hosts/quarantined/quarantine", &json!({"reason": "odd"}));
    assert_eq!(status, 200);
    let run = start(&controller, &wanted);
    assert_eq!(controller.post("/hosts/banned/ban", &json!({})).0, 200);
    assert!(matches!(controller.delete("/hosts/removed"), 200..=204));
    let over = ended(&controller, &run);
    for (host, state, why) in [
        ("refuses", "refused", "rule 2"),
        ("old", "invalid", "No such method"),
        ("full", "expired", "the disk is full"),
        ("broken", "failed", "no /bin/bash"),
        ("quarantined", "refused", "quarantined"),
        ("banned", "refused", "banned"),
        ("removed", "removed", "removed"),
    ] {
        let found = target(&controller, &run, host);
        assert_eq!(found["state"], state, "{found}");
        assert!(text(&found["why"]).contains(why), "{found}");
    }
    assert_equation(
        &over,
        &[
            ("refused", 3),
            ("invalid", 1),
            ("expired", 1),
            ("failed", 1),
            ("removed", 1),
            ("succeeded", 1),
        ],
    );
}

#[test]
fn a_quarantined_host_of_a_run_gets_nothing_until_it_is_settled() {
    let controller = Controller::start(&[]);
    let mut first = controller.agent("host-1");
    let first = std::thread::spawn(move || {
        while let Some(message) = first.receive().filter(|it| it["method"] != "async.bash") {
            first.send(&format!("{}\n", success(&message)));
        }
    });
    let run = start(&controller, &command(&["host-1"]));
    // The agent ends before it replies: whether it started the command is unknown.
    first.join().unwrap();
    let is_connected = || controller.get("/hosts/host-1").1["connected"] == true;
    wait_until("the agent's end", || !is_connected());
    let odd = json!({ "reason": "odd" });
    assert_eq!(controller.post("/hosts/host-1/quarantine", &odd).0, 200);
    let received = play(&controller, "host-1", does_it);
    wait_until("the agent that is back", is_connected);
    assert_eq!(target(&controller, &run, "host-1")["state"], "sent");
    assert!(received.try_recv().is_err(), "a quarantined host got a request");
    let (status, settled) = controller.post("/hosts/host-1/settle", &json!({ "choice": "keep" }));
    assert_eq!(status, 200, "{settled}");
    assert_eq!(next(&received)["method"], "async.bash");
    assert_equation(&ended(&controller, &run), &[("succeeded", 1)]);
}

#[test]
fn a_canceled_run_sends_nothing_more_and_cancels_what_runs() {
    let controller = Controller::start(&[]);
    let first = play(&controller, "host-1", |message| match message["method"].as_str() {
        Some("async.bash") => vec![success(message)],
        Some("async.cancel") => vec![
            success(message),
            json!({ "method": "async.result", "id": message["task"], "resp": "failed",
                "retcode": 3034, "message": "Cancelled", "started": "2026-01-31T09:30:00Z" }),
        ],
        _ => Vec::new(),
    });
    let second = play(&controller, "host-2", does_it);
    controller.wait_for_hosts(&["host-1", "host-2"]);
    let mut wanted = command(&["host-1", "host-2"]);
    wanted["concurrency"] = json!(1);
    let run = start(&controller, &wanted);
    assert_eq!(next(&first)["method"], "async.bash");
    wait_until("the first host", || target(&controller, &run, "host-1")["state"] == "running");
    let (status, canceled) = controller.post(&format!("/runs/{run}/cancel"), &json!({}));
    assert_eq!(status, 200, "{canceled}");
    let over = ended(&controller, &run);
    assert_equation(&over, &[("canceled", 1), ("canceled_before_start", 1)]);
    assert_eq!(over["end"], "canceled");
    assert!(second.try_iter().all(|message| message["method"] != "async.bash"));
}

/// Computes a plan's hash as a host can (docs/plans.md): from what it received and its own id alone.
fn hash_of(mut message: Map<String, Value>, host: &str) -> String {
    let plan = message.remove("plan").unwrap();
    for besides in ["id", "not_after", "signatures"] {
        message.remove(besides).unwrap();
    }
    let proof: Proof = serde_json::from_value(plan["proof"].clone()).unwrap();
    let bytes = PlanBytes {
        run: plan["id"].as_str().unwrap(),
        request: &Request::parse(message).unwrap(),
        hosts: proof.root(host).unwrap(),
        size: proof.size,
        valid_from: plan["valid_from"].as_i64().unwrap(),
        valid_until: plan["valid_until"].as_i64().unwrap(),
    };
    bytes.hash().to_string()
}

#[test]
fn what_a_command_prints_is_followed_and_a_client_that_was_cut_off_goes_on() {
    let controller = Controller::start(&[]);
    let ends = Arc::new(AtomicBool::new(false));
    let offset = |message: &Map<String, Value>| message.get("offset").and_then(Value::as_u64);
    let (told, (asks, asked)) = (Arc::clone(&ends), channel());
    // It prints "one" and two bytes that are no text; the rest when it ends.
    let received = play(&controller, "host-1", move |message| {
        let (text, base64, next) = match (message["method"].as_str(), offset(message)) {
            (Some("async.bash"), _) => return vec![success(message)],
            (Some("async.output"), Some(0)) => (Some("one"), None, 3),
            (Some("async.output"), Some(3)) => (None, Some("/wA="), 5),
            (Some("async.output"), Some(offset)) => {
                let _ = asks.send(());
                (Some(""), None, offset)
            }
            _ => return Vec::new(),
        };
        let mut answers = Vec::new();
        if told.swap(false, Ordering::SeqCst) {
            let mut ended = result(message);
            (ended["id"], ended["data"]) = (message["task"].clone(), json!("one and all"));
            answers.push(ended);
        }
        let mut answer = success(message);
        answer["data"] = json!({ "offset": message["offset"], "next": next, "ended": false });
        for (name, part) in [("text", text), ("base64", base64)] {
            part.into_iter().for_each(|part| answer["data"][name] = part.into());
        }
        answers.push(answer);
        answers
    });
    controller.wait_for_hosts(&["host-1"]);
    let run = start(&controller, &command(&["host-1"]));
    assert_eq!(next(&received)["method"], "async.bash");
    let follow = |last: Option<&str>| {
        let mut stream = controller.connect_http();
        let resumes = last.map(|id| format!("Last-Event-ID: {id}\r\n")).unwrap_or_default();
        let head = format!(
            "GET /api/v1/runs/{run}/targets/host-1/output HTTP/1.1\r\nHost: x\r\n\
             Authorization: {}\r\n{resumes}\r\n",
            controller.bearer()
        );
        stream.write_all(head.as_bytes()).unwrap();
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        BufReader::new(stream).lines().map(Result::unwrap)
    };
    fn find(lines: &mut impl Iterator<Item = String>, wanted: &str) -> String {
        let found = lines.find(|line| line.contains(wanted));
        found.unwrap_or_else(|| panic!("the stream has no {wanted}"))
    }
    let mut lines = follow(None);
    let part = r#"{"stream":"stdout","offset":0,"next":3,"text":"one"}"#;
    find(&mut lines, part);
    find(&mut lines, "id: 5.0");
    find(&mut lines, r#""offset":3,"next":5,"base64":"/wA="}"#);
    drop(lines);
    let mut lines = follow(Some("3.0"));
    find(&mut lines, r#""state":"running""#);
    find(&mut lines, r#""offset":3,"next":5,"base64":"/wA="}"#);
    // Only now, or the end could come before the part.
    asked.recv_timeout(DEADLINE).unwrap();
    ends.store(true, Ordering::SeqCst);
    let last = find(&mut lines, "\"state\":\"succeeded\"");
    assert!(last.starts_with("data: "), "{last}");
    assert_eq!(find(&mut follow(Some("5.0")), "HTTP/1.1"), "HTTP/1.1 204 No Content");
}

#[test]
fn hosts_get_the_signatures_that_a_plan_was_applied_with() {
    let controller = Controller::start_with_hosts(&["host-0", "host-1", "host-2"]);
    let received = play(&controller, "host-1", does_it);
    let _others = ["host-0", "host-2"].map(|host| play(&controller, host, does_it));
    controller.wait_for_hosts(&["host-0", "host-1", "host-2"]);
    let plan = controller.post("/plans", &command(&["host-1", "host-2", "host-0"])).1;
    let apply = |body: &Value| {
        controller.post(&format!("/plans/{}/apply", plan["id"].as_str().unwrap()), body)
    };
    for (wrong, field) in [
        (json!({ "signatures": vec!["x"; 9] }), "signatures"),
        (json!({ "signatures": ["x".repeat(4097)] }), "signatures"),
        (json!({ "signatures": [""] }), "signatures"),
        (json!({ "signature": "x" }), "signature"),
    ] {
        let (status, problem) = apply(&wrong);
        assert_eq!(status, 400, "{problem}");
        assert!(text(&problem["detail"]).contains(field), "{problem}");
    }
    // As many bytes as there may be, each of which takes six in JSON.
    let signatures = vec!["\u{1}".repeat(4096); 8];
    let (status, run) = apply(&json!({ "signatures": signatures }));
    assert_eq!(status, 200, "{run}");
    let message = next(&received);
    assert_eq!(message["signatures"], json!(signatures));
    assert_eq!((&message["plan"]["id"], &message["plan"]["hash"]), (&plan["id"], &plan["hash"]));
    assert_eq!(hash_of(message.clone(), "host-1"), plan["hash"]);
    assert_ne!(hash_of(message, "host-2"), plan["hash"], "each host has its own proof");
    // They are those of the request that applied it, and another plan of its hosts has none.
    assert_eq!(apply(&json!({ "signatures": ["late"] })).1["applied_at"], run["applied_at"]);
    let run = ended(&controller, &text(&run["id"]));
    assert_equation(&run, &[("succeeded", 3)]);
    let states = json!({ "states": ["succeeded"] });
    let again = controller.post(&format!("/runs/{}/again", text(&run["id"])), &states).1;
    let (status, run) =
        controller.post(&format!("/plans/{}/apply", text(&again["id"])), &json!({}));
    assert_eq!(status, 200, "{run}");
    let message = next(&received);
    assert_eq!((message.get("signatures"), message.get("plan")), (None, None), "{message:?}");
}

#[test]
fn facts_of_many_hosts_are_asked_and_kept() {
    let controller = Controller::start(&[]);
    let answer = |message: &Map<String, Value>| {
        let mut reply = success(message);
        reply["data"] = json!({ "release": "6.1.0" });
        vec![reply]
    };
    let _played = ["host-1", "host-2"].map(|host| play(&controller, host, answer));
    controller.wait_for_hosts(&["host-1", "host-2"]);
    let mut wanted = command(&["host-1", "host-2"]);
    wanted["request"] = json!({ "method": "getinfo.kernel" });
    let run = start(&controller, &wanted);
    assert_equation(&ended(&controller, &run), &[("succeeded", 2)]);
    let result = controller.get(&format!("/runs/{run}/targets/host-2")).1["result"].clone();
    assert_eq!(result["data"]["release"], "6.1.0", "{result}");
}

#[test]
fn a_controller_that_stops_leaves_its_runs_and_goes_on_with_them() {
    let mut controller = Controller::start(&[]);
    visit(&controller, "host-1");
    let run = start(&controller, &command(&["host-1"]));
    wait_until("the queue", || target(&controller, &run, "host-1")["state"] == "queued");
    controller.signal("-TERM");
    assert!(controller.wait().success());
    controller.restart();
    assert_eq!(controller.get(&format!("/runs/{run}")).1["state"], "running");
    let _played = play(&controller, "host-1", does_it);
    assert_equation(&ended(&controller, &run), &[("succeeded", 1)]);
}

#[test]
fn roles_are_judged_again_when_a_hosts_turn_comes() {
    let controller = Controller::start(&[]);
    visit(&controller, "host-1");
    let bob = json!({ "name": "bob", "roles": ["operator"] });
    assert_eq!(controller.post("/operators", &bob).0, 201);
    let (status, token) = controller.post("/operators/bob/tokens", &json!({ "name": "ci" }));
    assert_eq!(status, 201, "{token}");
    let sent = support::http()
        .post(format!("{}/runs", controller.api))
        .header("Authorization", format!("Bearer {}", text(&token["secret"])))
        .header("Content-Type", "application/json")
        .send(command(&["host-1"]).to_string());
    let (status, run) = support::read(sent);
    assert_eq!(status, 201, "{run}");
    let run = text(&run["id"]);
    wait_until("the queue", || target(&controller, &run, "host-1")["state"] == "queued");
    assert!(matches!(controller.delete("/operators/bob"), 200..=204));
    let received = play(&controller, "host-1", does_it);
    assert_equation(&ended(&controller, &run), &[("refused", 1)]);
    let found = target(&controller, &run, "host-1");
    assert!(text(&found["why"]).contains("bob may do nothing anymore"), "{found}");
    assert!(received.try_iter().all(|message| message["method"] != "async.bash"));
}
