//! The versions of a schedule, each with its difference to the one before.

use super::fields::Change;
use super::show::Head;
use super::{address, with_query};
use crate::api::Failure;
use crate::form::Form;
use crate::page::{Frame, html};
use crate::session::Session;
use crate::units::Moment;
use askama::Template;
use axum::extract::{Path, RawQuery};
use axum::response::Response;
use controller_api::{
    NewestQuery, ProblemKind, ScheduleEntry, ScheduleHistory, ScheduleVersion, path,
};

/// Versions on one page.
const PAGE: usize = 20;

pub(super) async fn show(
    session: Session,
    Path(name): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Response, Failure> {
    let before = Form::of_query(query.as_deref()).get("before").parse().ok();
    // One more than is shown: each is compared with the one before.
    let asked = NewestQuery { limit: Some(PAGE + 1), before };
    let found: ScheduleHistory = session.api.query(&path::schedule_history(&name), &asked).await?;
    let head = Head::read(&session, &name, "history").await?;
    let own = address(&name) + "/history";
    let versions = found.versions;
    let more = versions.len() > PAGE;
    let rows: Vec<Row> = (0..versions.len().min(PAGE))
        .map(|at| Row::of(&name, &head, &versions[at], versions.get(at + 1)))
        .collect();
    let last = rows.last().map(|last| last.version.to_string());
    html(&History {
        frame: session.frame(format!("Versions of {name}")),
        first: before.map(|_| own.clone()),
        next: last.filter(|_| more).map(|last| with_query(&own, &[("before", &last)])),
        head,
        rows,
    })
}

/// Returns the fields of a version.
///
/// # Errors
/// When there is no such version, or the API answers with a problem.
pub(super) async fn entry(
    session: &Session,
    name: &str,
    version: i64,
) -> Result<ScheduleEntry, Failure> {
    let asked = NewestQuery { limit: Some(1), before: version.checked_add(1) };
    let found: ScheduleHistory = session.api.query(&path::schedule_history(name), &asked).await?;
    let found = found.versions.into_iter().find(|found| found.version == version);
    found.and_then(|found| found.entry).ok_or_else(|| {
        let why = format!("schedule {name:?} has no version {version} that can be taken again");
        Failure::new(ProblemKind::NotFound, why)
    })
}

#[derive(Template)]
#[template(path = "schedules/history.html")]
struct History {
    frame: Frame,
    head: Head,
    rows: Vec<Row>,
    first: Option<String>,
    next: Option<String>,
}

struct Row {
    version: i64,
    kind: &'static str,
    what: &'static str,
    by: String,
    at: Option<Moment>,
    changes: Vec<Change>,
    /// The form with this version's fields; none for the present one.
    again: Option<String>,
}

impl Row {
    fn of(
        name: &str,
        head: &Head,
        version: &ScheduleVersion,
        before: Option<&ScheduleVersion>,
    ) -> Self {
        let old = before.and_then(|before| before.entry.as_ref());
        let (kind, what) = match (old, &version.entry) {
            (_, None) => ("stopped", "removed"),
            (None, Some(_)) => ("done", "created"),
            (Some(_), Some(_)) => ("done", "changed"),
        };
        let number = version.version.to_string();
        let form = if head.exists {
            with_query(&(address(name) + "/edit"), &[("version", &number)])
        } else {
            with_query("/schedules/new", &[("from", name), ("version", &number)])
        };
        let is_present = head.version == Some(version.version);
        // Of a removal, all fields would go: the word says it.
        let changes = match &version.entry {
            Some(entry) => Change::between(old, Some(entry)),
            None => Vec::new(),
        };
        Self {
            version: version.version,
            kind,
            what,
            by: version.by.clone(),
            at: Moment::of(&version.at),
            changes,
            again: (head.may_manage && !is_present && version.entry.is_some()).then_some(form),
        }
    }
}
