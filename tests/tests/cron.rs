//! Scheduled jobs on the real agent: set, started when they are due, once, and told about.

#![expect(clippy::unwrap_used, reason = "in a test, what fails shall panic")]

use e2e::{Agent, AgentConfig, Channel, DEADLINE, Pki, Server, connected};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

async fn ask(channel: &mut Channel, request: Value) -> Value {
    channel.ask_past(&request).await
}

async fn set(channel: &mut Channel, name: &str, fields: Value) -> Value {
    let mut request = json!({"id": "set", "method": "cron.set", "name": name});
    request.as_object_mut().unwrap().extend(fields.as_object().cloned().unwrap());
    ask(channel, request).await
}

async fn list(channel: &mut Channel) -> Vec<Value> {
    let answer = ask(channel, json!({"id": "list", "method": "cron.list"})).await;
    assert_eq!(answer["resp"], "success", "{answer}");
    answer["data"].as_array().unwrap().clone()
}

async fn history(channel: &mut Channel, name: &str) -> Vec<Value> {
    let answer = ask(channel, json!({"id": "history", "method": "cron.history", "name": name})).await;
    assert_eq!(answer["resp"], "success", "{answer}");
    answer["data"].as_array().unwrap().clone()
}

/// The next `cron.result` of a job.
async fn result(channel: &mut Channel, name: &str) -> Value {
    loop {
        let message = channel.next().await.unwrap();
        if message["method"] == "cron.result" && message["name"] == name {
            return message;
        }
    }
}

fn lines(path: &Path) -> Vec<String> {
    std::fs::read_to_string(path).unwrap_or_default().lines().map(str::to_owned).collect()
}

