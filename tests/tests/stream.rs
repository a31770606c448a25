//! `sync.bash` with `stream`: output arrives as it is written, in order and at the reader's pace,
//! while the agent's memory stays bounded.

#![expect(clippy::unwrap_used, reason = "a test that cannot set itself up fails")]
#![expect(clippy::print_stdout, reason = "a measurement prints its figures")]

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use e2e::{Agent, Channel, connected, eventually, processes_with};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// The agent's largest permitted growth, however much a command prints.
const MAX_GROWTH_KIB: u64 = 4 * 1024;

fn request(id: &str, cmd: &str, fields: &Value) -> Value {
    let mut request = json!({"id": id, "method": "sync.bash", "cmd": cmd, "stream": true});
    request.as_object_mut().unwrap().extend(fields.as_object().cloned().unwrap());
    request
}

/// Returns a frame's output.
fn bytes(frame: &Value) -> Vec<u8> {
    let data = frame["data"].as_str().unwrap_or_else(|| panic!("no data: {frame}"));
    match frame["encoding"].as_str() {
        Some("base64") => STANDARD.decode(data).unwrap(),
        _ => data.as_bytes().to_vec(),
    }
}

/// Reads messages up to a request's reply; messages of other requests may not arrive meanwhile.
/// Returns the output of each stream and the reply.
async fn collect(channel: &mut Channel, id: &str) -> (Vec<u8>, Vec<u8>, Value) {
    let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
    loop {
        let message = channel.next().await.expect("a message from the agent");
        assert_eq!(message["id"], id, "{message}");
        match (message["resp"].as_str(), message["stream"].as_str()) {
            (Some("output"), None) => stdout.extend(bytes(&message)),
            (Some("output"), Some("stderr")) => stderr.extend(bytes(&message)),
            _ => return (stdout, stderr, message),
        }
    }
}

fn status_kib(agent: &Agent, field: &str) -> u64 {
    let text = std::fs::read_to_string(format!("/proc/{}/status", agent.pid())).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix(field)).unwrap();
    line.trim_start_matches(':').trim_end_matches("kB").trim().parse().unwrap()
}

/// Resets the agent's peak resident size, and returns its current size.
fn start_of_peak(agent: &Agent) -> u64 {
    std::fs::write(format!("/proc/{}/clear_refs", agent.pid()), "5").unwrap();
    status_kib(agent, "VmRSS")
}

fn growth(agent: &Agent, start: u64) -> u64 {
    status_kib(agent, "VmHWM").saturating_sub(start)
}

async fn warm_up(channel: &mut Channel) {
    channel.send(&request("warm", "seq 1 10000", &json!({}))).await;
    collect(channel, "warm").await;
}

#[tokio::test]
async fn output_arrives_while_the_command_runs_and_the_reply_after_it() {
    let (_server, agent, mut channel) = connected().await;
    let go = agent.scratch().file("go");
    let cmd = format!(
        "echo first; until [ -e {} ]; do sleep 0.02; done; echo second; exit 3",
        go.display()
    );
    channel.send(&request("1", &cmd, &json!({}))).await;
    let frame = channel.next().await.unwrap();
    assert_eq!(frame, json!({"id": "1", "resp": "output", "data": "first\n"}));
    std::fs::write(go, "").unwrap();
    let frame = channel.next().await.unwrap();
    assert_eq!(frame, json!({"id": "1", "resp": "output", "data": "second\n"}));
    let mut answer = channel.next().await.unwrap();
    assert!(answer.as_object_mut().unwrap().remove("usage").is_some());
    assert_eq!(
        answer,
        json!({"id": "1", "resp": "success", "retcode": 3, "message": "Normal termination", "data": ""})
    );
}

#[tokio::test]
async fn all_output_arrives_in_order_whatever_its_bytes() {
    let (_server, _agent, mut channel) = connected().await;
    let seq: Vec<u8> = (1..=200_000).flat_map(|n: u32| format!("{n}\n").into_bytes()).collect();
    let table: [(&str, Value, Vec<u8>, &[u8]); 7] = [
        ("seq 1 200000", json!({}), seq.clone(), b""),
        ("seq 1 200000", json!({"encoding": "base64"}), seq, b""),
        ("echo out; echo err >&2", json!({"stderr": "separate"}), b"out\n".to_vec(), b"err\n"),
        (
            "exec >&-; sleep 0.1; echo err >&2; sleep 0.1",
            json!({"stderr": "separate"}),
            vec![],
            b"err\n",
        ),
        ("printf 'a\\xff\\0b\\xe2'", json!({}), b"a\xff\0b\xe2".to_vec(), b""),
        (
            "for ((i = 0; i < 30000; i++)); do printf '\\xe2\\x82\\xac'; done",
            json!({}),
            "€".repeat(30_000).into(),
            b"",
        ),
        ("true", json!({}), vec![], b""),
    ];
    for (cmd, fields, stdout, stderr) in table {
        channel.send(&request("1", cmd, &fields)).await;
        let (out, err, answer) = collect(&mut channel, "1").await;
        assert!(out == stdout && err == stderr, "{cmd} {fields}: {} bytes, {answer}", out.len());
        assert_eq!((&answer["retcode"], &answer["data"]), (&json!(0), &json!("")), "{cmd}");
        assert_eq!(answer["dropped"], Value::Null, "{cmd}");
    }
}

