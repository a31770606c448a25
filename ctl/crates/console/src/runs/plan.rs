//! `/plans/{id}`: what would happen, before anything does. Applying it is one button.

use super::equation::share;
use super::words::{self, Mark};
use crate::api::Failure;
use crate::form::Form;
use crate::page::{Frame, done, host_page, html, see};
use crate::session::Session;
use crate::units::{self, Moment};
use askama::Template;
use axum::extract::{Path, RawQuery};
use axum::http::Method;
use axum::response::Response;
use controller_api::{
    Answer, ApplyPlan, Plan, PlanTarget, PlanTargetList, PlanTargetsQuery, Run, path,
};
use fleet::Action;

/// Hosts in one page.
const LIMIT: usize = 50;

/// Hosts that are shown for each answer by which they would not run it.
const NAMED: usize = 5;

/// The answers of hosts that would not run it.
const NOT_RUN: [Answer; 5] =
    [Answer::Refused, Answer::Invalid, Answer::Quarantined, Answer::Pending, Answer::NotYours];

/// The order of the answers in the bar and in words.
const ORDER: [Answer; 8] = [
    Answer::Online,
    Answer::NotAsked,
    Answer::Queued,
    Answer::Refused,
    Answer::Invalid,
    Answer::Quarantined,
    Answer::Pending,
    Answer::NotYours,
];

