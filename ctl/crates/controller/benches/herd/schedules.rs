//! Schedules on a whole fleet: how long until they are true on every host, when they are applied,
//! changed, looked at again and removed.

use crate::herd::{Herd, members};
use crate::support::{self, Controller};
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use test_support::wait_some_within;

/// More than a fleet should need on any machine.
const PATIENCE: Duration = Duration::from_secs(300);

/// Schedules for all hosts.
const SCHEDULES: usize = 5;

/// The operator who writes them: with the hosts' labels, its roles decide on each host.
const AUTHOR: &str = "bob";

pub(crate) fn run(agents: usize) {
    let controller = Controller::start(&["--handshake-rate", "2000"]);
    let mut herd = Herd::new(members(&controller.dir, controller.agents, agents, true));
    herd.start(Duration::from_secs(5));
    wait_some_within(PATIENCE, "the herd", || (herd.connected() >= agents).then_some(()));
    let operator = json!({ "name": AUTHOR, "roles": ["admin"] });
    assert_eq!(controller.post("/operators", &operator).0, 201);
    let (_, token) = controller.post(&format!("/operators/{AUTHOR}/tokens"), &json!({"name": "b"}));
    let bearer = format!("Bearer {}", token["secret"].as_str().unwrap());
    println!("resident with {agents} idle hosts: {} MiB", controller.resident() >> 10);
    let set = |cmd: &str| -> Vec<Value> {
        let entry = |number| {
            json!({ "name": format!("s{number}"), "selector": "", "schedule": "@daily",
                "user": "root", "cmd": if number == 0 { cmd } else { "true" } })
        };
        (0..SCHEDULES).map(entry).collect()
    };
    let apply = |schedules: Vec<Value>| {
        let sent = support::http()
            .post(format!("{}/schedules/apply", controller.api))
            .header("Authorization", &bearer)
            .header("Content-Type", "application/json")
            .send(json!({ "schedules": schedules, "prune": true }).to_string());
        let (status, body) = support::read(sent);
        assert_eq!(status, 200, "{body}");
    };
    let are_true = || -> Option<()> {
        let list = controller.get("/schedules?limit=100").1;
        let all = list["schedules"].as_array().unwrap();
        let is_true = |one: &Value| one["hosts"]["applied"] == agents;
        (all.len() == SCHEDULES && all.iter().all(is_true)).then_some(())
    };
    let measured = |what: &str, act: &dyn Fn()| {
        let (begun, used) = (Instant::now(), controller.processor_time());
        act();
        let took = begun.elapsed().as_secs_f64();
        println!(
            "{what}: {took:.2} s, {:.0} hosts/s; {:.2} s of the controller's processor time; \
             resident {} MiB",
            agents as f64 / took,
            (controller.processor_time() - used).as_secs_f64(),
            controller.resident() >> 10
        );
    };
    measured(&format!("{SCHEDULES} schedules applied to all hosts"), &|| {
        apply(set("true"));
        wait_some_within(PATIENCE, "the schedules on every host", are_true);
    });
    measured("one of them changed", &|| {
        apply(set("false"));
        wait_some_within(PATIENCE, "the change on every host", are_true);
    });
    measured("each host looked at again (schedules/check)", &|| {
        let (mut done, mut rounds) = (0, 0);
        while done < agents as u64 && rounds < 100 {
            let (status, checked) = controller.post("/schedules/check", &json!({"selector": ""}));
            assert_eq!(status, 200, "{checked}");
            done = checked["done"].as_u64().unwrap_or_default();
            rounds += 1;
        }
    });
    measured("all removed", &|| {
        apply(Vec::new());
        let left = || herd.members.iter().map(|member| member.jobs()).sum::<usize>();
        wait_some_within(PATIENCE, "no job on any host", || (left() == 0).then_some(()));
    });
}
