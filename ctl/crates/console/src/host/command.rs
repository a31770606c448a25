//! Runs a command on one host: first the host's own policy judges it, then its output shows while it
//! runs. It is a run of this one host, which goes on when the page is closed.
//!
//! An operator who may run commands but may not see runs and results gets the output as the answer
//! to the request itself, when the command has ended.

use super::head::{self, Head, Tab};
use super::output;
use crate::ansi::{self, Output};
use crate::api::Failure;
use crate::form::Form;
use crate::page::{host_page, html, html_with, see};
use crate::runs::OnHost;
use crate::session::Session;
use crate::units;
use askama::Template;
use axum::extract::{Path, RawQuery};
use axum::http::{Method, StatusCode};
use axum::response::Response;
use controller_api::{AgentReply, AgentRequest, Resp, path};
use fleet::Action;
use serde_json::{Map, Value, json};

/// Bytes of output that the page shows.
const SHOWN: usize = 48 << 10;

/// The longest command that the page waits for, in seconds, where it follows no run.
const MAX_WAIT: u64 = 300;

/// The longest time limit of a run's command here, in seconds: a day.
const MAX_RUN: u64 = 86_400;

/// Bytes of output that the host keeps.
const KEPT: u64 = 1 << 20;

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
    /// The command that runs, or ran.
    run: Option<OnHost>,
    /// Its run.
    run_id: String,
    /// Whether a command becomes a run whose output is followed.
    follows: bool,
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
            run: None,
            run_id: String::new(),
            follows: session.may(Action::RunsRead) && session.may(Action::ResultsRead),
            compose,
            none: None,
            frame: head.frame.clone(),
            head,
        })
    }

    /// Takes up a run on the host: its command is in the form, its output below.
    async fn follow(&mut self, session: &Session, run: &str) -> Result<(), Failure> {
        let (one, run, _) = OnHost::read(session, run, &self.head.id).await?;
        let field = |name: &str| run.request.fields.get(name);
        let text = |name: &str| match field(name) {
            Some(Value::String(text)) => text.clone(),
            Some(Value::Number(number)) => number.to_string(),
            _ => String::new(),
        };
        (self.command, self.user, self.timeout) = (text("cmd"), text("user"), text("timeout"));
        let memory = field("limits").and_then(|limits| limits.get("memory")?.as_u64());
        self.memory = memory.map(|bytes| (bytes >> 20).to_string()).unwrap_or_default();
        // One stream of events a page: that of the output says when the host's part changes.
        if one.follows {
            self.head.live = "";
        }
        self.run_id = run.id;
        self.run = Some(one);
        Ok(())
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
        let most = if self.follows { MAX_RUN } else { MAX_WAIT };
        match self.timeout.trim().parse::<u64>() {
            Ok(seconds) if (1..=most).contains(&seconds) => {
                fields.insert("timeout".to_owned(), seconds.into());
            }
            _ => {
                let text = format!("Use 1 to {} seconds.", units::count(most));
                return Err(Problem { field: "timeout", text });
            }
        }
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
    let form = Form::of_query(query.as_deref());
    let mut page = Run::new(&session, &id, &form).await?;
    if let Some(run) = form.some("run") {
        page.follow(&session, run).await?;
    }
    html(&page)
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
    let method = if page.follows { "async.bash" } else { "sync.bash" };
    let mut check = fields.clone();
    check.insert("method".to_owned(), "exec.check".into());
    check.insert("check".to_owned(), method.into());
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
    if page.follows {
        return start(page, &session, fields, &form).await;
    }
    let mut request = fields;
    request.insert("method".to_owned(), method.into());
    match session.api.send::<AgentReply>(Method::POST, &asks, &request, form.csrf()).await {
        Ok(reply) => {
            page.result = Some(ended(&reply));
            html(&page)
        }
        Err(failure) => again(page, &failure),
    }
}

/// Starts a run of this one host, and redirects to its output.
async fn start(
    page: Run,
    session: &Session,
    mut fields: Map<String, Value>,
    form: &Form,
) -> Result<Response, Failure> {
    fields.insert("max_output".to_owned(), KEPT.into());
    let request = AgentRequest { method: "async.bash".to_owned(), fields };
    let hosts = Some(vec![page.head.id.clone()]);
    // Whoever runs a command here sees that the host is there now.
    let plan = json!({"request": request, "hosts": hosts, "no_wait": true});
    match session.api.create::<controller_api::Run>(path::RUNS, &plan, form.csrf(), None).await {
        Ok(run) => Ok(see(&format!("{}/run?run={}#result", page.head.path, run.id))),
        Err(failure) => again(page, &failure),
    }
}

/// Cancels the run that the page follows.
pub(super) async fn cancel(
    session: Session,
    Path(id): Path<String>,
    form: Form,
) -> Result<Response, Failure> {
    let run = form.get("run");
    session.api.act(Method::POST, &path::run_cancel(run), &(), form.csrf()).await?;
    let run = path::segment(run);
    Ok(see(&format!("{}/run?run={run}#result", host_page(&id))))
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
