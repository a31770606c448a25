//! The user and group of a request, and their defaults, on the real agent.

#![expect(clippy::unwrap_used, reason = "a failing test panics")]

use e2e::{
    Agent, AgentConfig, Channel, Pki, Scratch, Server, connected, in_mount_namespace, needs_root,
};
use serde_json::{Value, json};

/// Starts an agent on a host that has, beside its own accounts, a user and a group named 5005 with
/// the number 6006, and others with the number 5005.
async fn with_names_of_digits() -> (Scratch, Server, Agent, Channel) {
    let scratch = Scratch::new("digits");
    let copy = |name: &str, more: &str| {
        let own = std::fs::read_to_string(format!("/etc/{name}")).unwrap();
        scratch.write(name, format!("{}\n{more}", own.trim_end()))
    };
    let passwd = copy("passwd", "5005:x:6006:6006::/:/bin/sh\nother:x:5005:5005::/:/bin/sh\n");
    let group = copy("group", "5005:x:6006:\nother:x:5005:\n");
    let pki = Pki::new();
    let server = Server::start(&pki).await;
    let mut config = AgentConfig::new(server.address());
    config.wrapper =
        in_mount_namespace(&[(passwd.as_path(), "/etc/passwd"), (group.as_path(), "/etc/group")]);
    let agent = Agent::start(&pki, config);
    let channel = server.channel().await;
    (scratch, server, agent, channel)
}

#[tokio::test]
async fn a_number_is_an_id_and_a_text_of_digits_is_a_name_first() {
    if !needs_root("a_number_is_an_id_and_a_text_of_digits_is_a_name_first") {
        return;
    }
    let (_scratch, _server, _agent, mut channel) = with_names_of_digits().await;
    let table = [
        (json!({"user": 5005}), "5005 5005\n"),
        (json!({"user": "5005"}), "6006 6006\n"),
        (json!({"user": "6006"}), "6006 6006\n"),
        (json!({"group": 5005}), "0 5005\n"),
        (json!({"group": "5005"}), "0 6006\n"),
        (json!({"user": 0, "group": "0"}), "0 0\n"),
    ];
    for (fields, ids) in &table {
        let answer = channel.bash("echo $(id -u) $(id -g)", fields.clone()).await;
        assert_eq!(answer["data"], *ids, "{fields}: {answer}");
    }
    // Tasks and jobs keep the difference, also on the disk.
    let task = json!({"id": "task", "method": "async.bash", "user": 5005, "cmd": "id -u"});
    assert_eq!(channel.ask_past(&task).await["message"], "Accepted");
    let job = json!({"id": "set", "method": "cron.set", "name": "job", "user": "5005",
        "schedule": "0 0 0 1 1 *", "cmd": "id -u"});
    assert_eq!(channel.ask_past(&job).await["resp"], "success");
    let run = json!({"id": "run", "method": "cron.run", "name": "job"});
    channel.send(&run).await;
    let mut found = std::collections::BTreeMap::new();
    while found.len() < 2 {
        let message = channel.next().await.unwrap();
        if message["method"].is_string() {
            found.insert(message["id"].as_str().unwrap().to_owned(), message["data"].clone());
        }
    }
    let wanted = [("cron:job:run:run", "6006\n"), ("task", "5005\n")];
    assert_eq!(found, wanted.map(|(id, data)| (id.to_owned(), json!(data))).into());
    for (fields, retcode) in [
        (json!({"user": 4_294_967_295_u64}), 3022),
        (json!({"user": 3_999_999_999_u64}), 3022),
        (json!({"user": u64::MAX}), 3022),
        (json!({"user": -1}), 3021),
        (json!({"user": 0.5}), 3021),
        (json!({"user": true}), 3021),
        (json!({"user": ""}), 3021),
        (json!({"group": [0]}), 3021),
    ] {
        let answer = channel.bash("true", fields.clone()).await;
        assert_eq!(answer["retcode"], retcode, "{fields}: {answer}");
    }
}

