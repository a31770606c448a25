//! Results and output of tasks.

use super::*;

#[tokio::test]
async fn a_result_is_redelivered_until_it_is_acknowledged() {
    let (server, mut agent, mut channel) = connected().await;
    accept(&mut channel, "one", "echo out; echo err >&2; exit 3", json!({"stderr": "separate"}))
        .await;
    let first = result(&mut channel, "one").await;
    assert_eq!((&first["resp"], &first["retcode"]), (&json!("success"), &json!(3)), "{first}");
    assert_eq!((&first["data"], &first["stderr"]), (&json!("out\n"), &json!("err\n")), "{first}");
    let usage = &first["usage"];
    assert!(
        usage["wall"].as_f64().unwrap() > 0.0 && usage["max_rss_kib"].as_u64().unwrap() > 100,
        "{first}"
    );
    assert!(first["started"].as_str().unwrap() <= first["ended"].as_str().unwrap(), "{first}");
    drop(channel);
    let mut channel = server.channel().await;
    assert_eq!(result(&mut channel, "one").await, first, "the result changed after a reconnect");
    agent.restart();
    let mut channel = server.channel().await;
    assert_eq!(result(&mut channel, "one").await, first, "the result changed after a kill -9");
    // The bare form is itself a reply and gets none.
    channel.send(&json!({"method": "async.ack", "id": "one"})).await;
    let state = status(&mut channel, "one").await;
    assert_eq!((&state["state"], &state["retcode"]), (&json!("ended"), &json!(3)), "{state}");
    acknowledge(&mut channel, "one").await;
    agent.restart();
    let mut channel = server.channel().await;
    accept(&mut channel, "two", "true", json!({})).await;
    let next = next(&mut channel, is_event).await;
    assert_eq!(next["id"], "two", "the acknowledged result was redelivered: {next}");
    assert_eq!(status(&mut channel, "one").await["acknowledged"], true);
}

#[tokio::test]
async fn a_repeated_task_is_known_and_another_task_with_its_id_is_rejected() {
    let (_server, agent, mut channel) = connected().await;
    let mark = agent.scratch().file("mark");
    let cmd = format!("echo x >> {}; sleep 0.2", mark.display());
    let fields = json!({"env": {"A": "1", "B": "2"}, "timeout": 60});
    // All at once: the second arrives before the first is on the disk.
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
    assert_eq!(
        (&known["message"], &known["data"]["state"]),
        (&json!("Known"), &json!("ended")),
        "{known}"
    );
    assert_eq!(std::fs::read_to_string(mark).unwrap(), "x\n", "the task did not run exactly once");
}

#[tokio::test]
async fn output_is_read_by_offset_while_the_task_runs_and_after() {
    let (_server, agent, mut channel) = connected().await;
    let go = agent.scratch().file("go");
    let cmd = format!(
        "printf 'a\\303'; until [ -e {} ]; do sleep 0.02; done; printf '\\244b'",
        go.display()
    );
    accept(&mut channel, "one", &cmd, json!({})).await;
    let read =
        |offset: u64| json!({"id": "r", "method": "async.output", "task": "one", "offset": offset});
    let first = loop {
        let answer = ask(&mut channel, &read(0)).await;
        if answer["data"]["next"] != 0 {
            break answer;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    };
    let wanted = json!({"offset": 0, "next": 1, "ended": false, "text": "a"});
    assert_eq!(first["data"], wanted, "half a character was sent");
    std::fs::write(go, "").unwrap();
    result(&mut channel, "one").await;
    let rest = ask(&mut channel, &read(1)).await;
    assert_eq!(rest["data"], json!({"offset": 1, "next": 4, "ended": true, "text": "äb"}));
    let behind = ask(&mut channel, &read(100)).await;
    assert_eq!(
        (&behind["data"]["text"], &behind["data"]["ended"]),
        (&json!(""), &json!(true)),
        "{behind}"
    );
    acknowledge(&mut channel, "one").await;
    let gone = ask(&mut channel, &read(0)).await;
    assert_eq!(
        (&gone["data"]["text"], &gone["data"]["ended"]),
        (&json!(""), &json!(true)),
        "{gone}"
    );
}

#[tokio::test]
async fn a_flood_of_output_is_bounded_on_disk_and_its_head_and_tail_are_reported() {
    let (_server, agent, mut channel) = connected().await;
    accept(&mut channel, "one", "seq 1 1000000", json!({"max_output": 1000})).await;
    let over = result(&mut channel, "one").await;
    let text = over["data"].as_str().unwrap();
    assert!(
        text.starts_with("1\n2\n") && text.ends_with("1000000\n") && text.len() <= 1000,
        "{text}"
    );
    assert_eq!(over["dropped"].as_u64().unwrap() + text.len() as u64, 6_888_896);
    let files = std::fs::read_dir(agent.scratch().file("state/tasks")).unwrap().flatten();
    let size: u64 = files
        .filter(|file| file.file_name().to_string_lossy().ends_with(".out"))
        .map(|file| file.metadata().unwrap().len())
        .sum();
    assert_eq!(size, 1000);
    // The discarded output between head and tail is skipped.
    let read = json!({"id": "r", "method": "async.output", "task": "one", "offset": 600});
    let piece = ask(&mut channel, &read).await;
    assert!(piece["data"]["offset"].as_u64().unwrap() > 6_888_000, "{piece}");
    acknowledge(&mut channel, "one").await;
    let left = std::fs::read_dir(agent.scratch().file("state/tasks")).unwrap().flatten();
    let outputs = left.filter(|file| file.file_name().to_string_lossy().ends_with(".out")).count();
    assert_eq!(outputs, 0, "the acknowledgement did not remove the output");
}

#[tokio::test]
async fn a_hundred_tasks_at_once_run_in_turn_and_each_result_is_delivered_once() {
    let (_server, _agent, mut channel) = with("[tasks]\nmax_running = 8\n").await;
    for number in 0..100 {
        channel.send(&task(&format!("t-{number}"), &format!("echo {number}"), json!({}))).await;
    }
    let (mut accepted, mut delivered) = (0, std::collections::BTreeMap::new());
    while accepted < 100 || delivered.len() < 100 {
        let message = channel.next().await.unwrap();
        if message["method"] == "async.result" {
            let id = message["id"].as_str().unwrap().to_owned();
            let number = id.strip_prefix("t-").unwrap().to_owned();
            assert_eq!(message["data"], format!("{number}\n"));
            assert_eq!(delivered.insert(id, message), None, "delivered twice");
        } else {
            assert_eq!(message["message"], "Accepted", "{message}");
            accepted += 1;
        }
    }
    let list =
        ask(&mut channel, &json!({"id": "l", "method": "async.list", "after": "t-9", "limit": 5}))
            .await;
    let ids: Vec<_> = list["data"].as_array().unwrap().iter().map(|task| &task["task"]).collect();
    assert_eq!(ids, ["t-10", "t-11", "t-12", "t-13", "t-14"]);
}
