//! What each route needs, and a request that it accepts.

use super::*;
use serde_json::{Value, json};

/// What each route needs: an action; nothing but an operator; or nothing at all.
pub(super) const NEEDS: &[(&str, &str, &str)] = &[
    ("GET", path::FLEET, "hosts.read"),
    ("GET", path::FLEET_TREND, "hosts.read"),
    ("GET", path::FLEET_ARRIVALS, "hosts.read"),
    ("GET", path::FLEET_CLONES, "hosts.read"),
    ("GET", path::FLEET_COUNT, "hosts.read"),
    ("POST", path::FLEET_CHANGE, "hosts.label"),
    ("GET", path::LABELS, "hosts.read"),
    ("GET", path::HOSTS, "hosts.read"),
    ("GET", path::HOST, "hosts.read"),
    ("DELETE", path::HOST, "hosts.remove"),
    ("PUT", path::HOST_LABELS, "hosts.label"),
    ("POST", path::HOST_APPROVE, "hosts.approve"),
    ("POST", path::HOST_QUARANTINE, "hosts.quarantine"),
    ("POST", path::HOST_SETTLE, "hosts.quarantine"),
    ("POST", path::HOST_BAN, "hosts.ban"),
    ("POST", path::REQUESTS, "commands.run"),
    ("GET", path::RESULTS, "results.read"),
    ("GET", path::HOST_TASKS, "results.read"),
    ("GET", path::HOST_SCHEDULES, "schedules.read"),
    ("GET", path::RESULT, "results.read"),
    ("GET", path::HOST_FACTS, "facts.read"),
    ("GET", path::HOST_FACT, "facts.read"),
    ("GET", path::HOST_FACT_CHANGES, "facts.read"),
    ("GET", path::HOST_FACT_SCHEMA, "facts.read"),
    ("GET", path::HOST_CHANGES, "facts.read"),
    ("POST", path::HOST_FACTS_REFRESH, "facts.read"),
    ("GET", path::FACTS_DIFF, "facts.read"),
    ("POST", path::FACTS_WHERE, "facts.read"),
    ("GET", path::FACTS_COUNT, "facts.read"),
    ("GET", path::FACTS_PACKAGES, "facts.read"),
    ("GET", path::FACTS_SERVICES, "facts.read"),
    ("GET", path::FACTS_CERTIFICATES, "facts.read"),
    ("GET", path::TOKENS, "tokens.read"),
    ("POST", path::TOKENS, "tokens.manage"),
    ("GET", path::TOKEN, "tokens.read"),
    ("DELETE", path::TOKEN, "tokens.manage"),
    ("POST", path::PLANS, "commands.run"),
    ("GET", path::PLAN, "runs.read"),
    ("GET", path::PLAN_TARGETS, "runs.read"),
    ("POST", path::PLAN_APPLY, "facts.read"),
    ("GET", path::RUNS, "runs.read"),
    ("POST", path::RUNS, "commands.run"),
    ("GET", path::RUN, "runs.read"),
    ("GET", path::RUN_TARGETS, "runs.read"),
    ("GET", path::RUN_TARGET, "results.read"),
    ("GET", path::RUN_TARGET_OUTPUT, "results.read"),
    ("GET", path::RUN_OUTPUTS, "runs.read"),
    ("POST", path::RUN_CANCEL, "facts.read"),
    ("POST", path::RUN_AGAIN, "facts.read"),
    ("GET", path::RUN_CHANGES, "runs.read"),
    ("GET", path::RUN_EVENTS, "runs.read"),
    ("GET", path::BUDGETS, "runs.read"),
    ("GET", path::BUDGET, "runs.read"),
    ("PUT", path::BUDGET, "budgets.manage"),
    ("DELETE", path::BUDGET, "budgets.manage"),
    ("GET", path::HISTORY, "results.read"),
    ("GET", path::HISTORY_EXPORT, "results.read"),
    ("GET", path::OPERATORS, "operators.read"),
    ("POST", path::OPERATORS, "operators.manage"),
    ("GET", path::OPERATOR, "operators.read"),
    ("PATCH", path::OPERATOR, "operators.manage"),
    ("DELETE", path::OPERATOR, "operators.manage"),
    ("GET", path::OPERATOR_TOKENS, "operators.read"),
    ("POST", path::OPERATOR_TOKENS, "operators.manage"),
    ("DELETE", path::OPERATOR_TOKEN, "operators.manage"),
    ("DELETE", path::OPERATOR_SESSIONS, "operators.manage"),
    ("POST", path::OPERATOR_LOGIN_LINK, "operators.manage"),
    ("GET", path::ROLES, "roles.read"),
    ("GET", path::ROLE, "roles.read"),
    ("PUT", path::ROLE, "roles.manage"),
    ("DELETE", path::ROLE, "roles.manage"),
    ("POST", path::LOGIN, ""),
    ("POST", path::LOGIN_LINK, ""),
    ("POST", path::LOGOUT, "operator"),
    ("GET", path::ME, "operator"),
    ("GET", path::LIVE, "operator"),
    ("POST", path::SETUP, ""),
    ("GET", path::SCHEDULES, "schedules.read"),
    ("POST", path::SCHEDULES_DIFF, "schedules.read"),
    ("POST", path::SCHEDULES_APPLY, "schedules.manage"),
    ("POST", path::SCHEDULES_CHECK, "schedules.manage"),
    ("GET", path::SCHEDULES_FORECAST, "schedules.read"),
    ("GET", path::SCHEDULE, "schedules.read"),
    ("PUT", path::SCHEDULE, "schedules.manage"),
    ("DELETE", path::SCHEDULE, "schedules.manage"),
    ("GET", path::SCHEDULE_HOSTS, "schedules.read"),
    ("GET", path::SCHEDULE_HISTORY, "schedules.read"),
    ("GET", path::SCHEDULE_RESULTS, "schedules.read"),
    ("GET", path::EVENTS, "audit.read"),
    ("GET", path::EVENTS_VERIFY, "audit.read"),
    ("GET", path::SYSTEM, "metrics.read"),
    ("GET", path::NODES, "metrics.read"),
    ("POST", path::NODE_DRAIN, "nodes.manage"),
    ("POST", path::NODE_RESUME, "nodes.manage"),
    ("DELETE", path::NODE, "nodes.manage"),
    ("GET", path::CA, "ca.read"),
    ("POST", path::CA_ROTATION, "ca.rotate"),
    ("GET", path::OPENAPI, "operator"),
    ("GET", path::METRICS, "metrics.read"),
    ("GET", path::HEALTH, ""),
    ("GET", path::READY, ""),
];