#[tokio::test]
async fn a_request_that_spells_out_a_default_is_the_same_request() {
    if !needs_root("a_request_that_spells_out_a_default_is_the_same_request") {
        return;
    }
    let (server, mut agent, mut channel) = connected().await;
    let task = |fields: &Value| {
        let mut task = json!({"id": "one", "method": "async.bash", "cmd": "true"});
        task.as_object_mut().unwrap().extend(fields.as_object().cloned().unwrap());
        task
    };
    let same = [
        json!({}),
        json!({"user": "root"}),
        json!({"user": 0, "group": 0}),
        json!({"user": "0", "group": "root"}),
        json!({"group": "0"}),
        json!({"stderr": "merge", "encoding": "auto", "stream": false, "limits": {}, "env": {}}),
        json!({"timeout": null, "cwd": null, "stdin": null, "unknown": 1}),
        json!({"max_output": 1 << 20}),
    ];
    // Whichever of them comes first.
    for first in &same {
        let accepted = channel.ask_past(&task(first)).await;
        assert_eq!(accepted["message"], "Accepted", "{first}: {accepted}");
        for again in &same {
            let known = channel.ask_past(&task(again)).await;
            assert_eq!(known["message"], "Known", "{first}, then {again}: {known}");
        }
        for other in [
            json!({"user": "nobody"}),
            json!({"group": "daemon"}),
            json!({"max_output": 1000}),
            json!({"encoding": "base64"}),
            json!({"timeout": 60}),
            json!({"stdin": ""}),
        ] {
            let differs = channel.ask_past(&task(&other)).await;
            assert_eq!(differs["retcode"], 3025, "{first}, then {other}: {differs}");
        }
        // A new agent for the next round.
        let state = agent.scratch().file("state");
        agent.kill();
        std::fs::remove_dir_all(state).unwrap();
        agent.restart();
        channel = server.channel().await;
    }
    // The group of the user, where the user is another.
    let nobody = channel.ask_past(&task(&json!({"user": "nobody"}))).await;
    assert_eq!(nobody["message"], "Accepted", "{nobody}");
    let gid = nix::unistd::User::from_name("nobody").unwrap().unwrap().gid.as_raw();
    let known = channel.ask_past(&task(&json!({"user": "nobody", "group": gid}))).await;
    assert_eq!(known["message"], "Known", "{known}");
    // The same after the journal was read again.
    agent.restart();
    channel = server.channel().await;
    let known = channel.ask_past(&task(&json!({"user": "nobody", "group": gid}))).await;
    assert_eq!(known["message"], "Known", "{known}");
}

#[tokio::test]
async fn a_job_that_spells_out_a_default_is_not_replaced() {
    if !needs_root("a_job_that_spells_out_a_default_is_not_replaced") {
        return;
    }
    let (_server, _agent, mut channel) = connected().await;
    let set = |fields: Value| {
        let mut set = json!({"id": "set", "method": "cron.set", "name": "job",
            "schedule": "0 0 0 1 1 *", "cmd": "true"});
        set.as_object_mut().unwrap().extend(fields.as_object().cloned().unwrap());
        set
    };
    let list = json!({"id": "list", "method": "cron.list"});
    assert_eq!(channel.ask(&set(json!({}))).await["resp"], "success");
    for fields in [
        json!({"user": "root", "group": 0}),
        json!({"overlap": "skip", "missed": "skip", "jitter": 0, "enabled": true}),
        json!({"horizon": 86400}),
    ] {
        assert_eq!(channel.ask(&set(fields)).await["resp"], "success");
        // A job that is replaced is listed with its new fields.
        assert!(channel.ask(&list).await["data"][0].get("user").is_none());
    }
    assert_eq!(channel.ask(&set(json!({"user": "nobody"}))).await["resp"], "success");
    assert_eq!(channel.ask(&list).await["data"][0]["user"], "nobody");
}

#[tokio::test]
async fn a_request_that_can_never_run_is_not_told_to_try_again() {
    let pki = Pki::new();
    let server = Server::start(&pki).await;
    let mut config = AgentConfig::new(server.address());
    config.top = "max_message = 67108864".to_owned();
    let _agent = Agent::start(&pki, config);
    let mut channel = server.channel().await;
    let env = json!({"A": "x".repeat(64 << 10), "B": "x".repeat(64 << 10)});
    // As JSON, each of these takes six bytes.
    let escaped = "\u{1}".repeat(1 << 20);
    let job = |fields: Value| {
        let mut job = json!({"name": "job", "schedule": "0 0 0 1 1 *", "cmd": "true"});
        job.as_object_mut().unwrap().extend(fields.as_object().cloned().unwrap());
        job
    };
    for (method, fields, word) in [
        ("sync.bash", json!({"cmd": "true", "env": env}), "env"),
        ("async.bash", json!({"cmd": "true", "env": env}), "env"),
        ("cron.set", job(json!({"env": env})), "env"),
        ("async.bash", json!({"cmd": "true", "stdin": escaped}), "stdin"),
        ("cron.set", job(json!({"stdin": escaped})), "stdin"),
        ("sync.bash", json!({"cmd": "true", "stdin": "x".repeat((16 << 20) + 1)}), "stdin"),
    ] {
        let mut request = json!({"id": "1", "method": method});
        request.as_object_mut().unwrap().extend(fields.as_object().cloned().unwrap());
        let answer = channel.ask(&request).await;
        assert_eq!(answer["retcode"], 3021, "{method} {word}: {answer}");
        assert!(answer["message"].as_str().unwrap().contains(word), "{answer}");
    }
    let env = json!({"A": "x".repeat(64 << 10), "B": "x".repeat((64 << 10) - 6)});
    assert_eq!(channel.bash("true", json!({"env": env})).await["retcode"], 0);
}
