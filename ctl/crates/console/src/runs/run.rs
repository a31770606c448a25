//! `/runs/{id}`: a run while it goes on and after it has ended. Each figure is of the run's row, each
//! list is a page, so a run of 100,000 hosts costs what a run of 100 does.

use super::diff::{self, Line};
use super::equation::{Sum, share};
use super::output::Shown;
use super::words::{self, Mark};
use crate::api::Failure;
use crate::form::Form;
use crate::page::{Frame, done, html, see};
use crate::session::Session;
use crate::units::{self, Moment};
use askama::Template;
use axum::extract::{Path, RawQuery};
use axum::http::Method;
use axum::response::Response;
use controller_api::{
    Again, OutputGroup, OutputList, OutputsQuery, Plan, Run, RunState, Target, TargetList,
    TargetState, TargetsQuery, path,
};
use fleet::Action;

/// Hosts in one page of the list.
const LIMIT: usize = 50;

/// Hosts that are named above the list because they did not do it.
const FAILURES: usize = 20;

/// Groups of equal outputs that are shown.
const GROUPS: usize = 12;

/// The states that come first: those that somebody has to look at.
const TROUBLE: [TargetState; 6] = [
    TargetState::Failed,
    TargetState::TimedOut,
    TargetState::Refused,
    TargetState::Invalid,
    TargetState::Interrupted,
    TargetState::Expired,
];

