//! Durable tasks on the real agent: taken once, run at most once, told until acknowledged.

#![expect(clippy::unwrap_used, reason = "in a test, what fails shall panic")]

use e2e::{
    Agent, AgentConfig, Channel, Pki, Server, connected, eventually, in_mount_namespace, needs_root,
    processes_with,
};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};
use std::cell::RefCell;
use std::path::Path;

/// An `async.bash` with more fields.
fn task(id: &str, cmd: &str, mut fields: Value) -> Value {
    let request = json!({"id": id, "method": "async.bash", "cmd": cmd});
    fields.as_object_mut().unwrap().extend(request.as_object().cloned().unwrap());
    fields
}

thread_local! {
    /// Messages that came before one that was waited for.
    static KEPT: RefCell<Vec<Value>> = const { RefCell::new(Vec::new()) };
}

/// The next message that is wanted; others are kept for who wants them.
async fn next(channel: &mut Channel, wanted: impl Fn(&Value) -> bool) -> Value {
    let kept = KEPT.with_borrow_mut(|kept| {
        let at = kept.iter().position(&wanted)?;
        Some(kept.remove(at))
    });
    if let Some(message) = kept {
        return message;
    }
    loop {
        let message = channel.next().await.unwrap();
        if wanted(&message) {
            return message;
        }
        KEPT.with_borrow_mut(|kept| kept.push(message));
    }
}

fn is_event(message: &Value) -> bool {
    message["method"] == "async.result"
}

async fn answer(channel: &mut Channel, id: &str) -> Value {
    next(channel, |message| message["id"] == id && !is_event(message)).await
}

async fn ask(channel: &mut Channel, request: &Value) -> Value {
    channel.send(request).await;
    answer(channel, request["id"].as_str().unwrap()).await
}

async fn accept(channel: &mut Channel, id: &str, cmd: &str, fields: Value) {
    let answer = ask(channel, &task(id, cmd, fields)).await;
    assert_eq!((&answer["resp"], &answer["message"]), (&json!("success"), &json!("Accepted")), "{answer}");
}

async fn result(channel: &mut Channel, id: &str) -> Value {
    next(channel, |message| message["id"] == id && is_event(message)).await
}

async fn acknowledge(channel: &mut Channel, id: &str) {
    let answer = ask(channel, &json!({"id": "ack", "method": "async.ack", "task": id})).await;
    assert_eq!(answer["resp"], "success", "{answer}");
}

async fn status(channel: &mut Channel, id: &str) -> Value {
    let answer = ask(channel, &json!({"id": "status", "method": "async.status", "task": id})).await;
    answer["data"].clone()
}

