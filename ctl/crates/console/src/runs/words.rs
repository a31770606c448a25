//! The words of runs, in one place for all their pages: states, ends, answers, requests.

use crate::units::{self, Moment};
use controller_api::{AgentRequest, Amount, Answer, Run, RunEnd, RunState, TargetState, Tolerance};
use serde_json::Value;

/// A status as `parts/status.html` draws it: a shape with a color, and a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mark {
    pub(crate) kind: &'static str,
    pub(crate) word: &'static str,
}

const fn mark(kind: &'static str, word: &'static str) -> Mark {
    Mark { kind, word }
}

/// Returns the status of a target.
pub(super) const fn target(state: TargetState) -> Mark {
    match state {
        TargetState::Waiting => mark("idle", "waiting"),
        TargetState::Queued => mark("away", "queued"),
        TargetState::Sent => mark("pending", "sent"),
        TargetState::Running => mark("running", "running"),
        TargetState::Succeeded => mark("done", "succeeded"),
        TargetState::Failed => mark("bad", "failed"),
        TargetState::TimedOut => mark("bad", "timed out"),
        TargetState::Refused => mark("bad", "refused"),
        TargetState::Invalid => mark("bad", "invalid"),
        TargetState::Expired => mark("stopped", "expired"),
        TargetState::CanceledBeforeStart => mark("stopped", "not started"),
        TargetState::Canceled => mark("stopped", "canceled"),
        TargetState::Interrupted => mark("bad", "outcome unknown"),
        TargetState::Removed => mark("stopped", "host removed"),
    }
}

/// Returns the state of this name.
pub(super) fn target_state(name: &str) -> Option<TargetState> {
    TargetState::ALL.into_iter().find(|state| state.name() == name)
}

/// Returns the status of a run.
pub(super) fn run(run: &Run) -> Mark {
    let clean = run.equation.succeeded == run.equation.total;
    match (run.state, run.end) {
        (RunState::Planned, _) => mark("pending", "planned"),
        (RunState::Running, _) => mark("running", "running"),
        (RunState::Stopping, _) => mark("stopped", "stopping"),
        (RunState::Ended, Some(RunEnd::Stopped)) => mark("bad", "stopped"),
        (RunState::Ended, Some(RunEnd::Canceled)) => mark("stopped", "canceled"),
        (RunState::Ended, Some(RunEnd::Expired)) => mark("stopped", "expired"),
        (RunState::Ended, _) if clean => mark("done", "succeeded"),
        (RunState::Ended, _) => mark("bad", "completed with failures"),
    }
}

/// Returns the name of a run's state, as the API has it.
pub(super) const fn run_state_name(state: RunState) -> &'static str {
    match state {
        RunState::Planned => "planned",
        RunState::Running => "running",
        RunState::Stopping => "stopping",
        RunState::Ended => "ended",
    }
}

/// Returns the run's state of this name.
pub(super) fn run_state(name: &str) -> Option<RunState> {
    let all = [RunState::Planned, RunState::Running, RunState::Stopping, RunState::Ended];
    all.into_iter().find(|state| run_state_name(*state) == name)
}

/// Returns what an answer means for people.
pub(super) const fn answer(answer: Answer) -> (Mark, &'static str) {
    match answer {
        Answer::Online => (mark("ok", "will run"), "online; the host's own policy allows it"),
        Answer::NotAsked => {
            (mark("pending", "not asked"), "online; its agent was not asked in time")
        }
        Answer::Queued => (mark("away", "will wait"), "offline; it runs when the host comes back"),
        Answer::Refused => (mark("bad", "refused"), "the host's policy refuses it"),
        Answer::Invalid => (mark("bad", "invalid"), "the host cannot do it"),
        Answer::Quarantined => (mark("stopped", "quarantined"), "the host gets no request"),
        Answer::Pending => (mark("pending", "pending"), "the host waits for an approval"),
        Answer::NotYours => (mark("stopped", "not yours"), "your roles do not allow it there"),
    }
}

/// Returns the answer of this name.
pub(super) fn answer_of(name: &str) -> Option<Answer> {
    Answer::ALL.into_iter().find(|answer| answer.name() == name)
}

/// Returns a field of a request as text.
pub(super) fn field(request: &AgentRequest, name: &str) -> Option<String> {
    request.fields.get(name).map(|value| match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    })
}

/// Returns whether a request is a command, which runs as a task.
pub(super) fn is_command(request: &AgentRequest) -> bool {
    matches!(request.method.as_str(), "async.bash" | "sync.bash")
}