#[tokio::test]
async fn streams_share_the_channel_and_each_reply_follows_its_own_output() {
    let (_server, _agent, mut channel) = connected().await;
    const STREAMS: usize = 8;
    for id in 0..STREAMS {
        channel
            .send(&request(&id.to_string(), &format!("yes {id} | head -c 300000"), &json!({})))
            .await;
    }
    let (mut sizes, mut answered) = ([0; STREAMS], 0);
    while answered < STREAMS {
        let message = channel.next().await.unwrap();
        let id: usize = message["id"].as_str().unwrap().parse().unwrap();
        if message["resp"] == "output" {
            sizes[id] += bytes(&message).len();
        } else {
            assert_eq!((sizes[id], &message["retcode"]), (300_000, &json!(0)), "{message}");
            answered += 1;
        }
    }
}

#[tokio::test]
async fn a_command_waits_for_a_slow_reader_and_pings_do_not() {
    let (_server, agent, mut channel) = connected().await;
    warm_up(&mut channel).await;
    let start = start_of_peak(&agent);
    channel.send(&request("flood", "head -c 200000000 /dev/zero", &json!({}))).await;
    let (mut size, mut pings, mut waiting) = (0, 0, false);
    let answer = loop {
        if !waiting && pings < 50 {
            channel.send(&json!({"id": "ping", "method": "agent.ping"})).await;
            waiting = true;
        }
        let message = channel.next().await.unwrap();
        match (message["id"].as_str(), message["resp"].as_str()) {
            (Some("ping"), _) => (pings, waiting) = (pings + 1, false),
            (_, Some("output")) => size += bytes(&message).len(),
            _ => break message,
        }
    };
    assert_eq!(
        (size, &answer["retcode"], &answer["dropped"]),
        (200_000_000, &json!(0), &Value::Null)
    );
    assert_eq!(pings, 50, "pings got no reply during the output");
    let grown = growth(&agent, start);
    assert!(grown < MAX_GROWTH_KIB, "{grown} KiB");
}

#[tokio::test]
async fn a_controller_that_does_not_read_costs_little_memory_and_delays_no_other_command() {
    let (server, agent, mut channel) = connected().await;
    warm_up(&mut channel).await;
    let start = start_of_peak(&agent);
    let marker = format!("{}", 50_000_000 + agent.pid());
    for id in ["1", "2"] {
        let cmd = format!("head -c 3000000000 /dev/zero; : {marker}");
        channel.send(&request(id, &cmd, &json!({"timeout": 3}))).await;
    }
    // From here on, the test reads nothing from the channel; files show that the other command
    // runs.
    let done = agent.scratch().file("done");
    let other = format!("head -c 200000000 /dev/zero; touch {}", done.display());
    channel.send(&json!({"id": "other", "method": "sync.bash", "cmd": other})).await;
    eventually("the other command ends", || done.exists()).await;
    eventually("the time-out ends the commands whose output is not read", || {
        processes_with(&marker).is_empty()
    })
    .await;
    let grown = growth(&agent, start);
    assert!(grown < MAX_GROWTH_KIB, "{grown} KiB");

    // Then read the delivered output and each reply.
    let mut answers = Vec::new();
    while answers.len() < 3 {
        let message = channel.next().await.unwrap();
        if message["resp"] == "output" {
            assert!(
                !answers.iter().any(|answer: &Value| answer["id"] == message["id"]),
                "output after the reply"
            );
        } else {
            answers.push(message);
        }
    }
    for answer in answers.iter().filter(|answer| answer["id"] != "other") {
        assert_eq!((&answer["retcode"], &answer["data"]), (&json!(3031), &json!("")), "{answer}");
        assert!(answer["usage"]["wall"].as_f64().is_some_and(|wall| wall >= 3.0), "{answer}");
    }
    assert_eq!(channel.ask(&json!({"id": "p", "method": "agent.ping"})).await["resp"], "success");
    drop(server);
}

