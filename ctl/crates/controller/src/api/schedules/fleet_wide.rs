//! All hosts: a look at their jobs, and the forecast.

use super::super::document::problems::problems;
use super::super::extract::{Carried, Parameters};
use super::super::problem::ApiError;
use super::super::rule::{Given, Subject};
use super::super::service::Api;
use super::super::times;
use crate::audit;
use crate::auth::Principal;
use crate::schedules::Coverage;
use crate::store::{HostQuery, StateName};
use axum::Json;
use axum::extract::State;
use axum::response::Response;
use controller_api::{
    ForecastCollision, ForecastJob, ForecastNever, ForecastQuery, MAX_FORECAST_HOURS,
    ScheduleCheck, ScheduleChecked, ScheduleForecast, path,
};
use fleet::role::{self, Reach};
use fleet::schedule::forecast::{Never, Summary};
use fleet::{Action, Selector};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

problems! {
    /// The problems of a look at hosts.
    Checking: ShuttingDown
}

/// The wait for hosts to be looked at.
const MAX_CHECK: Duration = Duration::from_secs(60);

/// Jobs in an answer.
const MAX_JOBS: usize = 1000;

/// Collisions in an answer.
const MAX_COLLISIONS: usize = 100;

/// The oldest forecast that a caller may take, in seconds.
const MAX_AGE: u64 = 3600;

/// Hosts that are read at once.
const PAGE: usize = 1000;

/// Reads a request to look at hosts.
pub(in crate::api) fn read_check(given: &mut Given<'_>) -> Result<Subject, ApiError> {
    let check: ScheduleCheck = given.body()?;
    let selector = selector(&check.selector)?;
    let subject = Subject::new(given, Action::SchedulesManage);
    given.carried.insert(selector);
    Ok(subject.with("check", true).with("selector", &check.selector))
}

/// Compares the jobs of connected hosts with the schedules now, and repairs what differs.
#[utoipa::path(
    post,
    path = path::SCHEDULES_CHECK,
    request_body = ScheduleCheck,
    responses((status = 200, description = "What was found", body = ScheduleChecked), Checking)
)]
pub(in crate::api) async fn check(
    _: Principal,
    State(api): State<Api>,
    Carried(selector): Carried<Selector>,
) -> Result<Json<ScheduleChecked>, ApiError> {
    let mut query = HostQuery {
        selector: Some(selector),
        state: Some(StateName::Active),
        limit: PAGE,
        ..HostQuery::default()
    };
    let mut hosts = Vec::new();
    loop {
        let page = api.store.hosts(query.clone()).await?;
        let is_last = page.len() < PAGE;
        hosts.extend(page.into_iter().map(|row| row.identity.id));
        if is_last {
            break;
        }
        query.after = hosts.last().cloned().unwrap_or_default();
    }
    let generation = *api.store.schedule_generation().borrow();
    let mut stop = api.stop.clone();
    let counts = tokio::select! {
        counts = api.schedules.checked_everywhere(generation, hosts, MAX_CHECK) => counts,
        () = stop.requested() => return Err(ApiError::Stopping),
    };
    Ok(Json(ScheduleChecked {
        hosts: counts.hosts as u64,
        done: counts.done as u64,
        drifted: counts.drifted as u64,
    }))
}

/// Forecasts all runs of the coming hours: those of schedules, and of the jobs and crontabs that
/// connected hosts have themselves, each in its host's time zone.
#[utoipa::path(
    get,
    path = path::SCHEDULES_FORECAST,
    params(ForecastQuery),
    responses((status = 200, description = "The forecast", body = ScheduleForecast), Checking)
)]
pub(in crate::api) async fn forecast(
    principal: Principal,
    State(api): State<Api>,
    Parameters(query): Parameters<ForecastQuery>,
) -> Result<Response, ApiError> {
    let hours = query.hours.unwrap_or(24);
    if !(1..=MAX_FORECAST_HOURS).contains(&hours) {
        let why = format!("hours must be from 1 to {MAX_FORECAST_HOURS}");
        return Err(ApiError::InvalidRequest(why));
    }
    let max_age = query.max_age.unwrap_or(0);
    if max_age > MAX_AGE {
        return Err(ApiError::InvalidRequest(format!("max_age must be at most {MAX_AGE}")));
    }
    let selector = query.selector.as_deref().map(selector).transpose()?;
    let may_ask = principal.may(Action::FactsRead).is_ok();
    let action = if may_ask { Action::FactsRead } else { Action::HostsRead };
    let ask = may_ask && query.own.unwrap_or(true);
    let question = question(&api, &principal.reach(action), selector.as_ref(), hours, ask);
    let within = Duration::from_secs(max_age);
    if max_age > 0
        && let Some(kept) = api.forecasts.find(&question, within)
    {
        return api.respond(text(&kept)).await;
    }
    let (mut stop, maker) = (api.stop.clone(), api.clone());
    // It is kept for the next caller also if this one does not wait for it.
    let made = api.work.start(async move {
        let _making = maker.forecasts.making.lock().await;
        if max_age > 0
            && let Some(kept) = maker.forecasts.find(&question, within)
        {
            return Ok(kept);
        }
        let made = make(&maker, &principal, action, selector, hours, ask).await?;
        maker.forecasts.keep(question, Arc::clone(&made));
        Ok(made)
    });
    let made = tokio::select! {
        made = made => made.unwrap_or(Err(ApiError::Internal))?,
        () = stop.requested() => return Err(ApiError::Stopping),
    };
    api.respond(text(&made)).await
}

