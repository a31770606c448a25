//! The subcommands about a controller, against a stand-in for its API: the request of each, and
//! the tables.

#![expect(clippy::unwrap_used, reason = "in a test, what fails shall panic")]

mod support;

use serde_json::{Value, json};
use support::{StandIn, run};
use test_support::Scratch;

fn host() -> Value {
    json!({"id": "web-1", "state": "active", "connected": true, "issuer": "own"})
}

fn operator() -> Value {
    json!({"name": "bob", "roles": ["viewer", "web"], "disabled": false, "has_password": true,
        "created_at": "2026-01-01T00:00:00Z"})
}

fn token(id: &str) -> Value {
    json!({"id": id, "created_by": "alice", "created_at": "2026-01-01T00:00:00Z",
        "expires": "2099-01-01T00:00:00Z", "max_uses": 5, "uses": 2,
        "labels": {"env": "prod"}, "networks": ["10.0.0.0/8"], "approval": true})
}

fn ca() -> Value {
    let certificate = |subject: &str| {
        json!({"subject": subject, "fingerprint": "ab12", "not_before": "2026-01-01T00:00:00Z",
            "not_after": "2036-01-01T00:00:00Z"})
    };
    json!({"roots": [certificate("root 1")], "issuing": certificate("issuing 1"),
        "pin": "sha256:ab12", "bundle_version": 3, "rotation": "initiated", "next_step": "issue",
        "hosts": 30, "hosts_ready": 17, "missing": ["db-1", "db-2"]})
}

/// One invocation and the request that it must send.
struct Case {
    args: &'static [&'static str],
    line: &'static str,
    body: Value,
    reply: (u16, Value),
}

fn cases() -> Vec<Case> {
    let case = |args, line, body, reply| Case { args, line, body, reply };
    let none = || (204, Value::Null);
    vec![
        case(
            &["host", "label", "web-1", "env=prod", "legacy-"],
            "PUT /api/v1/hosts/web-1/labels",
            json!({"set": {"env": "prod"}, "remove": ["legacy"]}),
            (200, host()),
        ),
        case(
            &["host", "approve", "web-1"],
            "POST /api/v1/hosts/web-1/approve",
            Value::Null,
            (200, host()),
        ),
        case(
            &["host", "quarantine", "web-1", "--reason", "odd"],
            "POST /api/v1/hosts/web-1/quarantine",
            json!({"reason": "odd"}),
            (200, host()),
        ),
        case(
            &["host", "ban", "web-1", "-y"],
            "POST /api/v1/hosts/web-1/ban",
            json!({}),
            (200, host()),
        ),
        case(
            &["host", "settle", "web-1", "enroll-again", "-y"],
            "POST /api/v1/hosts/web-1/settle",
            json!({"choice": "enroll_again"}),
            (200, host()),
        ),
        case(&["host", "remove", "web-1", "-y"], "DELETE /api/v1/hosts/web-1", Value::Null, none()),
        case(
            &[
                "token",
                "create",
                "--expires",
                "2h",
                "--uses",
                "5",
                "--label",
                "env=prod",
                "--network",
                "10.1.2.0/24",
                "--approval",
                "--per-address-rate",
                "50",
                "--note",
                "rack 7",
            ],
            "POST /api/v1/tokens",
            json!({"expires_in": 7200, "max_uses": 5, "labels": {"env": "prod"}, "networks": ["10.1.2.0/24"],
                "approval": true, "per_source_rate": 50, "note": "rack 7"}),
            (
                201,
                json!({"token": token("x"), "secret": "bat1.x.y", "join": "BasicAgent enroll …", "ca": "sha256:ab"}),
            ),
        ),
        case(
            &["token", "revoke", "a/b", "--with-hosts", "-y"],
            "DELETE /api/v1/tokens/a%2Fb?with_hosts=true",
            Value::Null,
            (200, json!({"token": token("a/b"), "hosts_banned": 3})),
        ),
        case(
            &["operator", "create", "bob", "--role", "viewer", "--no-password"],
            "POST /api/v1/operators",
            json!({"name": "bob", "roles": ["viewer"]}),
            (201, operator()),
        ),
        case(
            &["operator", "roles", "bob", "viewer", "web"],
            "PATCH /api/v1/operators/bob",
            json!({"roles": ["viewer", "web"]}),
            (200, operator()),
        ),
        case(
            &["operator", "disable", "bob"],
            "PATCH /api/v1/operators/bob",
            json!({"disabled": true}),
            (200, operator()),
        ),
        case(
            &["operator", "disable", "bob", "--undo"],
            "PATCH /api/v1/operators/bob",
            json!({"disabled": false}),
            (200, operator()),
        ),
        case(
            &["operator", "password", "bob", "--password-stdin"],
            "PATCH /api/v1/operators/bob",
            json!({"password": "from stdin"}),
            (200, operator()),
        ),
        case(
            &["operator", "remove", "bob", "-y"],
            "DELETE /api/v1/operators/bob",
            Value::Null,
            none(),
        ),
        case(
            &["operator", "token", "create", "bob", "--name", "n", "--days", "9"],
            "POST /api/v1/operators/bob/tokens",
            json!({"name": "n", "days": 9}),
            (
                201,
                json!({"token": {"id": "i", "name": "n", "created_at": "2026-01-01T00:00:00Z"}, "secret": "bap_s"}),
            ),
        ),
        case(
            &["operator", "token", "revoke", "bob", "i", "-y"],
            "DELETE /api/v1/operators/bob/tokens/i",
            Value::Null,
            none(),
        ),
        case(&["role", "remove", "web", "-y"], "DELETE /api/v1/roles/web", Value::Null, none()),
        case(
            &["ca", "rotate", "issue", "--force", "-y"],
            "POST /api/v1/ca/rotation",
            json!({"step": "issue", "force": true}),
            (200, ca()),
        ),
    ]
}