async fn until_state(channel: &mut Channel, id: &str, state: &str) {
    let end = std::time::Instant::now() + e2e::DEADLINE;
    while status(channel, id).await["state"] != state {
        assert!(std::time::Instant::now() < end, "{id} is not {state}");
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
}

/// An agent with these tables in its configuration.
async fn with(extra: &str) -> (Server, Agent, Channel) {
    let pki = Pki::new();
    let server = Server::start(&pki).await;
    let mut config = AgentConfig::new(server.address());
    config.extra = extra.to_owned();
    let agent = Agent::start(&pki, config);
    let channel = server.channel().await;
    (server, agent, channel)
}

/// The supervisors of an agent's tasks: their name is their own, and they hold files of that agent's.
fn supervisors(agent: &Agent) -> Vec<i32> {
    let tasks = agent.scratch().file("state/tasks");
    std::fs::read_dir("/proc")
        .unwrap()
        .flatten()
        .filter(|entry| {
            let named = std::fs::read_to_string(entry.path().join("comm")).unwrap_or_default();
            named.starts_with("basicagent-task") && has_open(&entry.path(), &tasks)
        })
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .collect()
}

/// Kills every supervisor of an agent's tasks.
fn kill_supervisors(agent: &Agent) {
    for pid in supervisors(agent) {
        kill(Pid::from_raw(pid), Signal::SIGKILL).unwrap();
    }
}

fn has_open(process: &Path, below: &Path) -> bool {
    let open = std::fs::read_dir(process.join("fd")).into_iter().flatten().flatten();
    open.filter_map(|fd| std::fs::read_link(fd.path()).ok()).any(|path| path.starts_with(below))
}

#[tokio::test]
async fn a_result_is_redelivered_until_it_is_acknowledged() {
    let (server, mut agent, mut channel) = connected().await;
    accept(&mut channel, "one", "echo out; echo err >&2; exit 3", json!({"stderr": "separate"})).await;
    let first = result(&mut channel, "one").await;
    assert_eq!((&first["resp"], &first["retcode"]), (&json!("success"), &json!(3)), "{first}");
    assert_eq!((&first["data"], &first["stderr"]), (&json!("out\n"), &json!("err\n")), "{first}");
    let usage = &first["usage"];
    assert!(usage["wall"].as_f64().unwrap() > 0.0 && usage["max_rss_kib"].as_u64().unwrap() > 100, "{first}");
    assert!(first["started"].as_str().unwrap() <= first["ended"].as_str().unwrap(), "{first}");
    drop(channel);
    let mut channel = server.channel().await;
    assert_eq!(result(&mut channel, "one").await, first, "after a reconnect it is the same");
    agent.restart();
    let mut channel = server.channel().await;
    assert_eq!(result(&mut channel, "one").await, first, "after a kill -9 too");
    // The bare form is an answer itself and has none.
    channel.send(&json!({"method": "async.ack", "id": "one"})).await;
    let state = status(&mut channel, "one").await;
    assert_eq!((&state["state"], &state["retcode"]), (&json!("ended"), &json!(3)), "{state}");
    acknowledge(&mut channel, "one").await;
    agent.restart();
    let mut channel = server.channel().await;
    accept(&mut channel, "two", "true", json!({})).await;
    let next = next(&mut channel, is_event).await;
    assert_eq!(next["id"], "two", "the acknowledged one is not told again: {next}");
    assert_eq!(status(&mut channel, "one").await["acknowledged"], true);
}

#[tokio::test]
async fn a_repeated_task_is_known_and_another_task_with_its_id_is_rejected() {
    let (_server, agent, mut channel) = connected().await;
    let mark = agent.scratch().file("mark");
    let cmd = format!("echo x >> {}; sleep 0.2", mark.display());
    let fields = json!({"env": {"A": "1", "B": "2"}, "timeout": 60});
    // All at once: the second comes while the first is on its way to the disk.
    let request = task("one", &cmd, fields.clone());
    for _ in 0..20 {
        channel.send(&request).await;
    }
    let mut messages = Vec::new();
    for _ in 0..20 {
        let answer = answer(&mut channel, "one").await;
        assert_eq!(answer["resp"], "success", "{answer}");
        messages.push(answer["message"].as_str().unwrap().to_owned());
    }
    assert_eq!(messages.iter().filter(|message| *message == "Accepted").count(), 1, "{messages:?}");
    let other = ask(&mut channel, &task("one", &cmd, json!({"timeout": 61}))).await;
    assert_eq!((&other["resp"], &other["retcode"]), (&json!("failed"), &json!(3025)), "{other}");
    result(&mut channel, "one").await;
    acknowledge(&mut channel, "one").await;
    let known = ask(&mut channel, &request).await;
    assert_eq!((&known["message"], &known["data"]["state"]), (&json!("Known"), &json!("ended")), "{known}");
    assert_eq!(std::fs::read_to_string(mark).unwrap(), "x\n", "it ran once");
}

#[tokio::test]
async fn a_task_goes_on_when_its_agent_is_stopped_or_killed() {
    let (server, mut agent, mut channel) = connected().await;
    accept(&mut channel, "one", "echo begun; sleep 2; echo over", json!({})).await;
    // "running" means that the intent is durable: the supervisor comes after it.
    until_state(&mut channel, "one", "running").await;
    eventually("its supervisor runs", || supervisors(&agent).len() == 1).await;
    agent.restart();
    let mut channel = server.channel().await;
    until_state(&mut channel, "one", "running").await;
    agent.signal(Signal::SIGTERM);
    assert!(agent.wait().await.success());
    assert_eq!(supervisors(&agent).len(), 1, "it goes on without an agent");
    agent.restart();
    let mut channel = server.channel().await;
    let over = result(&mut channel, "one").await;
    assert_eq!((&over["data"], &over["retcode"]), (&json!("begun\nover\n"), &json!(0)), "{over}");
    eventually("its supervisor is gone", || supervisors(&agent).is_empty()).await;
}

#[tokio::test]
async fn a_task_that_ends_while_no_agent_runs_is_reported_by_the_next() {
    let (server, mut agent, mut channel) = connected().await;
    accept(&mut channel, "one", "sleep 1; echo over; kill -SEGV $$", json!({})).await;
    // "running" means that the intent is durable: the supervisor comes after it.
    eventually("its supervisor runs", || supervisors(&agent).len() == 1).await;
    agent.kill();
    eventually("the task is over", || supervisors(&agent).is_empty()).await;
    agent.restart();
    let over = result(&mut server.channel().await, "one").await;
    assert_eq!((&over["retcode"], &over["signal"]), (&json!(3032), &json!(11)), "{over}");
    assert!(over["message"].as_str().unwrap().contains("SIGSEGV"), "{over}");
    assert_eq!(over["data"], "over\n");
}

#[tokio::test]
async fn a_waiting_task_is_cancelled_at_once_a_running_one_with_its_tree() {
    let (_server, agent, mut channel) = with("[tasks]\nmax_running = 1\n").await;
    let marker = format!("1{}.5", agent.pid());
    let mark = agent.scratch().file("mark");
    let running = format!("setsid sleep {marker} & sleep {marker}; sleep {marker}");
    accept(&mut channel, "runs", &running, json!({})).await;
    accept(&mut channel, "waits", &format!("touch {}", mark.display()), json!({})).await;
    eventually("it runs", || processes_with(&format!("sleep {marker}")).len() >= 2).await;
    for _ in 0..2 {
        let answer = ask(&mut channel, &json!({"id": "c", "method": "async.cancel", "task": "waits"})).await;
        assert_eq!(answer["data"]["state"], "ended", "{answer}");
    }
    assert_eq!(result(&mut channel, "waits").await["retcode"], 3034);
    let answer = ask(&mut channel, &json!({"id": "c", "method": "async.cancel", "task": "runs"})).await;
    assert_eq!(answer["resp"], "success", "{answer}");
    assert_eq!(result(&mut channel, "runs").await["retcode"], 3034);
    assert_eq!(processes_with(&format!("sleep {marker}")), []);
    assert!(!mark.exists(), "what was cancelled before its turn never ran");
    let answer = ask(&mut channel, &json!({"id": "c", "method": "async.cancel", "task": "none"})).await;
    assert_eq!(answer["retcode"], 3024, "{answer}");
}

#[tokio::test]
async fn an_adopted_task_is_cancelled_and_timed_out_like_any_other() {
    let (server, mut agent, mut channel) = connected().await;
    let marker = format!("2{}.5", agent.pid());
    let cmd = format!("trap '' TERM; (setsid sleep {marker} &); sleep {marker}; sleep {marker}");
    accept(&mut channel, "cancelled", &cmd, json!({})).await;
    accept(&mut channel, "timed", &cmd, json!({"timeout": 2})).await;
    until_state(&mut channel, "cancelled", "running").await;
    until_state(&mut channel, "timed", "running").await;
    agent.restart();
    let mut channel = server.channel().await;
    ask(&mut channel, &json!({"id": "c", "method": "async.cancel", "task": "cancelled"})).await;
    let mut retcodes = Vec::new();
    for _ in 0..2 {
        let over = next(&mut channel, is_event).await;
        retcodes.push((over["id"].as_str().unwrap().to_owned(), over["retcode"].as_u64().unwrap()));
    }
    retcodes.sort();
    assert_eq!(retcodes, [("cancelled".to_owned(), 3034), ("timed".to_owned(), 3031)]);
    assert_eq!(processes_with(&format!("sleep {marker}")), []);
}

#[tokio::test]
async fn output_is_read_by_offset_while_the_task_runs_and_after() {
    let (_server, agent, mut channel) = connected().await;
    let go = agent.scratch().file("go");
    let cmd = format!("printf 'a\\303'; until [ -e {} ]; do sleep 0.02; done; printf '\\244b'", go.display());
    accept(&mut channel, "one", &cmd, json!({})).await;
    let read = |offset: u64| json!({"id": "r", "method": "async.output", "task": "one", "offset": offset});
    let first = loop {
        let answer = ask(&mut channel, &read(0)).await;
        if answer["data"]["next"] != 0 {
            break answer;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    };
    let wanted = json!({"offset": 0, "next": 1, "ended": false, "text": "a"});
    assert_eq!(first["data"], wanted, "half a character is not told");
    std::fs::write(go, "").unwrap();
    result(&mut channel, "one").await;
    let rest = ask(&mut channel, &read(1)).await;
    assert_eq!(rest["data"], json!({"offset": 1, "next": 4, "ended": true, "text": "äb"}));
    let behind = ask(&mut channel, &read(100)).await;
    assert_eq!((&behind["data"]["text"], &behind["data"]["ended"]), (&json!(""), &json!(true)), "{behind}");
    acknowledge(&mut channel, "one").await;
    let gone = ask(&mut channel, &read(0)).await;
    assert_eq!((&gone["data"]["text"], &gone["data"]["ended"]), (&json!(""), &json!(true)), "{gone}");
}

#[tokio::test]
async fn a_flood_of_output_is_bounded_on_disk_and_its_head_and_tail_are_reported() {
    let (_server, agent, mut channel) = connected().await;
    accept(&mut channel, "one", "seq 1 1000000", json!({"max_output": 1000})).await;
    let over = result(&mut channel, "one").await;
    let text = over["data"].as_str().unwrap();
    assert!(text.starts_with("1\n2\n") && text.ends_with("1000000\n") && text.len() <= 1000, "{text}");
    assert_eq!(over["dropped"].as_u64().unwrap() + text.len() as u64, 6_888_896);
    let files = std::fs::read_dir(agent.scratch().file("state/tasks")).unwrap().flatten();
    let size: u64 = files
        .filter(|file| file.file_name().to_string_lossy().ends_with(".out"))
        .map(|file| file.metadata().unwrap().len())
        .sum();
    assert_eq!(size, 1000);
    // What is between head and tail is passed over.
    let read = json!({"id": "r", "method": "async.output", "task": "one", "offset": 600});
    let piece = ask(&mut channel, &read).await;
    assert!(piece["data"]["offset"].as_u64().unwrap() > 6_888_000, "{piece}");
    acknowledge(&mut channel, "one").await;
    let left = std::fs::read_dir(agent.scratch().file("state/tasks")).unwrap().flatten();
    let outputs = left.filter(|file| file.file_name().to_string_lossy().ends_with(".out")).count();
    assert_eq!(outputs, 0, "with its acknowledgement its output goes");
}

#[tokio::test]
async fn an_invalid_task_is_rejected_and_leaves_no_trace() {
    let (_server, _agent, mut channel) = connected().await;
    let table = [
        (task("a", "", json!({})), 3021),
        (task("a", "true", json!({"timeout": 0})), 3021),
        (task("a", "true", json!({"timeout": 30 * 86_400 + 1})), 3021),
        (task("a", "true", json!({"stream": true})), 3021),
        (task("a", "true", json!({"user": "no-such-user"})), 3022),
        (task("a", "true", json!({"group": "no-such-group"})), 3022),
        (task("a", &"x".repeat(200_000), json!({})), 3021),
        (json!({"id": "a", "method": "async.status"}), 3021),
        (json!({"id": "a", "method": "async.status", "task": "a"}), 3024),
        (json!({"id": "a", "method": "async.output", "task": "a"}), 3024),
        (json!({"id": "a", "method": "async.ack", "task": "a"}), 3024),
        (json!({"id": "a", "method": "async.list", "limit": 0}), 3021),
        (json!({"id": "a", "method": "async.list", "after": "a"}), 3024),
    ];
    for (request, retcode) in table {
        let answer = ask(&mut channel, &request).await;
        assert_eq!((&answer["resp"], &answer["retcode"]), (&json!("failed"), &json!(retcode)), "{answer}");
    }
    let list = ask(&mut channel, &json!({"id": "l", "method": "async.list"})).await;
    assert_eq!(list["data"], json!([]));
    accept(&mut channel, "a", "pwd", json!({"cwd": "/no/such/directory"})).await;
    let over = result(&mut channel, "a").await;
    assert_eq!(over["retcode"], 3033, "{over}");
    assert!(over["message"].as_str().unwrap().contains("/no/such/directory"), "{over}");
}

#[tokio::test]
async fn beyond_the_bounds_tasks_are_rejected_until_an_acknowledgement_makes_room() {
    let (_server, _agent, mut channel) =
        with("[tasks]\nmax_running = 1\nmax_kept = 3\nmax_bytes = 4000000\n").await;
    accept(&mut channel, "one", "true", json!({})).await;
    result(&mut channel, "one").await;
    accept(&mut channel, "two", "sleep 0.2", json!({})).await;
    accept(&mut channel, "three", "true", json!({})).await;
    let full = ask(&mut channel, &task("four", "true", json!({}))).await;
    assert_eq!(full["retcode"], 3043, "{full}");
    assert!(full["message"].as_str().unwrap().contains("max_kept"), "{full}");
    acknowledge(&mut channel, "one").await;
    accept(&mut channel, "four", "true", json!({})).await;
    assert_eq!(status(&mut channel, "one").await, Value::Null, "the oldest acknowledged one is forgotten");
    for id in ["two", "three", "four"] {
        result(&mut channel, id).await;
        acknowledge(&mut channel, id).await;
    }
    let huge = ask(&mut channel, &task("huge", "true", json!({"max_output": 5_000_000}))).await;
    assert_eq!(huge["retcode"], 3043, "{huge}");
    assert!(huge["message"].as_str().unwrap().contains("max_bytes"), "{huge}");
}

#[tokio::test]
async fn a_tasks_limits_are_enforced_or_the_task_is_rejected() {
    let (_server, _agent, mut channel) = connected().await;
    let many = "for i in {1..30}; do sleep 5 & done; echo never";
    let answer = ask(&mut channel, &task("one", many, json!({"limits": {"pids": 8}, "timeout": 1}))).await;
    if answer["retcode"] == 3033 {
        assert!(answer["message"].as_str().unwrap().contains("cannot be limited on this host"), "{answer}");
        eprintln!("SKIPPED (needs root): {answer}");
        return;
    }
    assert_eq!(answer["message"], "Accepted", "{answer}");
    let over = result(&mut channel, "one").await;
    assert!(over["data"].as_str().unwrap().contains("Resource temporarily unavailable"), "{over}");
}

#[tokio::test]
async fn waiting_commands_have_a_bound_in_memory() {
    let (_server, _agent, mut channel) = with("[tasks]\nmax_running = 1\n").await;
    accept(&mut channel, "first", "sleep 600", json!({})).await;
    let input = "x".repeat(900_000);
    let refused = loop {
        static NEXT: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
        let id = format!("big-{}", NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed));
        let answer = ask(&mut channel, &task(&id, "cat", json!({"stdin": input}))).await;
        if answer["resp"] == "failed" {
            break answer;
        }
    };
    assert_eq!(refused["retcode"], 3041, "{refused}");
    ask(&mut channel, &json!({"id": "c", "method": "async.cancel", "task": "first"})).await;
    assert_eq!(result(&mut channel, "first").await["retcode"], 3034);
    for number in 0..10 {
        let over = result(&mut channel, &format!("big-{number}")).await;
        assert_eq!(over["data"].as_str().unwrap().len(), input.len(), "{number}");
    }
}

#[tokio::test]
async fn a_hundred_tasks_at_once_run_in_turn_and_each_result_is_delivered_once() {
    let (_server, _agent, mut channel) = with("[tasks]\nmax_running = 8\n").await;
    for number in 0..100 {
        channel.send(&task(&format!("t-{number}"), &format!("echo {number}"), json!({}))).await;
    }
    let (mut accepted, mut told) = (0, std::collections::BTreeMap::new());
    while accepted < 100 || told.len() < 100 {
        let message = channel.next().await.unwrap();
        if message["method"] == "async.result" {
            let id = message["id"].as_str().unwrap().to_owned();
            let number = id.strip_prefix("t-").unwrap().to_owned();
            assert_eq!(message["data"], format!("{number}\n"));
            assert_eq!(told.insert(id, message), None, "told twice");
        } else {
            assert_eq!(message["message"], "Accepted", "{message}");
            accepted += 1;
        }
    }
    let list =
        ask(&mut channel, &json!({"id": "l", "method": "async.list", "after": "t-9", "limit": 5})).await;
    let ids: Vec<_> = list["data"].as_array().unwrap().iter().map(|task| &task["task"]).collect();
    assert_eq!(ids, ["t-10", "t-11", "t-12", "t-13", "t-14"]);
}

#[tokio::test]
async fn a_task_whose_supervisor_is_killed_is_interrupted_and_its_processes_end() {
    if !needs_root("a_task_whose_supervisor_is_killed_is_interrupted_and_its_processes_end") {
        return;
    }
    let (_server, agent, mut channel) = connected().await;
    let marker = format!("3{}.5", agent.pid());
    accept(&mut channel, "one", &format!("echo begun; sleep {marker}; true"), json!({})).await;
    eventually("it runs", || processes_with(&format!("sleep {marker}")).len() >= 2).await;
    kill_supervisors(&agent);
    let over = result(&mut channel, "one").await;
    assert_eq!((&over["retcode"], &over["data"]), (&json!(3035), &json!("begun\n")), "{over}");
    eventually("nothing of it is left", || processes_with(&format!("sleep {marker}")).is_empty()).await;
}

#[tokio::test]
async fn after_a_reboot_a_running_task_is_interrupted_and_a_waiting_task_runs() {
    if !needs_root("after_a_reboot_a_running_task_is_interrupted_and_a_waiting_task_runs") {
        return;
    }
    let (server, mut agent, mut channel) = with("[tasks]\nmax_running = 1\n").await;
    let mark = agent.scratch().file("mark");
    let cmd = format!("echo x >> {}; echo begun; sleep 600", mark.display());
    accept(&mut channel, "runs", &cmd, json!({})).await;
    accept(&mut channel, "waits", "echo over", json!({})).await;
    eventually("it runs", || mark.exists()).await;
    // What a reboot does: every process is gone, and the kernel has another boot id.
    agent.kill();
    kill_supervisors(&agent);
    for process in processes_with("sleep 600") {
        let _ = kill(Pid::from_raw(i32::try_from(process.pid).unwrap()), Signal::SIGKILL);
    }
    let boot = agent.scratch().write("boot_id", "00000000-0000-0000-0000-000000000000\n");
    agent.rewrite(|config| {
        config.wrapper = in_mount_namespace(&[(&boot, "/proc/sys/kernel/random/boot_id")]);
    });
    agent.restart();
    let mut channel = server.channel().await;
    let over = result(&mut channel, "runs").await;
    assert_eq!(over["retcode"], 3035, "{over}");
    assert_eq!(result(&mut channel, "waits").await["data"], "over\n");
    assert_eq!(std::fs::read_to_string(mark).unwrap(), "x\n", "never run again");
}
