//! Calls about operators: their roles, tokens and log-ins.

use super::{Call, Client, Document};
use crate::support::{Controller, binary};
use serde_json::{Value, json};
use std::process::Stdio;
use test_support::{Scratch, wait_some};

/// A password.
const PASSWORD: &str = "correct horse battery";

/// Calls every operation about people.
pub(super) fn all(controller: &Controller, client: &Client<'_>, document: &Document) {
    roles(client);
    operators(client);
    tokens(controller, client, document);
    sessions(controller, document);
    setup(document);
    let delete = on("operators_delete", "ada");
    assert_eq!(client.call(&delete).status, 204);
    assert_eq!(client.call(&delete).status, 404);
    let role = Call { segments: vec![("role", "readers".to_owned())], ..with("roles_delete") };
    assert_eq!(client.call(&role).status, 204);
}

fn with(operation: &str) -> Call {
    Call::with_examples(operation)
}

/// Calls an operation about an operator.
fn on(operation: &str, name: &str) -> Call {
    Call { segments: vec![("name", name.to_owned())], ..with(operation) }
}

fn roles(client: &Client<'_>) {
    let on_role = |operation: &str| Call {
        segments: vec![("role", "readers".to_owned())],
        ..with(operation)
    };
    let grants = json!([{
        "actions": ["hosts.read", "commands.run"], "selector": "env=prod", "users": ["deploy"],
        "commands": ["uptime"],
    }]);
    let put = Call { body: Some(json!({"grants": grants})), ..on_role("roles_put") };
    assert_eq!(client.get(&put)["source"], "api");
    assert_eq!(client.get(&on_role("roles_show"))["grants"], grants);
    let listed = client.get(&with("roles_list"));
    assert_eq!(listed["roles"].as_array().unwrap().len(), 4, "{listed}");
    let unknown = json!({"grants": [{"actions": ["hosts.fly"]}]});
    assert_eq!(client.call(&Call { body: Some(unknown), ..on_role("roles_put") }).status, 400);
    let built_in = Call {
        segments: vec![("role", "admin".to_owned())],
        body: Some(json!({"grants": [{"actions": ["hosts.read"]}]})),
        ..with("roles_put")
    };
    assert_eq!(client.call(&built_in).status, 400);
}

fn operators(client: &Client<'_>) {
    let new = json!({"name": "ada", "roles": ["readers"], "password": PASSWORD});
    let create = Call {
        body: Some(new),
        headers: vec![("Idempotency-Key", "ada-1".to_owned())],
        ..with("operators_create")
    };
    let created = client.call(&create);
    assert_eq!((created.status, &*created.json()["name"].to_string()), (201, "\"ada\""));
    let again = client.call(&create);
    assert_eq!((again.status, again.json()), (201, created.json()), "{}", again.text);
    let same = Call { headers: Vec::new(), ..create };
    assert_eq!(client.call(&same).status, 409);
    assert_eq!(client.get(&on("operators_show", "ada"))["has_password"], true);
    let listed = client.call(&Call { query: "limit=1".to_owned(), ..with("operators_list") });
    assert_eq!(listed.json()["operators"][0]["name"], "ada");
    let change = Call { body: Some(json!({"roles": ["viewer"]})), ..on("operators_change", "ada") };
    assert_eq!(client.get(&change)["roles"], json!(["viewer"]));
}

fn tokens(controller: &Controller, client: &Client<'_>, document: &Document) {
    let new = json!({"name": "scrape", "days": 7});
    let created = client.call(&Call { body: Some(new), ..on("api_tokens_create", "ada") });
    assert_eq!(created.status, 201, "{}", created.text);
    let created = created.json();
    let secret = created["secret"].as_str().unwrap();
    let listed = client.get(&on("api_tokens_list", "ada"));
    assert_eq!(listed["tokens"][0]["id"], created["token"]["id"]);

    let ada = document.client(controller, Some(format!("Bearer {secret}")));
    assert_eq!(ada.get(&with("login_me"))["by"], "api_token");
    assert_eq!(ada.call(&with("hosts_list")).status, 200);
    for forbidden in ["events_list", "operators_list"] {
        let answer = ada.call(&with(forbidden));
        assert!([200, 403].contains(&answer.status), "{forbidden}: {}", answer.text);
    }
    let create = Call { body: Some(json!({})), ..with("tokens_create") };
    assert_eq!(ada.call(&create).status, 403);

    let mut delete = on("api_tokens_delete", "ada");
    delete.segments.push(("token", created["token"]["id"].as_str().unwrap().to_owned()));
    assert_eq!(client.call(&delete).status, 204);
    assert_eq!(ada.call(&with("login_me")).status, 401);
}

