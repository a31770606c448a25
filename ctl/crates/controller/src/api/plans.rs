//! Plans: made, looked at, and applied.

use super::document::problems::problems;
use super::extract::{Carried, Parameters, Segments};
use super::page;
use super::problem::ApiError;
use super::rule::{Given, Subject};
use super::run_body::{self, described};
use super::service::{Api, Told, created};
use super::{reach, times};
use crate::audit;
use crate::auth::Principal;
use crate::planning::{Hosts, NoPlan, Planner, Wanted};
use crate::store::{Apply, PlanHostQuery, PlanHostRow, RunRow, TargetQuery};
use axum::extract::State;
use axum::response::Response;
use controller_api::{
    Answer, Answers, ApplyPlan, NewPlan, Plan, PlanBudget, PlanStage, PlanTarget, PlanTargetList,
    PlanTargetsQuery, Run, path,
};
use fleet::role::Denied;
use fleet::run::check_signatures;
use fleet::{Action, Digest};
use serde_json::{Map, Value};

problems! {
    /// The problem of one plan.
    OnePlan: NotFound
}

problems! {
    /// The problems of making a plan.
    Planning: UnknownHost, Conflict
}

problems! {
    /// The problems of applying a plan.
    Applying: NotFound, Conflict, TooManyRuns
}

/// Targets that are looked at at once.
const PAGE: usize = 1000;

/// Reads a request for a plan: what it asks for decides which action the caller's roles must allow
/// on any host at all. Each host is judged when the plan is made.
pub(super) fn read_new(given: &mut Given<'_>) -> Result<Subject, ApiError> {
    read(given, "runs.plan")
}

/// Reads a request for a plan that is applied at once.
pub(super) fn read_run(given: &mut Given<'_>) -> Result<Subject, ApiError> {
    read(given, "runs.apply")
}

fn read(given: &mut Given<'_>, name: &'static str) -> Result<Subject, ApiError> {
    let plan: NewPlan = given.body()?;
    let wanted = Wanted::read(&plan, audit::now());
    let wanted = wanted
        .map_err(|wrong| ApiError::InvalidRequest(format!("{}: {}", wrong.field, wrong.why)))?;
    let mut subject = Subject::named(given, name);
    subject.action = Some(wanted.request.action());
    subject.detail = described(&wanted.request);
    subject = match &wanted.hosts {
        Hosts::Selected { text, .. } => subject.with("selector", text),
        Hosts::Listed(hosts) | Hosts::Again { hosts, .. } => subject.with("hosts", hosts.len()),
    };
    // Two bodies may differ in what an event does not say; a repeated request has the same body.
    subject = subject.with("body_sha256", Digest::of(&given.body).to_string());
    given.carried.insert(wanted);
    Ok(subject)
}

/// Makes a plan: a frozen list of the hosts that are meant, each with what would happen on it.
///
/// Hosts that are connected are asked whether they would do it (`exec.check`), for 5 s at most.
/// Nothing is done until the plan is applied, within a day.
///
/// Needs the action `commands.run` on hosts; `facts.read` is enough for `getinfo.*`, `agent.*` and
/// lists of tasks and jobs, `results.read` for their output.
#[utoipa::path(
    post,
    path = path::PLANS,
    request_body(content = NewPlan, examples(
        ("command" = (
            summary = "A command on some hosts, one at first, then a tenth, then all",
            value = json!({
                "request": {"method": "async.bash", "cmd": "systemctl restart app", "user": "app"},
                "selector": "env=prod,role in (web,db)",
                "stages": ["1", "10%", "100%"],
                "stop_after": 3
            })
        )),
        ("facts" = (
            summary = "A fact of two hosts",
            value = json!({"request": {"method": "getinfo.os"}, "hosts": ["web-1", "web-2"]})
        ))
    )),
    responses((status = 201, description = "The plan", body = Plan), Planning)
)]
pub(super) async fn create(
    principal: Principal,
    State(api): State<Api>,
    Carried(wanted): Carried<Wanted>,
) -> Result<Response, ApiError> {
    let row = make(&api, &principal, wanted).await?;
    planned(&api, &row).await
}

/// Returns the response with a plan that was just made.
///
/// # Errors
/// When the database cannot be read.
pub(super) async fn planned(api: &Api, row: &RunRow) -> Result<Response, ApiError> {
    let mut response = created(&plan(api, row).await?);
    response.extensions_mut().insert(told(row));
    Ok(response)
}

/// Makes and stores a plan.
///
/// # Errors
/// When a host that was named does not exist, or the plan cannot be stored.
pub(super) async fn make(
    api: &Api,
    principal: &Principal,
    wanted: Wanted,
) -> Result<RunRow, ApiError> {
    let planner = Planner { store: &*api.store, registry: &api.registry, principal };
    let plan = planner.make(wanted).await.map_err(|error| match error {
        NoPlan::Store(error) => error.into(),
        NoPlan::UnknownHost(host) => ApiError::UnknownHost(host),
        NoPlan::NoRandomness => crate::auth::NoRandomness.into(),
    })?;
    Ok(api.store.insert_plan(plan).await?)
}

