//! Every route, asked by operators of each role: who is refused, and what the audit log says.

use super::needs::{NEEDS, body, filled};
use super::*;
use crate::audit;
use crate::auth::Secret;
use crate::store::{
    ApiTokenRow, ChannelProof, EventQuery, EventRow, LabelChange, NewApiToken, NewChannel,
    OperatorRow, RoleRow,
};
use fleet::audit::Outcome;
use fleet::identity::UnknownHosts;
use fleet::{LabelKey, LabelValue, Role};
use serde_json::{Value, json};

/// The role that is limited to the web servers.
pub(super) const WEB_TEAM: &str = "web-team";

impl Server {
    /// Creates an operator with this role and name, and returns an API token.
    pub(super) async fn operator(&self, role: &str) -> String {
        let operator = OperatorRow {
            name: role.to_owned(),
            password: None,
            roles: vec![role.to_owned()],
            disabled: false,
            created_at: 0,
        };
        self.store.create_operator(operator).await.unwrap();
        self.token(role).await
    }

    async fn token(&self, operator: &str) -> String {
        let secret = Secret::api_token().unwrap();
        let token = ApiTokenRow {
            id: uuid::Uuid::new_v4().to_string(),
            operator: operator.to_owned(),
            name: "test".to_owned(),
            created_at: 0,
            expires_at: None,
            last_used: None,
        };
        let row = NewApiToken { digest: secret.digest(), token };
        self.store.create_api_token(row).await.unwrap();
        secret.reveal().to_owned()
    }

    /// Stores a host with the label `role`.
    pub(super) async fn host(&self, id: &str, role: &str) {
        let channel = NewChannel {
            host: id.to_owned(),
            proof: ChannelProof::Foreign { unknown: UnknownHosts::Accept },
            address: "127.0.0.1:1".parse().unwrap(),
            version: None,
            boot: None,
            ca_version: None,
            now: audit::now(),
        };
        self.store.connected(channel).await.unwrap().unwrap();
        let set = (LabelKey::new("role").unwrap(), LabelValue::new(role).unwrap());
        let change = LabelChange { set: [set].into(), remove: Vec::new() };
        self.store.set_labels(id, change).await.unwrap();
    }

    pub(super) async fn web_team(&self) {
        let document = json!({
            "name": WEB_TEAM,
            "grants": [
                {"actions": ["hosts.read", "hosts.label", "facts.read"], "selector": "role=web"},
                {
                    "actions": ["commands.run"],
                    "selector": "role=web",
                    "users": ["www"],
                    "commands": ["systemctl restart *"],
                },
            ],
        });
        let row = RoleRow { name: WEB_TEAM.to_owned(), document: document.to_string() };
        self.store.put_role(row).await.unwrap();
        self.authenticator.roles().refresh(&*self.store).await.unwrap();
    }

    pub(super) async fn send(
        &self,
        method: &str,
        path: &str,
        token: Option<&str>,
        body: &Value,
    ) -> (u16, Value) {
        let mut request = Request::builder().method(method).uri(path);
        if let Some(token) = token {
            request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        }
        let text = if body.is_null() { String::new() } else { body.to_string() };
        let request = request.body(Body::from(text)).unwrap();
        let response = TowerToHyperService::new(self.router.clone()).call(request).await.unwrap();
        let status = response.status().as_u16();
        let bytes = axum::body::to_bytes(response.into_body(), 1 << 20).await.unwrap();
        (status, serde_json::from_slice(&bytes).unwrap_or_default())
    }

    pub(super) async fn events(&self, after: i64) -> Vec<EventRow> {
        let query = EventQuery { after: Some(after), limit: 1000, ..EventQuery::default() };
        self.store.events(query).await.unwrap()
    }
}

