//! Calls about hosts: their state, requests to them, and their results.

use super::{Call, Client, Document};
use crate::support::{Agent, Controller};
use serde_json::{Value, json};
use std::thread;

/// Calls every operation about hosts; `host-1` and `host-2` are removed in the end.
pub(super) fn all(controller: &Controller, client: &Client<'_>, document: &Document) {
    let mut agent = controller.agent("host-1");
    let other = controller.agent("host-2");
    controller.wait_for_hosts(&["host-1", "host-2"]);
    for host in ["host-1", "host-2"] {
        let segments = vec![("host", host.to_owned())];
        let approved = client.get(&Call { segments, ..Call::with_examples("hosts_approve") });
        assert_eq!(approved["state"], "active");
    }
    hosts(client);
    fleet(client);
    requests(client, document, &mut agent);
    results(client, &mut agent);
    facts(client, &mut agent);
    super::runs::all(client, document, agent);
    decisions(client);
    drop(other);
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

fn hosts(client: &Client<'_>) {
    let page = |after: &str| {
        let query = format!("limit=1&connected=true&after={after}");
        client.get(&Call { query, ..Call::with_examples("hosts_list") })
    };
    let first = page("");
    assert_eq!(first["hosts"][0]["id"], "host-1");
    assert_eq!(page(first["next"].as_str().unwrap())["hosts"][0]["id"], "host-2");
    assert_eq!(client.get(&on_host("hosts_show"))["connected"], true);
    assert_eq!(client.get(&on_host("schedules_of_host"))["schedules"], json!([]));
    let unknown = client.call(&Call::with_examples("hosts_show"));
    assert_eq!(unknown.status, 404, "{}", unknown.text);
    let labels = json!({"set": {"env": "prod"}, "remove": ["legacy"]});
    let labeled = client.get(&Call { body: Some(labels), ..on_host("hosts_label") });
    assert_eq!(labeled["labels"]["env"], json!({"value": "prod", "source": "operator"}));
    for (selector, found) in [("env=prod", 1), ("!env", 1), ("env=none", 0)] {
        let query = format!("selector={selector}");
        let listed = client.get(&Call { query, ..Call::with_examples("hosts_list") });
        assert_eq!(listed["hosts"].as_array().unwrap().len(), found, "{selector}: {listed}");
    }
    let query = "selector=env%3D%3D%3D".to_owned();
    assert_eq!(client.call(&Call { query, ..Call::with_examples("hosts_list") }).status, 400);
}

/// Asks for the fleet's numbers, counts and searches, and changes both hosts at once.
fn fleet(client: &Client<'_>) {
    let query = |operation: &str, query: &str| {
        client.get(&Call { query: query.to_owned(), ..Call::with_examples(operation) })
    };
    let numbers = query("overview_show", "");
    assert_eq!((&numbers["hosts"]["all"], &numbers["hosts"]["online"]), (&json!(2), &json!(2)));
    let trend = query("overview_trend", "hours=24");
    assert_eq!(trend["every_seconds"], 300);
    // One comes each five minutes by the clock, so at most one has come by now.
    assert!(trend["samples"].as_array().unwrap().len() <= 1, "{trend}");
    for (filter, hosts) in
        [("", 2), ("selector=env=prod", 1), ("q=HOST-2", 1), ("connected=false", 0), ("q=2", 1)]
    {
        let counted = query("overview_count", filter);
        assert_eq!(counted, json!({"hosts": hosts, "more": false}), "{filter}");
        let listed = query("hosts_list", filter);
        assert_eq!(listed["hosts"].as_array().unwrap().len(), hosts, "{filter}: {listed}");
    }
    let newest = query("arrivals_list", "limit=1");
    let newest = newest["hosts"].as_array().unwrap();
    assert_eq!(newest.len(), 1);
    // These hosts have certificates of another PKI, and no token.
    let same = query("arrivals_list", "limit=1&token=4g1k7m9p2q5r");
    assert_eq!(same["hosts"], json!([]));
    assert_eq!(query("arrivals_clones", ""), json!({"hosts": [], "more": false}));
    for wrong in ["limit=0", "limit=101", "token=bat1.4g1k7m9p2q5r.secret"] {
        let wrong = Call { query: wrong.to_owned(), ..Call::with_examples("arrivals_list") };
        assert_eq!(client.call(&wrong).status, 400);
    }
    let some = query("overview_count", "up_to=1");
    assert_eq!(some, json!({"hosts": 1, "more": true}));
    let change = |body: Value| Call { body: Some(body), ..Call::with_examples("bulk_change") };
    let labels = json!({"set": {"team": "blue"}, "remove": []});
    let preview = client.get(&change(json!({"selector": "", "labels": labels, "preview": true})));
    assert_eq!((&preview["hosts"], &preview["changed"]), (&json!(2), &json!(0)), "{preview}");
    for expect in [1, 3] {
        let body = json!({"selector": "", "labels": labels, "expect": expect});
        assert_eq!(client.call(&change(body)).status, 409, "another number than expected");
    }
    assert_eq!(query("labels_complete", "q=team="), json!({"items": [], "more": false}));
    let body = json!({"selector": "", "labels": labels, "expect": 2});
    assert_eq!(client.get(&change(body))["changed"], 2);
    assert_eq!(query("labels_complete", "q=te")["items"], json!(["team"]));
    assert_eq!(query("labels_complete", "q=team!=b")["items"], json!(["team!=blue"]));
    let undo = json!({"set": {}, "remove": ["team"]});
    let body = json!({"hosts": ["host-1", "host-2", "none"], "labels": undo});
    assert_eq!(client.get(&change(body))["changed"], 2);
    for wrong in [
        json!({"labels": undo}),
        json!({"selector": "", "hosts": [], "labels": undo}),
        json!({"selector": "", "labels": undo, "remove": true}),
        json!({"selector": ""}),
        json!({"hosts": [], "q": "x", "remove": true}),
        json!({"selector": "a b", "remove": true}),
    ] {
        let answer = client.call(&change(wrong.clone()));
        assert_eq!(answer.status, 400, "{wrong}: {}", answer.text);
    }
    let query = format!("q={}", "x".repeat(129));
    assert_eq!(client.call(&Call { query, ..Call::with_examples("hosts_list") }).status, 400);
}

/// Returns what `host-1` answers to `getinfo.all`, with this version of a package.
fn answers(version: &str) -> Value {
    let answer = |method: &str, data: Value| json!({"method": method, "resp": "success", "retcode": 0, "message": "", "data": data});
    let os = json!({"release": {"id": "debian", "version_id": "12"}, "uptime_seconds": 7});
    let service = json!({"name": "ssh.service", "state": "enabled", "pids": []});
    let certificate = json!({
        "not_after": "2026-01-02T00:00:00Z", "sha256": "AB", "subject": "CN=a", "days_left": 3
    });
    let missing = "Plugin refused: getinfo.cpu: no libgetinfo_cpu.so in /x";
    json!([
        answer("getinfo.packages", openssl(version)),
        answer("getinfo.os", os),
        answer("getinfo.services", json!({"services": [service]})),
        answer("getinfo.certificates", json!({"certificates": [certificate]})),
        {"method": "getinfo.os", "args": "--schema", "resp": "success", "retcode": 0, "message": "",
            "data": {"schema": {"type": "object", "description": version}}},
        {"method": "getinfo.cpu", "resp": "failed", "retcode": 3051, "message": missing},
        {"method": "getinfo.time", "resp": "failed", "retcode": 3052, "message": "broken"}
    ])
}

fn openssl(version: &str) -> Value {
    let package =
        json!({"manager": "dpkg", "name": "openssl", "version": version, "status": "installed"});
    json!({"packages": [package]})
}

/// Has `host-1` answer what it is, and asks for its facts in every way.
fn facts(client: &Client<'_>, agent: &mut Agent) {
    for version in ["3.0.11-1", "3.0.14-1"] {
        let refreshed = thread::scope(|scope| {
            scope.spawn(|| {
                let request = agent.receive().unwrap();
                assert_eq!(request["method"], "getinfo.all", "{request:?}");
                let reply = json!({
                    "id": request["id"], "resp": "success", "retcode": 0, "message": "",
                    "data": answers(version)
                });
                agent.send(&format!("{reply}\n"));
            });
            client.get(&on_host("facts_refresh"))
        });
        assert!(refreshed["changed"].as_array().unwrap().contains(&json!("getinfo.packages")));
        assert_eq!(refreshed["absent"], json!(["getinfo.cpu"]), "{refreshed}");
        assert_eq!(refreshed["failed"][0]["method"], "getinfo.time");
    }
    let list = client.get(&on_host("facts_list"));
    assert_eq!(list["facts"].as_array().unwrap().len(), 6, "{list}");
    let of = |operation: &str, method: &str| {
        let mut call = on_host(operation);
        call.segments.push(("method", method.to_owned()));
        call
    };
    let os = client.get(&of("facts_show", "os"));
    assert_eq!((&os["data"]["uptime_seconds"], &os["state"]["present"]), (&json!(7), &json!(true)));
    let changes = client.get(&of("facts_changes", "packages"));
    assert_eq!(changes["changes"].as_array().unwrap().len(), 2, "{changes}");
    let before = changes["changes"][1]["since"].as_str().unwrap().to_owned();
    let then = Call { query: format!("at={before}"), ..of("facts_show", "packages") };
    assert_eq!(client.get(&then)["data"], openssl("3.0.11-1"));
    assert_eq!(client.call(&of("facts_show", "nothing")).status, 404);
    let schema = client.get(&of("facts_schema", "os"));
    assert_eq!(schema["schema"], json!({"type": "object", "description": "3.0.14-1"}));
    assert_eq!(client.call(&of("facts_schema", "packages")).status, 404);
    log_of_changes(client);
    let query = |operation: &str, query: &str| {
        client.get(&Call { query: query.to_owned(), ..Call::with_examples(operation) })
    };
    let diff = query("facts_diff", &format!("from=host-1@{before}&to=host-1&method=packages"));
    assert_eq!(diff["patch"][0]["path"], "/packages/0/version", "{diff}");
    assert_eq!(diff["lines"][0]["new"], "3.0.14-1", "{diff}");
    let search =
        json!({"path": "$.packages[?@.name=='openssl'].version", "selector": "os.id=debian"});
    let found = client.get(&Call { body: Some(search), ..Call::with_examples("facts_find") });
    assert_eq!(found["hosts"], json!([{"host": "host-1", "count": 1, "values": ["3.0.14-1"]}]));
    let wrong = json!({"path": "$.packages[?@.name=="});
    let wrong = client.call(&Call { body: Some(wrong), ..Call::with_examples("facts_find") });
    assert!(wrong.status == 400 && wrong.text.contains("at byte"), "{}", wrong.text);
    let counts = query("facts_count", "path=os.version_id");
    assert_eq!(counts["counts"], json!([{"value": "12", "hosts": 1}]));
    for (below, found) in [("3.0.15", 1), ("3.0.14", 0)] {
        let hosts = query("facts_packages", &format!("name=openssl&below={below}"));
        assert_eq!(hosts["hosts"].as_array().unwrap().len(), found, "{hosts}");
    }
    let services = query("facts_services", "name=ssh.service&state=enabled");
    assert_eq!(services["hosts"][0]["states"], json!(["enabled"]));
    let expiring = query("facts_certificates", "before=2026-02-01T00:00:00Z");
    assert_eq!(expiring["hosts"][0]["certificates"][0]["subject"], "CN=a");
}

/// Reads the log of changes by pages: the newest first, and no schema among them.
fn log_of_changes(client: &Client<'_>) {
    let mut log: Vec<(String, String)> = Vec::new();
    let mut query = "limit=2".to_owned();
    loop {
        let page = client.get(&Call { query, ..on_host("facts_changes_of_host") });
        for change in page["changes"].as_array().unwrap() {
            let text = |name: &str| change[name].as_str().unwrap().to_owned();
            log.push((text("since"), text("method")));
        }
        let Some(next) = page["next"].as_str() else { break };
        query = format!("limit=2&after={next}");
    }
    assert_eq!((log.len(), log[0].1.as_str()), (6, "getinfo.packages"), "{log:?}");
    assert!(log.is_sorted_by(|one, other| one.0 >= other.0), "{log:?}");
}

/// Quarantines, settles, bans and removes.
fn decisions(client: &Client<'_>) {
    assert_eq!(client.call(&on_host("hosts_approve")).status, 409, "it is not pending");
    let because = |operation: &str| {
        let body = Some(json!({"reason": "under repair"}));
        client.get(&Call { body, ..on_host(operation) })
    };
    assert_eq!(because("hosts_quarantine")["state"], "quarantined");
    let refused = Call { body: Some(json!({"method": "agent.ping"})), ..on_host("requests_ask") };
    assert_eq!(client.call(&refused).status, 409);
    let settle = Call { body: Some(json!({"choice": "keep"})), ..on_host("hosts_settle") };
    assert_eq!(client.get(&settle)["state"], "active");
    assert_eq!(because("hosts_ban")["state"], "banned");
    for host in ["host-1", "host-2"] {
        let removed = client.call(&Call {
            segments: vec![("host", host.to_owned())],
            ..Call::with_examples("hosts_remove")
        });
        assert_eq!(removed.status, 204, "{}", removed.text);
    }
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
    assert_eq!(client.get(&on_task("results_one", "t-1"))["id"], "t-1");
    let page = |after: &Value| {
        let query = format!("limit=1&after={after}");
        client.get(&Call { query, ..on_host("results_page") })
    };
    let first = page(&json!(0));
    let second = page(&first["next"]);
    assert_eq!(first["results"][0]["task"], "t-1");
    assert_eq!(second["results"][0]["task"], "t-2");
    assert!(page(&second["next"]).get("next").is_none(), "no page after the last");
    let tasks = client.get(&Call { query: "limit=1".to_owned(), ..on_host("results_newest") });
    assert_eq!((&tasks["tasks"][0]["task"], &tasks["next"].is_null()), (&json!("t-2"), &false));
    assert!(tasks["tasks"][0]["result"].get("data").is_none(), "{tasks}");
    let query = format!("limit=1&before={}", tasks["next"]);
    let last = client.get(&Call { query, ..on_host("results_newest") });
    assert_eq!((&last["tasks"][0]["task"], &last["next"].is_null()), (&json!("t-1"), &true));
}
