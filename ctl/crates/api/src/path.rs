//! The API's paths: templates for the server's router, and complete paths for a client.

use std::fmt::Write as _;

mod variables;

pub use variables::{
    BudgetPath, FactPath, HostPath, OperatorPath, OperatorTokenPath, RolePath, RunPath,
    SchedulePath, TargetPath, TaskPath, TokenPath,
};

/// The hosts.
pub const HOSTS: &str = "/api/v1/hosts";

/// One host.
pub const HOST: &str = "/api/v1/hosts/{host}";

/// The labels of a host.
pub const HOST_LABELS: &str = "/api/v1/hosts/{host}/labels";

/// An operator's approval of a pending host.
pub const HOST_APPROVE: &str = "/api/v1/hosts/{host}/approve";

/// An operator's quarantine of a host.
pub const HOST_QUARANTINE: &str = "/api/v1/hosts/{host}/quarantine";

/// The end of a host's quarantine.
pub const HOST_SETTLE: &str = "/api/v1/hosts/{host}/settle";

/// The ban of a host's key.
pub const HOST_BAN: &str = "/api/v1/hosts/{host}/ban";

/// Requests to a host.
pub const REQUESTS: &str = "/api/v1/hosts/{host}/requests";

/// A host's results.
pub const RESULTS: &str = "/api/v1/hosts/{host}/results";

/// The result of one task.
pub const RESULT: &str = "/api/v1/hosts/{host}/results/{task}";

/// The plans.
pub const PLANS: &str = "/api/v1/plans";

/// One plan.
pub const PLAN: &str = "/api/v1/plans/{run}";

/// The hosts of a plan.
pub const PLAN_TARGETS: &str = "/api/v1/plans/{run}/targets";

/// The start of a plan's run.
pub const PLAN_APPLY: &str = "/api/v1/plans/{run}/apply";

/// The runs.
pub const RUNS: &str = "/api/v1/runs";

/// One run.
pub const RUN: &str = "/api/v1/runs/{run}";

/// The targets of a run.
pub const RUN_TARGETS: &str = "/api/v1/runs/{run}/targets";

/// One target of a run.
pub const RUN_TARGET: &str = "/api/v1/runs/{run}/targets/{host}";

/// The outputs of a run's targets, grouped.
pub const RUN_OUTPUTS: &str = "/api/v1/runs/{run}/outputs";

/// The end of a run before its time.
pub const RUN_CANCEL: &str = "/api/v1/runs/{run}/cancel";

/// A new plan of a run's targets.
pub const RUN_AGAIN: &str = "/api/v1/runs/{run}/again";

/// The changes of a run's targets.
pub const RUN_CHANGES: &str = "/api/v1/runs/{run}/changes";

/// The changes of a run's targets as they happen.
pub const RUN_EVENTS: &str = "/api/v1/runs/{run}/events";

/// The budgets.
pub const BUDGETS: &str = "/api/v1/budgets";

/// One budget.
pub const BUDGET: &str = "/api/v1/budgets/{name}";

/// What ran where.
pub const HISTORY: &str = "/api/v1/history";

/// What ran where, as a stream.
pub const HISTORY_EXPORT: &str = "/api/v1/history/export";

/// A host's facts.
pub const HOST_FACTS: &str = "/api/v1/hosts/{host}/facts";

/// One fact of a host.
pub const HOST_FACT: &str = "/api/v1/hosts/{host}/facts/{method}";

/// The log of changes of a fact.
pub const HOST_FACT_CHANGES: &str = "/api/v1/hosts/{host}/facts/{method}/changes";

/// A request to ask a host for its facts now.
pub const HOST_FACTS_REFRESH: &str = "/api/v1/hosts/{host}/facts/refresh";

/// The difference of two facts.
pub const FACTS_DIFF: &str = "/api/v1/facts/diff";

/// Hosts by a part of their facts.
pub const FACTS_WHERE: &str = "/api/v1/facts/where";

/// Numbers of hosts by a part of their facts.
pub const FACTS_COUNT: &str = "/api/v1/facts/count";