/// Returns what the end of the event says of a plan or run.
pub(super) fn told(row: &RunRow) -> Told {
    let mut detail = Map::from_iter([
        ("run".to_owned(), Value::from(row.id.as_str())),
        ("hash".to_owned(), row.hash.as_str().into()),
        ("hosts".to_owned(), row.counts.total().into()),
    ]);
    if let Some(selector) = &row.selector {
        detail.insert("selector".to_owned(), audit::shortened(selector).into());
    }
    Told(detail)
}

/// Shows a plan.
///
/// # Errors
/// When it cannot be read.
async fn plan(api: &Api, row: &RunRow) -> Result<Plan, ApiError> {
    let mut answers = Answers::default();
    for (answer, hosts) in api.store.plan_answers(&row.id).await? {
        if let Some(answer) = Answer::ALL.into_iter().find(|one| one.name() == answer) {
            answers.add(answer, hosts);
        }
    }
    let stages = api.store.stages(&row.id).await?;
    let options = run_body::stored_options(row)?;
    let budgets = budgets(api, &row.id).await?;
    Ok(Plan {
        budgets,
        id: row.id.clone(),
        hash: row.hash.clone(),
        created_by: row.created_by.clone(),
        created_at: times::text(row.created_at),
        valid_until: times::text(row.valid_until),
        applied: row.applied_at.is_some(),
        total: u64::from(row.counts.total()),
        answers,
        stages: stages.iter().map(|one| PlanStage { size: u64::from(one.total()) }).collect(),
        request: run_body::request(row)?,
        selector: row.selector.clone(),
        options: run_body::plan_options(&options, row.not_after),
    })
}

/// Returns the budgets that hold for hosts of a plan.
async fn budgets(api: &Api, run: &str) -> Result<Vec<PlanBudget>, ApiError> {
    let rows = api.store.budgets("", fleet::run::MAX_BUDGETS).await?;
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let counted = api.store.plan_budgets(run).await?;
    let of = |name: &str| {
        let counts = counted.iter().filter(|(names, _)| names.iter().any(|one| one == name));
        counts.map(|(_, hosts)| hosts).sum()
    };
    let budgets = rows.into_iter().map(|row| PlanBudget {
        limit: row.most,
        working: api.runs.gauges().working(&row.name),
        hosts: of(&row.name),
        name: row.name,
    });
    Ok(budgets.filter(|budget| budget.hosts > 0).collect())
}

/// Returns the row of a plan or its run.
///
/// # Errors
/// When no plan has this id.
pub(super) async fn find(api: &Api, id: &str) -> Result<RunRow, ApiError> {
    api.store.run(id).await?.ok_or_else(|| missing(id))
}

/// Returns the row of a plan or its run, for an operator who wants to do something with it.
///
/// # Errors
/// When no plan has this id, or the operator may ask hosts for nothing at all.
pub(super) async fn find_for(
    api: &Api,
    principal: &Principal,
    id: &str,
) -> Result<RunRow, ApiError> {
    let asks = [Action::FactsRead, Action::ResultsRead, Action::CommandsRun];
    if asks.into_iter().all(|action| principal.may(action).is_err()) {
        principal.may(Action::CommandsRun).map_err(ApiError::Forbidden)?;
    }
    find(api, id).await
}

/// There is no plan or run of this id.
pub(super) fn missing(id: &str) -> ApiError {
    let shown = agent_wire::json::quote(id);
    ApiError::NotFound(format!("there is no plan or run \"{shown}\""))
}

/// Shows a plan.
#[utoipa::path(
    get,
    path = path::PLAN,
    params(path::RunPath),
    responses((status = 200, description = "The plan, applied or not", body = Plan), OnePlan)
)]
pub(super) async fn show(
    _: Principal,
    State(api): State<Api>,
    Segments(id): Segments<String>,
) -> Result<Response, ApiError> {
    let row = find(&api, &id).await?;
    let plan = plan(&api, &row).await?;
    api.respond(serde_json::to_string(&plan).expect("texts go to memory")).await
}

/// Lists the hosts of a plan, those too that are not in its run.
///
/// Hosts that the operator may not look at are left out.
#[utoipa::path(
    get,
    path = path::PLAN_TARGETS,
    params(path::RunPath, PlanTargetsQuery),
    responses(
        (
            status = 200,
            description = "A page, in the order of the run. It may be short, or empty, and yet \
                           have a next one",
            body = PlanTargetList
        ),
        OnePlan
    )
)]
pub(super) async fn targets(
    principal: Principal,
    State(api): State<Api>,
    Segments(id): Segments<String>,
    Parameters(query): Parameters<PlanTargetsQuery>,
) -> Result<Response, ApiError> {
    let limit = page::limit(query.limit)?;
    find(&api, &id).await?;
    let wanted = PlanHostQuery {
        run: id,
        answer: query.answer.map(|answer| answer.name().to_owned()),
        after: query.after.map(page::position).transpose()?,
        limit: limit + 1,
    };
    let mut rows = api.store.plan_hosts(wanted).await?;
    let next = page::next(&mut rows, limit, |row| u64::from(row.position));
    let rows = reach::visible(&api, &principal, Action::HostsRead, rows, |row| &row.host).await?;
    let list = PlanTargetList { targets: rows.into_iter().map(shown).collect(), next };
    api.respond(serde_json::to_string(&list).expect("texts go to memory")).await
}

