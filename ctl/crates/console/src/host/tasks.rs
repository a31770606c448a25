//! The tasks of a host that have ended, and the result of one.

use super::head::{self, Head, Tab};
use super::output;
use crate::ansi::{self, Output};
use crate::api::Failure;
use crate::form::Form;
use crate::markup::Markup;
use crate::page::html;
use crate::session::Session;
use crate::units;
use askama::Template;
use axum::extract::{Path, RawQuery};
use axum::http::header;
use axum::response::{IntoResponse as _, Response};
use controller_api::{HostTask, HostTaskList, path};
use serde_json::Value;

/// Tasks in one page.
const PAGE: usize = 50;

/// Bytes of output that the page shows.
const SHOWN: usize = 48 << 10;

#[derive(Template)]
#[template(path = "host/tasks.html")]
struct Tasks {
    head: Head,
    tasks: Vec<Row>,
    first: Option<String>,
    next: Option<String>,
    frame: crate::page::Frame,
}

struct Row {
    id: String,
    href: String,
    kind: &'static str,
    word: String,
    from: &'static str,
    started: Markup,
    took: String,
    size: String,
}

#[derive(Template)]
#[template(path = "host/task.html")]
struct Task {
    head: Head,
    id: String,
    kind: &'static str,
    word: String,
    message: String,
    rows: Vec<(&'static str, Markup)>,
    output: Output,
    stderr: Option<Output>,
    empty: bool,
    whole: Option<String>,
    /// Nothing leads to more of the standard error.
    none: Option<String>,
    frame: crate::page::Frame,
}

/// Returns how a command ended: the kind of its shape, and a word.
pub(super) fn outcome(result: &Value) -> (&'static str, String) {
    let retcode = result.get("retcode").and_then(Value::as_u64).unwrap_or_default();
    let succeeded = result.get("resp").and_then(Value::as_str) == Some("success");
    match (succeeded, retcode) {
        (true, 0) => ("done", "Succeeded".to_owned()),
        // A command that ran to its end, successfully or not.
        (true, code) => ("bad", format!("Failed with status {code}")),
        (false, 3023) => ("stopped", "Refused by the policy".to_owned()),
        (false, 3026) => ("idle", "Expired".to_owned()),
        (false, 3031) => ("bad", "Timed out".to_owned()),
        (false, 3032) => ("bad", "Killed by a signal".to_owned()),
        (false, 3034) => ("stopped", "Canceled".to_owned()),
        (false, 3035) => ("bad", "Interrupted".to_owned()),
        (false, code) => ("bad", format!("Failed ({code})")),
    }
}

fn took(result: &Value) -> String {
    let time = |name| result.get(name).and_then(Value::as_str).and_then(units::millis);
    let span = time("started").zip(time("ended")).map(|(from, to)| to - from);
    span.and_then(|span| u64::try_from(span).ok()).map(units::duration).unwrap_or_default()
}

fn row(task: &HostTask, at: &str) -> Row {
    let result: Value = serde_json::from_str(task.result.get()).unwrap_or_default();
    let (kind, word) = outcome(&result);
    let started = result.get("started").and_then(Value::as_str).unwrap_or(&task.received);
    Row {
        id: task.task.clone(),
        href: format!("{at}/tasks/{}", path::segment(&task.task)),
        kind,
        word,
        from: match result.get("method").and_then(Value::as_str) {
            Some("cron.result") => "schedule",
            _ if task.task.starts_with("run:") => "run",
            _ => "task",
        },
        started: super::time(started),
        took: took(&result),
        size: units::bytes(task.bytes),
    }
}

pub(super) async fn list(
    session: Session,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Response, Failure> {
    let query = Form::of_query(query.as_deref());
    let (head, _) = head::read(&session, &id, Tab::Tasks).await?;
    let limit = PAGE.to_string();
    let mut asked = vec![("limit", limit.as_str())];
    asked.extend(query.some("before").map(|before| ("before", before)));
    let list: HostTaskList = session.api.query(&path::host_tasks(&id), &asked).await?;
    let at = format!("{}/tasks", head.path);
    html(&Tasks {
        tasks: list.tasks.iter().map(|task| row(task, &head.path)).collect(),
        first: query.some("before").map(|_| at.clone()),
        next: list.next.map(|next| format!("{at}?before={next}")),
        frame: head.frame.clone(),
        head,
    })
}

pub(super) async fn show(
    session: Session,
    Path((id, task)): Path<(String, String)>,
) -> Result<Response, Failure> {
    let (head, _) = head::read(&session, &id, Tab::Tasks).await?;
    let result: Value = session.api.get(&path::result(&id, &task)).await?;
    let (kind, word) = outcome(&result);
    let text = output::text(&result, "data");
    let stderr = result.get("stderr").map(|_| output::text(&result, "stderr"));
    let shown = ansi::output(&text, SHOWN);
    let whole =
        (shown.omitted > 0).then(|| format!("{}/tasks/{}/output", head.path, path::segment(&task)));
    html(&Task {
        id: task,
        kind,
        word,
        message: result.get("message").and_then(Value::as_str).unwrap_or_default().to_owned(),
        rows: rows(&result),
        empty: text.is_empty(),
        output: shown,
        stderr: stderr.filter(|text| !text.is_empty()).map(|text| ansi::output(&text, SHOWN / 4)),
        whole,
        none: None,
        frame: head.frame.clone(),
        head,
    })
}

fn rows(result: &Value) -> Vec<(&'static str, Markup)> {
    let text = |text: &str| {
        let mut markup = Markup::default();
        markup.raw("<bdi>").text(text).raw("</bdi>");
        markup
    };
    let mut rows = Vec::new();
    for (name, field) in [("Started", "started"), ("Ended", "ended"), ("Due", "due")] {
        if let Some(at) = result.get(field).and_then(Value::as_str) {
            rows.push((name, super::time(at)));
        }
    }
    let took = took(result);
    if !took.is_empty() {
        rows.push(("Took", text(&took)));
    }
    let usage = |name: &str| result.get("usage").and_then(|usage| usage.get(name));
    if let (Some(user), Some(sys)) =
        (usage("user").and_then(Value::as_f64), usage("sys").and_then(Value::as_f64))
    {
        rows.push(("Processor time", text(&format!("{:.2} s", user + sys))));
    }
    if let Some(kib) = usage("max_rss_kib").and_then(Value::as_u64) {
        rows.push(("Memory at most", text(&units::bytes(kib.saturating_mul(1024)))));
    }
    if let Some(bytes) = result.get("dropped").and_then(Value::as_u64).filter(|bytes| *bytes > 0) {
        rows.push(("Output left out by the agent", text(&units::bytes(bytes))));
    }
    rows
}

/// Hands out the whole output as a file: a browser shows nothing of it.
pub(super) async fn whole(
    session: Session,
    Path((id, task)): Path<(String, String)>,
) -> Result<Response, Failure> {
    let result: Value = session.api.get(&path::result(&id, &task)).await?;
    let bytes = output::bytes(&result, "data");
    let kind = match std::str::from_utf8(&bytes) {
        Ok(_) => "text/plain; charset=utf-8",
        Err(_) => "application/octet-stream",
    };
    let kept = [
        (header::CONTENT_TYPE, kind),
        (header::CONTENT_DISPOSITION, "attachment; filename=\"output.txt\""),
    ];
    Ok((kept, bytes).into_response())
}