pub(super) async fn show(
    session: Session,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Response, Failure> {
    let query = Form::of_query(query.as_deref());
    let run: Run = session.api.get(&path::run(&id)).await?;
    if run.state == RunState::Planned || run.applied_at.is_none() {
        return Ok(see(&format!("/plans/{}", run.id)));
    }
    let filter = Filter::of(&run, &query);
    let list: TargetList =
        session.api.query(&path::run_targets(&id), &filter.wanted(&query)).await?;
    let (failures, outputs) = if filter.is_set() {
        (Vec::new(), Outputs::default())
    } else {
        (failures(&session, &run).await?, outputs(&session, &run).await?)
    };
    let first = query.some("after").map(|_| filter.address(""));
    html(&RunPage {
        rows: list.targets.into_iter().map(|target| Row::of(&run, target)).collect(),
        next: list.next.map(|next| filter.address(&next.to_string())),
        first,
        more_failures: more_failures(&run, failures.len()),
        failures,
        outputs,
        may_act: session.may(Action::CommandsRun) || session.may(Action::FactsRead),
        frame: session.frame(units::line(&words::request(&run.request), 60)),
        view: View::of(&run),
        filter,
    })
}

/// What the list of hosts is limited to.
struct Filter {
    run: String,
    state: Option<TargetState>,
    /// The digest of an output.
    group: String,
    stage: Option<u32>,
}

impl Filter {
    fn of(run: &Run, query: &Form) -> Self {
        Self {
            run: run.id.clone(),
            state: words::target_state(query.get("state")),
            group: query.get("group").to_owned(),
            stage: query.some("stage").and_then(|stage| stage.parse().ok()),
        }
    }

    fn is_set(&self) -> bool {
        self.state.is_some() || !self.group.is_empty() || self.stage.is_some()
    }

    fn wanted(&self, query: &Form) -> TargetsQuery {
        TargetsQuery {
            state: self.state,
            stage: self.stage,
            digest: Some(self.group.clone()).filter(|group| !group.is_empty()),
            limit: Some(LIMIT),
            after: query.some("after").and_then(|after| after.parse().ok()),
        }
    }

    fn address(&self, after: &str) -> String {
        let stage = self.stage.map(|stage| stage.to_string()).unwrap_or_default();
        let fields = [
            ("state", self.state.map_or("", TargetState::name)),
            ("group", self.group.as_str()),
            ("stage", &stage),
            ("after", after),
        ];
        super::address(&format!("/runs/{}", self.run), fields) + "#hosts"
    }

    /// Returns what the list shows, in words.
    fn title(&self) -> String {
        let mut words = Vec::new();
        words.extend(self.state.map(|state| words::target(state).word.to_owned()));
        words.extend(self.stage.map(|stage| format!("in stage {stage}")));
        if !self.group.is_empty() {
            words.push("with the same output".to_owned());
        }
        match words.as_slice() {
            [] => "All hosts".to_owned(),
            words => format!("Hosts: {}", words.join(", ")),
        }
    }

    fn is_state(&self, name: &str) -> bool {
        self.state.map_or("", TargetState::name) == name
    }
}

/// Reads hosts that did not do it, at most some of each state.
async fn failures(session: &Session, run: &Run) -> Result<Vec<Row>, Failure> {
    let mut rows = Vec::new();
    for state in TROUBLE.into_iter().filter(|state| run.equation.of(*state) > 0) {
        let room = FAILURES - rows.len();
        if room == 0 {
            break;
        }
        let wanted =
            TargetsQuery { state: Some(state), limit: Some(room), ..TargetsQuery::default() };
        let list: TargetList = session.api.query(&path::run_targets(&run.id), &wanted).await?;
        rows.extend(list.targets.into_iter().map(|target| Row::of(run, target)));
    }
    Ok(rows)
}

fn more_failures(run: &Run, shown: usize) -> u64 {
    let all: u64 = TROUBLE.into_iter().map(|state| run.equation.of(state)).sum();
    all.saturating_sub(shown as u64)
}

async fn outputs(session: &Session, run: &Run) -> Result<Outputs, Failure> {
    if run.equation.ended() == 0 {
        return Ok(Outputs::default());
    }
    let wanted = OutputsQuery { limit: Some(GROUPS) };
    let list: OutputList = session.api.query(&path::run_outputs(&run.id), &wanted).await?;
    Ok(Outputs::of(&run.id, &list))
}

pub(super) async fn cancel(
    session: Session,
    Path(id): Path<String>,
    form: Form,
) -> Result<Response, Failure> {
    session.api.act(Method::POST, &path::run_cancel(&id), &(), form.csrf()).await?;
    Ok(done(&format!("/runs/{}", path::segment(&id)), "run-canceled"))
}

pub(super) async fn again(
    session: Session,
    Path(id): Path<String>,
    form: Form,
) -> Result<Response, Failure> {
    let states: Vec<TargetState> = form.all("state").filter_map(words::target_state).collect();
    let again = Again { states: Some(states).filter(|states| !states.is_empty()) };
    let plan: Plan =
        session.api.send(Method::POST, &path::run_again(&id), &again, form.csrf()).await?;
    Ok(see(&format!("/plans/{}", plan.id)))
}

#[derive(Template)]
#[template(path = "runs/run.html")]
struct RunPage {
    frame: Frame,
    view: View,
    filter: Filter,
    failures: Vec<Row>,
    more_failures: u64,
    outputs: Outputs,
    rows: Vec<Row>,
    first: Option<String>,
    next: Option<String>,
    may_act: bool,
}

/// The run in words.
struct View {
    id: String,
    what: String,
    is_command: bool,
    account: String,
    selection: String,
    mark: Mark,
    why: Option<String>,
    sum: Sum,
    done: String,
    percent: u64,
    stages: Vec<Stage>,
    by: String,
    at: Moment,
    ended: Option<Moment>,
    took: String,
    goes_on: bool,
    stops: bool,
    hash: String,
    at_once: String,
    stop_after: String,
    not_after: Option<Moment>,
    /// The end states that a new plan may take hosts from, with their words and numbers.
    again: Vec<(&'static str, &'static str, u64, bool)>,
}

/// How far a stage is.
struct Stage {
    number: usize,
    size: u64,
    ended: u64,
    failed: u64,
    succeeded_length: u64,
    failed_length: u64,
}

impl View {
    fn of(run: &Run) -> Self {
        let ended = run.equation.ended();
        let options = &run.options;
        let stage = |(stage, number): (&controller_api::RunStage, usize)| {
            let succeeded_length = share(stage.ended.saturating_sub(stage.failed), stage.size);
            Stage {
                number,
                size: stage.size,
                ended: stage.ended,
                failed: stage.failed,
                succeeded_length,
                failed_length: share(stage.ended, stage.size) - succeeded_length,
            }
        };
        let over = TargetState::ALL.into_iter().filter(|state| state.is_end());
        let again = over.filter(|state| run.equation.of(*state) > 0).map(|state| {
            let checked = state != TargetState::Succeeded;
            (state.name(), words::target(state).word, run.equation.of(state), checked)
        });
        Self {
            id: run.id.clone(),
            what: words::request(&run.request),
            is_command: words::is_command(&run.request),
            account: words::account(&run.request),
            selection: words::selection(run.selector.as_deref(), run.equation.total),
            mark: words::run(run),
            why: run.why.as_deref().map(crate::api::sentence),
            sum: Sum::of(&run.equation),
            done: units::count(ended),
            percent: share(ended, run.equation.total) / 10,
            stages: run.stages.iter().zip(1..).map(stage).collect(),
            by: run.applied_by.as_ref().unwrap_or(&run.created_by).clone(),
            at: words::moment(run.applied_at.as_deref().unwrap_or(&run.created_at)),
            ended: run.ended_at.as_deref().map(words::moment),
            took: words::between(run.applied_at.as_deref(), run.ended_at.as_deref()),
            goes_on: run.state != RunState::Ended,
            stops: run.state == RunState::Stopping,
            hash: run.hash.clone(),
            at_once: words::at_once(options.concurrency, options.ramp),
            stop_after: words::stops(options.stop_after),
            not_after: options.not_after.as_deref().map(words::moment),
            again: again.collect(),
        }
    }
}

/// One host of the run.
struct Row {
    host: String,
    href: String,
    stage: u32,
    mark: Mark,
    code: String,
    why: String,
    took: String,
    ended: Option<Moment>,
}

impl Row {
    fn of(run: &Run, target: Target) -> Self {
        Self {
            href: format!("/runs/{}/hosts/{}", run.id, path::segment(&target.host)),
            stage: target.stage,
            mark: words::target(target.state),
            code: words::code(target.state, target.code),
            why: why(&target),
            took: words::between(target.sent_at.as_deref(), target.ended_at.as_deref()),
            ended: target.ended_at.as_deref().map(words::moment),
            host: target.host,
        }
    }
}

/// Returns why a target is in its state; of a command that failed, how it ended.
fn why(target: &Target) -> String {
    match (target.why.as_deref(), target.state, target.code) {
        (Some(why), _, _) => crate::api::sentence(why),
        (None, TargetState::Failed, Some(code @ 0..=255)) => {
            format!("The command ended with status {code}.")
        }
        _ => String::new(),
    }
}

/// The outputs of a run, equal ones once.
#[derive(Default)]
struct Outputs {
    groups: Vec<Group>,
    more: bool,
}

/// Hosts that ended alike with the same output.
struct Group {
    href: String,
    mark: Mark,
    code: String,
    count: u64,
    hosts: Vec<(String, String)>,
    more: u64,
    /// The output; of a group that differs from the largest one, the difference is shown first.
    output: Shown,
    diff: Option<Vec<Line>>,
    whole: String,
}

impl Outputs {
    fn of(run: &str, list: &OutputList) -> Self {
        let largest =
            list.groups.first().map(|group| super::output::text(&group.head, group.base64));
        let groups = list.groups.iter().zip(0..);
        let groups = groups.map(|(group, place)| Group::of(run, group, place, largest.as_deref()));
        Self { groups: groups.collect(), more: list.more }
    }
}

impl Group {
    fn of(run: &str, group: &OutputGroup, place: usize, largest: Option<&str>) -> Self {
        let text = super::output::text(&group.head, group.base64);
        let diff = match largest {
            Some(largest) if place > 0 && !text.is_empty() && !largest.is_empty() => {
                Some(diff::lines(largest, &text))
            }
            _ => None,
        };
        // Where no line is the same, the two outputs have nothing to compare.
        let diff = diff.filter(|lines| lines.iter().any(|line| line.kind == "same"));
        let address = |host: &String| format!("/runs/{run}/hosts/{}", path::segment(host));
        Self {
            href: super::address(&format!("/runs/{run}"), [("group", group.digest.as_str())])
                + "#hosts",
            mark: words::target(group.state),
            code: words::code(group.state, group.code),
            count: group.count,
            more: group.count.saturating_sub(group.hosts.len() as u64),
            whole: group.hosts.first().map(address).unwrap_or_default(),
            hosts: group.hosts.iter().map(|host| (host.clone(), address(host))).collect(),
            output: Shown::of_head(&text, group.truncated),
            diff,
        }
    }
}
