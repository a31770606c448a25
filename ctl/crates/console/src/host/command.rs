//! Runs a command on one host: what the host's own policy says to it first, then its output.

use super::head::{self, Head, Tab};
use super::output;
use crate::ansi::{self, Output};
use crate::api::Failure;
use crate::form::Form;
use crate::page::{html, html_with};
use crate::session::Session;
use crate::units;
use askama::Template;
use axum::extract::{Path, RawQuery};
use axum::http::{Method, StatusCode};
use axum::response::Response;
use controller_api::{AgentReply, Resp, path};
use serde_json::{Map, Value, json};

/// Bytes of output that the page shows.
const SHOWN: usize = 48 << 10;

/// The longest command that the page waits for, in seconds.
const MAX_WAIT: u64 = 300;

#[derive(Template)]
#[template(path = "host/run.html")]
struct Run {
    head: Head,
    command: String,
    user: String,
    timeout: String,
    memory: String,
    problem: Option<Problem>,
    /// What the host says to the command, before it runs.
    checked: Option<Verdict>,
    result: Option<Ended>,
    /// The page that runs the same command as a task.
    compose: String,
    /// Nothing leads to more of the output.
    none: Option<String>,
    frame: crate::page::Frame,
}

/// A problem, and the field that it is about.
struct Problem {
    field: &'static str,
    text: String,
}

/// A host's answer to a command that does not run yet.
struct Verdict {
    allowed: bool,
    text: String,
}

struct Ended {
    kind: &'static str,
    word: String,
    took: String,
    output: Output,
    stderr: Option<Output>,
    empty: bool,
    dropped: Option<String>,
}

impl Run {
    fn problem_of(&self, field: &str) -> Option<&str> {
        self.problem.as_ref().filter(|it| it.field == field).map(|it| it.text.as_str())
    }

    async fn new(session: &Session, id: &str, form: &Form) -> Result<Self, Failure> {
        let (head, host) = head::read(session, id, Tab::Run).await?;
        let compose = format!(
            "/runs/new?hosts={}&command={}",
            path::segment(&host.id),
            path::segment(form.get("command"))
        );
        let or = |name: &str, default: &str| form.some(name).unwrap_or(default).to_owned();
        Ok(Self {
            command: form.get("command").to_owned(),
            user: form.get("user").to_owned(),
            timeout: or("timeout", "60"),
            memory: form.get("memory").to_owned(),
            problem: None,
            checked: None,
            result: None,
            compose,
            none: None,
            frame: head.frame.clone(),
            head,
        })
    }

    /// Returns the fields of the request.
    fn request(&self) -> Result<Map<String, Value>, Problem> {
        let problem = |field, text: &str| Problem { field, text: text.to_owned() };
        let mut fields = Map::new();
        if self.command.trim().is_empty() {
            return Err(problem("command", "Type a command, such as uptime."));
        }
        fields.insert("cmd".to_owned(), self.command.replace("\r\n", "\n").into());
        if !self.user.trim().is_empty() {
            fields.insert("user".to_owned(), self.user.trim().into());
        }
        match self.timeout.trim().parse::<u64>() {
            Ok(seconds @ 1..=MAX_WAIT) => fields.insert("timeout".to_owned(), seconds.into()),
            _ => {
                return Err(problem(
                    "timeout",
                    "Use 1 to 300 seconds; what takes longer is better run as a task.",
                ));
            }
        };
        if !self.memory.trim().is_empty() {
            match self.memory.trim().parse::<u64>() {
                Ok(mib @ 1..=1_048_576) => {
                    fields.insert("limits".to_owned(), json!({"memory": mib << 20}));
                }
                _ => return Err(problem("memory", "Use a whole number of MiB, such as 256.")),
            }
        }
        Ok(fields)
    }
}

pub(super) async fn show(
    session: Session,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Response, Failure> {
    html(&Run::new(&session, &id, &Form::of_query(query.as_deref())).await?)
}

pub(super) async fn run(
    session: Session,
    Path(id): Path<String>,
    form: Form,
) -> Result<Response, Failure> {
    let mut page = Run::new(&session, &id, &form).await?;
    let fields = match page.request() {
        Ok(fields) => fields,
        Err(problem) => {
            page.problem = Some(problem);
            return html_with(StatusCode::BAD_REQUEST, &page);
        }
    };
    let asks = path::requests(&id);
    let mut check = fields.clone();
    check.insert("method".to_owned(), "exec.check".into());
    check.insert("check".to_owned(), "sync.bash".into());
    let check = session.api.send::<AgentReply>(Method::POST, &asks, &check, form.csrf()).await;
    let allowed = match check {
        Ok(reply) => {
            let said = verdict(&reply);
            let allowed = said.allowed;
            page.checked = Some(said);
            allowed
        }
        Err(failure) => return again(page, &failure),
    };
    if !allowed || form.get("act") == "check" {
        return html(&page);
    }
    let mut request = fields;
    request.insert("method".to_owned(), "sync.bash".into());
    match session.api.send::<AgentReply>(Method::POST, &asks, &request, form.csrf()).await {
        Ok(reply) => {
            page.result = Some(ended(&reply));
            html(&page)
        }
        Err(failure) => again(page, &failure),
    }
}

/// Draws the form again with the problem of the API.
fn again(mut page: Run, failure: &Failure) -> Result<Response, Failure> {
    page.problem = Some(Problem { field: "all", text: failure.sentence() });
    html_with(failure.status, &page)
}

/// Returns whether the host would run the command, and why.
fn verdict(reply: &AgentReply) -> Verdict {
    let message = reply.message.clone().unwrap_or_default();
    if reply.resp == Resp::Failed {
        // An agent of a version before `exec.check` says nothing; the request itself will.
        if reply.retcode == 3004 {
            let text = "This agent is too old to be asked first.".to_owned();
            return Verdict { allowed: true, text };
        }
        return Verdict { allowed: false, text: crate::api::sentence(&message) };
    }
    let data = reply.fields.get("data");
    let text = |name: &str| data.and_then(|data| data.get(name)).and_then(Value::as_str);
    let (user, group) = (text("user").unwrap_or("?"), text("group").unwrap_or("?"));
    let cwd = text("cwd").unwrap_or("?");
    let text = format!("The host's policy allows it, as {user}:{group} in {cwd}.");
    Verdict { allowed: true, text }
}

fn ended(reply: &AgentReply) -> Ended {
    let whole = serde_json::to_value(reply).unwrap_or_default();
    let (kind, mut word) = super::tasks::outcome(&whole);
    if reply.retcode > 255
        && let Some(message) = &reply.message
    {
        word = format!("{word}: {}", message.chars().take(300).collect::<String>());
    }
    let text = output::text(&whole, "data");
    let stderr = output::text(&whole, "stderr");
    let wall = whole.get("usage").and_then(|usage| usage.get("wall")).and_then(Value::as_f64);
    let dropped = whole.get("dropped").and_then(Value::as_u64).filter(|bytes| *bytes > 0);
    Ended {
        kind,
        word,
        took: wall.map(crate::document::value::duration).unwrap_or_default(),
        empty: text.is_empty() && stderr.is_empty(),
        output: ansi::output(&text, SHOWN),
        stderr: (!stderr.is_empty()).then(|| ansi::output(&stderr, SHOWN / 4)),
        dropped: dropped.map(units::bytes),
    }
}