fn shown(row: PlanHostRow) -> PlanTarget {
    let answer = Answer::ALL.into_iter().find(|answer| answer.name() == row.answer);
    PlanTarget {
        host: row.host,
        stage: row.stage.map(|stage| u32::from(stage) + 1),
        answer: answer.unwrap_or(Answer::NotAsked),
        why: row.why,
    }
}

/// Reads a request to apply a plan.
pub(super) fn read_apply(given: &mut Given<'_>) -> Result<Subject, ApiError> {
    let apply: ApplyPlan = given.optional_body()?;
    check_signatures(&apply.signatures)
        .map_err(|error| ApiError::InvalidRequest(format!("signatures: {error}")))?;
    let subject = Subject::named(given, "runs.apply").with_segment(given, "run");
    if apply.signatures.is_empty() {
        return Ok(subject);
    }
    // The event says how many; a repeated request has the same ones.
    Ok(subject
        .with("signatures", apply.signatures.len())
        .with("body_sha256", Digest::of(&given.body).to_string()))
}

/// Applies a plan: exactly its list of hosts is asked. Applied again, it answers with the same run.
///
/// Hosts get the signatures of the request that applied it. Needs the actions that making the plan
/// needs, on each of its hosts.
#[utoipa::path(
    post,
    path = path::PLAN_APPLY,
    params(path::RunPath),
    request_body = Option<ApplyPlan>,
    responses((status = 200, description = "The run", body = Run), Applying)
)]
pub(super) async fn apply(
    principal: Principal,
    State(api): State<Api>,
    Segments(id): Segments<String>,
    Carried(signed): Carried<ApplyPlan>,
) -> Result<Response, ApiError> {
    let row = find_for(&api, &principal, &id).await?;
    judge(&api, &principal, &row).await?;
    let row = start(&api, &principal, &row, signed.signatures).await?;
    let run = super::runs::shown(&api, &row).await?;
    let mut response = super::service::json(serde_json::to_string(&run).expect("texts to memory"));
    response.extensions_mut().insert(told(&row));
    Ok(response)
}

/// Makes a plan a run.
///
/// # Errors
/// When it has no host, or is not valid anymore.
pub(super) async fn start(
    api: &Api,
    principal: &Principal,
    row: &RunRow,
    signatures: Vec<String>,
) -> Result<RunRow, ApiError> {
    if row.counts.total() == 0 {
        let why = "no host is in the plan; its targets say why, if there are any".to_owned();
        return Err(ApiError::Conflict(why));
    }
    if row.applied_at.is_none() {
        let full = api.runs.room_for(row.counts.total() as usize);
        full.map_err(|full| {
            let until = times::text(row.valid_until);
            let kept = format!("the plan {} is kept until {until}: apply it then", row.id);
            ApiError::TooManyRuns(format!("{full}; {kept}"))
        })?;
    }
    let now = audit::now();
    let not_after = run_body::stored_options(row)?.not_after.time(now);
    let apply = Apply { by: principal.name().to_owned(), at: now, not_after, signatures };
    Ok(api.store.apply(&row.id, apply).await?.run)
}

/// Judges what a run asks for on each of its hosts, with their labels as they are now.
///
/// # Errors
/// When the roles do not allow it on one of them.
pub(super) async fn judge(api: &Api, principal: &Principal, row: &RunRow) -> Result<(), ApiError> {
    let request = run_body::stored_request(row)?;
    let action = request.action();
    principal.may(action).map_err(ApiError::Forbidden)?;
    let command = request.judged_command();
    if principal.may_everywhere(action, command) {
        return Ok(());
    }
    let mut after = None;
    loop {
        let query =
            TargetQuery { run: row.id.clone(), after, limit: PAGE, ..TargetQuery::default() };
        let targets = api.store.targets(query).await?;
        // A host that was removed is not among them, and ends as that.
        let ids = targets.iter().map(|target| target.host.clone()).collect();
        for (id, host) in api.store.hosts_named(ids).await? {
            let labels = crate::store::plain_labels(&host);
            if principal.may_on(action, &id, &labels, command).is_err() {
                return Err(ApiError::Forbidden(Denied::Host(action)));
            }
        }
        match targets.last() {
            Some(last) if targets.len() == PAGE => after = Some(last.position),
            _ => return Ok(()),
        }
    }
}