/// Hosts by an installed package.
pub const FACTS_PACKAGES: &str = "/api/v1/facts/packages";

/// Hosts by a service.
pub const FACTS_SERVICES: &str = "/api/v1/facts/services";

/// Hosts by the end of their certificates.
pub const FACTS_CERTIFICATES: &str = "/api/v1/facts/certificates";

/// The join tokens.
pub const TOKENS: &str = "/api/v1/tokens";

/// One join token.
pub const TOKEN: &str = "/api/v1/tokens/{token}";

/// The operators.
pub const OPERATORS: &str = "/api/v1/operators";

/// One operator.
pub const OPERATOR: &str = "/api/v1/operators/{name}";

/// An operator's API tokens.
pub const OPERATOR_TOKENS: &str = "/api/v1/operators/{name}/tokens";

/// One API token of an operator.
pub const OPERATOR_TOKEN: &str = "/api/v1/operators/{name}/tokens/{token}";

/// The schedules.
pub const SCHEDULES: &str = "/api/v1/schedules";

/// The difference that applying schedules makes.
pub const SCHEDULES_DIFF: &str = "/api/v1/schedules/diff";

/// Schedules to apply.
pub const SCHEDULES_APPLY: &str = "/api/v1/schedules/apply";

/// A look at hosts.
pub const SCHEDULES_CHECK: &str = "/api/v1/schedules/check";

/// The runs of the coming hours.
pub const SCHEDULES_FORECAST: &str = "/api/v1/schedules/forecast";

/// One schedule.
pub const SCHEDULE: &str = "/api/v1/schedules/{schedule}";

/// A schedule's hosts.
pub const SCHEDULE_HOSTS: &str = "/api/v1/schedules/{schedule}/hosts";

/// A schedule's versions.
pub const SCHEDULE_HISTORY: &str = "/api/v1/schedules/{schedule}/history";

/// Results of a schedule's runs.
pub const SCHEDULE_RESULTS: &str = "/api/v1/schedules/{schedule}/results";

/// The roles.
pub const ROLES: &str = "/api/v1/roles";

/// One role.
pub const ROLE: &str = "/api/v1/roles/{role}";

/// Logging in. Needs no token.
pub const LOGIN: &str = "/api/v1/login";

/// Logging out.
pub const LOGOUT: &str = "/api/v1/logout";

/// The caller's own account.
pub const ME: &str = "/api/v1/me";

/// The first operator. Needs no token, but the secret of the first start.
pub const SETUP: &str = "/api/v1/setup";

/// The audit log.
pub const EVENTS: &str = "/api/v1/events";

/// The check of the whole audit log.
pub const EVENTS_VERIFY: &str = "/api/v1/events/verify";

/// The controller's own CA.
pub const CA: &str = "/api/v1/ca";

/// The rotation of the CA.
pub const CA_ROTATION: &str = "/api/v1/ca/rotation";

/// Whether the controller runs. Needs no token.
pub const HEALTH: &str = "/healthz";

/// Whether the controller can do all of its work. Needs no token.
pub const READY: &str = "/readyz";

/// What the controller counts, for Prometheus.
pub const METRICS: &str = "/metrics";

/// The OpenAPI document of all this.
pub const OPENAPI: &str = "/api/v1/openapi.json";

/// Returns the path of one host.
pub fn host(host: &str) -> String {
    format!("{HOSTS}/{}", segment(host))
}

/// Returns the path of a host's labels.
pub fn host_labels(host: &str) -> String {
    fill(HOST_LABELS, "{host}", host)
}

/// Returns the path of an operator's approval of a host.
pub fn host_approve(host: &str) -> String {
    fill(HOST_APPROVE, "{host}", host)
}

/// Returns the path of a host's quarantine.
pub fn host_quarantine(host: &str) -> String {
    fill(HOST_QUARANTINE, "{host}", host)
}

/// Returns the path of the end of a host's quarantine.
pub fn host_settle(host: &str) -> String {
    fill(HOST_SETTLE, "{host}", host)
}

