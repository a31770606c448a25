//! Calls about plans, runs, budgets and the history.

use super::{Call, Client, Document};
use crate::support::Agent;
use serde_json::{Value, json};
use std::thread;

/// Calls every operation about runs; the agent of `host-1` answers them.
pub(super) fn all(client: &Client<'_>, document: &Document, mut agent: Agent) {
    budgets(client);
    // It ends with the controller.
    thread::spawn(move || answer(&mut agent));
    let plan = plans(client);
    runs(client, &plan);
    events(client, document);
    history(client);
}

/// Answers every request, as an agent that accepts everything.
fn answer(agent: &mut Agent) {
    while let Ok(Some(request)) = agent.try_receive() {
        let Some(id) = request.get("id") else { continue };
        let reply = json!({"id": id, "resp": "success", "retcode": 0, "message": "Done"});
        agent.send(&reply.to_string());
    }
}

/// Calls an operation about a run.
fn on(operation: &str, run: &Value) -> Call {
    let run = run.as_str().unwrap().to_owned();
    Call { segments: vec![("run", run)], ..Call::with_examples(operation) }
}

fn body() -> Value {
    json!({
        "request": {"method": "async.bash", "cmd": "uptime", "user": "root", "env": {"A": "b"}},
        "hosts": ["host-1"],
        "stages": ["1", "50%", 100],
        "soak": 0,
        "max_failed": "10%",
        "concurrency": "50%",
        "ramp": false,
        "stop_after": "none",
        "not_after": null,
        "no_wait": true,
    })
}

fn budgets(client: &Client<'_>) {
    let named = |operation: &str, name: &str| Call {
        segments: vec![("name", name.to_owned())],
        ..Call::with_examples(operation)
    };
    for (name, limit) in [("a", 1), ("b", 2)] {
        let set = json!({"selector": "role=db", "limit": limit});
        let set = client.get(&Call { body: Some(set), ..named("budgets_set", name) });
        assert_eq!((&set["name"], &set["limit"]), (&json!(name), &json!(limit)));
    }
    for bad in [json!({"selector": "", "limit": 0}), json!({"selector": "a===", "limit": 1})] {
        let set = Call { body: Some(bad), ..named("budgets_set", "a") };
        assert_eq!(client.call(&set).status, 400);
    }
    let page = client.get(&Call { query: "limit=1".to_owned(), ..named("budgets_list", "") });
    assert_eq!((&page["budgets"][0]["name"], &page["next"]), (&json!("a"), &json!("a")));
    assert_eq!(client.get(&named("budgets_show", "b"))["selector"], "role=db");
    assert_eq!(client.call(&named("budgets_show", "c")).status, 404);
    for status in [204, 404] {
        assert_eq!(client.call(&named("budgets_remove", "b")).status, status);
    }
}

/// Makes a plan and returns its id.
fn plans(client: &Client<'_>) -> Value {
    let mut new = body();
    new.as_object_mut().unwrap().remove("not_after");
    let make = |key: &str| Call {
        body: Some(new.clone()),
        headers: vec![("Idempotency-Key", key.to_owned())],
        ..Call::with_examples("plans_create")
    };
    let plan = client.get(&make("one"));
    assert_eq!(client.get(&make("one")), plan, "the same key gives the same plan");
    assert_ne!(client.get(&make("two"))["id"], plan["id"]);
    assert_eq!((&plan["total"], &plan["answers"]["online"]), (&json!(1), &json!(1)), "{plan}");
    assert_eq!(plan["request"]["env"], json!({"A": "…"}), "values of variables are not shown");
    assert_eq!(client.get(&on("plans_show", &plan["id"])), plan);
    let targets = client.get(&on("plans_targets", &plan["id"]));
    assert_eq!(
        targets["targets"],
        json!([{"host": "host-1", "stage": 1, "answer": "online"}]),
        "{targets}"
    );
    let none = json!("0195f3a2c7b070008a4e5d1c2b3a4f60");
    for operation in ["plans_show", "plans_targets", "plans_apply", "runs_show", "runs_cancel"] {
        assert_eq!(client.call(&on(operation, &none)).status, 404, "{operation}");
    }
    plan["id"].clone()
}

