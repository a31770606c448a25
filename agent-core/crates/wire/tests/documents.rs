//! PROTOCOL.md and the example policy name exactly the code's methods, retcodes and defaults.

use agent_wire::message::Resp;
use agent_wire::reply::{AgentInfo, TaskState, TaskStatus};
use agent_wire::{Family, Method, Retcode};
use std::collections::BTreeSet;
use std::path::Path;

fn read(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../..").join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The cells of every table row in a Markdown text.
fn rows(text: &str) -> impl Iterator<Item = Vec<&str>> {
    let rows = text.lines().filter_map(|line| line.strip_prefix("| ")?.strip_suffix(" |"));
    rows.map(|row| row.split('|').map(str::trim).collect())
}

fn own_methods(only: impl Fn(&Method) -> bool) -> BTreeSet<String> {
    Method::OWN
        .iter()
        .filter(|method| only(method))
        .map(|method| method.name().to_owned())
        .collect()
}

#[test]
fn protocol_md_has_a_table_row_for_each_method_and_none_for_another() {
    let protocol = read("PROTOCOL.md");
    let is_method = |name: &&str| {
        name.split_once('.').is_some_and(|(family, _)| Family::parse(family).is_some())
    };
    let documented: BTreeSet<String> = rows(&protocol)
        .filter_map(|row| row.first()?.strip_prefix('`')?.strip_suffix('`'))
        .filter(is_method)
        .map(str::to_owned)
        .collect();
    assert_eq!(documented, own_methods(|_| true));
}

#[test]
fn protocol_md_documents_each_retcode_and_no_other() {
    let protocol = read("PROTOCOL.md");
    let documented: BTreeSet<u16> = rows(&protocol)
        .flatten()
        .filter_map(|cell| cell.parse().ok())
        .filter(|number| (3001..=3099).contains(number))
        .collect();
    assert_eq!(documented, Retcode::ALL.iter().map(|retcode| retcode.number()).collect());
}

#[test]
fn protocol_md_documents_each_field_of_agent_info_and_of_a_task() {
    let protocol = read("PROTOCOL.md");
    let row = |method: &str| {
        let name = format!("`{method}`");
        rows(&protocol).find(|row| row.first() == Some(&name.as_str())).unwrap().join(" ")
    };
    let info = AgentInfo {
        version: "1".into(),
        protocol: 1,
        host_id: "h".into(),
        identity: "enrolled".into(),
        certificate_not_after: Some(String::new()),
        certificate_not_before: Some(String::new()),
        connected_to: Some(String::new()),
        connection_since: "s".into(),
        generation: Some(1),
        pid: 1,
        started: String::new(),
        uptime_seconds: 0,
        requests_taken: 0,
        requests_running: 0,
        tasks_waiting: 0,
        tasks_running: 0,
        results_unacknowledged: 0,
        results_dropped: 0,
        jobs: 0,
        crontab_problems: vec![String::new()].into(),
        last_errors: vec![String::new()],
    };
    let task = TaskStatus {
        task: "t".into(),
        state: TaskState::Ended,
        due: None,
        accepted: Some(String::new()),
        started: Some(String::new()),
        ended: Some(String::new()),
        acknowledged: Some(true),
        resp: Some(Resp::Success),
        retcode: Some(0),
        message: Some("".into()),
    };
    let documents = [
        (row("agent.info"), '`', serde_json::to_value(info).unwrap()),
        (row("async.status"), '"', serde_json::to_value(task).unwrap()),
    ];
    for (row, quote, value) in documents {
        for field in value.as_object().unwrap().keys() {
            assert!(
                row.contains(&format!("{quote}{field}{quote}")),
                "{field} is missing in: {row}"
            );
        }
    }
}

#[test]
fn the_example_policy_names_each_method_that_brings_a_command_and_each_method_exists() {
    let policy = read("examples/config/policy.toml");
    let (_, rest) = policy.split_once("methods that bring a command: ").unwrap();
    let (list, _) = rest.split_once(".\n").unwrap();
    let named: BTreeSet<String> = list.split(", ").map(str::to_owned).collect();
    assert_eq!(named, own_methods(Method::brings_command));
    for text in policy.split('"').filter(|text| !text.contains([' ', '\n'])) {
        let Some((family, name)) = text.split_once('.') else { continue };
        if Family::parse(family).is_some() && name != "*" {
            assert!(own_methods(|_| true).contains(text), "{text}");
        }
    }
}