/// Returns a request in one line: a command as it is, another request by its method and subject.
pub(super) fn request(request: &AgentRequest) -> String {
    match field(request, "cmd") {
        Some(command) if is_command(request) => command,
        Some(command) => {
            let name = field(request, "name").unwrap_or_default();
            format!("{} {name} {command}", request.method)
        }
        None => {
            let subject = ["args", "name", "task"].iter().find_map(|name| field(request, name));
            format!("{} {}", request.method, subject.unwrap_or_default()).trim_end().to_owned()
        }
    }
}

/// Returns as whom a command runs.
pub(super) fn account(request: &AgentRequest) -> String {
    let user = field(request, "user").unwrap_or_else(|| "root".to_owned());
    match field(request, "group") {
        Some(group) => format!("{user}, group {group}"),
        None => user,
    }
}

/// Returns when a run stops, in words.
pub(super) fn stops(most: Tolerance) -> String {
    match most {
        Tolerance::Unlimited => "never, however many hosts fail".to_owned(),
        Tolerance::AtMost(Amount::Count(0)) => "at the first failure".to_owned(),
        Tolerance::AtMost(most) => match most {
            Amount::Count(most) => {
                format!("after more than {}", units::counted(u64::from(most), "failure"))
            }
            Amount::Percent(_) => format!("when more than {most} of the hosts have failed"),
        },
    }
}

/// Returns how many hosts work at once, in words.
pub(super) fn at_once(most: Amount, ramp: bool) -> String {
    let hosts = match most {
        Amount::Count(most) => format!("at most {}", hosts(u64::from(most))),
        Amount::Percent(_) => format!("at most {most} of the hosts"),
    };
    if ramp { format!("{hosts}, beginning with one") } else { hosts }
}

/// Returns the hosts that are meant, in words.
pub(super) fn selection(selector: Option<&str>, total: u64) -> String {
    match selector {
        Some("") => "all hosts".to_owned(),
        Some(text) => text.to_owned(),
        None => format!("{} by name", hosts(total)),
    }
}

/// Returns a retcode or exit status in words, where the number alone says too little.
pub(super) fn code(state: TargetState, code: Option<u16>) -> String {
    match (state, code) {
        (TargetState::Failed, Some(code @ 0..=255)) => format!("exit {code}"),
        (TargetState::Succeeded, Some(0)) | (_, None) => String::new(),
        (_, Some(code)) => format!("code {code}"),
    }
}

/// Returns a number of hosts in words.
pub(super) fn hosts(number: u64) -> String {
    units::counted(number, "host")
}

/// Returns a time of the API as people read it; a text that is no time is left as it is.
pub(super) fn moment(text: &str) -> Moment {
    let none = || Moment { iso: String::new(), text: text.to_owned(), title: String::new() };
    Moment::of(text).unwrap_or_else(none)
}

/// Returns the time from one moment to another, if both are known.
pub(super) fn between(from: Option<&str>, to: Option<&str>) -> String {
    let took = from.and_then(units::millis).zip(to.and_then(units::millis));
    took.and_then(|(from, to)| u64::try_from(to - from).ok())
        .map(units::duration)
        .unwrap_or_default()
}

/// Returns a duration of so many seconds in words.
pub(super) fn long(seconds: u64) -> String {
    units::duration(seconds.saturating_mul(1000))
}

/// Returns a duration that an agent has measured in words.
pub(super) fn seconds(seconds: f64) -> String {
    let took = std::time::Duration::try_from_secs_f64(seconds).unwrap_or_default();
    units::duration(u64::try_from(took.as_millis()).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_request_is_told_in_one_line() {
        for (given, wanted) in [
            (json!({"method": "async.bash", "cmd": "uptime", "user": "app"}), "uptime"),
            (json!({"method": "getinfo.os"}), "getinfo.os"),
            (json!({"method": "cron.run", "name": "backup"}), "cron.run backup"),
            (
                json!({"method": "cron.set", "name": "b", "cmd": "tar", "schedule": "@daily"}),
                "cron.set b tar",
            ),
        ] {
            let given: AgentRequest = serde_json::from_value(given).unwrap();
            assert_eq!(request(&given), wanted);
        }
    }

    #[test]
    fn names_of_states_lead_back_to_them() {
        for state in TargetState::ALL {
            assert_eq!(target_state(state.name()), Some(state));
        }
        assert_eq!(target_state("<script>"), None);
        assert_eq!(run_state("ended"), Some(RunState::Ended));
    }
}
