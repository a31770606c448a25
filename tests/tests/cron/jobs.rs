//! Jobs that a controller sets.

use super::*;

#[tokio::test]
async fn a_job_due_every_second_runs_once_a_second_and_delivers_its_results() {
    let (_server, agent, mut channel) = connected().await;
    let path = file(&agent, "runs");
    let answer =
        set(&mut channel, "tick", json!({"schedule": "* * * * * *", "cmd": append(&path)})).await;
    assert_eq!(answer["resp"], "success", "{answer}");
    assert_eq!(answer["data"]["next"].as_array().unwrap().len(), 5, "{answer}");
    assert_eq!(answer["data"]["schedule"], "* * * * * *", "{answer}");
    let first = result(&mut channel, "tick").await;
    let due = first["due"].as_str().unwrap().to_owned();
    assert_eq!(first["id"], format!("cron:tick:{due}"), "{first}");
    assert_eq!((&first["resp"], &first["retcode"]), (&json!("success"), &json!(0)), "{first}");
    let second = result(&mut channel, "tick").await;
    assert!(second["due"].as_str().unwrap() > due.as_str(), "{second}");
    until_lines(&path, 4).await;
    ran_once_each(&mut channel, "tick", &path).await;
    let jobs = list(&mut channel).await;
    assert_eq!((&jobs[0]["name"], &jobs[0]["enabled"]), (&json!("tick"), &json!(true)), "{jobs:?}");
    assert_eq!(jobs[0]["last"]["resp"], "success", "{jobs:?}");
    assert!(history(&mut channel, "tick").await.len() >= 2);
    let gone = ask(&mut channel, json!({"id": "r", "method": "cron.remove", "name": "tick"})).await;
    assert_eq!(gone["resp"], "success", "{gone}");
    assert!(list(&mut channel).await.is_empty());
    let again =
        ask(&mut channel, json!({"id": "r", "method": "cron.remove", "name": "tick"})).await;
    assert_eq!(again["resp"], "success", "removing is not idempotent: {again}");
}

#[tokio::test]
async fn jobs_run_without_a_controller_and_their_results_are_delivered_later() {
    let pki = Pki::new();
    let server = Server::start(&pki).await;
    let address = server.address().to_string();
    let agent = Agent::start(&pki, AgentConfig::new(server.address()));
    let mut channel = server.channel().await;
    let path = file(&agent, "runs");
    set(&mut channel, "tick", json!({"schedule": "* * * * * *", "cmd": append(&path)})).await;
    drop((channel, server));
    let before = lines(&path).len();
    let alone = until_lines(&path, before + 3).await;
    let server = Server::start_at(&pki, &address).await;
    let mut channel = server.channel().await;
    let mut due = Vec::new();
    for _ in 0..alone.len() {
        due.push(result(&mut channel, "tick").await["due"].as_str().unwrap().to_owned());
    }
    assert!(due.is_sorted() && due.iter().collect::<BTreeSet<_>>().len() == due.len(), "{due:?}");
}

