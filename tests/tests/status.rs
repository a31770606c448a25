//! `BasicAgentCtl status` on the host: whether the agent is well, for people and for monitoring.

#![expect(clippy::disallowed_methods, reason = "a test starts the real binary")]

use e2e::{Agent, AgentConfig, Local, Pki, binary, connected, eventually};
use nix::sys::signal::Signal;
use serde_json::{Value, json};
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

fn status(agent: &Agent, args: &[&str]) -> (i32, String, String) {
    let mut ctl = Command::new(binary("BasicAgentCtl"));
    ctl.arg("status").args(args).arg("--socket").arg(Local::path(agent));
    let output = ctl.output().expect("the command line starts");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
    (output.status.code().expect("it exits"), text(output.stdout), text(output.stderr))
}

fn document(agent: &Agent) -> (i32, Value) {
    let (code, out, err) = status(agent, &["--json"]);
    assert_eq!(err, "", "JSON says all");
    (code, serde_json::from_str(&out).expect("JSON"))
}

#[tokio::test]
async fn a_connected_agent_is_well_and_says_where_it_is_connected_and_what_is_due() {
    let (server, mut agent, channel) = connected().await;
    let mut local = Local::connect(&agent).await;
    // In some hours, so that neither is due during the test.
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() / 3600;
    for (name, hours) in [("late", 12), ("soon", 6)] {
        let schedule = format!("0 0 {} * * *", (now + hours) % 24);
        let set = json!({"id": name, "method": "cron.set", "name": name, "schedule": schedule,
                         "timezone": "UTC", "cmd": "true"});
        assert_eq!(local.ask(&set).await["resp"], "success");
    }
    let task = json!({"id": "t", "method": "async.bash", "cmd": "sleep 600"});
    assert_eq!(local.ask(&task).await["resp"], "success");
    let address = server.address().to_string();
    eventually("the task runs", || document(&agent).1["agent"]["tasks_running"] == 1).await;
    let (code, found) = document(&agent);
    assert_eq!((code, &found["form"], &found["state"]), (0, &json!(1), &json!("ok")), "{found}");
    assert_eq!(found["reasons"], json!([]));
    assert_eq!(found["agent"]["connected_to"], json!(address));
    assert!(found["agent"]["connection_since"].as_str().unwrap().ends_with('Z'), "{found}");
    let names: Vec<&Value> =
        found["next_jobs"].as_array().unwrap().iter().map(|job| &job["name"]).collect();
    assert_eq!(names, ["soon", "late"], "{found}");
    let (code, text, _) = status(&agent, &[]);
    assert!(code == 0 && text.starts_with("state     ok\n"), "{text}");
    assert!(text.contains(&format!("\nserver    {address}, since ")), "{text}");
    assert!(text.contains("\ntasks     1 running, 0 waiting\n"), "{text}");
    let end = found["agent"]["certificate_not_after"].as_str();
    assert!(end.is_some_and(|end| end.ends_with('Z')), "{found}");
    assert!(text.contains("\nidentity  files, certificate until "), "{text}");

    // The server goes away.
    drop((server, channel));
    eventually("the loss is noticed", || document(&agent).0 == 1).await;
    let (_, found) = document(&agent);
    assert_eq!(found["state"], "warning");
    assert!(found["reasons"][0].as_str().unwrap().starts_with("not connected"), "{found}");
    assert_eq!(found["agent"]["connected_to"], Value::Null);
    eventually("an error is logged", || {
        document(&agent).1["agent"]["last_errors"].as_array().is_some_and(|all| !all.is_empty())
    })
    .await;

    agent.signal(Signal::SIGTERM);
    agent.wait().await;
    let (code, found) = document(&agent);
    assert_eq!((code, &found["state"]), (3, &json!("unknown")), "{found}");
    let (code, out, err) = status(&agent, &[]);
    assert!(code == 3 && out.is_empty() && err.contains("agent.sock"), "{out}{err}");
}

#[tokio::test]
async fn a_line_of_a_crontab_that_is_wrong_is_a_warning() {
    let nowhere = "127.0.0.1:1".parse().expect("an address");
    let agent = Agent::start(&Pki::new(), AgentConfig::new(nowhere));
    Local::connect(&agent).await;
    agent.scratch().write("cron.d/bad", "61 * * * * * root true\n");
    agent.signal(Signal::SIGHUP);
    eventually("the crontab is read", || {
        let (_, found) = document(&agent);
        found["reasons"].to_string().contains("cron.d/bad:1:")
    })
    .await;
}
