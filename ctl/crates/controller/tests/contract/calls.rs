//! One client that calls every operation of the API.

use super::document::{Call, Client, Document};
use super::support::{Agent, Controller};
use serde_json::{Value, json};
use std::thread;

/// Calls every operation.
pub(super) fn all(controller: &Controller, document: &Document) {
    let client = document.client(controller, Some(controller.bearer()));
    probes(&client);
    let mut agent = controller.agent("host-1");
    controller.wait_for_hosts(&["host-1"]);
    hosts(&client);
    requests(&client, document, &mut agent);
    results(&client, &mut agent);
}

/// Calls an operation about `host-1`.
fn on_host(operation: &str) -> Call {
    Call { segments: vec![("host", "host-1".to_owned())], ..Call::with_examples(operation) }
}

fn on_task(operation: &str, task: &str) -> Call {
    let mut call = on_host(operation);
    call.segments.push(("task", task.to_owned()));
    call
}

fn probes(client: &Client<'_>) {
    assert_eq!(client.call(&Call::with_examples("probes_health")).json()["status"], "ok");
    assert_eq!(client.call(&Call::with_examples("probes_ready")).json()["status"], "ready");
    let metrics = client.call(&Call::with_examples("metrics_show"));
    assert!(metrics.text.contains("basicagent_handshakes_total"), "{}", metrics.text);
    assert_eq!(client.call(&Call::with_examples("openapi_show")).json()["openapi"], "3.1.0");
}

fn hosts(client: &Client<'_>) {
    let listed = client.call(&Call::with_examples("hosts_list")).json();
    assert_eq!(listed["hosts"][0]["id"], "host-1");
    assert_eq!(client.call(&on_host("hosts_show")).json()["connected"], true);
    let unknown = client.call(&Call::with_examples("hosts_show"));
    assert_eq!(unknown.status, 404, "{}", unknown.text);
}

fn requests(client: &Client<'_>, document: &Document, agent: &mut Agent) {
    let ask = |body: Value| Call { body: Some(body), ..on_host("requests_ask") };
    let ping = ask(json!({"method": "agent.ping"}));
    let answer = thread::scope(|scope| {
        let agent = scope.spawn(|| {
            let id = agent.receive().unwrap()["id"].clone();
            let reply = json!({"id": id, "resp": "success", "retcode": 0, "message": "Pong"});
            agent.send(&reply.to_string());
        });
        let answer = client.call(&ping);
        agent.join().unwrap();
        answer
    });
    assert_eq!((answer.status, answer.json()["message"].as_str()), (200, Some("Pong")));
    let stream = ask(json!({"method": "sync.bash", "cmd": "uptime", "stream": true}));
    let answer = thread::scope(|scope| {
        let agent = scope.spawn(|| {
            let id = agent.receive().unwrap()["id"].clone();
            agent.send(&json!({"id": id, "resp": "output", "data": "up\n"}).to_string());
            let reply = json!({"id": id, "resp": "success", "retcode": 0, "message": "Done"});
            agent.send(&reply.to_string());
        });
        let answer = client.call(&stream);
        agent.join().unwrap();
        answer
    });
    assert_eq!(answer.media_type, "application/x-ndjson");
    let lines: Vec<Value> =
        answer.text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    for line in &lines {
        document.check("/components/schemas/StreamLine", line, "a line of the stream");
    }
    assert_eq!(lines.len(), 2, "{lines:?}");
    let with_id = client.call(&ask(json!({"method": "agent.ping", "id": "1"})));
    assert_eq!(with_id.status, 400, "{}", with_id.text);
    let elsewhere = Call { segments: Vec::new(), ..ping };
    assert_eq!(client.call(&elsewhere).status, 404);
}

fn results(client: &Client<'_>, agent: &mut Agent) {
    let none = client.call(&on_task("results_one", "t-1"));
    assert_eq!(none.status, 404, "{}", none.text);
    for task in ["t-1", "t-2"] {
        let result = json!({
            "method": "async.result", "id": task, "resp": "success", "retcode": 0,
            "message": "Normal termination", "data": "x",
        });
        agent.send(&result.to_string());
        assert_eq!(agent.receive().unwrap()["id"], task);
    }
    assert_eq!(client.call(&on_task("results_one", "t-1")).json()["id"], "t-1");
    let page = |after: &Value| {
        let query = format!("limit=1&after={after}");
        client.call(&Call { query, ..on_host("results_page") }).json()
    };
    let first = page(&json!(0));
    let second = page(&first["next"]);
    assert_eq!(first["results"][0]["task"], "t-1");
    assert_eq!(second["results"][0]["task"], "t-2");
    assert!(page(&second["next"]).get("next").is_none(), "no page after the last");
}