/// Waits until a file has so many lines.
async fn until_lines(path: &Path, count: usize) -> Vec<String> {
    let end = Instant::now() + DEADLINE;
    loop {
        let found = lines(path);
        if found.len() >= count {
            return found;
        }
        assert!(Instant::now() < end, "{} has {found:?}", path.display());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn file(agent: &Agent, name: &str) -> PathBuf {
    agent.scratch().file(name)
}

fn append(path: &Path) -> String {
    format!("date +%s >> {}", path.display())
}

#[tokio::test]
async fn a_job_due_every_second_runs_once_a_second_and_delivers_its_results() {
    let (_server, agent, mut channel) = connected().await;
    let path = file(&agent, "runs");
    let answer = set(&mut channel, "tick", json!({"schedule": "* * * * * *", "cmd": append(&path)})).await;
    assert_eq!(answer["resp"], "success", "{answer}");
    assert_eq!(answer["data"]["next"].as_array().unwrap().len(), 5, "{answer}");
    assert_eq!(answer["data"]["schedule"], "* * * * * *", "{answer}");
    let first = result(&mut channel, "tick").await;
    let due = first["due"].as_str().unwrap().to_owned();
    assert_eq!(first["id"], format!("cron:tick:{due}"), "{first}");
    assert_eq!((&first["resp"], &first["retcode"]), (&json!("success"), &json!(0)), "{first}");
    let second = result(&mut channel, "tick").await;
    assert!(second["due"].as_str().unwrap() > due.as_str(), "{second}");
    let seconds = until_lines(&path, 4).await;
    assert_eq!(seconds.iter().collect::<BTreeSet<_>>().len(), seconds.len(), "no second twice: {seconds:?}");
    let jobs = list(&mut channel).await;
    assert_eq!((&jobs[0]["name"], &jobs[0]["enabled"]), (&json!("tick"), &json!(true)), "{jobs:?}");
    assert_eq!(jobs[0]["last"]["resp"], "success", "{jobs:?}");
    assert!(history(&mut channel, "tick").await.len() >= 2);
    let gone = ask(&mut channel, json!({"id": "r", "method": "cron.remove", "name": "tick"})).await;
    assert_eq!(gone["resp"], "success", "{gone}");
    assert!(list(&mut channel).await.is_empty());
    let again = ask(&mut channel, json!({"id": "r", "method": "cron.remove", "name": "tick"})).await;
    assert_eq!(again["resp"], "success", "removing is idempotent: {again}");
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
    set(&mut channel, "tick", json!({"schedule": "* * * * * *", "overlap": "allow", "cmd": append(&path)}))
        .await;
    for round in 1..=4 {
        until_lines(&path, 2 * round).await;
        agent.restart();
        channel = server.channel().await;
    }
    until_lines(&path, 10).await;
    let gone = ask(&mut channel, json!({"id": "r", "method": "cron.remove", "name": "tick"})).await;
    assert_eq!(gone["resp"], "success", "{gone}");
    // Every run that is known has an instant of its own; no instant has two.
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
    assert!(lines(&path).len() <= runs.len(), "more was started than is known");
}

#[tokio::test]
async fn overlap_skips_queues_or_allows() {
    let (_server, agent, mut channel) = connected().await;
    let command = |path: &Path| format!("echo start >> {0}; sleep 2.5; echo end >> {0}", path.display());
    for overlap in ["skip", "queue", "allow"] {
        let path = file(&agent, overlap);
        let fields = json!({"schedule": "* * * * * *", "overlap": overlap, "cmd": command(&path)});
        let answer = set(&mut channel, overlap, fields).await;
        assert_eq!(answer["resp"], "success", "{answer}");
    }
    let allowed = until_lines(&file(&agent, "allow"), 3).await;
    assert_eq!(allowed[..2], ["start", "start"], "two at once");
    for overlap in ["skip", "queue"] {
        let found = until_lines(&file(&agent, overlap), 4).await;
        assert_eq!(found[..4], ["start", "end", "start", "end"], "{overlap}: one after the other");
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
    let told = list(&mut channel).await;
    assert_eq!(told[0]["timezone"], "Europe/Berlin", "{told:?}");
    agent.restart();
    let mut channel = server.channel().await;
    assert_eq!(list(&mut channel).await, told);
    set(&mut channel, "nightly", fields).await;
    assert_eq!(list(&mut channel).await, told, "the same again changes nothing");
    set(&mut channel, "nightly", json!({"schedule": "@daily", "cmd": "false", "enabled": false})).await;
    let changed = list(&mut channel).await;
    assert_eq!((changed.len(), &changed[0]["cmd"]), (1, &json!("false")), "{changed:?}");
    assert_eq!(changed[0]["next"], json!([]), "a job that is switched off is due no more");
}

#[tokio::test]
async fn the_one_line_form_names_user_and_command() {
    let (_server, agent, mut channel) = connected().await;
    let path = file(&agent, "who");
    std::fs::write(&path, "").unwrap();
    std::os::unix::fs::chown(&path, Some(65534), None).unwrap();
    let line = format!("* * * * * * nobody id -un >> {}", path.display());
    let answer = set(&mut channel, "line", json!({"line": line})).await;
    assert_eq!(answer["resp"], "success", "{answer}");
    let ran = result(&mut channel, "line").await;
    assert_eq!(ran["resp"], "success", "{ran}");
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
    let asked = ask(&mut channel, json!({"id": "mine", "method": "async.bash", "cmd": "true"})).await;
    assert_eq!(asked["message"], "Accepted", "{asked}");
    let path = file(&agent, "runs");
    set(&mut channel, "tick", json!({"schedule": "* * * * * *", "cmd": append(&path)})).await;
    until_lines(&path, 5).await;
    let mine = ask(&mut channel, json!({"id": "s", "method": "async.status", "task": "mine"})).await;
    assert_eq!(mine["data"]["state"], "ended", "a task's own result never gives way: {mine}");
}

/// A file in the agent's directory of crontabs.
fn crontab(agent: &Agent, name: &str, text: &str, mode: u32) {
    let dir = file(agent, "cron.d");
    std::fs::create_dir_all(&dir).unwrap();
    std::fs::set_permissions(&dir, std::fs::Permissions::from_mode(0o755)).unwrap();
    // Written beside and moved in, as an editor does, so that it is there whole.
    let beside = file(agent, &format!("{name}.new"));
    std::fs::write(&beside, text).unwrap();
    std::fs::set_permissions(&beside, std::fs::Permissions::from_mode(mode)).unwrap();
    std::fs::rename(&beside, dir.join(name)).unwrap();
}

/// Waits until the agent has these many jobs and so many problems with its crontabs.
async fn until_jobs(channel: &mut Channel, jobs: usize, problems: usize) -> Value {
    let end = Instant::now() + DEADLINE;
    loop {
        let info = ask(channel, json!({"id": "info", "method": "agent.info"})).await["data"].clone();
        let found = info["crontab_problems"].as_array().map_or(0, Vec::len);
        if info["jobs"] == jobs && found == problems {
            return info;
        }
        assert!(Instant::now() < end, "{info}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn created_changed_and_removed_crontabs_take_effect() {
    let (server, mut agent, mut channel) = connected().await;
    let (one, two) = (file(&agent, "one"), file(&agent, "two"));
    // The directory itself is not there when the agent starts.
    crontab(&agent, "first", &format!("* * * * * * root echo x >> {}\n", one.display()), 0o644);
    until_lines(&one, 2).await;
    let jobs = list(&mut channel).await;
    assert!(jobs[0]["name"].as_str().unwrap().starts_with("first:root:"), "{jobs:?}");
    assert_eq!(jobs[0]["file"], file(&agent, "cron.d/first").to_str().unwrap(), "{jobs:?}");
    let name = jobs[0]["name"].clone();
    let refused = ask(&mut channel, json!({"id": "r", "method": "cron.remove", "name": name})).await;
    assert_eq!(refused["retcode"], 3021, "a crontab's job is changed there: {refused}");
    let broken = format!(
        "SHELL=/bin/sh\nGREETING=hello\n61 * * * * * root true\n* * * * * * nobody-such true\n\
         * * * * * * root echo $GREETING $0 >> {}\n",
        two.display()
    );
    crontab(&agent, "second", &broken, 0o644);
    let info = until_jobs(&mut channel, 2, 2).await;
    let problems = info["crontab_problems"].to_string();
    assert!(problems.contains("/second:3:") && problems.contains("nobody-such"), "{problems}");
    assert_eq!(until_lines(&two, 1).await[0], "hello /bin/sh");
    agent.restart();
    channel = server.channel().await;
    until_jobs(&mut channel, 2, 2).await;
    std::fs::remove_file(file(&agent, "cron.d/first")).unwrap();
    until_jobs(&mut channel, 1, 2).await;
    crontab(&agent, "second", "# nothing\n", 0o644);
    until_jobs(&mut channel, 0, 0).await;
    crontab(&agent, "second", "@daily root true\n", 0o666);
    let info = until_jobs(&mut channel, 0, 1).await;
    assert!(info["crontab_problems"][0].as_str().unwrap().contains("mode 0666"), "{info}");
}

#[tokio::test]
async fn a_reboot_job_runs_once_per_boot_and_not_at_each_start() {
    let (server, mut agent, mut channel) = connected().await;
    agent.kill();
    let path = file(&agent, "boots");
    crontab(&agent, "boot", &format!("@reboot root echo x >> {}\n", path.display()), 0o600);
    for _ in 0..2 {
        agent.restart();
        channel = server.channel().await;
        until_jobs(&mut channel, 1, 0).await;
        until_lines(&path, 1).await;
    }
    let runs = list(&mut channel).await;
    let name = runs[0]["name"].as_str().unwrap();
    assert_eq!(history(&mut channel, name).await.len(), 1, "{runs:?}");
    assert_eq!(lines(&path).len(), 1);
}

#[tokio::test]
async fn a_crontab_without_user_fields_names_its_user_once() {
    let (_server, agent, mut channel) = connected().await;
    let seed = "CRON_USER=nobody\n*/10 * * * *     echo \"Ten minutes ago.\" >> /tmp/foo.txt\n\
        0 23-7/2,8 * * * echo \"Have a good dream.\" >> /tmp/foo.txt\n";
    crontab(&agent, "seed", seed, 0o644);
    until_jobs(&mut channel, 2, 0).await;
    let jobs = list(&mut channel).await;
    assert!(jobs.iter().all(|job| job["user"] == "nobody"), "{jobs:?}");
    let seconds: Vec<&str> = jobs.iter().filter_map(|job| job["schedule"].as_str()).collect();
    assert!(seconds.iter().all(|schedule| schedule.starts_with("0 ")), "{seconds:?}");
}

#[tokio::test]
async fn a_removed_crontab_directory_removes_its_jobs_until_it_returns() {
    let (_server, agent, mut channel) = connected().await;
    let (dir, away) = (file(&agent, "cron.d"), file(&agent, "away"));
    crontab(&agent, "daily", "@daily root true\n", 0o644);
    until_jobs(&mut channel, 1, 0).await;
    for _ in 0..3 {
        std::fs::rename(&dir, &away).unwrap();
        until_jobs(&mut channel, 0, 0).await;
        std::fs::rename(&away, &dir).unwrap();
        until_jobs(&mut channel, 1, 0).await;
    }
    std::fs::remove_dir_all(&dir).unwrap();
    until_jobs(&mut channel, 0, 0).await;
    crontab(&agent, "daily", "@daily root true\n@hourly root true\n", 0o644);
    until_jobs(&mut channel, 2, 0).await;
}

#[tokio::test]
async fn a_crontabs_settings_apply_to_its_commands() {
    let (_server, agent, mut channel) = connected().await;
    let path = file(&agent, "seen");
    let text = format!(
        "PATH=/nowhere:/bin:/usr/bin\nMAILTO=root\nCRON_TZ=Asia/Tokyo\n* * * * * * root echo $PATH 100% >> {}\n\
         0 30 9 * * * root true\nCRON_TZ=Nowhere/At_All\n@daily root true\n",
        path.display()
    );
    crontab(&agent, "settings", &text, 0o644);
    let info = until_jobs(&mut channel, 2, 1).await;
    assert!(info["crontab_problems"][0].as_str().unwrap().contains("/settings:7"), "{info}");
    assert_eq!(until_lines(&path, 1).await[0], "/nowhere:/bin:/usr/bin 100%");
    let jobs = list(&mut channel).await;
    let morning = jobs.iter().find(|job| job["cmd"] == "true").unwrap();
    assert_eq!(morning["timezone"], "Asia/Tokyo", "{morning}");
    let next = morning["next"][0].as_str().unwrap();
    assert!(next.contains("T09:30:00+09:00") || next.contains("T00:30:00Z"), "{next}");
}

#[tokio::test]
async fn a_crontab_of_another_user_is_rejected() {
    if !e2e::needs_root("a_crontab_of_another_user_is_rejected") {
        return;
    }
    let (_server, agent, mut channel) = connected().await;
    crontab(&agent, "theirs", "@daily root true\n", 0o644);
    until_jobs(&mut channel, 1, 0).await;
    std::os::unix::fs::chown(file(&agent, "cron.d/theirs"), Some(65534), None).unwrap();
    let info = until_jobs(&mut channel, 0, 1).await;
    assert!(info["crontab_problems"][0].as_str().unwrap().contains("65534"), "{info}");
}