#[test]
fn each_change_is_one_request() {
    for case in cases() {
        let (status, reply) = case.reply;
        let body = if reply.is_null() { String::new() } else { reply.to_string() };
        let controller = StandIn::new(move |_| (status, body.clone()));
        let (status, _, err) = run(&controller.url, case.args, "from stdin\n");
        assert_eq!(status, 0, "{:?}: {err}", case.args);
        assert_eq!(controller.lines(), [case.line], "{:?}", case.args);
        assert_eq!(controller.last_body(), case.body, "{:?}", case.args);
        let has_key = controller.last_head().contains("\r\nidempotency-key: ");
        assert_eq!(
            has_key,
            matches!(reply, Value::Object(_)) && is_creation(case.line),
            "{:?}",
            case.args
        );
    }
}

/// Returns whether a request creates something, so that a repetition must not create it twice.
fn is_creation(line: &str) -> bool {
    ["POST /api/v1/tokens", "POST /api/v1/operators", "POST /api/v1/operators/bob/tokens"]
        .contains(&line)
}

#[test]
fn a_role_is_read_from_a_file_or_standard_input_and_checked() {
    let scratch = Scratch::new("role");
    let grants = json!([{"actions": ["hosts.read"], "selector": "env=prod", "users": ["web"]}]);
    let definition = json!({"grants": grants}).to_string();
    let printed = json!({"name": "web", "source": "api", "description": "", "grants": grants});
    let file = scratch.write("role.json", &definition);
    let shown = scratch.write("shown.json", printed.to_string());
    let role = printed.to_string();
    let controller = StandIn::new(move |_| (200, role.clone()));
    let set = |path: &std::path::Path, stdin: &str| {
        run(&controller.url, &["role", "set", "web", "-f", path.to_str().unwrap()], stdin)
    };
    for (path, stdin) in [(&*file, ""), (&*shown, ""), ("-".as_ref(), definition.as_str())] {
        let (status, _, err) = set(path, stdin);
        assert_eq!((status, controller.last_body()), (0, json!({"grants": grants})), "{err}");
    }
    let sent = controller.lines().len();
    for (text, wanted) in [
        (r#"{"grants": [{"action": ["hosts.read"]}]}"#, "unknown field `action`"),
        (r#"{"name": "db", "grants": []}"#, "it defines role db, not web"),
        ("[[grants]]", "line 1"),
        ("", "EOF"),
    ] {
        let (status, _, err) = set(&scratch.write("wrong.json", text), "");
        assert!(status == 2 && err.contains(wanted), "{text}: {err}");
    }
    assert_eq!(controller.lines().len(), sent);
}

fn printed(reply: Value, args: &[&str]) -> String {
    let controller = StandIn::new(move |_| (200, reply.to_string()));
    let (status, out, err) = run(&controller.url, args, "");
    assert_eq!(status, 0, "{args:?}: {err}");
    String::from_utf8(out).unwrap()
}

#[test]
fn the_lists_are_tables() {
    let mut used = token("bbb");
    used["uses"] = 5.into();
    let mut revoked = token("ccc");
    revoked["revoked_at"] = "2026-01-02T00:00:00Z".into();
    revoked["note"] = "rack 7".into();
    let mut expired = token("ddd");
    expired["expires"] = "2026-01-02T00:00:00Z".into();
    let tokens = json!({"tokens": [token("aaa"), used, revoked, expired]});
    assert_eq!(
        printed(tokens, &["token", "list"]),
        "TOKEN  STATE    USES  EXPIRES                         BY     NOTE\n\
         aaa    good     2/5   Thu 2099-01-01 00:00:00 +00:00  alice  -\n\
         bbb    used up  5/5   Thu 2099-01-01 00:00:00 +00:00  alice  -\n\
         ccc    revoked  2/5   Thu 2099-01-01 00:00:00 +00:00  alice  rack 7\n\
         ddd    expired  2/5   Fri 2026-01-02 00:00:00 +00:00  alice  -\n"
    );
    assert_eq!(
        printed(json!({"operators": [operator()]}), &["operator", "list"]),
        "OPERATOR  STATE    PASSWORD  ROLES\nbob       enabled  yes       viewer,web\n"
    );
    let roles = json!({"roles": [{"name": "web", "source": "api",
        "grants": [{"actions": ["hosts.read", "facts.read"]}, {"actions": ["hosts.read"]}]}]});
    assert_eq!(
        printed(roles, &["role", "list"]),
        "ROLE  DEFINED BY   GRANTS  ACTIONS\nweb   an operator  2       facts.read,hosts.read\n"
    );
    let events = json!({"events": [{"sequence": 7, "time": "2026-01-05T00:00:00Z", "actor": "alice",
        "action": "hosts.label", "hosts": ["web-1", "web-2"], "source": "10.0.0.9", "digest": "ab",
        "detail": {"set": {"a": "b"}, "note": "x", "none": null}, "outcome": "succeeded"}]});
    assert_eq!(
        printed(events, &["audit"]),
        "TIME                            ACTOR  ACTION       HOSTS             OUTCOME    DETAIL\n\
         Mon 2026-01-05 00:00:00 +00:00  alice  hosts.label  web-1 and 1 more  succeeded  \
         note=x set={\"a\":\"b\"}\n"
    );
}

#[test]
fn one_thing_is_a_field_per_line() {
    assert_eq!(
        printed(ca(), &["ca", "status"]),
        "root       root 1, Thu 2026-01-01 00:00:00 +00:00 to Tue 2036-01-01 00:00:00 +00:00\n\
         \u{20}          ab12\n\
         issuing    issuing 1, Thu 2026-01-01 00:00:00 +00:00 to Tue 2036-01-01 00:00:00 +00:00\n\
         \u{20}          ab12\n\
         pin        sha256:ab12\n\
         bundle     version 3\n\
         rotation   a new root exists and is sent to the hosts\n\
         next step  issue\n\
         hosts      30 seen in 30 days, 17 ready for the next step\n\
         not ready  db-1\n\
         \u{20}          db-2\n\
         \u{20}          and 11 more (-o json names up to 100)\n"
    );
    let me = json!({"name": "bob", "by": "api_token", "roles": ["web"], "grants":
        [{"actions": ["hosts.read", "commands.run"], "selector": "role=web", "users": ["www"]}]});
    assert_eq!(
        printed(me, &["whoami"]),
        "name        bob\n\
         by          an API token\n\
         roles       web\n\
         may         hosts.read commands.run\n  \
           on        role=web\n  \
           as        www\n  \
           commands  any\n"
    );
}

#[test]
fn a_tampered_audit_log_exits_with_1() {
    let reply = json!({"intact": false, "events": 9, "lines": 9, "first": 1, "last": 9,
        "fault": "event 4 does not fit"});
    let controller = StandIn::new(move |_| (200, reply.to_string()));
    let (status, out, err) = run(&controller.url, &["audit", "verify"], "");
    assert!(status == 1 && err.contains("event 4 does not fit"), "{err}");
    assert!(String::from_utf8(out).unwrap().starts_with("intact   NO\n"));
}

#[test]
fn since_finds_its_place_in_a_long_log_with_few_requests() {
    // Event N happened N seconds into the year.
    let controller = StandIn::new(|request| {
        let number = |name: &str| {
            let at = request.line.find(name).map(|at| at + name.len());
            at.and_then(|at| request.line[at..].split(['&', ' ']).next()?.parse::<u64>().ok())
        };
        let (after, limit) = (number("after=").unwrap_or(0), number("limit=").unwrap());
        let event = |n: u64| {
            let time = format!(
                "2026-01-{:02}T{:02}:{:02}:{:02}Z",
                1 + n / 86_400,
                n / 3600 % 24,
                n / 60 % 60,
                n % 60
            );
            json!({"sequence": n, "time": time, "actor": "a", "action": "x", "outcome": "succeeded", "digest": ""})
        };
        let last = 1_000_000.min(after + limit);
        let events: Vec<Value> = (after + 1..=last).map(event).collect();
        let next = (last < 1_000_000).then_some(last);
        (200, json!({"events": events, "next": next}).to_string())
    });
    let args = ["audit", "--since", "2026-01-12T13:30:00Z", "-o", "name"];
    let (status, out, err) = run(&controller.url, &args, "");
    assert_eq!(status, 0, "{err}");
    let first = 11 * 86_400 + 13 * 3600 + 30 * 60;
    let wanted: Vec<String> = (first..=1_000_000).map(|n: u64| n.to_string()).collect();
    let found: Vec<&str> = std::str::from_utf8(&out).unwrap().lines().collect();
    assert_eq!((found.first(), found.len()), (Some(&wanted[0].as_str()), wanted.len()));
    let probes = controller
        .lines()
        .iter()
        .filter(|line| line.contains("limit=1") && !line.contains("limit=1000"))
        .count();
    assert!(probes < 50, "{probes}");
    let (status, _, err) = run(&controller.url, &["audit", "--since", "yesterday"], "");
    assert!(status == 2 && err.contains("expected a time"), "{err}");
}