pub(super) async fn show(
    session: Session,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Response, Failure> {
    let query = Form::of_query(query.as_deref());
    let plan: Plan = session.api.get(&path::plan(&id)).await?;
    if plan.applied {
        return Ok(see(&format!("/runs/{}", plan.id)));
    }
    // A plan that was discarded, or that nobody applied in time, is a run that has ended.
    let run: Run = session.api.get(&path::run(&id)).await?;
    let answer = words::answer_of(query.get("answer"));
    let after = query.some("after").and_then(|after| after.parse().ok());
    let wanted = PlanTargetsQuery { answer, limit: Some(LIMIT), after };
    let list: PlanTargetList = session.api.query(&path::plan_targets(&id), &wanted).await?;
    let mut refusals = Vec::new();
    for answer in NOT_RUN.into_iter().filter(|answer| plan.answers.of(*answer) > 0) {
        let wanted = PlanTargetsQuery { answer: Some(answer), limit: Some(NAMED), after: None };
        let list: PlanTargetList = session.api.query(&path::plan_targets(&id), &wanted).await?;
        refusals.push(Refusals::of(&plan, answer, list.targets));
    }
    let page = |after: &str| {
        let base = format!("/plans/{}", plan.id);
        let answer = answer.map_or("", Answer::name);
        super::address(&base, [("answer", answer), ("after", after)]) + "#hosts"
    };
    html(&PlanPage {
        hosts: list.targets.into_iter().map(Host::of).collect(),
        next: list.next.map(|next| page(&next.to_string())),
        first: after.map(|_| page("")),
        answer: answer.map(|answer| words::answer(answer).0.word),
        refusals,
        may_apply: plan.total > 0 && may_apply(&session, &plan),
        ended: (run.state == controller_api::RunState::Ended).then(|| words::run(&run)),
        frame: session.frame("Plan"),
        view: View::of(&plan),
    })
}

/// Returns whether the operator's roles may allow what the plan asks for; the API judges it on each
/// host.
fn may_apply(session: &Session, plan: &Plan) -> bool {
    let action = if plan.request.method.starts_with("getinfo.")
        || plan.request.method.starts_with("agent.")
    {
        Action::FactsRead
    } else {
        Action::CommandsRun
    };
    session.may(action) || session.may(Action::CommandsRun)
}

pub(super) async fn apply(
    session: Session,
    Path(id): Path<String>,
    form: Form,
) -> Result<Response, Failure> {
    let body = ApplyPlan::default();
    let run: Run =
        session.api.send(Method::POST, &path::plan_apply(&id), &body, form.csrf()).await?;
    Ok(done(&format!("/runs/{}", run.id), "applied"))
}

pub(super) async fn discard(
    session: Session,
    Path(id): Path<String>,
    form: Form,
) -> Result<Response, Failure> {
    session.api.act(Method::POST, &path::run_cancel(&id), &(), form.csrf()).await?;
    Ok(done("/runs", "plan-discarded"))
}

#[derive(Template)]
#[template(path = "runs/plan.html")]
struct PlanPage {
    frame: Frame,
    view: View,
    /// How the plan ended, if it cannot be applied anymore.
    ended: Option<Mark>,
    refusals: Vec<Refusals>,
    /// What the list of hosts is limited to.
    answer: Option<&'static str>,
    hosts: Vec<Host>,
    first: Option<String>,
    next: Option<String>,
    may_apply: bool,
}

/// What the plan says, in words.
struct View {
    id: String,
    hash: String,
    what: String,
    is_command: bool,
    total: u64,
    runs_on: String,
    selection: String,
    /// Names and values of the request.
    request: Vec<(&'static str, String)>,
    answers: Vec<AnswerPart>,
    stages: Vec<Stage>,
    soak: Option<String>,
    at_once: String,
    stops: String,
    stage_stops: Option<String>,
    not_after: Option<Moment>,
    no_wait: bool,
    budgets: Vec<Held>,
    valid_until: Moment,
    by: String,
}

/// The hosts with one answer.
struct AnswerPart {
    name: &'static str,
    mark: Mark,
    meaning: &'static str,
    hosts: u64,
    from: u64,
    length: u64,
}

/// One stage.
struct Stage {
    number: usize,
    adds: u64,
    reaches: u64,
    length: u64,
}

/// A budget that holds for hosts of the plan.
struct Held {
    name: String,
    limit: u32,
    working: u32,
    hosts: u64,
}

impl View {
    fn of(plan: &Plan) -> Self {
        let options = &plan.options;
        let is_command = words::is_command(&plan.request);
        let mut reaches = 0;
        let stages = plan.stages.iter().zip(1..).map(|(stage, number)| {
            reaches += stage.size;
            let length = share(reaches, plan.total);
            Stage { number, adds: stage.size, reaches, length }
        });
        Self {
            id: plan.id.clone(),
            hash: plan.hash.clone(),
            what: words::request(&plan.request),
            is_command,
            total: plan.total,
            runs_on: words::hosts(plan.total),
            selection: words::selection(plan.selector.as_deref(), plan.total),
            request: request(plan, is_command),
            answers: answers(plan),
            stages: stages.collect(),
            soak: (options.soak > 0).then(|| words::long(options.soak)),
            at_once: words::at_once(options.concurrency, options.ramp),
            stops: words::stops(options.stop_after),
            stage_stops: (options.max_failed != options.stop_after && plan.stages.len() > 1)
                .then(|| words::stops(options.max_failed)),
            not_after: options.not_after.as_deref().map(words::moment),
            no_wait: options.no_wait,
            budgets: plan
                .budgets
                .iter()
                .map(|budget| Held {
                    name: budget.name.clone(),
                    limit: budget.limit,
                    working: budget.working,
                    hosts: budget.hosts,
                })
                .collect(),
            valid_until: words::moment(&plan.valid_until),
            by: plan.created_by.clone(),
        }
    }
}

/// Returns the names and values of a request.
fn request(plan: &Plan, is_command: bool) -> Vec<(&'static str, String)> {
    let request = &plan.request;
    let mut rows = Vec::new();
    if is_command {
        rows.push(("Runs as", words::account(request)));
    } else {
        rows.push(("Method", request.method.clone()));
    }
    for (name, field) in [("Directory", "cwd"), ("Input", "stdin"), ("Arguments", "args")] {
        rows.extend(words::field(request, field).map(|text| (name, text)));
    }
    let timeout = request.fields.get("timeout").and_then(serde_json::Value::as_u64);
    rows.extend(timeout.map(|seconds| ("Time limit", words::long(seconds))));
    if let Some(serde_json::Value::Object(env)) = request.fields.get("env") {
        let names: Vec<&str> = env.keys().map(String::as_str).collect();
        rows.push(("Variables", names.join(", ")));
    }
    if let Some(serde_json::Value::Object(limits)) = request.fields.get("limits") {
        let limit = |(name, value): (&String, &serde_json::Value)| match name.as_str() {
            "memory" => format!("{} of memory", units::bytes(value.as_u64().unwrap_or_default())),
            "cpu" => format!("{value} % of a processor"),
            "pids" if value.as_u64() == Some(1) => "1 process".to_owned(),
            "pids" => format!("{value} processes"),
            other => format!("{other} {value}"),
        };
        rows.push(("Limits", limits.iter().map(limit).collect::<Vec<_>>().join(", ")));
    }
    rows
}

fn answers(plan: &Plan) -> Vec<AnswerPart> {
    let total = ORDER.into_iter().map(|answer| plan.answers.of(answer)).sum();
    let mut before = 0;
    let with = ORDER.into_iter().filter(|answer| plan.answers.of(*answer) > 0);
    with.map(|answer| {
        let hosts = plan.answers.of(answer);
        let from = share(before, total);
        before += hosts;
        let length = share(before, total) - from;
        let (mark, meaning) = words::answer(answer);
        AnswerPart { name: answer.name(), mark, meaning, hosts, from, length }
    })
    .collect()
}

/// Hosts that would not run it, some of them by name.
struct Refusals {
    name: &'static str,
    mark: Mark,
    total: u64,
    more: u64,
    hosts: Vec<Host>,
}

impl Refusals {
    fn of(plan: &Plan, answer: Answer, targets: Vec<PlanTarget>) -> Self {
        let total = plan.answers.of(answer);
        Self {
            name: answer.name(),
            mark: words::answer(answer).0,
            total,
            more: total.saturating_sub(targets.len() as u64),
            hosts: targets.into_iter().map(Host::of).collect(),
        }
    }
}

/// One host of the plan.
struct Host {
    id: String,
    href: String,
    stage: Option<u32>,
    mark: Mark,
    why: String,
}

impl Host {
    fn of(target: PlanTarget) -> Self {
        let (mark, meaning) = words::answer(target.answer);
        Self {
            href: host_page(&target.host),
            id: target.host,
            stage: target.stage,
            mark,
            why: target.why.unwrap_or_else(|| meaning.to_owned()),
        }
    }
}
