//! The fleet's numbers, searches and changes, asked by an operator who may see some hosts only.

use super::walk::WEB_TEAM;
use super::*;
use fleet::audit::Outcome;
use serde_json::{Value, json};

/// Makes a controller with three web servers and two others, and a token of the team of the web
/// servers.
async fn server() -> (Server, String) {
    let server = Server::new();
    server.web_team().await;
    for (host, role) in
        [("db-1", "db"), ("mail-1", "mail"), ("web-1", "web"), ("web-2", "web"), ("web-3", "web")]
    {
        server.host(host, role).await;
    }
    let token = server.operator(WEB_TEAM).await;
    (server, token)
}

async fn get(server: &Server, token: &str, path: &str) -> Value {
    let (status, answer) = server.send("GET", path, Some(token), &Value::Null).await;
    assert_eq!(status, 200, "{path}: {answer}");
    answer
}

#[tokio::test]
async fn an_operator_with_a_limited_role_gets_the_numbers_of_their_hosts_only() {
    let (server, token) = server().await;
    let all = get(&server, TOKEN, path::FLEET).await;
    assert_eq!((&all["hosts"]["all"], &all["hosts"]["away"]), (&json!(5), &json!(5)), "{all}");
    assert!(all["certificates"].is_object(), "{all}");
    let some = get(&server, &token, path::FLEET).await;
    assert_eq!((&some["hosts"]["all"], &some["hosts"]["away"]), (&json!(3), &json!(3)), "{some}");
    assert!(some.get("certificates").is_none(), "{some}");
    let (status, _) = server.send("GET", path::FLEET_TREND, Some(&token), &Value::Null).await;
    assert_eq!(status, 403);
    for (query, hosts) in [
        ("", 3),
        ("?q=1", 1),
        ("?q=WEB-1", 1),
        ("?q=eb-1", 0),
        ("?q=db-1", 0),
        ("?selector=role%3Ddb", 0),
        ("?connected=false", 3),
        ("?connected=true", 0),
        ("?state=pending", 0),
    ] {
        let counted = get(&server, &token, &format!("{}{query}", path::FLEET_COUNT)).await;
        assert_eq!(counted, json!({"hosts": hosts, "more": false}), "{query}");
        let listed = get(&server, &token, &format!("{}{query}", path::HOSTS)).await;
        assert_eq!(listed["hosts"].as_array().unwrap().len(), hosts, "{query}: {listed}");
    }
    for (token, hosts) in [(TOKEN, 5), (&*token, 3)] {
        let newest = get(&server, token, path::FLEET_ARRIVALS).await;
        let newest = newest["hosts"].as_array().unwrap();
        assert_eq!((newest.len(), &newest[0]["id"]), (hosts, &json!("web-3")), "{newest:?}");
    }
    let roles = format!("{}?q=role%3D", path::LABELS);
    assert_eq!(
        get(&server, TOKEN, &roles).await["items"],
        json!(["role=db", "role=mail", "role=web"])
    );
    assert_eq!(get(&server, &token, &roles).await["items"], json!(["role=web"]));
    let keys = format!("{}?q=!r", path::LABELS);
    assert_eq!(get(&server, &token, &keys).await["items"], json!(["!role"]));
}

#[tokio::test]
async fn a_change_of_many_hosts_is_judged_for_each_and_is_one_event() {
    let (server, token) = server().await;
    let before = *server.store.newest_event().borrow();
    let labels = json!({"set": {"team": "blue"}, "remove": []});
    let body = json!({"selector": "", "labels": labels, "preview": true});
    let (_, preview) = server.send("POST", path::FLEET_CHANGE, Some(&token), &body).await;
    assert_eq!((&preview["hosts"], &preview["not_allowed"]), (&json!(3), &json!(0)), "{preview}");
    assert_eq!(preview["first"], json!(["web-1", "web-2", "web-3"]));
    assert_eq!(*server.store.newest_event().borrow(), before, "a preview leaves no event");
    let hosts = json!(["db-1", "web-1", "web-1", "web-2"]);
    let body = json!({"hosts": hosts, "labels": labels, "expect": 2});
    let (status, changed) = server.send("POST", path::FLEET_CHANGE, Some(&token), &body).await;
    assert_eq!((status, &changed["changed"]), (200, &json!(2)), "{changed}");
    let events = server.events(before).await;
    assert_eq!(events.len(), 1, "{events:?}");
    assert_eq!(events[0].event.action, "hosts.label");
    let detail = format!("{:?}", events[0]);
    assert!(detail.contains("web-1") && detail.contains("blue"), "{detail}");
    assert_eq!(events[0].end.as_ref().unwrap().outcome, Outcome::Succeeded);
    for (host, labeled) in [("db-1", false), ("web-1", true), ("web-2", true), ("web-3", false)] {
        let row = server.store.host(host).await.unwrap().unwrap();
        assert_eq!(row.labels.contains_key("team"), labeled, "{host}");
    }
    let body = json!({"selector": "team=blue", "remove": true, "expect": 2});
    let (status, _) = server.send("POST", path::FLEET_CHANGE, Some(&token), &body).await;
    assert_eq!(status, 403, "the role does not remove hosts");
    let (_, removed) = server.send("POST", path::FLEET_CHANGE, Some(TOKEN), &body).await;
    assert_eq!(removed["changed"], 2, "{removed}");
    assert_eq!(get(&server, TOKEN, path::FLEET).await["hosts"]["all"], 3);
}
