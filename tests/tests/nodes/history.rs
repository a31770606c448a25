//! What clients were told, what hosts have done, and what may not have happened.

use crate::site::Client;
use e2e::wait_some;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Mutex;

/// What may not happen. Each names the run, by its place in the test, and the host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Violation {
    /// A run that a client was told is created has another id than the one before.
    CreatedTwice { run: u64 },
    /// The end states of a run are more or fewer than its targets.
    NotAddedUp { run: u64, row: String },
    /// A run that had ended has changed since, or goes on.
    Changed { run: u64, before: String, after: String },
    /// Fewer targets have ended than before.
    Undone { run: u64, before: u64, after: u64 },
    /// A host has started a run's command more than once.
    StartedTwice { run: u64, host: String, times: usize },
    /// A host is said to have done what it has not begun.
    NotStarted { run: u64, host: String },
    /// A target has not ended, though its run has.
    Open { run: u64, host: String, state: String },
    /// The output of a command that succeeded is not that of its run and host.
    WrongOutput { run: u64, host: String, output: String },
}

/// What clients were told, in the order in which they were told it.
#[derive(Default)]
pub(crate) struct History(Mutex<Told>);

#[derive(Default)]
struct Told {
    runs: BTreeMap<u64, String>,
    reads: Vec<(u64, Value)>,
    violations: Vec<Violation>,
}

/// How the targets of a run have ended, by host: the state, and the output.
pub(crate) struct Ended {
    pub(crate) run: u64,
    pub(crate) targets: BTreeMap<String, (String, Option<String>)>,
}

/// How often each host has started the command of each run.
pub(crate) struct Started(pub(crate) BTreeMap<(u64, String), usize>);

impl History {
    /// A client was told that a run is created.
    pub(crate) fn created(&self, run: u64, id: &str) {
        let mut told = self.0.lock().unwrap();
        if let Some(before) = told.runs.insert(run, id.to_owned())
            && before != id
        {
            told.violations.push(Violation::CreatedTwice { run });
        }
    }

    /// Returns the runs that were created, with their ids.
    pub(crate) fn runs(&self) -> Vec<(u64, String)> {
        self.0.lock().unwrap().runs.iter().map(|(run, id)| (*run, id.clone())).collect()
    }

    /// A client was told how a run goes.
    pub(crate) fn read(&self, run: u64, row: &Value) {
        self.0.lock().unwrap().reads.push((run, row.clone()));
    }

    /// Returns how often a client was told that.
    pub(crate) fn reads(&self) -> usize {
        self.0.lock().unwrap().reads.len()
    }

    /// Returns what may not have happened. Each run has so many targets.
    pub(crate) fn check(&self, ended: &[Ended], started: &Started, targets: u64) -> Vec<Violation> {
        let told = self.0.lock().unwrap();
        let mut found = told.violations.clone();
        let mut before: BTreeMap<u64, &Value> = BTreeMap::new();
        for (run, row) in &told.reads {
            let run = *run;
            if sum(row) != targets || row["equation"]["total"] != targets {
                found.push(Violation::NotAddedUp { run, row: row.to_string() });
            }
            if let Some(before) = before.insert(run, row) {
                if before["state"] == "ended" && shown(before) != shown(row) {
                    let (before, after) = (shown(before), shown(row));
                    found.push(Violation::Changed { run, before, after });
                }
                let (before, after) = (ends(before), ends(row));
                if after < before {
                    found.push(Violation::Undone { run, before, after });
                }
            }
        }
        for ((run, host), times) in &started.0 {
            if *times > 1 {
                let (run, host, times) = (*run, host.clone(), *times);
                found.push(Violation::StartedTwice { run, host, times });
            }
        }
        let begun: BTreeSet<(u64, &str)> = started
            .0
            .iter()
            .filter(|(_, times)| **times > 0)
            .map(|((run, host), _)| (*run, host.as_str()))
            .collect();
        for Ended { run, targets } in ended {
            for (host, (state, output)) in targets {
                let (run, host) = (*run, host.clone());
                if OPEN.contains(&state.as_str()) {
                    found.push(Violation::Open { run, host, state: state.clone() });
                } else if state == "succeeded" && !begun.contains(&(run, host.as_str())) {
                    found.push(Violation::NotStarted { run, host });
                } else if state == "succeeded"
                    && output.as_deref() != Some(format!("{run} {host}\n").as_str())
                {
                    let output = output.clone().unwrap_or_default();
                    found.push(Violation::WrongOutput { run, host, output });
                }
            }
        }
        found
    }
}

/// The states of a target that has not ended.
const OPEN: [&str; 4] = ["waiting", "queued", "sent", "running"];

/// Returns the sum over all states of a run's equation.
fn sum(row: &Value) -> u64 {
    states(row).map(|(_, count)| count).sum()
}

