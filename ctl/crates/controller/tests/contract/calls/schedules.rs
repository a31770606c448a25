//! Calls about schedules.

use super::{Call, Client};
use serde_json::json;

/// Calls every operation about schedules.
pub(super) fn all(client: &Client<'_>) {
    let entry = json!({"name": "backup", "selector": "role=db", "schedule": "0 30 2 * * *",
        "user": "root", "cmd": "/usr/local/bin/backup", "env": {"A": "b"}, "jitter": 60});
    let set = |entry: &serde_json::Value| json!({"schedules": [entry], "prune": true});
    let diff = Call { body: Some(set(&entry)), ..Call::with_examples("schedules_diff") };
    let found = client.get(&diff);
    assert_eq!(found["added"], json!(["backup"]), "{found}");
    let apply = Call { body: Some(set(&entry)), ..Call::with_examples("schedules_apply") };
    assert_eq!(client.get(&apply)["added"], json!(["backup"]));
    let mut other = entry.clone();
    other["cmd"] = json!("/usr/local/bin/backup --all");
    let diff = Call { body: Some(set(&other)), ..diff };
    assert_eq!(client.get(&diff)["changed"][0]["fields"][0]["field"], "cmd");
    let mut stale = set(&other);
    stale["generation"] = json!(0);
    let stale = Call { body: Some(stale), ..apply.clone() };
    assert_eq!(client.call(&stale).status, 409);
    let bad = json!({"schedules": [{"name": "x", "selector": "", "schedule": "61 * * * * *", "cmd": "x"}]});
    let bad = client.call(&Call { body: Some(bad), ..apply });
    assert!(bad.status == 400 && bad.text.contains("schedule"), "{}", bad.text);

    let on = |operation: &str| Call {
        segments: vec![("schedule", "backup".to_owned())],
        ..Call::with_examples(operation)
    };
    let shown = client.get(&on("schedules_show"));
    assert_eq!((&shown["version"], &shown["entry"]["env"]["A"]), (&json!(1), &json!("b")));
    let put = Call { body: Some(other), ..on("schedules_put") };
    assert_eq!(client.get(&put)["version"], 2);
    let limited = |operation: &str, query: &str| Call { query: query.to_owned(), ..on(operation) };
    let history = client.get(&limited("schedules_history", "limit=1"));
    assert_eq!((&history["versions"][0]["version"], &history["next"]), (&json!(2), &json!(2)));
    let hosts = client.get(&limited("schedules_hosts", "limit=1&state=applied"));
    assert_eq!(hosts["hosts"], json!([]));
    assert_eq!(client.get(&limited("schedules_results", "limit=1"))["results"], json!([]));
    let listed = Call { query: "limit=1".to_owned(), ..Call::with_examples("schedules_list") };
    assert_eq!(client.get(&listed)["schedules"][0]["entry"]["name"], "backup");
    let forecast = Call {
        query: "hours=24&own=false".to_owned(),
        ..Call::with_examples("schedules_forecast")
    };
    let forecast = client.get(&forecast);
    assert_eq!(forecast["load"].as_array().map(Vec::len), Some(1440));
    assert_eq!(forecast["never"][0]["why"], "it selects none of the hosts");
    let aged = |max_age: u32| {
        let query = format!("hours=1&own=false&max_age={max_age}");
        client.call(&Call { query, ..Call::with_examples("schedules_forecast") })
    };
    assert_eq!(aged(600).json(), aged(600).json(), "the same forecast, though later");
    assert_eq!(aged(3601).status, 400);
    let check = Call {
        body: Some(json!({"selector": "role=db"})),
        ..Call::with_examples("schedules_check")
    };
    assert_eq!(client.get(&check)["hosts"], 0);
    assert_eq!(client.call(&on("schedules_remove")).status, 204);
    assert_eq!(client.call(&on("schedules_show")).status, 404);
    assert_eq!(client.call(&on("schedules_remove")).status, 404);
}
