//! `make api-fuzz`: schemathesis calls every operation of the real controller with requests that its
//! OpenAPI document allows, and with others that it does not, and compares the answers with it.
//!
//! Its choice of requests is random, so this is no part of `make test`, where `contract` calls each
//! operation once.

#![expect(clippy::unwrap_used, reason = "a failed step fails the test")]
#![expect(clippy::print_stdout, reason = "a long test that reports its result")]

mod support;

use serde_json::json;
use std::path::{Path, PathBuf};
use std::process::Command;
use support::{Agent, Controller};
use test_support::{Scratch, wait_until};

/// Results of `host-1` that the database holds at the start.
const RESULTS: usize = 250;

#[test]
#[ignore = "takes a minute and needs schemathesis: make api-fuzz"]
fn the_api_keeps_to_its_document_whatever_is_asked() {
    let program = tool("schemathesis/bin/schemathesis");
    let mut controller = Controller::start(&[]);
    let mut agent = controller.agent("host-1");
    let _other = controller.agent("host-2");
    controller.wait_for_hosts(&["host-1", "host-2"]);
    seed(&mut agent);
    let answering = std::thread::spawn(move || answer(&mut agent));

    let scratch = Scratch::new("api-fuzz");
    let (plan, run_id) = plan_and_run(&controller);
    let config = include_str!("api_fuzz.toml").replace("PLAN", &plan).replace("RUN", &run_id);
    scratch.write("schemathesis.toml", &config);
    let setting = |name: &str, default: &str| std::env::var(name).unwrap_or(default.to_owned());
    let seconds = setting("BASICAGENT_API_FUZZ_SECONDS", "60");
    let seed = setting("BASICAGENT_API_FUZZ_SEED", "");
    let mut arguments = vec![
        "--config-file".to_owned(),
        "schemathesis.toml".to_owned(),
        "run".to_owned(),
        format!("{}/openapi.json", controller.api),
        "--header".to_owned(),
        format!("Authorization: {}", controller.bearer()),
        "--max-time".to_owned(),
        seconds,
    ];
    if !seed.is_empty() {
        arguments.extend(["--seed".to_owned(), seed]);
    }
    run(&program, &scratch, &arguments);

    assert_eq!(controller.probe("/readyz").0, 200, "{}", controller.log());
    assert!(controller.child.try_wait().unwrap().is_none(), "{}", controller.log());
    let log = controller.log();
    assert!(!log.contains("panicked"), "{log}");
    assert!(!log.contains(&controller.token), "the log holds the token");
    controller.kill();
    answering.join().unwrap();
}

/// Stores results.
fn seed(agent: &mut Agent) {
    for task in 0..RESULTS {
        let result = json!({
            "method": "async.result", "id": format!("task-{task}"), "resp": "success", "retcode": 0,
            "message": "Normal termination", "data": "x".repeat(task),
        });
        agent.send(&result.to_string());
        assert_eq!(agent.receive().unwrap()["method"], "async.ack");
    }
}

/// Makes a plan, and a run that has ended; returns their ids.
fn plan_and_run(controller: &Controller) -> (String, String) {
    let body = json!({"request": {"method": "agent.ping"}, "hosts": ["host-1"]});
    let id = |path: &str| {
        let (status, made) = controller.post(path, &body);
        assert_eq!(status, 201, "{made}");
        made["id"].as_str().unwrap().to_owned()
    };
    let (plan, run) = (id("/plans"), id("/runs"));
    wait_until("the run's end", || {
        controller.get(&format!("/runs/{run}")).1["equation"]["succeeded"] == 1
    });
    (plan, run)
}

/// Answers every request, as an agent that does nothing, until the channel ends.
fn answer(agent: &mut Agent) {
    while let Ok(Some(request)) = agent.try_receive() {
        let Some(id) = request.get("id") else { continue };
        let mut reply = json!({"id": id, "resp": "success", "retcode": 0, "message": "Done"});
        let packages = json!({"packages": [{"name": "bash", "version": "5.2"}]});
        match request["method"].as_str() {
            Some("getinfo.all") => {
                reply["data"] = json!([{
                    "method": "getinfo.packages", "resp": "success", "retcode": 0, "message": "",
                    "data": packages,
                }]);
            }
            Some(method) if method.starts_with("getinfo.") => reply["data"] = packages,
            _ => (),
        }
        agent.send(&reply.to_string());
    }
}

/// Returns a program that `make api-fuzz` fetches.
fn tool(name: &str) -> PathBuf {
    let tools = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../target/tools");
    let found = tools.join(name);
    assert!(found.exists(), "{} is missing: run `make api-fuzz`", found.display());
    found.canonicalize().unwrap()
}

#[expect(clippy::disallowed_methods, reason = "the test runs schemathesis")]
fn run(program: &Path, folder: &Scratch, arguments: &[String]) {
    let output = Command::new(program).args(arguments).current_dir(folder.path()).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    println!("{text}");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "schemathesis found a difference (above); {errors}");
}
