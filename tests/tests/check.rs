//! `exec.check` on the real agent, `not_after` of tasks, and the signatures that a request may
//! carry.

use e2e::{Agent, AgentConfig, Channel, Local, Pki, Scratch, Server, connected, needs_root};
use serde_json::{Value, json};

async fn check(channel: &mut Channel, mut fields: Value) -> Value {
    fields["id"] = "check".into();
    fields["method"] = "exec.check".into();
    channel.ask(&fields).await
}

/// Starts an agent with this policy.
async fn with_policy(policy: &str) -> (Server, Agent, Channel, Scratch) {
    let scratch = Scratch::new("check");
    let file = scratch.write("policy.toml", policy);
    let pki = Pki::new();
    let server = Server::start(&pki).await;
    let mut config = AgentConfig::new(server.address());
    config.top = format!("policy = \"{}\"", file.display());
    let agent = Agent::start(&pki, config);
    let channel = server.channel().await;
    (server, agent, channel, scratch)
}

#[tokio::test]
async fn a_check_says_how_the_command_would_start_and_starts_nothing() {
    if !needs_root("the users of commands") {
        return;
    }
    let (_server, agent, mut channel) = connected().await;
    let made = agent.scratch().file("made");
    let cmd = format!("touch {}", made.display());
    let fields = json!({"cmd": cmd, "user": "nobody", "cwd": "/tmp", "limits": {"pids": 50}});
    let reply = check(&mut channel, fields).await;
    assert_eq!(reply["resp"], "success", "{reply}");
    let nobody = nix::unistd::User::from_name("nobody").unwrap().unwrap();
    let data = &reply["data"];
    assert_eq!(
        (&data["user"], &data["uid"], &data["gid"], &data["cwd"], &data["limits"]),
        (
            &json!("nobody"),
            &json!(nobody.uid.as_raw()),
            &json!(nobody.gid.as_raw()),
            &json!("/tmp"),
            &json!("ok")
        ),
        "{reply}"
    );
    assert_eq!(data["shell"], "/bin/bash");
    let tasks = channel.ask(&json!({"id": "list", "method": "async.list"})).await;
    assert_eq!(tasks["data"], json!([]), "{tasks}");
    assert!(!made.exists());
    let methods = channel.ask(&json!({"id": "m", "method": "agent.methods"})).await;
    let methods = methods["data"].as_array().unwrap();
    assert!(methods.iter().any(|method| method["method"] == "exec.check"));
}

#[tokio::test]
async fn a_check_fails_as_the_request_would() {
    let (_server, _agent, mut channel) = connected().await;
    for (fields, retcode, said) in [
        (json!({}), 3021, "cmd is missing"),
        (json!({"cmd": "true", "timeout": 0}), 3021, "timeout"),
        (json!({"cmd": "true", "timeout": 86_401}), 0, ""),
        (json!({"check": "sync.bash", "cmd": "true", "timeout": 86_401}), 3021, "timeout"),
        (json!({"cmd": "true", "stream": true}), 3021, "stream"),
        (json!({"cmd": "true", "user": "no-such-user"}), 3022, "no-such-user"),
        (json!({"cmd": "true", "group": "no-such-group"}), 3022, "no-such-group"),
        (json!({"cmd": "true", "cwd": "/no/such/directory"}), 3033, "/no/such/directory"),
        (json!({"cmd": "true", "cwd": "/etc/passwd"}), 3033, "/etc/passwd"),
        (json!({"cmd": "true", "not_after": "2020-01-01T00:00:00Z"}), 3026, "2020-01-01"),
        (json!({"check": "getinfo.kernel"}), 0, ""),
        (json!({"check": "cron.set", "name": "x", "schedule": "@daily"}), 3021, "cmd"),
        (json!({"check": "cron.set", "name": "x", "schedule": "@daily", "cmd": "a"}), 0, ""),
        (json!({"check": "no.such"}), 3004, "no.such"),
        (json!({"check": "exec.check"}), 3021, "exec.check"),
        (json!({"cmd": "true", "signatures": "x"}), 3021, "signatures"),
    ] {
        let reply = check(&mut channel, fields.clone()).await;
        assert_eq!(reply["retcode"], retcode, "{fields} {reply}");
        assert!(reply["message"].as_str().unwrap_or_default().contains(said), "{reply}");
    }
    let jobs = channel.ask(&json!({"id": "jobs", "method": "cron.list"})).await;
    assert_eq!(jobs["data"], json!([]), "{jobs}");
}

