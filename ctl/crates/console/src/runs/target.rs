//! `/runs/{id}/hosts/{host}`: one host of a run: its states with their times, and what it printed.

use super::output::{Outcome, Shown};
use super::words::{self, Mark};
use crate::api::Failure;
use crate::page::{Frame, host_page, html};
use crate::session::Session;
use crate::units::{self, Moment};
use askama::Template;
use axum::extract::Path;
use axum::response::Response;
use controller_api::{Run, Target, TargetResult, TargetState, path};

pub(super) async fn show(
    session: Session,
    Path((run, host)): Path<(String, String)>,
) -> Result<Response, Failure> {
    let (one, run, target) = OnHost::read(&session, &run, &host).await?;
    let prints = words::is_command(&run.request);
    html(&TargetPage {
        frame: session
            .frame(format!("{} · {host}", units::line(&words::request(&run.request), 40))),
        what: words::request(&run.request),
        next: advice(target.state),
        steps: steps(&run, &target),
        account: if prints { words::account(&run.request) } else { String::new() },
        host_page: host_page(&host),
        raw: path::run_target(&run.id, &host),
        run: run.id,
        host,
        one,
    })
}

/// A run on one host.
pub(crate) struct OnHost {
    /// Its page.
    pub(crate) page: String,
    pub(crate) mark: Mark,
    pub(crate) is_over: bool,
    /// Whether the page follows the command's output.
    pub(crate) follows: bool,
    pub(crate) why: Option<String>,
    pub(crate) facts: Vec<(&'static str, String)>,
    pub(crate) has_result: bool,
    pub(crate) stdout: Shown,
    pub(crate) stderr: Option<Shown>,
    pub(crate) whole: String,
    pub(crate) whole_stderr: String,
    pub(crate) follow: String,
}

impl OnHost {
    /// Reads a run, a host, and the run's target on that host.
    ///
    /// # Errors
    /// When the API does not show them.
    pub(crate) async fn read(
        session: &Session,
        run: &str,
        host: &str,
    ) -> Result<(Self, Run, Target), Failure> {
        let run: Run = session.api.get(&path::run(run)).await?;
        let result: TargetResult = session.api.get(&path::run_target(&run.id, host)).await?;
        let outcome = Outcome::of(&result);
        let target = result.target;
        let (stdout, stderr) = outcome.as_ref().map(Outcome::shown).unwrap_or_default();
        let page = format!("/runs/{}/hosts/{}", run.id, path::segment(host));
        let one = Self {
            mark: words::target(target.state),
            is_over: target.state.is_end(),
            follows: words::is_command(&run.request) && !target.state.is_end(),
            why: target.why.as_deref().map(crate::api::sentence),
            facts: facts(&target, outcome.as_ref()),
            has_result: outcome.is_some(),
            whole: format!("{page}/output"),
            whole_stderr: format!("{page}/output?stream=stderr"),
            follow: format!("{page}/follow"),
            stdout,
            stderr,
            page,
        };
        Ok((one, run, target))
    }
}

#[derive(Template)]
#[template(path = "runs/target.html")]
struct TargetPage {
    frame: Frame,
    run: String,
    what: String,
    host: String,
    host_page: String,
    one: OnHost,
    next: Option<&'static str>,
    steps: Vec<Step>,
    account: String,
    raw: String,
}

/// A step of a target's life.
struct Step {
    word: &'static str,
    at: Option<Moment>,
    /// How long after the step before.
    after: String,
}

fn steps(run: &Run, target: &Target) -> Vec<Step> {
    let mut before = run.applied_at.as_deref();
    let times = [
        ("Run applied", run.applied_at.as_deref()),
        ("Sent to the host", target.sent_at.as_deref()),
        ("Accepted by the agent", target.accepted_at.as_deref()),
        ("Ended", target.ended_at.as_deref()),
    ];
    let steps = times.into_iter().map(|(word, at)| {
        let after = words::between(before.filter(|_| word != "Run applied"), at);
        before = at.or(before);
        Step { word, at: at.map(words::moment), after }
    });
    steps.collect()
}

/// Returns what is known of the result, as names and values.
fn facts(target: &Target, outcome: Option<&Outcome>) -> Vec<(&'static str, String)> {
    let mut rows = vec![("Stage", target.stage.to_string())];
    if let Some(code) = target.code {
        let name = if target.state == TargetState::Failed && code < 256 || code == 0 {
            "Exit status"
        } else {
            "Code"
        };
        rows.push((name, code.to_string()));
    }
    let Some(outcome) = outcome else { return rows };
    rows.extend(outcome.signal.map(|signal| ("Signal", signal.to_string())));
    if let Some(message) = outcome.message.as_ref().filter(|_| outcome.retcode != 0) {
        rows.push(("The agent says", message.clone()));
    }
    if let Some(usage) = &outcome.usage {
        rows.push(("Took", words::seconds(usage.wall)));
        rows.push(("Processor time", words::seconds(usage.user + usage.sys)));
        rows.push(("Memory at most", units::bytes(usage.max_rss_kib << 10)));
    }
    let ran = words::between(outcome.started.as_deref(), outcome.ended.as_deref());
    if outcome.usage.is_none() && !ran.is_empty() {
        rows.push(("Took", ran));
    }
    rows
}

/// Returns what an operator can do about a state.
const fn advice(state: TargetState) -> Option<&'static str> {
    match state {
        TargetState::Waiting => Some("Its stage or its place has not come."),
        TargetState::Queued => Some("It runs as soon as the host is back, until the run's limit."),
        TargetState::Refused => {
            Some("Look at the rule that is named, in the host's policy file, or at your roles.")
        }
        TargetState::Invalid => Some("Update the host's agent, or change the request."),
        TargetState::Expired => Some("Plan the run again for this host, with more time."),
        TargetState::Interrupted => Some(
            "Nobody knows whether the command finished. Look at the host before you repeat it.",
        ),
        TargetState::CanceledBeforeStart => Some("The command never started here."),
        TargetState::Sent
        | TargetState::Running
        | TargetState::Succeeded
        | TargetState::Failed
        | TargetState::TimedOut
        | TargetState::Canceled
        | TargetState::Removed => None,
    }
}