/// Returns a body that a route accepts.
pub(super) fn body(method: &str, path: &str) -> Value {
    match (method, path) {
        (_, path::FLEET_CHANGE) => {
            json!({"selector": "env=prod", "labels": {"set": {"env": "prod"}, "remove": []}})
        }
        (_, path::HOST_LABELS) => json!({"set": {"env": "prod"}, "remove": []}),
        (_, path::HOST_SETTLE) => json!({"choice": "keep"}),
        (_, path::HOST_QUARANTINE | path::HOST_BAN) => json!({"reason": "why"}),
        (_, path::REQUESTS) => json!({"method": "sync.bash", "cmd": "ls"}),
        ("POST", path::PLANS | path::RUNS) => {
            json!({"request": {"method": "sync.bash", "cmd": "ls"}, "selector": "env=prod"})
        }
        ("PUT", path::BUDGET) => json!({"selector": "role=db", "limit": 2}),
        (_, path::FACTS_WHERE) => json!({"path": "$.packages"}),
        ("POST", path::TOKENS) => json!({"labels": {"env": "prod"}}),
        ("POST", path::OPERATORS) => json!({"name": "new", "roles": ["viewer"]}),
        ("PATCH", _) => json!({"disabled": true}),
        ("POST", path::OPERATOR_TOKENS) => json!({"name": "ci"}),
        (_, path::SCHEDULES_DIFF | path::SCHEDULES_APPLY) => json!({"schedules": []}),
        (_, path::SCHEDULES_CHECK) => json!({"selector": "role=web"}),
        ("PUT", path::SCHEDULE) => {
            json!({"selector": "", "schedule": "@daily", "user": "root", "cmd": "true"})
        }
        (_, path::ROLE) => json!({"grants": [{"actions": ["hosts.read"]}]}),
        (_, path::LOGIN) => json!({"name": "viewer", "password": "wrong password"}),
        (_, path::LOGIN_LINK) => json!({"secret": "0".repeat(64)}),
        (_, path::SETUP) => {
            json!({"secret": "0".repeat(64), "name": "first", "password": "a password"})
        }
        (_, path::CA_ROTATION) => json!({"step": "abort"}),
        _ => Value::Null,
    }
}

/// Returns a path with segments that name nothing, and the query that it needs.
pub(super) fn filled(path: &str) -> String {
    let query = match path {
        path::FACTS_DIFF => "?from=h&to=h&method=os",
        path::FACTS_COUNT => "?path=os.id",
        path::FACTS_PACKAGES | path::FACTS_SERVICES => "?name=openssl",
        path::FACTS_CERTIFICATES => "?before=2030-01-01T00:00:00Z",
        _ => "",
    };
    let filled = example(path).replace(
        "tokens/4g1k7m9p2q5r",
        if path == path::OPERATOR_TOKEN {
            "tokens/b6a7a1f0-6f0e-4d53-9a60-5d9a7f2f6f11"
        } else {
            "tokens/4g1k7m9p2q5r"
        },
    );
    filled + query
}