/// Returns how many targets of a run have ended.
fn ends(row: &Value) -> u64 {
    states(row).filter(|(state, _)| !OPEN.contains(state)).map(|(_, count)| count).sum()
}

fn states(row: &Value) -> impl Iterator<Item = (&str, u64)> {
    let equation = row["equation"].as_object().into_iter().flatten();
    equation
        .filter(|(state, _)| *state != "total")
        .filter_map(|(state, count)| Some((state.as_str(), count.as_u64()?)))
}

/// Returns what of a run stays as it is once it has ended.
fn shown(row: &Value) -> String {
    format!("{} {} {}", row["state"], row["equation"], row["ended_at"])
}

impl Ended {
    /// Asks a node how the targets of a run on these hosts have ended.
    pub(crate) fn of(run: u64, client: &Client, node: usize, id: &str, hosts: &[String]) -> Self {
        let target = |host: &String| {
            let found = wait_some("a target", || {
                let found = client.get(node, &format!("/runs/{id}/targets/{host}"))?;
                found["target"]["state"].is_string().then_some(found)
            });
            let state = found["target"]["state"].as_str().unwrap().to_owned();
            (host.clone(), (state, output(&found)))
        };
        Self { run, targets: hosts.iter().map(target).collect() }
    }

    pub(crate) fn succeeded(&self) -> usize {
        self.targets.values().filter(|(state, _)| state == "succeeded").count()
    }
}

/// Returns what a command has printed.
fn output(found: &Value) -> Option<String> {
    let data = &found["result"]["data"];
    data.as_str().or_else(|| data["stdout"].as_str()).map(str::to_owned)
}

impl Started {
    /// Reads the ledger: a file of each run and host, with a line for each start.
    pub(crate) fn in_folder(folder: &Path, runs: u64, hosts: &[String]) -> Self {
        let mut started = BTreeMap::new();
        for run in 0..runs {
            for host in hosts {
                let text = std::fs::read_to_string(folder.join(format!("{run}-{host}")));
                let times = text.map_or(0, |text| text.lines().count());
                started.insert((run, host.clone()), times);
            }
        }
        Self(started)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn row(state: &str, waiting: u64, succeeded: u64) -> Value {
        json!({
            "state": state, "ended_at": null,
            "equation": { "total": 2, "waiting": waiting, "succeeded": succeeded, "failed": 0 }
        })
    }

    fn ended(state: &str, output: &str) -> Vec<Ended> {
        let target = (state.to_owned(), Some(output.to_owned()));
        vec![Ended { run: 0, targets: BTreeMap::from([("h".to_owned(), target)]) }]
    }

    fn started(times: usize) -> Started {
        Started(BTreeMap::from([((0, "h".to_owned()), times)]))
    }

    fn check(rows: &[Value], ended: &[Ended], started: &Started) -> Vec<Violation> {
        let history = History::default();
        history.created(0, "a");
        rows.iter().for_each(|row| history.read(0, row));
        history.check(ended, started, 2)
    }

    #[test]
    fn a_history_that_is_as_it_should_be_has_no_violation() {
        let rows =
            [row("running", 2, 0), row("running", 1, 1), row("ended", 0, 2), row("ended", 0, 2)];
        assert_eq!(check(&rows, &ended("succeeded", "0 h\n"), &started(1)), []);
        assert_eq!(check(&rows, &ended("failed", ""), &started(0)), []);
    }

    #[test]
    fn each_violation_is_found() {
        let host = || "h".to_owned();
        let found = check(&[row("running", 1, 0)], &[], &started(1));
        assert!(matches!(found[..], [Violation::NotAddedUp { run: 0, .. }]), "{found:?}");
        let found = check(&[row("ended", 0, 2), row("running", 0, 2)], &[], &started(1));
        assert!(matches!(found[..], [Violation::Changed { run: 0, .. }]), "{found:?}");
        let found = check(&[row("running", 0, 2), row("running", 1, 1)], &[], &started(1));
        assert_eq!(found, [Violation::Undone { run: 0, before: 2, after: 1 }]);
        let found = check(&[], &ended("succeeded", "0 h\n"), &started(2));
        assert_eq!(found, [Violation::StartedTwice { run: 0, host: host(), times: 2 }]);
        let found = check(&[], &ended("succeeded", "0 h\n"), &started(0));
        assert_eq!(found, [Violation::NotStarted { run: 0, host: host() }]);
        let found = check(&[], &ended("sent", ""), &started(1));
        assert_eq!(found, [Violation::Open { run: 0, host: host(), state: "sent".to_owned() }]);
        let found = check(&[], &ended("succeeded", "1 h\n"), &started(1));
        assert!(matches!(found[..], [Violation::WrongOutput { run: 0, .. }]), "{found:?}");
        let history = History::default();
        history.created(0, "a");
        history.created(0, "b");
        assert_eq!(history.check(&[], &started(0), 2), [Violation::CreatedTwice { run: 0 }]);
    }
}