#[tokio::test]
async fn a_stream_that_nobody_reads_can_be_cancelled() {
    let (_server, agent, mut channel) = connected().await;
    let marker = format!("{}", 40_000_000 + agent.pid());
    channel.send(&request("1", &format!("yes {marker}"), &json!({}))).await;
    eventually("the command runs", || !processes_with(&marker).is_empty()).await;
    channel.send(&json!({"id": "2", "method": "sync.cancel", "target": "1"})).await;
    eventually("the command is ended", || processes_with(&marker).is_empty()).await;
    let mut answers = Vec::new();
    while answers.len() < 2 {
        let message = channel.next().await.unwrap();
        if message["resp"] != "output" {
            answers.push(message);
        }
    }
    let cancelled = answers.iter().find(|answer| answer["id"] == "1").unwrap();
    assert_eq!(cancelled["retcode"], 3034, "{cancelled}");
}

#[tokio::test]
async fn a_lost_channel_does_not_end_a_streaming_command() {
    let (server, agent, mut channel) = connected().await;
    let done = agent.scratch().file("done");
    let cmd =
        format!("echo begun; sleep 0.3; head -c 50000000 /dev/zero; touch {}", done.display());
    channel.send(&request("1", &cmd, &json!({}))).await;
    assert_eq!(channel.next().await.unwrap()["data"], "begun\n");
    drop(channel);
    eventually("the command runs to its end", || done.exists()).await;
    let mut channel = server.channel().await;
    assert_eq!(channel.bash("echo again", json!({})).await["data"], "again\n");
}

#[tokio::test]
async fn a_background_child_that_keeps_printing_does_not_delay_the_reply() {
    let (_server, agent, mut channel) = connected().await;
    let marker = format!("{}", 30_000_000 + agent.pid());
    channel
        .send(&request("1", &format!("yes {marker} & echo started"), &json!({"timeout": 100})))
        .await;
    let start = Instant::now();
    let (_, _, answer) = collect(&mut channel, "1").await;
    assert_eq!(answer["retcode"], 0, "{answer}");
    assert!(start.elapsed() < Duration::from_secs(50));
    eventually("the closed pipe ends the child", || processes_with(&marker).is_empty()).await;
}

#[tokio::test]
async fn a_stopping_agent_does_not_wait_for_a_reader() {
    let (_server, mut agent, mut channel) = connected().await;
    channel.send(&request("1", "yes", &json!({}))).await;
    assert_eq!(channel.next().await.unwrap()["resp"], "output");
    agent.signal(nix::sys::signal::Signal::SIGTERM);
    // Two that come at once are one.
    agent.logged("no new work").await;
    agent.signal(nix::sys::signal::Signal::SIGTERM);
    assert!(agent.wait().await.success());
}

/// Run `cargo build --workspace --release` first, then
/// `cargo test --release -p e2e --test stream -- --ignored --nocapture`.
#[tokio::test]
#[ignore = "a measurement that takes some minutes, not a test"]
async fn ten_gigabytes() {
    const SIZE: usize = 10_000_000_000;
    let (_server, agent, mut channel) = connected().await;
    warm_up(&mut channel).await;
    let cmd = format!("head -c {SIZE} /dev/zero");

    let (start, began) = (start_of_peak(&agent), Instant::now());
    channel.send(&request("1", &cmd, &json!({"timeout": 3600}))).await;
    let mut size = 0;
    let answer = loop {
        let message = channel.next().await.unwrap();
        match message["resp"].as_str() {
            Some("output") => size += bytes(&message).len(),
            _ => break message,
        }
    };
    assert_eq!((size, &answer["retcode"]), (SIZE, &json!(0)));
    println!(
        "streamed, read: peak RSS {} + {} KiB, {:?}",
        start,
        growth(&agent, start),
        began.elapsed()
    );

    let (start, began) = (start_of_peak(&agent), Instant::now());
    let kept = 1 << 20;
    channel
        .send(&json!({"id": "2", "method": "sync.bash", "cmd": cmd, "timeout": 3600, "max_output": kept}))
        .await;
    let answer = channel.next().await.unwrap();
    assert_eq!(answer["dropped"], SIZE - kept);
    println!(
        "kept 1 MiB of it: peak RSS {} + {} KiB, {:?}",
        start,
        growth(&agent, start),
        began.elapsed()
    );

    let (start, began) = (start_of_peak(&agent), Instant::now());
    channel.send(&request("3", &cmd, &json!({"timeout": 20}))).await;
    let marker = format!("head -c {SIZE}");
    while began.elapsed() < Duration::from_secs(10) || !processes_with(&marker).is_empty() {
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    println!(
        "streamed, not read: peak RSS {} + {} KiB, {:?}",
        start,
        growth(&agent, start),
        began.elapsed()
    );
}