/// Returns the path of a host's ban.
pub fn host_ban(host: &str) -> String {
    fill(HOST_BAN, "{host}", host)
}

/// Returns the path of a join token.
pub fn token(token: &str) -> String {
    fill(TOKEN, "{token}", token)
}

/// Returns the path of an operator.
pub fn operator(name: &str) -> String {
    fill(OPERATOR, "{name}", name)
}

/// Returns the path of an operator's API tokens.
pub fn operator_tokens(name: &str) -> String {
    fill(OPERATOR_TOKENS, "{name}", name)
}

/// Returns the path of one of an operator's API tokens.
pub fn operator_token(name: &str, token: &str) -> String {
    format!("{}/{}", operator_tokens(name), segment(token))
}

/// Returns the path of a role.
pub fn role(role: &str) -> String {
    fill(ROLE, "{role}", role)
}

/// Returns the path of a schedule.
pub fn schedule(schedule: &str) -> String {
    fill(SCHEDULE, "{schedule}", schedule)
}

/// Returns the path of a schedule's hosts.
pub fn schedule_hosts(schedule: &str) -> String {
    fill(SCHEDULE_HOSTS, "{schedule}", schedule)
}

/// Returns the path of a schedule's versions.
pub fn schedule_history(schedule: &str) -> String {
    fill(SCHEDULE_HISTORY, "{schedule}", schedule)
}

/// Returns the path of the results of a schedule's runs.
pub fn schedule_results(schedule: &str) -> String {
    fill(SCHEDULE_RESULTS, "{schedule}", schedule)
}

/// Returns the path of a plan.
pub fn plan(run: &str) -> String {
    fill(PLAN, "{run}", run)
}

/// Returns the path of a plan's hosts.
pub fn plan_targets(run: &str) -> String {
    fill(PLAN_TARGETS, "{run}", run)
}

/// Returns the path of the start of a plan's run.
pub fn plan_apply(run: &str) -> String {
    fill(PLAN_APPLY, "{run}", run)
}

/// Returns the path of a run.
pub fn run(run: &str) -> String {
    fill(RUN, "{run}", run)
}

/// Returns the path of a run's targets.
pub fn run_targets(run: &str) -> String {
    fill(RUN_TARGETS, "{run}", run)
}

/// Returns the path of one target of a run.
pub fn run_target(run: &str, host: &str) -> String {
    format!("{}/{}", run_targets(run), segment(host))
}

/// Returns the path of a run's outputs.
pub fn run_outputs(run: &str) -> String {
    fill(RUN_OUTPUTS, "{run}", run)
}

/// Returns the path of a run's cancellation.
pub fn run_cancel(run: &str) -> String {
    fill(RUN_CANCEL, "{run}", run)
}

/// Returns the path of a new plan of a run's targets.
pub fn run_again(run: &str) -> String {
    fill(RUN_AGAIN, "{run}", run)
}

/// Returns the path of a run's changes.
pub fn run_changes(run: &str) -> String {
    fill(RUN_CHANGES, "{run}", run)
}

/// Returns the path of a run's events.
pub fn run_events(run: &str) -> String {
    fill(RUN_EVENTS, "{run}", run)
}

/// Returns the path of a budget.
pub fn budget(name: &str) -> String {
    fill(BUDGET, "{name}", name)
}

/// Fills in a template's one variable segment.
fn fill(template: &str, variable: &str, text: &str) -> String {
    template.replace(variable, &segment(text))
}

/// Returns the path for requests to a host.
pub fn requests(host: &str) -> String {
    format!("{HOSTS}/{}/requests", segment(host))
}

/// Returns the path of a host's results.
pub fn results(host: &str) -> String {
    format!("{HOSTS}/{}/results", segment(host))
}

/// Returns the path of one task's result.
pub fn result(host: &str, task: &str) -> String {
    format!("{HOSTS}/{}/results/{}", segment(host), segment(task))
}