#[test]
fn the_table_says_of_each_route_what_it_needs() {
    let named = |route: &Route| {
        let who = match route.rule.who {
            Who::Everybody => "",
            Who::Operators => "operator",
            Who::Allowed(action) => action.name(),
        };
        (route.method.to_string(), route.path, who.to_owned())
    };
    let found: Vec<_> = routes().iter().map(named).collect();
    // These ask for more once they know what is asked: the walk below shows it.
    let later = [
        path::FLEET_CHANGE,
        path::REQUESTS,
        path::HOST_FACTS_REFRESH,
        path::FACTS_WHERE,
        path::OPERATOR_TOKENS,
        path::OPERATOR_TOKEN,
        path::OPERATOR_SESSIONS,
    ];
    let posts = [path::PLANS, path::PLAN_APPLY, path::RUNS, path::RUN_CANCEL, path::RUN_AGAIN];
    let wanted: Vec<_> = NEEDS
        .iter()
        .map(|(method, path, who)| {
            let posts = *method == "POST" && posts.contains(path);
            let later = posts || later.contains(path) || *method == "PATCH";
            let who = if later { "operator" } else { who };
            ((*method).to_owned(), *path, who.to_owned())
        })
        .collect();
    assert_eq!(found, wanted);
    for route in routes() {
        let reads = matches!(route.rule.effect, crate::api::rule::Effect::Reads);
        assert_eq!(reads, route.method == Method::GET, "{} {}", route.method, route.path);
    }
}

#[tokio::test]
async fn every_route_refuses_who_may_not_and_each_change_is_one_event() {
    let server = Server::new();
    server.web_team().await;
    let mut tokens = Vec::new();
    for role in ["viewer", "operator", "admin", WEB_TEAM] {
        tokens.push((role, server.operator(role).await));
    }
    let mut last = 0;
    // The stream of what changes has no end; it refuses nobody, and leaves out what one may not see.
    for (method, path, need) in NEEDS.iter().filter(|(_, path, _)| *path != path::LIVE) {
        // Ten log-ins that fail are refused without an event.
        let most = if need.is_empty() { 3 } else { tokens.len() };
        for (role, token) in tokens.iter().take(most) {
            let open = need.is_empty();
            let token =
                if *path == path::LOGOUT { server.token(role).await } else { token.clone() };
            let shown = format!("{method} {path} as {role}");
            let body = body(method, path);
            let token = (!open).then_some(token.as_str());
            let (status, answer) = server.send(method, &filled(path), token, &body).await;
            let grants = server.authenticator.roles().find(role).unwrap().role;
            let action = need.parse::<Action>().ok();
            let may = action.is_none_or(|action| {
                grants.grants.iter().any(|grant| {
                    // The host in the path does not exist, so no selector reaches it; the trend is
                    // of all hosts.
                    let of_host = path.contains("{host}")
                        || matches!(*path, path::FACTS_DIFF | path::FLEET_TREND);
                    let reaches = grant.selector.is_everything() || !of_host;
                    grant.actions.contains(action) && reaches
                })
            });
            assert!(!matches!(status, 400 | 405 | 500..), "{shown}: {status} {answer}");
            if !matches!(*path, path::LOGIN | path::LOGIN_LINK | path::SETUP) {
                assert_eq!(status == 403, !may, "{shown}: {status} {answer}");
            }
            let events = server.events(last).await;
            // A question about facts has a body, and changes nothing.
            let asks = *path == path::FACTS_WHERE;
            // A comparison changes nothing either; a refusal of one is on record.
            let compares = *path == path::SCHEDULES_DIFF && may;
            let changes = *method != "GET" && !asks && !compares;
            assert_eq!(events.len(), usize::from(changes), "{shown}: {events:?}");
            let Some(row) = events.first() else { continue };
            last = row.sequence;
            let actor = match *path {
                path::LOGIN => "viewer",
                path::LOGIN_LINK | path::SETUP => "unknown",
                _ => role,
            };
            assert_eq!(row.event.actor, actor, "{shown}");
            assert_eq!(row.event.hosts.len(), usize::from(path.contains("{host}")), "{shown}");
            let outcome = row.end.as_ref().unwrap_or_else(|| panic!("{shown}: no end")).outcome;
            let wanted = match status {
                ..=399 => Outcome::Succeeded,
                401 | 403 => Outcome::Refused,
                _ => Outcome::Failed,
            };
            assert_eq!(outcome, wanted, "{shown}: {status}");
        }
    }
    let verified = server.store.verify_events().await.unwrap();
    assert!(verified.fault.is_none() && verified.lines > 100, "{verified:?}");
}

