//! Complete paths: the templates with their variable segments filled in.

use super::{
    BUDGET, HOST_APPROVE, HOST_BAN, HOST_CHANGES, HOST_FACTS, HOST_LABELS, HOST_QUARANTINE,
    HOST_SCHEDULES, HOST_SETTLE, HOST_TASKS, HOSTS, NODE, NODE_DRAIN, NODE_RESUME, OPERATOR,
    OPERATOR_LOGIN_LINK, OPERATOR_SESSIONS, OPERATOR_TOKENS, PLAN, PLAN_APPLY, PLAN_TARGETS, ROLE,
    RUN, RUN_AGAIN, RUN_CANCEL, RUN_CHANGES, RUN_EVENTS, RUN_OUTPUTS, RUN_TARGETS, SCHEDULE,
    SCHEDULE_HISTORY, SCHEDULE_HOSTS, SCHEDULE_RESULTS, TOKEN,
};
use std::fmt::Write as _;

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

/// Returns the path of an operator's sessions.
pub fn operator_sessions(name: &str) -> String {
    fill(OPERATOR_SESSIONS, "{name}", name)
}

/// Returns the path for a link that logs an operator in.
pub fn operator_login_link(name: &str) -> String {
    fill(OPERATOR_LOGIN_LINK, "{name}", name)
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

/// Returns the path of what a command prints on one host of a run.
pub fn run_target_output(run: &str, host: &str) -> String {
    format!("{}/output", run_target(run, host))
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

/// Returns the path of a node.
pub fn node(number: i32) -> String {
    fill(NODE, "{node}", &number.to_string())
}

/// Returns the path that drains a node.
pub fn node_drain(number: i32) -> String {
    fill(NODE_DRAIN, "{node}", &number.to_string())
}

/// Returns the path that ends this.
pub fn node_resume(number: i32) -> String {
    fill(NODE_RESUME, "{node}", &number.to_string())
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

/// Returns the path of the JSON Schema of a fact.
pub fn host_fact_schema(host: &str, method: &str) -> String {
    format!("{}/schema", host_fact(host, method))
}

/// Returns the path of the log of changes of all facts of a host.
pub fn host_changes(host: &str) -> String {
    fill(HOST_CHANGES, "{host}", host)
}

/// Returns the path of the schedules of a host.
pub fn host_schedules(host: &str) -> String {
    fill(HOST_SCHEDULES, "{host}", host)
}

/// Returns the path of the tasks of a host that have ended.
pub fn host_tasks(host: &str) -> String {
    fill(HOST_TASKS, "{host}", host)
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
    use crate::path::{
        HOST, HOST_FACT, HOST_FACT_CHANGES, HOST_FACT_SCHEMA, HOST_FACTS_REFRESH, OPERATOR_TOKEN,
        REQUESTS, RESULT, RESULTS, RUN_TARGET, RUN_TARGET_OUTPUT,
    };

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
            (host_fact_schema("h", "m"), HOST_FACT_SCHEMA),
            (host_changes("h"), HOST_CHANGES),
            (host_schedules("h"), HOST_SCHEDULES),
            (host_tasks("h"), HOST_TASKS),
            (host_facts_refresh("h"), HOST_FACTS_REFRESH),
            (host_approve("h"), HOST_APPROVE),
            (host_quarantine("h"), HOST_QUARANTINE),
            (host_settle("h"), HOST_SETTLE),
            (host_ban("h"), HOST_BAN),
            (token("t"), TOKEN),
            (operator("n"), OPERATOR),
            (operator_tokens("n"), OPERATOR_TOKENS),
            (operator_token("n", "t"), OPERATOR_TOKEN),
            (operator_sessions("n"), OPERATOR_SESSIONS),
            (operator_login_link("n"), OPERATOR_LOGIN_LINK),
            (role("r"), ROLE),
            (plan("u"), PLAN),
            (plan_targets("u"), PLAN_TARGETS),
            (plan_apply("u"), PLAN_APPLY),
            (run("u"), RUN),
            (run_targets("u"), RUN_TARGETS),
            (run_target("u", "h"), RUN_TARGET),
            (run_target_output("u", "h"), RUN_TARGET_OUTPUT),
            (run_outputs("u"), RUN_OUTPUTS),
            (run_cancel("u"), RUN_CANCEL),
            (run_again("u"), RUN_AGAIN),
            (run_changes("u"), RUN_CHANGES),
            (run_events("u"), RUN_EVENTS),
            (budget("n"), BUDGET),
            (node(2), NODE),
            (node_drain(2), NODE_DRAIN),
            (node_resume(2), NODE_RESUME),
        ] {
            let filled = template
                .replace("{host}", "h")
                .replace("{method}", "m")
                .replace("{task}", "t")
                .replace("{token}", "t")
                .replace("{name}", "n")
                .replace("{role}", "r")
                .replace("{run}", "u")
                .replace("{node}", "2");
            assert_eq!(path, filled);
        }
    }
}