/// Logs in, as a program and as a browser.
fn sessions(controller: &Controller, document: &Document) {
    let anybody = document.client(controller, None);
    let login = |more: Value| {
        let mut body = json!({"name": "ada", "password": PASSWORD});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        anybody.call(&Call { body: Some(body), ..with("login_login") })
    };
    assert_eq!(login(json!({"password": "wrong horse battery"})).status, 401);
    let token = login(json!({"token_name": "laptop", "days": 1})).json();
    let bearer = format!("Bearer {}", token["token"].as_str().unwrap());
    let program = document.client(controller, Some(bearer));
    assert_eq!(program.call(&with("login_logout")).status, 204);
    assert_eq!(program.call(&with("login_me")).status, 401);

    let session = login(json!({"session": true}));
    let cookie = ("Cookie", session.cookie.clone().unwrap());
    let csrf = ("X-CSRF-Token", session.json()["csrf"].as_str().unwrap().to_owned());
    let browser = |operation: &str, headers: &[&(&'static str, String)]| {
        let headers = headers.iter().map(|header| (*header).clone()).collect();
        anybody.call(&Call { headers, ..with(operation) })
    };
    assert_eq!(browser("login_me", &[&cookie]).json()["by"], "session");
    assert_eq!(browser("login_logout", &[&cookie]).status, 403, "without the CSRF token");
    assert_eq!(browser("login_logout", &[&cookie, &csrf]).status, 204);
    assert_eq!(browser("login_me", &[&cookie]).status, 401);
    links(controller, document);
}

/// Logs in by a link, once, and ends every session of an operator.
fn links(controller: &Controller, document: &Document) {
    let anybody = document.client(controller, None);
    let admin = document.client(controller, Some(controller.bearer()));
    let link = admin.call(&on("login_link_make", "ada"));
    let path = link.json()["path"].as_str().unwrap().to_owned();
    let (start, secret) = path.split_once('#').unwrap();
    assert_eq!(start, "/login?as=ada");
    let body = || Some(json!({"secret": secret}));
    let used = anybody.call(&Call { body: body(), ..with("login_link_log_in") });
    assert_eq!((used.status, &used.json()["name"]), (200, &json!("ada")));
    let again = anybody.call(&Call { body: body(), ..with("login_link_log_in") });
    assert_eq!(again.status, 409, "the link works once");
    let headers = vec![("Cookie", used.cookie.clone().unwrap())];
    let me = || anybody.call(&Call { headers: headers.clone(), ..with("login_me") });
    assert_eq!(me().status, 200);
    assert_eq!(admin.call(&on("login_link_end_sessions", "ada")).status, 204);
    assert_eq!(me().status, 401, "every session has ended");
    assert_eq!(admin.call(&on("login_link_make", "nobody")).status, 404);
    // With a kind, the stream would have no end.
    let live =
        |kinds: &str| admin.call(&Call { query: format!("kinds={kinds}"), ..with("live_follow") });
    assert_eq!((live("nonsense").status, live("").status), (400, 200));
}

/// Makes the first operator of a controller that has none.
fn setup(document: &Document) {
    let scratch = Scratch::new("controller-first");
    let (state, ready) = (scratch.file("state"), scratch.file("ready.json"));
    let mut child = binary()
        .args(["--listen", "127.0.0.1:0", "--http", "127.0.0.1:0", "--state-dir"])
        .arg(&state)
        .arg("--ready-file")
        .arg(&ready)
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let ready = wait_some("the ready file", || std::fs::read_to_string(&ready).ok());
    let ready: Value = serde_json::from_str(&ready).unwrap();
    let (_, secret) = ready["setup"].as_str().unwrap().split_once('#').unwrap();
    let base = format!("http://{}", ready["http"].as_str().unwrap());
    let anybody = document.client_at(&base, None);
    let setup = |secret: &str| Call {
        body: Some(json!({"secret": secret, "name": "ada", "password": PASSWORD})),
        ..with("login_setup")
    };
    assert_eq!(anybody.call(&setup("bas_nonsense")).status, 403);
    let made = anybody.call(&setup(secret));
    assert_eq!((made.status, &made.json()["roles"]), (201, &json!(["admin"])));
    assert_eq!(anybody.call(&setup(secret)).status, 403, "the link works once");
    child.kill().unwrap();
    child.wait().unwrap();
}
