//! Bounds and limits of tasks.

use super::*;

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
        assert_eq!(
            (&answer["resp"], &answer["retcode"]),
            (&json!("failed"), &json!(retcode)),
            "{answer}"
        );
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
    assert_eq!(
        status(&mut channel, "one").await,
        Value::Null,
        "the oldest acknowledged task was not forgotten"
    );
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
    let many = "for i in {1..30}; do sleep 600 & done; echo never";
    let answer = ask(&mut channel, &task("one", many, json!({"limits": {"pids": 8}}))).await;
    if answer["retcode"] == 3033 {
        assert!(
            answer["message"].as_str().unwrap().contains("cannot be limited on this host"),
            "{answer}"
        );
        eprintln!("SKIPPED (needs root): {answer}");
        return;
    }
    assert_eq!(answer["message"], "Accepted", "{answer}");
    until_output(&mut channel, "one", "Resource temporarily unavailable").await;
    ask(&mut channel, &json!({"id": "c", "method": "async.cancel", "task": "one"})).await;
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