fn runs(client: &Client<'_>, plan: &Value) {
    let nine = json!({"signatures": vec!["x"; 9]});
    assert_eq!(client.call(&Call { body: Some(nine), ..on("plans_apply", plan) }).status, 400);
    let signed = json!({"signatures": ["one"]});
    let run = client.get(&Call { body: Some(signed), ..on("plans_apply", plan) });
    assert_eq!((&run["id"], &run["equation"]["total"]), (plan, &json!(1)), "{run}");
    assert_eq!(client.get(&on("plans_apply", plan))["applied_at"], run["applied_at"]);
    let other = json!({"request": {"method": "agent.ping"}, "selector": "host=host-1"});
    let other = Call { body: Some(other), ..Call::with_examples("runs_create") };
    let other = client.get(&other);
    let nobody = json!({"request": {"method": "agent.ping"}, "selector": "env=nowhere"});
    let nobody = Call { body: Some(nobody), ..Call::with_examples("runs_create") };
    assert_eq!(client.call(&nobody).status, 409, "a run of no host");
    let page = |after: &str| {
        let query = format!("limit=1&host=host-1&since=2020-01-01T00:00:00Z{after}");
        client.get(&Call { query, ..Call::with_examples("runs_list") })
    };
    let first = page("");
    assert_eq!(first["runs"][0]["id"], other["id"]);
    let second = page(&format!("&after={}", first["next"].as_str().unwrap()));
    assert_eq!(second["runs"][0]["id"], *plan);
    assert_eq!(client.get(&on("runs_show", plan))["hash"], run["hash"]);
    let query = "stage=1&limit=1".to_owned();
    let targets = client.get(&Call { query, ..on("targets_list", plan) });
    assert_eq!(targets["targets"][0]["host"], "host-1");
    let mut target = on("targets_show", plan);
    target.segments.push(("host", "host-1".to_owned()));
    assert_eq!(client.get(&target)["target"]["host"], "host-1");
    client.get(&on("targets_outputs", plan));
    let output = |headers| {
        let mut call = Call { headers, ..on("target_output_follow", plan) };
        call.segments.push(("host", "host-1".to_owned()));
        client.call(&call)
    };
    assert_eq!(output(vec![("Last-Event-ID", "x".to_owned())]).status, 400);
    let canceled = client.get(&on("runs_cancel", plan));
    assert_ne!(canceled["state"], "running", "{canceled}");
    let states = json!({"states": ["waiting"]});
    let again = client.call(&Call { body: Some(states), ..on("runs_again", plan) });
    assert_eq!(again.status, 400, "{}", again.text);
}

fn events(client: &Client<'_>, document: &Document) {
    let mut new = body();
    new.as_object_mut().unwrap().remove("not_after");
    let plan = client.get(&Call { body: Some(new), ..Call::with_examples("plans_create") });
    client.get(&on("runs_cancel", &plan["id"]));
    let expired = client.call(&on("plans_apply", &plan["id"]));
    assert_eq!(expired.status, 409, "a plan that was canceled: {}", expired.text);
    let ping = json!({"request": {"method": "agent.ping"}, "hosts": ["host-1"]});
    let run = client.get(&Call { body: Some(ping), ..Call::with_examples("runs_create") });
    let mut after = json!(0);
    let changes = (0..100).find_map(|_| {
        let query = format!("after={after}&limit=1000&wait=10&gather=50");
        let changes = client.get(&Call { query, ..on("changes_list", &run["id"]) });
        after = changes["next"].clone();
        (changes["last"] == true).then_some(changes)
    });
    let changes = changes.expect("the run ends");
    assert_eq!(changes["run"]["equation"]["succeeded"], 1, "{changes}");
    let states = json!({"states": ["succeeded"]});
    let again = client.get(&Call { body: Some(states), ..on("runs_again", &run["id"]) });
    assert_eq!(again["total"], 1, "{again}");
    assert_eq!(client.call(&on("runs_again", &run["id"])).status, 409, "nothing has failed");
    let told = client.call(&on("run_events_follow", &run["id"]));
    assert_eq!((told.status, told.media_type.as_str()), (200, "text/event-stream"));
    let mut last = String::new();
    for event in told.text.split("\n\n").filter(|event| !event.is_empty()) {
        let field =
            |name: &str| event.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
        let Some(data) = field("data") else { continue };
        let data: Value = serde_json::from_str(data).unwrap();
        let schema = if field("event") == Some("run") { "Run" } else { "Target" };
        document.check(&format!("/components/schemas/{schema}"), &data, "an event");
        field("id").unwrap().clone_into(&mut last);
    }
    assert_eq!(last, changes["next"].to_string(), "one cursor for both");
    let headers = vec![("Last-Event-ID", last)];
    let resumed = client.call(&Call { headers, ..on("run_events_follow", &run["id"]) });
    assert_eq!(resumed.status, 204, "nothing is left to tell: {}", resumed.text);
    let mut output = on("target_output_follow", &run["id"]);
    output.segments.push(("host", "host-1".to_owned()));
    let told = client.call(&output);
    let data = told.text.lines().find_map(|line| line.strip_prefix("data: ")).unwrap();
    let data: Value = serde_json::from_str(data).unwrap();
    document.check("/components/schemas/Target", &data, "the only event: it has ended");
    output.headers = vec![("Last-Event-ID", "0.0".to_owned())];
    assert_eq!(client.call(&output).status, 204);
    let query = "gather=1001".to_owned();
    assert_eq!(client.call(&Call { query, ..on("changes_list", &run["id"]) }).status, 400);
    let headers = vec![("Last-Event-ID", "x".to_owned())];
    assert_eq!(client.call(&Call { headers, ..on("run_events_follow", &run["id"]) }).status, 400);
}

fn history(client: &Client<'_>) {
    let query = "host=host-1&limit=10".to_owned();
    let page = client.get(&Call { query, ..Call::with_examples("history_list") });
    assert!(page["entries"].is_array(), "{page}");
    let query = "state=running".to_owned();
    let running = client.call(&Call { query, ..Call::with_examples("history_list") });
    assert_eq!(running.status, 400, "{}", running.text);
    let query = "results=true".to_owned();
    let export = client.call(&Call { query, ..Call::with_examples("history_export") });
    let last: Value = serde_json::from_str(export.text.lines().last().unwrap()).unwrap();
    assert_eq!(last["exported"], export.text.lines().count() - 1, "{}", export.text);
}
