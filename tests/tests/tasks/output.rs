//! `async.output` of text, live and afterwards: its parts end between characters.

use super::*;

const TEXT: &str = "aä€🦀";

/// Reads a task's output from an offset to its end, and returns its parts.
async fn read(channel: &mut Channel, id: &str, mut offset: u64) -> Vec<Value> {
    let mut parts = Vec::new();
    loop {
        let request = json!({"id": "r", "method": "async.output", "task": id, "offset": offset});
        let answer = ask(channel, &request).await;
        let part = answer["data"].clone();
        assert!(part["next"].as_u64().unwrap() >= offset, "{answer}");
        offset = part["next"].as_u64().unwrap();
        let ended = part["ended"] == true;
        if part["text"] != "" {
            parts.push(part);
        }
        if ended {
            return parts;
        }
    }
}

fn is_text(parts: &[Value]) -> bool {
    parts.iter().all(|part| part.get("base64").is_none())
}

#[tokio::test]
async fn no_part_of_text_is_base64_wherever_the_parts_and_the_kept_output_end() {
    let (_server, _agent, mut channel) = connected().await;
    let print = |count: u32| {
        format!("for i in $(seq {count}); do printf '{TEXT}'; (( i % 100 )) || sleep 0.01; done")
    };
    // The head, the ring's beginning and its wrap come to lie within characters.
    for max in [5000, 5001, 5002, 5003, 1 << 20] {
        let id = format!("task-{max}");
        accept(&mut channel, &id, &print(2500), json!({"max_output": max})).await;
        let live = read(&mut channel, &id, 0).await;
        assert!(is_text(&live), "max_output {max}, live: {live:?}");
        let over = result(&mut channel, &id).await;
        assert!(over.get("encoding").is_none(), "{over}");
        let after = read(&mut channel, &id, 0).await;
        assert!(is_text(&after), "max_output {max}: {after:?}");
        let joined: String = after.iter().map(|part| part["text"].as_str().unwrap()).collect();
        assert_eq!(joined, over["data"].as_str().unwrap(), "max_output {max}");
    }
}

#[tokio::test]
async fn only_the_bytes_that_are_not_text_are_base64() {
    let (_server, _agent, mut channel) = connected().await;
    let cmd = r"printf 'a\303\244\377b\0c\303\244'; printf '\303'";
    accept(&mut channel, "one", cmd, json!({})).await;
    result(&mut channel, "one").await;
    let parts = read(&mut channel, "one", 0).await;
    let found: Vec<_> = parts
        .iter()
        .map(|part| (part["text"].as_str().unwrap_or("-"), part["base64"].as_str().unwrap_or("-")))
        .collect();
    // From the first byte that is not text to the last of the bytes that are there.
    assert_eq!(found, [("aä", "-"), ("-", "/2IAY8Okww==")]);
    // In the middle of a character: its rest, and then text.
    let parts = read(&mut channel, "one", 2).await;
    assert_eq!(parts[0]["base64"], "pP9iAGPDpMM=");
    accept(&mut channel, "two", &format!("printf '{TEXT}'"), json!({})).await;
    result(&mut channel, "two").await;
    let parts = read(&mut channel, "two", 2).await;
    assert_eq!((&parts[0]["base64"], &parts[1]["text"]), (&json!("pA=="), &json!("€🦀")));
}

/// Asks for output with a wait, and does not wait for the answer.
async fn wait(channel: &mut Channel, id: &str, task: &str, offset: u64) {
    let request =
        json!({"id": id, "method": "async.output", "task": task, "offset": offset, "wait": 60});
    channel.send(&request).await;
}

#[tokio::test]
async fn a_request_that_waits_ends_with_output_the_tasks_end_a_cancelation_or_the_agent() {
    let (_server, mut agent, mut channel) = connected().await;
    let gate = |name: &str| agent.scratch().file(name);
    let open = |name: &str| std::fs::write(gate(name), "").unwrap();
    let until = |name: &str| format!("until [ -e {} ]; do sleep 0.02; done", gate(name).display());
    let cmd = format!("{}; printf one; {}; printf two; {}", until("1"), until("2"), until("3"));
    accept(&mut channel, "task", &cmd, json!({})).await;
    wait(&mut channel, "first", "task", 0).await;
    // Another request about the task does not wait for it.
    until_state(&mut channel, "task", "running").await;
    PENDING.with_borrow(|kept| assert!(kept.is_empty(), "{kept:?}"));
    open("1");
    let part = answer(&mut channel, "first").await["data"].clone();
    assert_eq!((&part["text"], &part["next"]), (&json!("one"), &json!(3)));
    wait(&mut channel, "second", "task", 3).await;
    let cancel = json!({"id": "c", "method": "sync.cancel", "target": "second"});
    assert_eq!(ask(&mut channel, &cancel).await["resp"], "success");
    assert_eq!(answer(&mut channel, "second").await["data"]["next"], 3);
    wait(&mut channel, "third", "task", 3).await;
    open("2");
    assert_eq!(answer(&mut channel, "third").await["data"]["text"], "two");
    wait(&mut channel, "fourth", "task", 6).await;
    open("3");
    let part = answer(&mut channel, "fourth").await["data"].clone();
    assert_eq!((&part["text"], &part["ended"]), (&json!(""), &json!(true)));
    // As many as wait at most, and one more, which is answered at once.
    accept(&mut channel, "other", "sleep 1000", json!({})).await;
    for number in 0..64 {
        wait(&mut channel, &format!("w{number}"), "other", 0).await;
    }
    wait(&mut channel, "one more", "other", 0).await;
    assert_eq!(answer(&mut channel, "one more").await["data"]["next"], 0);
    PENDING.with_borrow(|kept| assert!(!kept.iter().any(|it| it["id"] == "w0"), "{kept:?}"));
    agent.signal(Signal::SIGTERM);
    for number in 0..64 {
        let ended = answer(&mut channel, &format!("w{number}")).await;
        assert_eq!(ended["resp"], "success", "{ended}");
    }
    agent.wait().await;
    kill_supervisors(&agent);
}