#[tokio::test]
async fn the_policy_judges_a_check_as_the_request_that_it_asks_about() {
    if !needs_root("the users of commands") {
        return;
    }
    let (_server, agent, mut channel, _scratch) = with_policy(
        "default = 'deny'\n\
         [[rule]]\nname = 'no-root'\nreason = 'ask the owner'\naction = 'deny'\nusers = ['root']\n\
         [[rule]]\naction = 'allow'\nmethods = ['async.bash']\n\
         [[rule]]\naction = 'allow'\nmethods = ['getinfo.kernel']\n",
    )
    .await;
    for (fields, retcode) in [
        (json!({"cmd": "true"}), 3023),
        (json!({"cmd": "true", "user": "nobody"}), 0),
        (json!({"check": "sync.bash", "cmd": "true", "user": "nobody"}), 3023),
        (json!({"check": "getinfo.kernel"}), 0),
        (json!({"check": "getinfo.users"}), 3023),
        (json!({"check": "agent.ping"}), 0),
        // No word about the host to a controller that may not ask.
        (json!({"check": "no.such"}), 3023),
    ] {
        let reply = check(&mut channel, fields.clone()).await;
        assert_eq!(reply["retcode"], retcode, "{fields} {reply}");
    }
    let refused = check(&mut channel, json!({"cmd": "true"})).await;
    assert_eq!(refused["message"], "Refused by policy: no-root: ask the owner");
    // The host's own root is above the policy, and may ask on behalf of a controller.
    let mut local = Local::connect(&agent).await;
    let mut ask = async |controller: Value| {
        let request =
            json!({"id": "1", "method": "exec.check", "cmd": "true", "controller": controller});
        local.ask(&request).await["retcode"].clone()
    };
    assert_eq!(ask(Value::Null).await, 0);
    assert_eq!(ask(json!("ctl.example.com")).await, 3023);
}

#[tokio::test]
async fn a_task_is_accepted_until_not_after_and_a_known_one_answers_at_any_time() {
    let (_server, _agent, mut channel) = connected().await;
    let task = |id: &str, fields: Value| {
        let mut request = json!({"id": id, "method": "async.bash", "cmd": "exec sleep 600"});
        request.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        request
    };
    let late = task("late", json!({"not_after": "2020-01-01T00:00:00Z"}));
    let reply = channel.ask(&late).await;
    assert_eq!(reply["retcode"], 3026, "{reply}");
    // It has both times: the request's, and this host's.
    let message = reply["message"].as_str().unwrap();
    assert!(message.contains("2020-01-01T00:00:00.000Z"), "{message}");
    assert!(message.matches('T').count() == 2 && message.contains("clock says 20"), "{message}");
    let status = json!({"id": "s", "method": "async.status", "task": "late"});
    assert_eq!(channel.ask(&status).await["retcode"], 3024, "a rejected task left a trace");

    let soon = task("soon", json!({"not_after": "9999-01-01T00:00:00Z", "signatures": ["a"]}));
    assert_eq!(channel.ask(&soon).await["message"], "Accepted");
    // The same task: another time, other signatures, or none, are no other command.
    for fields in [
        json!({"not_after": "2020-01-01T00:00:00Z", "signatures": ["a"]}),
        json!({"signatures": ["b", "c"], "plan": {"root": "9f86"}}),
        json!({}),
    ] {
        let reply = channel.ask(&task("soon", fields)).await;
        assert_eq!(reply["message"], "Known", "{reply}");
    }
    let wrong = task("x", json!({"not_after": "tomorrow"}));
    assert_eq!(channel.ask(&wrong).await["retcode"], 3021);
    let cancel = json!({"id": "c", "method": "async.cancel", "task": "soon"});
    assert_eq!(channel.ask_past(&cancel).await["resp"], "success");
}

#[tokio::test]
async fn signatures_beyond_their_bounds_are_rejected_with_any_method() {
    let (_server, _agent, mut channel) = connected().await;
    let many = json!(vec!["x"; 9]);
    let long = json!(["x".repeat(4097)]);
    for signatures in [many, long, json!([""]), json!([1])] {
        for (method, cmd) in [("sync.bash", json!("true")), ("getinfo.kernel", Value::Null)] {
            let request =
                json!({"id": "1", "method": method, "cmd": cmd, "signatures": signatures});
            assert_eq!(channel.ask(&request).await["retcode"], 3021, "{method} {signatures}");
        }
    }
    let most = json!({"id": "1", "method": "sync.bash", "cmd": "true", "plan": {"a": 1},
        "signatures": vec!["x".repeat(4096); 8]});
    assert_eq!(channel.ask(&most).await["retcode"], 0);
}
