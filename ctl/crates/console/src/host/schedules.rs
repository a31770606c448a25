//! The schedules of a host: how each stands there, when it runs, and, while the host is connected, its
//! next runs and its own jobs as the host itself tells them.

use super::head::{self, Head, Tab};
use crate::api::Failure;
use crate::markup::Markup;
use crate::page::html;
use crate::schedules::words;
use crate::session::Session;
use askama::Template;
use axum::extract::Path;
use axum::http::Method;
use axum::response::Response;
use controller_api::{AgentReply, HostSchedule, HostSchedules, ScheduleState, path};
use fleet::schedule::PREFIX;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::time::timeout;

/// The next runs that are shown.
const RUNS: usize = 3;

/// How long the page waits for the host's own list.
const WAIT: Duration = Duration::from_secs(3);

#[derive(Template)]
#[template(path = "host/schedules.html")]
struct Schedules {
    head: Head,
    sections: Vec<Section>,
    /// Why the host's own jobs and next runs are not shown.
    silent: Option<String>,
    frame: crate::page::Frame,
}

struct Section {
    title: &'static str,
    rows: Vec<Row>,
}

/// How a job ended last.
struct Last {
    kind: &'static str,
    word: String,
}

struct Row {
    name: String,
    href: Option<String>,
    kind: &'static str,
    word: &'static str,
    why: Option<String>,
    /// When it runs, in words; `None` if its expression has none.
    meaning: Option<String>,
    expression: String,
    zone: Option<String>,
    next: Vec<Markup>,
    last: Option<Last>,
    drift: Option<(String, Markup)>,
}

pub(super) async fn show(session: Session, Path(id): Path<String>) -> Result<Response, Failure> {
    let (head, _) = head::read(&session, &id, Tab::Schedules).await?;
    let list: HostSchedules = session.api.get(&path::host_schedules(&id)).await?;
    let mut jobs = BTreeMap::new();
    let mut silent = None;
    if head.connected {
        let asked = jobs_of_host(&session, &id, &head.frame.csrf);
        match timeout(WAIT, asked).await {
            Ok(Ok(found)) => jobs = found,
            Ok(Err(failure)) => silent = Some(failure.sentence()),
            Err(_) => silent = Some("The host did not tell its jobs within 3 s.".to_owned()),
        }
    } else {
        silent = Some(
            "The host is away. Its own jobs are not known, nor the next runs of schedules that \
             follow its own clock."
                .to_owned(),
        );
    }
    let mut schedules = Vec::new();
    for one in &list.schedules {
        schedules.push(scheduled(one, jobs.remove(&format!("{PREFIX}{}", one.schedule))));
    }
    let own: Vec<Row> = jobs.into_iter().take(200).map(|(name, job)| own(name, &job)).collect();
    let mut sections = vec![
        Section { title: "Schedules of the controller", rows: schedules },
        Section { title: "The host's own jobs", rows: own },
    ];
    sections.retain(|section| !section.rows.is_empty());
    html(&Schedules { sections, silent, frame: head.frame.clone(), head })
}

/// Asks the host for its jobs, by name.
async fn jobs_of_host(
    session: &Session,
    id: &str,
    csrf: &str,
) -> Result<BTreeMap<String, Value>, Failure> {
    let body = json!({"method": "cron.list", "limit": 500});
    let reply: AgentReply =
        session.api.send(Method::POST, &path::requests(id), &body, csrf).await?;
    let jobs = match reply.fields.get("data") {
        Some(Value::Array(jobs)) => jobs.clone(),
        _ => Vec::new(),
    };
    let named = |job: Value| Some((job.get("name")?.as_str()?.to_owned(), job));
    Ok(jobs.into_iter().filter_map(named).collect())
}

fn scheduled(one: &HostSchedule, job: Option<Value>) -> Row {
    let standing = &one.standing;
    let (kind, word) = match standing.state {
        ScheduleState::Applied => ("ok", "Applied"),
        ScheduleState::Pending => ("pending", "Pending"),
        ScheduleState::Refused => ("stopped", "Refused"),
        ScheduleState::NotAllowed => ("bad", "Not allowed"),
        ScheduleState::Failed => ("bad", "Failed"),
        ScheduleState::Removing => ("pending", "Removing"),
    };
    let drift = standing.drift.clone().zip(standing.drift_at.as_deref().map(super::time));
    let row = match job {
        Some(job) => own(one.schedule.clone(), &job),
        None => unseen(one),
    };
    Row {
        href: Some(format!("/schedules/{}", path::segment(&one.schedule))),
        kind,
        word,
        why: standing.why.clone(),
        drift,
        ..row
    }
}

/// Describes a schedule whose job the host has not told.
fn unseen(one: &HostSchedule) -> Row {
    let expression = one.expression.clone().unwrap_or_default();
    let (row, runs) = timed(one.schedule.clone(), expression, one.timezone.clone());
    // Without a zone, they are those of a clock that the host may not have.
    let next = runs.into_iter().filter(|_| row.zone.is_some() && one.enabled);
    Row { next: next.collect(), ..row }
}

fn own(name: String, job: &Value) -> Row {
    let text = |field: &str| job.get(field).and_then(Value::as_str).map(str::to_owned);
    let next = job.get("next").and_then(Value::as_array).into_iter().flatten();
    let enabled = job.get("enabled").and_then(Value::as_bool).unwrap_or(true);
    let (row, _) = timed(name, text("schedule").unwrap_or_default(), text("timezone"));
    Row {
        kind: if enabled { "ok" } else { "idle" },
        word: if enabled { "Runs" } else { "Disabled" },
        why: text("file").map(|file| format!("from {file}")),
        next: next.filter_map(Value::as_str).take(RUNS).map(super::time).collect(),
        last: job.get("last").map(|last| {
            let (kind, word) = super::tasks::outcome(last);
            Last { kind, word }
        }),
        ..row
    }
}

/// Describes when a job runs; returns its next runs too.
fn timed(name: String, expression: String, zone: Option<String>) -> (Row, Vec<Markup>) {
    let words = words::explain(&expression, zone.as_deref(), RUNS).ok();
    let (meaning, zone, runs) = match words {
        Some(words) => (Some(words.meaning), words.zone, words.runs),
        None => (None, zone, Vec::new()),
    };
    let runs = runs.iter().map(|run| super::time(&run.moment.iso)).collect();
    let row = Row {
        name,
        href: None,
        kind: "idle",
        word: "",
        why: None,
        meaning,
        expression,
        zone,
        next: Vec::new(),
        last: None,
        drift: None,
    };
    (row, runs)
}
