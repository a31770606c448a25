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
