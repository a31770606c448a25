//! The results of a schedule's runs on all hosts, newest first.

use super::show::Head;
use super::{address, with_query};
use crate::api::Failure;
use crate::form::Form;
use crate::page::{Frame, host_page, html};
use crate::session::Session;
use crate::units::{self, Moment, millis};
use askama::Template;
use axum::extract::{Path, RawQuery};
use axum::response::Response;
use controller_api::{NewestQuery, ScheduleResult, ScheduleResults, path};
use serde::Deserialize;

/// Results on one page.
const PAGE: usize = 50;

/// The most characters of output in a row.
const MAX_LINE: usize = 100;

pub(super) async fn show(
    session: Session,
    Path(name): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Response, Failure> {
    let before = Form::of_query(query.as_deref()).get("before").parse().ok();
    let head = Head::read(&session, &name, "results").await?;
    let (rows, next) = read(&session, &name, PAGE, before).await?;
    let own = address(&name) + "/results";
    html(&Results {
        frame: session.frame(format!("Results of {name}")),
        first: before.map(|_| own.clone()),
        next: next.map(|next| with_query(&own, &[("before", &next.to_string())])),
        head,
        rows,
    })
}

/// Reads a page of results, and the `before` of the next one.
///
/// # Errors
/// When the API answers with a problem.
pub(super) async fn read(
    session: &Session,
    name: &str,
    limit: usize,
    before: Option<i64>,
) -> Result<(Vec<Ended>, Option<i64>), Failure> {
    let asked = NewestQuery { limit: Some(limit), before };
    let found: ScheduleResults = session.api.query(&path::schedule_results(name), &asked).await?;
    Ok((found.results.into_iter().map(Ended::of).collect(), found.next))
}

#[derive(Template)]
#[template(path = "schedules/results.html")]
struct Results {
    frame: Frame,
    head: Head,
    rows: Vec<Ended>,
    first: Option<String>,
    next: Option<String>,
}

/// A run that has ended.
pub(super) struct Ended {
    pub(super) host: String,
    pub(super) host_address: String,
    pub(super) task_address: String,
    pub(super) kind: &'static str,
    pub(super) outcome: String,
    pub(super) due: Option<Moment>,
    pub(super) took: String,
    /// The first line of output.
    pub(super) output: String,
}

/// What the agent has delivered, as far as it is shown; every field may be missing or of another
/// type, as agents of other versions may have it.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Delivered {
    resp: serde_json::Value,
    retcode: serde_json::Value,
    message: serde_json::Value,
    data: serde_json::Value,
    encoding: serde_json::Value,
    due: serde_json::Value,
    started: serde_json::Value,
    ended: serde_json::Value,
}

impl Ended {
    fn of(result: ScheduleResult) -> Self {
        let delivered: Delivered = serde_json::from_str(result.result.get()).unwrap_or_default();
        let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
        let (kind, outcome) = match (delivered.resp.as_str(), delivered.retcode.as_i64()) {
            (Some("success"), Some(0)) => ("done", "succeeded".to_owned()),
            (Some("success"), Some(code)) => ("bad", format!("exit {code}")),
            (_, _) => match units::line(&text(&delivered.message), MAX_LINE) {
                message if message.is_empty() => ("bad", "failed".to_owned()),
                message => ("bad", message),
            },
        };
        let span = millis(&text(&delivered.started))
            .zip(millis(&text(&delivered.ended)))
            .and_then(|(started, ended)| u64::try_from(ended - started).ok());
        let output = match delivered.encoding.as_str() {
            Some("base64") => "binary output".to_owned(),
            _ => units::line(&text(&delivered.data), MAX_LINE),
        };
        let due = text(&delivered.due);
        Self {
            host_address: host_page(&result.host),
            task_address: format!(
                "{}/tasks/{}",
                host_page(&result.host),
                path::segment(&result.task)
            ),
            host: result.host,
            kind,
            outcome,
            due: Moment::of(&due).or_else(|| Moment::of(&result.received)),
            took: span.map(units::duration).unwrap_or_default(),
            output,
        }
    }
}
