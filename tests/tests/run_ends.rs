//! Hosts to which something happens in the middle of a run, with real agents: each has one end, and
//! a sentence that says why. The controller's tests have the agent that is too old
//! (`older_agent.rs`).

#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a failed step fails the test, which says what it tried; a test starts real binaries"
)]

#[path = "fleet/mod.rs"]
mod fleet;

use e2e::{wait_some_within, wait_until};
use fleet::{Controller, Host};
use serde_json::{Value, json};
use std::time::{Duration, SystemTime};
use test_support::{needs_root, run};

/// Longer than `not_after`.
const PATIENCE: Duration = Duration::from_secs(120);

/// How long hosts without room are waited for: longer than six agents take to come back.
const NOT_AFTER: Duration = Duration::from_secs(30);

const HOSTS: [&str; 9] =
    ["banned", "disk", "fine", "policy", "quarantined", "relabeled", "removed", "renamed", "store"];

fn target(controller: &Controller, run: &str, host: &str) -> Value {
    controller.get(&format!("/runs/{run}/targets/{host}")).unwrap()
}

fn state(controller: &Controller, run: &str, host: &str) -> String {
    target(controller, run, host)["target"]["state"].as_str().unwrap().to_owned()
}

fn set_role(controller: &Controller, host: &str, role: &str) {
    let change = json!({ "set": { "role": role } });
    let done = controller.call("PUT", &format!("/hosts/{host}/labels"), Some(&change)).unwrap();
    assert_eq!(done["labels"]["role"]["value"], role, "{done}");
}

fn is_online(controller: &Controller, host: &str) -> bool {
    controller.get(&format!("/hosts/{host}")).unwrap()["connected"] == true
}

/// Returns a time from now as the API reads it.
fn later(wait: Duration) -> String {
    let since = (SystemTime::now() + wait).duration_since(SystemTime::UNIX_EPOCH).unwrap();
    let time =
        chrono::DateTime::from_timestamp(i64::try_from(since.as_secs()).unwrap(), 0).unwrap();
    time.to_rfc3339_opts(chrono::SecondsFormat::Secs, true)
}

/// Lets each host join; `store` keeps one task only, which runs.
fn join_all(controller: &Controller) -> Vec<Host> {
    let hosts: Vec<Host> = HOSTS
        .into_iter()
        .map(|name| {
            let policy = controller.scratch.file("policy.toml");
            let more = match name {
                "policy" => {
                    std::fs::write(&policy, "default = \"allow\"\n").unwrap();
                    format!("policy = \"{}\"", policy.display())
                }
                "store" => "[tasks]\nmax_kept = 1".to_owned(),
                _ => String::new(),
            };
            Host::join(controller, name, &more)
        })
        .collect();
    for host in HOSTS {
        wait_until("the host is online", || is_online(controller, host));
        set_role(controller, host, "web");
    }
    hosts
}

#[test]
fn each_host_to_which_something_happens_has_an_end_and_a_sentence() {
    if !needs_root("agents with host names and mounts of their own") {
        return;
    }
    let controller = Controller::start("run-ends");
    let mut hosts = join_all(&controller);
    let place = |name: &str| HOSTS.iter().position(|known| *known == name).unwrap();
    let long = json!({
        "request": { "method": "async.bash", "cmd": "sleep 300" }, "hosts": ["store"],
    });
    let long = controller.call("POST", "/runs", Some(&long)).unwrap()["id"].clone();
    let long = long.as_str().unwrap();
    wait_until("the task of the full store", || state(&controller, long, "store") == "running");

    fill_disk(&controller, &mut hosts[place("disk")]);

    // All of them are in the plan; then some are away when their turn comes.
    let away = ["banned", "policy", "quarantined", "relabeled", "removed", "renamed"];
    for name in away {
        hosts[place(name)].stop();
        wait_until("the host is offline", || !is_online(&controller, name));
    }
    let body = json!({
        "request": { "method": "async.bash", "cmd": "hostname" }, "selector": "role=web",
        "stop_after": "none", "ramp": false, "not_after": later(NOT_AFTER),
    });
    let run = controller.call("POST", "/runs", Some(&body)).unwrap();
    assert_eq!(run["equation"]["total"], HOSTS.len(), "{run}");
    let run = run["id"].as_str().unwrap();
    for name in away {
        wait_until("the queue", || state(&controller, run, name) == "queued");
    }
    for (name, act) in [("banned", "ban"), ("quarantined", "quarantine")] {
        let reason = json!({ "reason": "odd" });
        let done = controller.call("POST", &format!("/hosts/{name}/{act}"), Some(&reason)).unwrap();
        assert!(done["id"] == name, "{done}");
    }
    assert_eq!(controller.call("DELETE", "/hosts/removed", None), Some(Value::Null));
    set_role(&controller, "relabeled", "db");
    hosts[place("renamed")].name = "another-name".to_owned();
    let rule = "default = \"allow\"\n[[rule]]\nname = \"freeze\"\naction = \"deny\"\n\
                methods = [\"async.bash\"]\nreason = \"nothing before Monday\"\n";
    std::fs::write(controller.scratch.file("policy.toml"), rule).unwrap();
    for name in away {
        hosts[place(name)].start();
    }

    let over = wait_some_within(PATIENCE, "the run's end", || {
        controller.get(&format!("/runs/{run}")).filter(|run| run["state"] == "ended")
    });
    for (name, end, why) in [
        ("banned", "refused", "banned"),
        ("disk", "expired", "files free"),
        ("policy", "refused", "freeze"),
        ("quarantined", "refused", "quarantined"),
        ("removed", "removed", "removed"),
        ("store", "expired", "1 tasks"),
    ] {
        let found = &target(&controller, run, name)["target"];
        assert_eq!(found["state"], end, "{found}");
        assert!(found["why"].as_str().unwrap().contains(why), "{found}");
    }
    // The list is frozen: other labels and names change nothing.
    for (name, printed) in
        [("fine", "fine"), ("relabeled", "relabeled"), ("renamed", "another-name")]
    {
        let found = target(&controller, run, name);
        assert_eq!(found["target"]["state"], "succeeded", "{found}");
        assert_eq!(found["result"]["data"], format!("{printed}\n"), "{found}");
    }
    let equation = &over["equation"];
    let ends = ["refused", "expired", "removed", "succeeded"].map(|end| equation[end].as_u64());
    assert_eq!(ends, [3, 2, 1, 3].map(Some), "{over}");
    controller.call("POST", &format!("/runs/{long}/cancel"), Some(&json!({}))).unwrap();
    wait_until("the end of the long task", || state(&controller, long, "store") == "canceled");
}

/// Starts an agent again on a small disk of its own, and fills that.
fn fill_disk(controller: &Controller, host: &mut Host) {
    let state = host.dir.join("state");
    host.stop();
    wait_until("the host is offline", || !is_online(controller, &host.id));
    host.first = format!(
        "cp -a {0} {0}.old && mount -t tmpfs -o size=64m,mode=700 disk {0} && \
         cp -a {0}.old/. {0}/",
        state.display()
    );
    host.start();
    wait_until("the host is online", || is_online(controller, &host.id));
    let fill = format!("! dd if=/dev/zero of={}/fill bs=64k", state.display());
    let process = host.child.id().to_string();
    run(&["nsenter", "--target", &process, "--mount", "sh", "-c", &fill]);
}
