//! The overview: how the fleet is, what goes on, what failed, what is about to happen.

mod trend;

use crate::api::Failure;
use crate::page::{Frame, Page, Section, host_page, html};
use crate::session::Session;
use crate::units::{self, Moment};
use askama::Template;
use axum::Router;
use axum::response::Response;
use axum::routing::get;
use controller_api::{
    CertificateHosts, CertificateQuery, Fleet, ForecastQuery, HistoryList, HistoryQuery, Run,
    RunList, RunState, RunsQuery, ScheduleForecast, TargetState, Trend, path,
};
use fleet::Action;
use std::time::Duration;

/// Entries of each card.
const ENTRIES: usize = 6;

/// The oldest forecast that the page shows, in seconds.
const FORECAST_AGE: u64 = 300;

/// The wait for a forecast that was made before; the page does not wait for a new one.
const FORECAST_WAIT: Duration = Duration::from_millis(5);

/// A certificate that ends within this time is shown.
const SOON: i64 = 14 * units::DAY;

pub(crate) fn page() -> Page {
    Page {
        section: Some(Section {
            group: "Fleet",
            name: "Overview",
            icon: "overview",
            path: "/",
            also: &[],
            needs: None,
        }),
        routes: Router::new().route("/", get(show)),
        notices: &[],
    }
}

#[derive(Template)]
#[template(path = "overview/overview.html")]
struct Overview {
    frame: Frame,
    /// `None` where the roles do not let the operator see hosts.
    hosts: Option<Hosts>,
    chart: Option<trend::Chart>,
    /// Whether the operator may see the trend.
    has_trend: bool,
    runs: Option<Vec<Going>>,
    failures: Option<Vec<Failed>>,
    certificates: Option<Certificates>,
    next: Option<Next>,
    may_run: bool,
    may_join: bool,
}

struct Hosts {
    is_empty: bool,
    all: String,
    more: bool,
    /// What is counted: the status, the word, the number, and the list's filter.
    counts: Vec<Count>,
}

struct Count {
    kind: &'static str,
    word: &'static str,
    number: String,
    state: &'static str,
    sub: String,
}

/// A run in progress.
struct Going {
    path: String,
    command: String,
    by: String,
    started: Option<Moment>,
    done: String,
    failed: Option<String>,
    /// Targets that have ended, and all, for the bar.
    ended: u64,
    total: u64,
}

struct Failed {
    run: String,
    host: String,
    host_path: String,
    command: String,
    how: String,
    ended: Option<Moment>,
}

struct Certificates {
    /// Hosts whose own certificate has ended, or ends within a day.
    ended: Option<String>,
    within_a_day: Option<String>,
    found: Vec<Certificate>,
    more: bool,
}

struct Certificate {
    host: String,
    path: String,
    subject: String,
    ends: Option<Moment>,
}

/// What the schedules do within an hour.
struct Next {
    /// `false` while the forecast is being made.
    is_known: bool,
    starts: String,
    jobs: Vec<Job>,
    more: usize,
}

struct Job {
    name: String,
    path: String,
    runs: String,
    hosts: String,
    first: Option<Moment>,
}

async fn show(session: Session) -> Result<Response, Failure> {
    let may_see = session.may(Action::HostsRead);
    let fleet: Option<Fleet> =
        if may_see { Some(session.api.get(path::FLEET).await?) } else { None };
    // The API refuses the trend of all hosts to those who may see some.
    let trend = match may_see {
        true => session.api.get::<Trend>(path::FLEET_TREND).await.ok(),
        false => None,
    };
    let chart = fleet
        .as_ref()
        .zip(trend.as_ref())
        .and_then(|(fleet, samples)| trend::draw(samples, fleet.hosts.online, fleet.hosts.away));
    html(&Overview {
        frame: session.frame("Overview"),
        chart,
        has_trend: trend.is_some(),
        runs: runs(&session).await?,
        failures: failures(&session).await?,
        certificates: certificates(&session, fleet.as_ref()).await?,
        next: next_hour(&session).await?,
        hosts: fleet.map(|fleet| hosts(&fleet)),
        may_run: session.may(Action::CommandsRun),
        may_join: session.may(Action::TokensManage),
    })
}

fn hosts(fleet: &Fleet) -> Hosts {
    let hosts = &fleet.hosts;
    let part = |number: u64| match hosts.all {
        0 => String::new(),
        all => format!("{} of all", units::percent(number, all)),
    };
    let count = |kind, word, number, state, sub: String| Count {
        kind,
        word,
        number: units::count(number),
        state,
        sub,
    };
    let mut counts = vec![
        count("ok", "Online", hosts.online, "online", part(hosts.online)),
        count("away", "Away", hosts.away, "away", part(hosts.away)),
        count("pending", "Pending", hosts.pending, "pending", "wait for approval".to_owned()),
        count("bad", "Quarantined", hosts.quarantined, "quarantined", "get no request".to_owned()),
    ];
    if hosts.banned > 0 {
        let sub = "refused for ever".to_owned();
        counts.push(count("stopped", "Banned", hosts.banned, "banned", sub));
    }
    Hosts { is_empty: hosts.all == 0, all: units::count(hosts.all), more: hosts.more, counts }
}

async fn runs(session: &Session) -> Result<Option<Vec<Going>>, Failure> {
    if !session.may(Action::RunsRead) {
        return Ok(None);
    }
    let mut going = Vec::new();
    for state in [RunState::Running, RunState::Stopping] {
        let query = RunsQuery { state: Some(state), limit: Some(ENTRIES), ..RunsQuery::default() };
        let list: RunList = session.api.query(path::RUNS, &query).await?;
        going.extend(list.runs.iter().map(run));
    }
    going.truncate(ENTRIES);
    Ok(Some(going))
}

