//! docs/api.md: its examples work, as they stand there, with the answers that it shows.

#![expect(clippy::unwrap_used, reason = "a failed step fails the test")]

mod support;

use serde_json::{Value, json};
use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;
use support::{Agent, Controller};
use test_support::Scratch;

/// An example, and the last of its answers.
struct Example {
    script: String,
    answer: Option<Value>,
}

#[test]
fn each_example_of_the_page_works() {
    let controller = Controller::start(&[]);
    let mut agent = controller.agent("host-1");
    controller.wait_for_hosts(&["host-1"]);
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../docs/api.md");
    let examples = examples(&std::fs::read_to_string(page).unwrap());
    assert!(examples.len() > 5, "{} examples", examples.len());
    let scratch = Scratch::new("api-page");
    scratch.write("token", &controller.token);
    let address = controller.api.trim_start_matches("http://").trim_end_matches("/api/v1");
    // One shell for all, as a reader would use.
    let mut script = "set -euo pipefail\n".to_owned();
    for (number, example) in examples.iter().enumerate() {
        let commands = example.script.replace("127.0.0.1:7480", address);
        writeln!(script, "echo 'example {number}' >&2; exec >answer-{number}\n{commands}").unwrap();
    }
    std::thread::scope(|scope| {
        scope.spawn(|| answer(&mut agent));
        run(&script, &scratch);
        // The agent's channel ends, and with it the thread.
        controller.signal("-TERM");
    });
    for (number, example) in examples.iter().enumerate() {
        let text = std::fs::read_to_string(scratch.file(&format!("answer-{number}"))).unwrap();
        let Some(shown) = &example.answer else {
            assert!(!text.is_empty(), "example {number} says nothing: {}", example.script);
            continue;
        };
        let answers: Result<Vec<Value>, _> =
            serde_json::Deserializer::from_str(&text).into_iter().collect();
        let answers = answers.unwrap_or_else(|error| panic!("example {number}: {error}: {text}"));
        compare(shown, answers.last().unwrap(), &format!("example {number}"));
    }
}

/// Reads the blocks of commands, and the JSON blocks that follow some of them at once.
fn examples(page: &str) -> Vec<Example> {
    let mut examples: Vec<Example> = Vec::new();
    let mut rest = page;
    while let Some((before, block)) = rest.split_once("\n```") {
        let (kind, block) = block.split_once('\n').unwrap();
        let (content, after) = block.split_once("\n```").unwrap();
        match kind {
            "sh" => examples.push(Example { script: content.to_owned(), answer: None }),
            "json" => {
                assert!(before.is_empty(), "a JSON block without commands: {content}");
                examples.last_mut().unwrap().answer = Some(serde_json::from_str(content).unwrap());
            }
            other => panic!("a block of {other:?}"),
        }
        rest = after;
    }
    examples
}

/// Checks that the answer has everything that the page shows. A text with `…`, or a time, stands
/// for any.
fn compare(shown: &Value, answer: &Value, place: &str) {
    match (shown, answer) {
        (Value::Object(shown), Value::Object(answer)) => {
            for (name, value) in shown {
                let place = format!("{place}: {name}");
                let found =
                    answer.get(name).unwrap_or_else(|| panic!("{place}: not in {answer:?}"));
                compare(value, found, &place);
            }
        }
        (Value::String(text), Value::String(found)) => {
            let any = text.contains('…') || text.ends_with('Z');
            let start = text.split('…').next().unwrap_or_default();
            assert!(
                text == found || (any && (text.ends_with('Z') || found.starts_with(start))),
                "{place}: {found}"
            );
        }
        _ => assert_eq!(shown, answer, "{place}"),
    }
}

/// Delivers the result of a task, then answers requests until the channel ends.
fn answer(agent: &mut Agent) {
    let result = json!({
        "method": "async.result", "id": "nightly-42", "resp": "success", "retcode": 0, "data": "",
    });
    agent.send(&result.to_string());
    while let Ok(Some(request)) = agent.try_receive() {
        let Some(id) = request.get("id").filter(|_| request["method"] != "async.ack") else {
            continue;
        };
        if request.get("stream") == Some(&json!(true)) {
            agent.send(&json!({"id": id, "resp": "output", "data": "up\n"}).to_string());
        }
        let reply =
            json!({"id": id, "resp": "success", "retcode": 0, "message": "Normal termination"});
        agent.send(&reply.to_string());
    }
}

#[expect(clippy::disallowed_methods, reason = "the page's commands are for a shell")]
fn run(script: &str, folder: &Scratch) {
    let output =
        Command::new("bash").args(["-c", script]).current_dir(folder.path()).output().unwrap();
    assert!(output.status.success(), "{script}\n{}", String::from_utf8_lossy(&output.stderr));
}
