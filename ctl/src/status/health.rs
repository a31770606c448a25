//! Whether an agent is well, for people and for monitoring. The rules are documented in
//! docs/ctl.md.

use crate::clock;
use agent_wire::reply::AgentInfo;

/// How long an agent may be without a channel before that is a warning, in seconds: restarts of a
/// controller are shorter.
const AWAY: i64 = 300;

/// How long before its end a certificate that was not replaced becomes a warning, in seconds; one
/// with a short life does so in its last quarter.
const SOON: i64 = 30 * 86_400;

/// How an agent is. The numbers are the exit statuses of monitoring plugins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub(super) enum State {
    Ok = 0,
    Warning = 1,
    Critical = 2,
    Unknown = 3,
}

impl State {
    /// Returns the word in the output.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Critical => "critical",
            Self::Unknown => "unknown",
        }
    }
}

/// The state, and why it is no better.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Health {
    pub(super) state: State,
    pub(super) reasons: Vec<String>,
}

impl Health {
    /// Judges an agent's words about itself at `now`, in seconds since 1970.
    pub(super) fn of(info: &AgentInfo<'_>, now: i64) -> Self {
        let mut health = Self { state: State::Ok, reasons: Vec::new() };
        health.connection(info, now);
        health.identity(info);
        health.certificate(info, now);
        if info.results_dropped > 0 {
            let lost = info.results_dropped;
            health.add(
                State::Warning,
                format!("{lost} results of jobs were discarded for lack of room"),
            );
        }
        for problem in info.crontab_problems.iter() {
            health.add(State::Warning, format!("crontab: {problem}"));
        }
        health
    }

    /// Returns the state of an agent that does not answer.
    pub(super) fn unknown(why: String) -> Self {
        Self { state: State::Unknown, reasons: vec![why] }
    }

    fn add(&mut self, state: State, reason: String) {
        self.state = self.state.max(state);
        self.reasons.push(reason);
    }

    fn connection(&mut self, info: &AgentInfo<'_>, now: i64) {
        // An older agent does not say.
        let Some(since) = clock::unix(&info.connection_since) else { return };
        if info.connected_to.is_none() {
            let away = now.saturating_sub(since).max(0);
            let state = if away >= AWAY { State::Critical } else { State::Warning };
            self.add(state, format!("not connected to a server for {away} s"));
        }
    }

    fn identity(&mut self, info: &AgentInfo<'_>) {
        match &*info.identity {
            "joining" => self.add(State::Warning, "the host has not joined yet".to_owned()),
            "pending" => self.add(State::Warning, "an operator has to approve the host".to_owned()),
            "refused" => self.add(State::Critical, "the server refuses this host".to_owned()),
            _ => {}
        }
    }

    /// A certificate renews itself after half of its life, but one of the operator's own PKI.
    fn certificate(&mut self, info: &AgentInfo<'_>, now: i64) {
        let seconds = |text: &Option<String>| text.as_deref().and_then(clock::unix);
        let Some(end) = seconds(&info.certificate_not_after) else { return };
        let begin = seconds(&info.certificate_not_before).unwrap_or(end);
        let late = end.saturating_sub((end.saturating_sub(begin) / 4).min(SOON));
        if now >= end {
            self.add(State::Critical, "the certificate has expired".to_owned());
        } else if now >= late {
            let text = match &*info.identity {
                "files" => "the certificate ends soon: replace its file, tls.cert",
                _ => "the certificate ends soon and was not renewed",
            };
            self.add(State::Warning, text.to_owned());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(fields: &str, now: &str) -> Health {
        let text = format!(
            r#"{{"version":"1","protocol":1,"host_id":"h","pid":2,"started":"s","uptime_seconds":3,
            "requests_taken":4,"requests_running":5,"tasks_waiting":6,"tasks_running":7,
            "results_unacknowledged":8,"jobs":10,{fields}}}"#
        );
        let info: AgentInfo<'_> = serde_json::from_str(&text).unwrap();
        Health::of(&info, clock::unix(now).unwrap())
    }

    #[test]
    fn each_reason_gives_its_state_and_the_worst_one_counts() {
        let lost = r#""results_dropped":0,"connection_since":"2026-12-01T00:00:00Z""#;
        let open = r#""results_dropped":0,"connection_since":"2026-12-01T00:00:00Z","connected_to":"[::1]:7443""#;
        let until = r#""certificate_not_before":"2026-12-01T00:00:00Z","certificate_not_after":"2026-12-09T00:00:00Z""#;
        let years = r#""certificate_not_before":"2026-12-01T00:00:00Z","certificate_not_after":"2028-12-01T00:00:00Z""#;
        for (fields, now, state) in [
            (open.to_owned(), "2026-12-01T00:00:09Z", State::Ok),
            (lost.to_owned(), "2026-12-01T00:00:09Z", State::Warning),
            (lost.to_owned(), "2026-12-01T00:05:00Z", State::Critical),
            (format!("{open},{until}"), "2026-12-06T23:59:59Z", State::Ok),
            (format!("{open},{until}"), "2026-12-07T00:00:00Z", State::Warning),
            (format!("{open},{until}"), "2026-12-09T00:00:00Z", State::Critical),
            (format!("{open},\"identity\":\"files\",{years}"), "2028-10-31T00:00:00Z", State::Ok),
            (
                format!("{open},\"identity\":\"files\",{years}"),
                "2028-11-01T00:00:00Z",
                State::Warning,
            ),
            (format!("{open},\"identity\":\"enrolled\""), "2026-12-01T01:00:00Z", State::Ok),
            (format!("{open},\"identity\":\"pending\""), "2026-12-01T01:00:00Z", State::Warning),
            (format!("{open},\"identity\":\"refused\""), "2026-12-01T01:00:00Z", State::Critical),
            (
                format!("{open},\"crontab_problems\":[\"x:1\"]"),
                "2026-12-01T01:00:00Z",
                State::Warning,
            ),
            (open.replace(":0,", ":3,"), "2026-12-01T01:00:00Z", State::Warning),
            // An agent of an older version says nothing about its connection.
            (r#""results_dropped":0"#.to_owned(), "2026-12-01T01:00:00Z", State::Ok),
        ] {
            let health = judged(&fields, now);
            assert_eq!(health.state, state, "{fields} at {now}: {health:?}");
            assert_eq!(health.reasons.is_empty(), state == State::Ok, "{health:?}");
        }
    }
}
