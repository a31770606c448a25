//! A host whose agent is of a version before `exec.check`: the plan says that it was not asked, and
//! the run reaches it.

mod support;

use serde_json::json;
use support::Controller;
use test_support::wait_some;

/// Answers as an older agent does: it knows `async.bash`, and neither `exec.check` nor `not_after`.
fn play(controller: &Controller, host: &str) {
    let mut agent = controller.agent(host);
    std::thread::spawn(move || {
        while let Ok(Some(message)) = agent.try_receive() {
            let id = &message["id"];
            let unknown = json!({"id": id, "resp": "failed", "retcode": 3004,
                "message": "No such method: exec.check"});
            let accepted =
                json!({"id": id, "resp": "success", "retcode": 0, "message": "Accepted"});
            let ended = json!({"method": "async.result", "id": id, "resp": "success", "retcode": 0,
                "message": "Normal termination", "data": "", "started": "2026-01-31T09:30:00Z",
                "ended": "2026-01-31T09:30:01Z"});
            let unknown_task = json!({"id": id, "resp": "failed", "retcode": 3024,
                "message": "No such task or schedule: no task with this id"});
            let replies = match message["method"].as_str() {
                Some("exec.check") => vec![unknown],
                Some("async.bash") => vec![accepted, ended],
                Some("async.status") => vec![unknown_task],
                _ => Vec::new(),
            };
            replies.iter().for_each(|reply| agent.send(&format!("{reply}\n")));
        }
    });
}

#[test]
fn an_agent_without_exec_check_is_not_asked_and_runs_the_command() {
    let controller = Controller::start(&[]);
    play(&controller, "host-1");
    controller.wait_for_hosts(&["host-1"]);
    let body = json!({"request": {"method": "async.bash", "cmd": "true"}, "selector": ""});
    let (status, plan) = controller.post("/plans", &body);
    assert_eq!(status, 201, "{plan}");
    assert_eq!(plan["answers"]["not_asked"], 1, "{plan}");
    let id = plan["id"].as_str().unwrap();
    let targets = controller.get(&format!("/plans/{id}/targets")).1;
    let why = targets["targets"][0]["why"].as_str().unwrap();
    assert!(why.contains("exec.check") && why.contains("9.9.9"), "{why}");
    let (status, run) = controller.post(&format!("/plans/{id}/apply"), &json!({}));
    assert_eq!(status, 200, "{run}");
    let ended = wait_some("the run's end", || {
        let run = controller.get(&format!("/runs/{id}")).1;
        (run["state"] == "ended").then_some(run)
    });
    assert_eq!(ended["equation"]["succeeded"], 1, "{ended}");
}
