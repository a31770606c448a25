//! The real controller keeps to its OpenAPI document: each operation is called, and each answer is
//! compared with what the document says of it: the status, the media type and the body, which may
//! have no field that the document does not name.
//!
//! `document` compares; `calls` is one client that calls every operation. An operation that it
//! does not call fails the test.

#![expect(clippy::unwrap_used, reason = "a failed step fails the test")]

mod calls;
mod document;
#[path = "../support/mod.rs"]
mod support;

use document::{Call, Document};
use serde_json::{Value, json};
use support::Controller;

#[test]
fn each_operation_answers_as_the_document_says() {
    let controller = Controller::start(&["--unknown", "pending"]);
    let document = Document::of(&controller);
    let skipped = calls::all(&controller, &document);
    document.check_all_were_called(skipped);
}

#[test]
fn each_operation_but_the_open_ones_needs_a_token_as_the_document_says() {
    let controller = Controller::start(&[]);
    let document = Document::of(&controller);
    let anybody = document.client(&controller, None);
    let mut open = Vec::new();
    for id in document.operations() {
        let call = Call { body: Some(json!({})), ..Call::with_examples(id) };
        if document.needs_a_token(id) {
            assert_eq!(anybody.call(&call).status, 401, "{id}");
        } else {
            open.push(id);
        }
    }
    assert_eq!(open, OPEN, "routes for everybody");
}

/// The operations that need no token.
const OPEN: [&str; 5] =
    ["login_login", "login_link_log_in", "login_setup", "probes_health", "probes_ready"];

#[test]
fn each_operation_rejects_a_query_and_a_body_that_the_document_does_not_know() {
    let controller = Controller::start(&[]);
    let document = Document::of(&controller);
    let client = document.client(&controller, Some(controller.bearer()));
    for id in document.operations() {
        let bad = if document.has_query(id) {
            Call { query: "no_such_parameter=1".to_owned(), ..Call::with_examples(id) }
        } else if document.has_body(id) {
            // serde alone would take an array for an object with these fields.
            Call { body: Some(json!([null, null, null])), ..Call::with_examples(id) }
        } else {
            continue;
        };
        let answer = client.call(&bad);
        assert_eq!(answer.status, 400, "{id}: {}", answer.text);
    }
}

#[test]
fn each_example_is_as_its_own_schema_says() {
    let controller = Controller::start(&[]);
    let document = Document::of(&controller);
    let mut checked = 0;
    document.each_content(|pointer, content| {
        // A stream of events has none.
        if content.get("schema").is_none() {
            assert!(pointer.ends_with("text~1event-stream"), "no schema: {pointer}");
            return;
        }
        let named = content["examples"].as_object().into_iter().flatten();
        let examples = named.map(|(_, example)| &example["value"]).chain(content.get("example"));
        for example in examples {
            document.check(&format!("{pointer}/schema"), example, "an example");
            checked += 1;
        }
    });
    assert!(checked > 0, "the document has no examples");
}

#[test]
fn an_answer_that_is_not_as_the_document_says_is_found() {
    let controller = Controller::start(&[]);
    let document = Document::of(&controller);
    let fits = |body: Value| {
        let check = || document.check("/components/schemas/StoredResult", &body, "a result");
        std::panic::catch_unwind(std::panic::AssertUnwindSafe(check)).is_ok()
    };
    let received = "2026-01-31T09:30:00Z";
    let good = json!({"sequence": 1, "received": received, "task": "t", "result": {"x": 1}});
    assert!(fits(good.clone()));
    for (name, value) in [
        ("sequence", json!("1")),
        ("received", json!("yesterday")),
        ("result", json!([])),
        ("unknown", json!(1)),
    ] {
        let mut bad = good.clone();
        bad[name] = value;
        assert!(!fits(bad), "{name}");
    }
    let mut short = good;
    short.as_object_mut().unwrap().remove("task");
    assert!(!fits(short), "without a required field");
}