fn run(run: &Run) -> Going {
    let (total, ended) = (run.equation.total, run.equation.ended());
    let failed = ended.saturating_sub(run.equation.succeeded);
    Going {
        path: format!("/runs/{}", path::segment(&run.id)),
        command: command(
            run.request.fields.get("cmd").and_then(|cmd| cmd.as_str()),
            &run.request.method,
        ),
        by: run.applied_by.clone().unwrap_or_else(|| run.created_by.clone()),
        started: run.applied_at.as_deref().and_then(Moment::of),
        done: format!("{} of {}", units::count(ended), units::count(total)),
        failed: (failed > 0).then(|| format!("{} without success", units::count(failed))),
        ended,
        total,
    }
}

fn command(cmd: Option<&str>, method: &str) -> String {
    units::line(cmd.unwrap_or(method), 120)
}

async fn failures(session: &Session) -> Result<Option<Vec<Failed>>, Failure> {
    if !session.may(Action::ResultsRead) {
        return Ok(None);
    }
    let mut found = Vec::new();
    for state in [
        TargetState::Failed,
        TargetState::TimedOut,
        TargetState::Refused,
        TargetState::Invalid,
        TargetState::Interrupted,
    ] {
        let query =
            HistoryQuery { state: Some(state), limit: Some(ENTRIES), ..HistoryQuery::default() };
        let list: HistoryList = session.api.query(path::HISTORY, &query).await?;
        found.extend(list.entries);
    }
    found.sort_by_key(|entry| std::cmp::Reverse(entry.change));
    found.truncate(ENTRIES);
    let failed = |entry: controller_api::HistoryEntry| Failed {
        run: format!("/runs/{}/hosts/{}", path::segment(&entry.run), path::segment(&entry.host)),
        host_path: host_page(&entry.host),
        command: command(entry.cmd.as_deref(), &entry.method),
        how: match (entry.state, entry.code) {
            (TargetState::Failed, Some(code)) => format!("failed ({code})"),
            (state, _) => state.name().replace('_', " "),
        },
        ended: entry.ended_at.as_deref().and_then(Moment::of),
        host: entry.host,
    };
    Ok(Some(found.into_iter().map(failed).collect()))
}

async fn certificates(
    session: &Session,
    fleet: Option<&Fleet>,
) -> Result<Option<Certificates>, Failure> {
    if !session.may(Action::FactsRead) {
        return Ok(None);
    }
    let now = units::now();
    let query = CertificateQuery {
        before: units::rfc3339(now + SOON),
        since: Some(units::rfc3339(now)),
        selector: None,
        limit: Some(ENTRIES),
        after: None,
    };
    let list: CertificateHosts = session.api.query(path::FACTS_CERTIFICATES, &query).await?;
    let mut found = Vec::new();
    for host in &list.hosts {
        for certificate in &host.certificates {
            found.push((certificate.not_after.clone(), host.host.clone(), certificate));
        }
    }
    found.sort_by(|a, b| (&a.0, &a.1).cmp(&(&b.0, &b.1)));
    let more = list.next.is_some() || found.len() > ENTRIES;
    let shown =
        |(ends, host, certificate): (String, String, &controller_api::ExpiringCertificate)| {
            Certificate {
                path: format!("/hosts/{}/facts/certificates", path::segment(&host)),
                host,
                subject: units::line(&certificate.subject, 120),
                ends: Moment::of(&ends),
            }
        };
    let ending = fleet.and_then(|fleet| fleet.certificates);
    let number = |count: u64| (count > 0).then(|| units::count(count));
    Ok(Some(Certificates {
        ended: ending.and_then(|ending| number(ending.ended)),
        within_a_day: ending.and_then(|ending| number(ending.within_a_day)),
        found: found.into_iter().take(ENTRIES).map(shown).collect(),
        more,
    }))
}

async fn next_hour(session: &Session) -> Result<Option<Next>, Failure> {
    if !session.may(Action::SchedulesRead) {
        return Ok(None);
    }
    let query = ForecastQuery {
        hours: Some(1),
        own: Some(false),
        max_age: Some(FORECAST_AGE),
        ..ForecastQuery::default()
    };
    let asked = session.api.query::<ScheduleForecast>(path::SCHEDULES_FORECAST, &query);
    let Ok(forecast) = tokio::time::timeout(FORECAST_WAIT, asked).await else {
        return Ok(Some(Next {
            is_known: false,
            starts: String::new(),
            jobs: Vec::new(),
            more: 0,
        }));
    };
    let forecast = forecast?;
    let mut jobs = forecast.jobs;
    jobs.sort_by(|a, b| (&a.first, &a.name).cmp(&(&b.first, &b.name)));
    let more = jobs.len().saturating_sub(ENTRIES);
    let job = |job: controller_api::ForecastJob| Job {
        path: format!("/schedules/{}", path::segment(&job.name)),
        name: job.name,
        runs: units::count(job.runs),
        hosts: units::count(job.hosts),
        first: job.first.as_deref().and_then(Moment::to_come),
    };
    Ok(Some(Next {
        is_known: true,
        starts: units::count(forecast.load.iter().sum()),
        jobs: jobs.into_iter().take(ENTRIES).map(job).collect(),
        more,
    }))
}