fn text(forecast: &ScheduleForecast) -> String {
    serde_json::to_string(forecast).expect("texts go to memory")
}

/// Returns what is asked, with all that the answer follows from except the hosts.
fn question(
    api: &Api,
    reach: &Reach<'_>,
    selector: Option<&Selector>,
    hours: u32,
    ask: bool,
) -> String {
    let generation = *api.store.schedule_generation().borrow();
    let selector = selector.map(ToString::to_string).unwrap_or_default();
    let reach = match reach {
        Reach::Nothing => "nothing".to_owned(),
        Reach::Everything => "everything".to_owned(),
        Reach::Selected(some) => {
            let some: Vec<String> = some.iter().map(ToString::to_string).collect();
            format!("{some:?}")
        }
    };
    format!("{generation} {hours} {ask} {selector:?} {reach}")
}

/// Makes a forecast.
async fn make(
    api: &Api,
    principal: &Principal,
    action: Action,
    selector: Option<Selector>,
    hours: u32,
    ask: bool,
) -> Result<Arc<ScheduleForecast>, ApiError> {
    let reach = principal.reach(action);
    let sees = |id: &str, labels: &fleet::Labels| reach.covers(role::Host { id, labels });
    let now = audit::now() / 1000;
    let found = api.forecaster.run(&api.schedules, selector, now, hours, ask, sees).await?;
    let (summary, coverage) = found;
    let mut idle = BTreeSet::new();
    for schedule in api.schedules.catalog().schedules() {
        idle.insert(schedule.definition.name().to_owned());
    }
    Ok(Arc::new(shown(summary, coverage, idle)))
}

/// Returns a forecast as the API shows it. `schedules` are the names of all.
fn shown(summary: Summary, coverage: Coverage, schedules: BTreeSet<String>) -> ScheduleForecast {
    let time = |at: i64| times::text(at.saturating_mul(1000));
    let mut unmatched = schedules;
    let (mut jobs, mut never) = (Vec::new(), Vec::new());
    for job in summary.jobs {
        if job.is_fleet {
            unmatched.remove(&job.label);
        }
        match job.never {
            None => jobs.push(ForecastJob {
                name: job.label,
                schedule: job.is_fleet,
                hosts: job.hosts,
                runs: job.runs,
                first: job.first.map(time),
            }),
            Some(why) => never.push(ForecastNever {
                name: job.label,
                schedule: job.is_fleet,
                why: match why {
                    Never::SwitchedOff => "it is switched off".to_owned(),
                    Never::Later(at) => format!("its next run is at {}", time(at)),
                    Never::NoMore => "it has no further run".to_owned(),
                    Never::Unreadable => "its schedule cannot be read".to_owned(),
                },
            }),
        }
    }
    let nowhere = unmatched.into_iter().map(|name| ForecastNever {
        name,
        schedule: true,
        why: "it selects none of the hosts".to_owned(),
    });
    never.splice(0..0, nowhere);
    jobs.sort_by_key(|job| (!job.schedule, std::cmp::Reverse(job.runs)));
    jobs.truncate(MAX_JOBS);
    never.truncate(MAX_JOBS);
    let collisions = summary.collisions.into_iter().take(MAX_COLLISIONS);
    ScheduleForecast {
        from: time(summary.from),
        load: summary.load,
        hosts: summary.hosts,
        asked: coverage.asked,
        offline: coverage.offline,
        silent: coverage.silent,
        jobs,
        never,
        collisions: collisions
            .map(|collision| ForecastCollision {
                jobs: collision.jobs,
                hosts: collision.hosts,
                times: collision.times,
                first: time(collision.first),
            })
            .collect(),
    }
}

fn selector(text: &str) -> Result<Selector, ApiError> {
    Selector::parse(text).map_err(|error| ApiError::InvalidRequest(error.to_string()))
}