/// Returns a path with a query of these parts, each of them `name=value` already encoded.
pub fn with_query(path: &str, parts: &[String]) -> String {
    match parts {
        [] => path.to_owned(),
        parts => format!("{path}?{}", parts.join("&")),
    }
}

/// Returns the path of a host's facts.
pub fn host_facts(host: &str) -> String {
    fill(HOST_FACTS, "{host}", host)
}

/// Returns the path of one fact of a host.
pub fn host_fact(host: &str, method: &str) -> String {
    format!("{}/{}", host_facts(host), segment(method))
}

/// Returns the path of the log of changes of a fact.
pub fn host_fact_changes(host: &str, method: &str) -> String {
    format!("{}/changes", host_fact(host, method))
}

/// Returns the path for a request to ask a host for its facts now.
pub fn host_facts_refresh(host: &str) -> String {
    format!("{}/refresh", host_facts(host))
}

/// Encodes a text as one segment of a path, or as a value in a query (RFC 3986 §3.3, §3.4).
pub fn segment(text: &str) -> String {
    let mut segment = String::with_capacity(text.len());
    // A segment of one or two dots would mean another path (RFC 3986 §5.2.4).
    let only_dots = matches!(text, "." | "..");
    for byte in text.bytes() {
        match byte {
            b'.' if only_dots => segment.push_str("%2E"),
            b'.' | b'-' | b'_' | b'~' => segment.push(char::from(byte)),
            _ if byte.is_ascii_alphanumeric() => segment.push(char::from(byte)),
            _ => write!(segment, "%{byte:02X}").expect("a string takes every text"),
        }
    }
    segment
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_segment_never_changes_the_path_around_it() {
        for (text, wanted) in [
            ("web-1.example_com~", "web-1.example_com~"),
            ("a/b", "a%2Fb"),
            ("a?b#c", "a%3Fb%23c"),
            ("100%", "100%25"),
            (".", "%2E"),
            ("..", "%2E%2E"),
            ("...", "..."),
            ("é", "%C3%A9"),
            ("", ""),
        ] {
            assert_eq!(segment(text), wanted, "{text:?}");
        }
    }

    #[test]
    fn complete_paths_follow_the_templates() {
        for (path, template) in [
            (host("h"), HOST),
            (requests("h"), REQUESTS),
            (results("h"), RESULTS),
            (result("h", "t"), RESULT),
            (host_labels("h"), HOST_LABELS),
            (host_facts("h"), HOST_FACTS),
            (host_fact("h", "m"), HOST_FACT),
            (host_fact_changes("h", "m"), HOST_FACT_CHANGES),
            (host_facts_refresh("h"), HOST_FACTS_REFRESH),
            (host_approve("h"), HOST_APPROVE),
            (host_quarantine("h"), HOST_QUARANTINE),
            (host_settle("h"), HOST_SETTLE),
            (host_ban("h"), HOST_BAN),
            (token("t"), TOKEN),
            (operator("n"), OPERATOR),
            (operator_tokens("n"), OPERATOR_TOKENS),
            (operator_token("n", "t"), OPERATOR_TOKEN),
            (role("r"), ROLE),
            (plan("u"), PLAN),
            (plan_targets("u"), PLAN_TARGETS),
            (plan_apply("u"), PLAN_APPLY),
            (run("u"), RUN),
            (run_targets("u"), RUN_TARGETS),
            (run_target("u", "h"), RUN_TARGET),
            (run_outputs("u"), RUN_OUTPUTS),
            (run_cancel("u"), RUN_CANCEL),
            (run_again("u"), RUN_AGAIN),
            (run_changes("u"), RUN_CHANGES),
            (run_events("u"), RUN_EVENTS),
            (budget("n"), BUDGET),
        ] {
            let filled = template
                .replace("{host}", "h")
                .replace("{method}", "m")
                .replace("{task}", "t")
                .replace("{token}", "t")
                .replace("{name}", "n")
                .replace("{role}", "r")
                .replace("{run}", "u");
            assert_eq!(path, filled);
        }
    }
}