#[tokio::test]
async fn a_limited_role_reaches_its_hosts_users_and_commands_only() {
    let server = Server::new();
    server.web_team().await;
    server.host("web-1", "web").await;
    server.host("db-1", "db").await;
    let token = server.operator(WEB_TEAM).await;
    let ask = |body: Value| ("POST", "requests", body);
    let command = |cmd: &str, user: Option<&str>| {
        ask(json!({"method": "sync.bash", "cmd": cmd, "user": user}))
    };
    let restart = "systemctl restart nginx";
    let mut with_input = json!({"method": "sync.bash", "cmd": restart, "user": "www"});
    with_input["stdin"] = json!("x");
    for (request, host, wanted) in [
        (("GET", "", Value::Null), "web-1", 200),
        (("GET", "", Value::Null), "db-1", 403),
        (("GET", "", Value::Null), "none", 403),
        (("PUT", "labels", json!({"set": {"a": "b"}})), "web-1", 200),
        (("PUT", "labels", json!({"set": {"a": "b"}})), "db-1", 403),
        (("POST", "quarantine", Value::Null), "web-1", 403),
        (("GET", "results", Value::Null), "web-1", 403),
        // 404 is the answer of a host that is not connected: the roles allow the request.
        (command(restart, Some("www")), "web-1", 404),
        (command(restart, Some("www")), "db-1", 403),
        (command(restart, Some("root")), "web-1", 403),
        (command(restart, None), "web-1", 403),
        (command("id", Some("www")), "web-1", 403),
        (command("systemctl restart x; id", Some("www")), "web-1", 403),
        (ask(with_input), "web-1", 403),
        (ask(json!({"method": "getinfo.os"})), "web-1", 404),
        (ask(json!({"method": "getinfo.os"})), "db-1", 403),
        (ask(json!({"method": "async.output", "id": "1"})), "web-1", 400),
        (ask(json!({"method": "async.output", "task": "1"})), "web-1", 403),
        (ask(json!({"method": "cron.run", "name": "j"})), "web-1", 403),
        (ask(json!({"method": "async.cancel", "task": "1"})), "web-1", 403),
        (ask(json!({"method": "no.such"})), "web-1", 403),
    ] {
        let (method, what, body) = request;
        let path = format!("/api/v1/hosts/{host}/{what}");
        let (status, answer) =
            server.send(method, path.trim_end_matches('/'), Some(&token), &body).await;
        assert_eq!(status, wanted, "{method} {path} {body}: {answer}");
    }
    let (_, listed) = server.send("GET", path::HOSTS, Some(&token), &Value::Null).await;
    let ids: Vec<_> = listed["hosts"].as_array().unwrap().iter().map(|host| &host["id"]).collect();
    assert_eq!(ids, ["web-1"], "{listed}");
}

#[tokio::test]
async fn a_list_of_hosts_goes_on_page_by_page_for_a_limited_role_too() {
    let server = Server::new();
    server.web_team().await;
    for number in 0..25 {
        server.host(&format!("h-{number:02}"), if number % 5 == 4 { "web" } else { "db" }).await;
    }
    let limited = server.operator(WEB_TEAM).await;
    for (token, selector, count) in [
        (&*limited, "", 5),
        (TOKEN, "", 25),
        (TOKEN, "&selector=role%3Ddb", 20),
        (&limited, "&selector=role%3Ddb", 0),
    ] {
        let (mut found, mut after) = (Vec::new(), String::new());
        for _ in 0..100 {
            let path = format!("{}?limit=2&after={after}{selector}", path::HOSTS);
            let (status, page) = server.send("GET", &path, Some(token), &Value::Null).await;
            assert_eq!(status, 200, "{page}");
            let hosts = page["hosts"].as_array().unwrap();
            assert!(hosts.len() <= 2);
            found.extend(hosts.iter().map(|host| host["id"].as_str().unwrap().to_owned()));
            match page["next"].as_str() {
                Some(next) => after = next.to_owned(),
                None => break,
            }
        }
        assert_eq!(found.len(), count, "{selector}: {found:?}");
        assert!(found.is_sorted() && page_is_over(&found), "{found:?}");
    }
}

fn page_is_over(found: &[String]) -> bool {
    found.windows(2).all(|pair| pair[0] != pair[1])
}

#[test]
fn the_example_of_own_roles_is_valid() {
    let file = std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../../examples/config/roles.toml");
    let text = std::fs::read_to_string(file).unwrap();
    let roles = FileRoles::parse(&text).unwrap_or_else(|error| panic!("{error}"));
    let roles = Roles::new(roles);
    assert!(roles.all().len() > Role::BUILT_IN.len(), "the example defines roles");
}