#[tokio::test]
async fn a_due_run_starts_once_across_kill_9() {
    let (server, mut agent, mut channel) = connected().await;
    let path = file(&agent, "runs");
    set(
        &mut channel,
        "tick",
        json!({"schedule": "* * * * * *", "overlap": "allow", "cmd": append(&path)}),
    )
    .await;
    for round in 1..=4 {
        until_lines(&path, 2 * round).await;
        agent.restart();
        channel = server.channel().await;
    }
    until_lines(&path, 10).await;
    let gone = ask(&mut channel, json!({"id": "r", "method": "cron.remove", "name": "tick"})).await;
    assert_eq!(gone["resp"], "success", "{gone}");
    // Each known run has a different due time.
    let listed = ask(&mut channel, json!({"id": "l", "method": "async.list", "limit": 1000})).await;
    let runs: Vec<&Value> = listed["data"].as_array().unwrap().iter().collect();
    let due: BTreeSet<&str> = runs.iter().filter_map(|run| run["due"].as_str()).collect();
    assert_eq!(due.len(), runs.len(), "{runs:?}");
    let started = runs.iter().filter(|run| run["retcode"] != 3035).count();
    let end = Instant::now() + DEADLINE;
    while lines(&path).len() < started {
        assert!(Instant::now() < end, "{} of {started} runs wrote", lines(&path).len());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(lines(&path).len() <= runs.len(), "the agent started more runs than it knows");
}

#[tokio::test]
async fn overlap_skips_queues_or_allows() {
    let (_server, agent, mut channel) = connected().await;
    let go = file(&agent, "go");
    let until_both = format!("until [ -e {} ]; do sleep 0.05; done", go.display());
    for (overlap, wait) in
        [("skip", "sleep 2.5"), ("queue", "sleep 2.5"), ("allow", until_both.as_str())]
    {
        let path = file(&agent, overlap);
        let command = format!("echo start >> {0}; {wait}; echo end >> {0}", path.display());
        let fields = json!({"schedule": "* * * * * *", "overlap": overlap, "cmd": command});
        let answer = set(&mut channel, overlap, fields).await;
        assert_eq!(answer["resp"], "success", "{answer}");
    }
    let allowed = until_lines(&file(&agent, "allow"), 2).await;
    assert_eq!(allowed[..2], ["start", "start"], "two runs did not overlap");
    std::fs::write(go, "").unwrap();
    for overlap in ["skip", "queue"] {
        let found = until_lines(&file(&agent, overlap), 4).await;
        assert_eq!(found[..4], ["start", "end", "start", "end"], "{overlap}: two runs overlapped");
    }
    let jobs = list(&mut channel).await;
    let skipped = jobs.iter().find(|job| job["name"] == "skip").unwrap();
    assert_eq!(skipped["skipped"]["message"], "the previous run is still running", "{skipped}");
    let queued = jobs.iter().find(|job| job["name"] == "queue").unwrap();
    assert!(queued["running"].as_u64().unwrap() >= 2, "{queued}");
}

#[tokio::test]
async fn a_job_keeps_its_definition_across_a_restart_and_is_replaced_by_name() {
    let (server, mut agent, mut channel) = connected().await;
    let fields = json!({"schedule": "CRON_TZ=Europe/Berlin 0 30 2 * * *", "cmd": "true", "user": "nobody",
        "overlap": "queue", "missed": "once", "jitter": 30, "timeout": 5, "env": {"A": "b"}});
    let answer = set(&mut channel, "nightly", fields.clone()).await;
    assert_eq!(answer["resp"], "success", "{answer}");
    let listed = list(&mut channel).await;
    assert_eq!(listed[0]["timezone"], "Europe/Berlin", "{listed:?}");
    agent.restart();
    let mut channel = server.channel().await;
    assert_eq!(list(&mut channel).await, listed);
    set(&mut channel, "nightly", fields).await;
    assert_eq!(list(&mut channel).await, listed, "repeating the request changed the job");
    set(&mut channel, "nightly", json!({"schedule": "@daily", "cmd": "false", "enabled": false}))
        .await;
    let changed = list(&mut channel).await;
    assert_eq!((changed.len(), &changed[0]["cmd"]), (1, &json!("false")), "{changed:?}");
    assert_eq!(changed[0]["next"], json!([]), "a disabled job is still due");
}

#[tokio::test]
async fn a_revision_is_listed_and_another_one_alone_disturbs_no_due_time() {
    let (server, mut agent, mut channel) = connected().await;
    let log = file(&agent, "runs");
    let job = |revision: &str| json!({"schedule": "* * * * * *", "cmd": append(&log), "revision": revision});
    assert_eq!(set(&mut channel, "fleet:tick", job("a")).await["resp"], "success");
    set(&mut channel, "other", json!({"schedule": "0 0 0 * * *", "cmd": "true"})).await;
    // However often the revision changes, each second has its run.
    let began = until_lines(&log, 1).await.len();
    for revision in ["b", "c", "d", "e"].iter().cycle().take(40) {
        assert_eq!(set(&mut channel, "fleet:tick", job(revision)).await["resp"], "success");
        tokio::task::yield_now().await;
    }
    until_lines(&log, began + 2).await;
    let prefixed = json!({"id": "list", "method": "cron.list", "prefix": "fleet:"});
    let listed = ask(&mut channel, prefixed.clone()).await;
    let names: Vec<_> = listed["data"].as_array().unwrap().iter().map(|job| &job["name"]).collect();
    assert_eq!(names, ["fleet:tick"]);
    assert_eq!(listed["data"][0]["revision"], "e");
    assert!(list(&mut channel).await[1].get("revision").is_none());

    // It is as durable as the job.
    agent.restart();
    let mut channel = server.channel().await;
    assert_eq!(ask(&mut channel, prefixed).await["data"][0]["revision"], "e");
    set(&mut channel, "fleet:tick", json!({"schedule": "0 0 0 1 1 *", "cmd": "true"})).await;
    ran_once_each(&mut channel, "fleet:tick", &log).await;
    let long = set(
        &mut channel,
        "x",
        json!({"schedule": "@daily", "cmd": "x", "revision": "x".repeat(65)}),
    )
    .await;
    assert_eq!(long["retcode"], 3021, "{long}");
}

#[tokio::test]
async fn the_one_line_form_names_user_and_command() {
    let (_server, _agent, mut channel) = connected().await;
    let line = "* * * * * * nobody echo $(id -un) $A $(pwd)";
    let answer =
        set(&mut channel, "line", json!({"line": line, "env": {"A": "b"}, "cwd": "/tmp"})).await;
    assert_eq!(answer["resp"], "success", "{answer}");
    let ran = result(&mut channel, "line").await;
    assert_eq!(ran["resp"], "success", "{ran}");
    assert_eq!(ran["data"], "nobody b /tmp\n", "{ran}");
    let jobs = list(&mut channel).await;
    assert_eq!(jobs[0]["user"], "nobody", "{jobs:?}");
}

#[tokio::test]
async fn an_invalid_job_is_rejected_with_the_reason() {
    let (_server, _agent, mut channel) = connected().await;
    let table = [
        (json!({"schedule": "60 * * * * *", "cmd": "true"}), 3021, "second"),
        (json!({"schedule": "0 0 0 31 2 ?", "cmd": "true"}), 3021, "never"),
        (json!({"schedule": "@reboot", "cmd": "true"}), 3021, "@reboot"),
        (json!({"schedule": "@daily"}), 3021, "cmd is missing"),
        (json!({"schedule": "@daily", "cmd": "true", "timezone": "Mars/Base"}), 3021, "Mars/Base"),
        (json!({"schedule": "@daily", "cmd": "true", "calendar": "/no/such"}), 3021, "/no/such"),
        (json!({"schedule": "@daily", "cmd": "true", "calendar": "/dev/zero"}), 3021, "/dev/zero"),
        (json!({"schedule": "@daily", "cmd": "true", "user": "nobody-such"}), 3022, "nobody-such"),
        (json!({"schedule": "@daily", "cmd": "true", "line": "x"}), 3021, "not both"),
        (json!({"line": "0 0 * * * *"}), 3021, "line"),
        (json!({"line": "@daily root true", "cmd": "false"}), 3021, "line or cmd, not both"),
        (json!({"line": "@daily root true", "user": "nobody"}), 3021, "line or user, not both"),
        (json!({"line": "@daily root true", "cwd": "x"}), 3021, "cwd"),
    ];
    for (fields, retcode, text) in table {
        let answer = set(&mut channel, "x", fields.clone()).await;
        assert_eq!(answer["retcode"], retcode, "{fields}: {answer}");
        assert!(answer["message"].as_str().unwrap().contains(text), "{fields}: {answer}");
    }
    assert!(list(&mut channel).await.is_empty());
    for method in ["cron.run", "cron.history"] {
        let answer = ask(&mut channel, json!({"id": "1", "method": method, "name": "x"})).await;
        assert_eq!(answer["retcode"], 3024, "{answer}");
    }
}

#[tokio::test]
async fn a_requested_run_is_one_task_however_often_it_is_requested() {
    let (_server, agent, mut channel) = connected().await;
    let path = file(&agent, "runs");
    set(&mut channel, "yearly", json!({"schedule": "@yearly", "cmd": append(&path)})).await;
    let request = json!({"id": "once", "method": "cron.run", "name": "yearly"});
    let first = ask(&mut channel, request.clone()).await;
    assert_eq!(first["data"]["task"], "cron:yearly:run:once", "{first}");
    until_lines(&path, 1).await;
    let second = ask(&mut channel, request).await;
    assert_eq!(second["data"], first["data"], "{second}");
    let runs = history(&mut channel, "yearly").await;
    assert_eq!(runs.len(), 1, "{runs:?}");
    assert!(runs[0]["due"].is_null(), "{runs:?}");
}

#[tokio::test]
async fn unacknowledged_results_do_not_stop_jobs() {
    let pki = Pki::new();
    let server = Server::start(&pki).await;
    let mut config = AgentConfig::new(server.address());
    config.extra = "[tasks]\nmax_kept = 3\n".to_owned();
    let agent = Agent::start(&pki, config);
    let mut channel = server.channel().await;
    let asked =
        ask(&mut channel, json!({"id": "mine", "method": "async.bash", "cmd": "true"})).await;
    assert_eq!(asked["message"], "Accepted", "{asked}");
    let path = file(&agent, "runs");
    set(&mut channel, "tick", json!({"schedule": "* * * * * *", "cmd": append(&path)})).await;
    until_lines(&path, 5).await;
    let mine =
        ask(&mut channel, json!({"id": "s", "method": "async.status", "task": "mine"})).await;
    assert_eq!(mine["data"]["state"], "ended", "a requested task's result was dropped: {mine}");
}
