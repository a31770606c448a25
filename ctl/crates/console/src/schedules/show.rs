//! One schedule: what it does, when, on how many hosts, and its newest results; a look at its hosts
//! now, and its removal.

use super::address;
use super::results::{self, Ended};
use super::standing::{self, Standing};
use super::words::{self, Words};
use crate::api::Failure;
use crate::form::Form;
use crate::markup::Markup;
use crate::page::{Frame, done, html};
use crate::session::Session;
use crate::units::{self, Moment};
use askama::Template;
use axum::extract::Path;
use axum::http::Method;
use axum::response::Response;
use controller_api::{Schedule, ScheduleCheck, ScheduleChecked, ScheduleEntry, path};
use fleet::Action;

/// The next runs that are shown.
const RUNS: usize = 8;

/// The newest results that are shown.
const RESULTS: usize = 5;

/// What stands above each page of a schedule.
pub(super) struct Head {
    pub(super) name: String,
    pub(super) address: String,
    pub(super) description: String,
    /// Whether there is such a schedule; of a removed one, the versions stay.
    pub(super) exists: bool,
    pub(super) enabled: bool,
    pub(super) version: Option<i64>,
    pub(super) may_manage: bool,
    pub(super) may_results: bool,
    /// The page's tab.
    pub(super) tab: &'static str,
}

impl Head {
    /// Reads what the head shows; of a schedule that was removed too.
    pub(super) async fn read(
        session: &Session,
        name: &str,
        tab: &'static str,
    ) -> Result<Self, Failure> {
        match session.api.get::<Schedule>(&path::schedule(name)).await {
            Ok(schedule) => Ok(Self::of(session, name, Some(&schedule), tab)),
            Err(failure) if failure.status.as_u16() == 404 => {
                Ok(Self::of(session, name, None, tab))
            }
            Err(failure) => Err(failure),
        }
    }

    fn of(session: &Session, name: &str, schedule: Option<&Schedule>, tab: &'static str) -> Self {
        let entry = schedule.map(|schedule| &schedule.entry);
        Self {
            name: name.to_owned(),
            address: address(name),
            description: entry.and_then(|it| it.description.clone()).unwrap_or_default(),
            exists: schedule.is_some(),
            enabled: entry.is_none_or(|entry| entry.enabled.unwrap_or(true)),
            version: schedule.map(|schedule| schedule.version),
            may_manage: session.may(Action::SchedulesManage),
            may_results: session.may(Action::ResultsRead),
            tab,
        }
    }
}

pub(super) async fn show(session: Session, Path(name): Path<String>) -> Result<Response, Failure> {
    let schedule: Schedule = session.api.get(&path::schedule(&name)).await?;
    let head = Head::of(&session, &name, Some(&schedule), "schedule");
    let results = match head.may_results {
        true => results::read(&session, &name, RESULTS, None).await?.0,
        false => Vec::new(),
    };
    let entry = schedule.entry;
    let expression = entry.schedule.clone().unwrap_or_default();
    html(&Show {
        frame: session.frame(name),
        words: words::explain(&expression, entry.timezone.as_deref(), RUNS).ok(),
        mistake: None,
        selector: entry.selector.clone().unwrap_or_default(),
        cmd: entry.cmd.clone().unwrap_or_default(),
        options: options(&entry),
        expression,
        bar: standing::bar(&schedule.hosts),
        counts: standing::counts(&schedule.hosts),
        tried: units::count(standing::sum(&schedule.hosts)),
        results,
        revision: schedule.revision,
        created_by: schedule.created_by,
        created: Moment::of(&schedule.created_at),
        changed_by: schedule.changed_by,
        changed: Moment::of(&schedule.changed_at),
        head,
    })
}

/// Returns the options that a schedule has beside its command, in words.
fn options(entry: &ScheduleEntry) -> Vec<(&'static str, String)> {
    let seconds = |number: u64| units::duration(number.saturating_mul(1000));
    let mut all = vec![
        ("User", entry.user.clone().unwrap_or_else(|| "the agent’s own".to_owned())),
        ("Ended after", entry.timeout.map_or("never".to_owned(), seconds)),
        (
            "If one still runs",
            match entry.overlap.as_deref() {
                Some("queue") => "start the next one afterwards",
                Some("allow") => "start the next one beside it",
                _ => "skip the next one",
            }
            .to_owned(),
        ),
        (
            "Missed runs",
            match entry.missed.as_deref() {
                Some("once") => {
                    let horizon = seconds(entry.horizon.unwrap_or(86_400));
                    format!("run once, for those of the last {horizon}")
                }
                _ => "skip them".to_owned(),
            },
        ),
    ];
    let mut add = |name, value: Option<String>| all.extend(value.map(|value| (name, value)));
    add("Jitter", entry.jitter.map(|it| format!("up to {}", seconds(it))));
    add("Group", entry.group.clone());
    add("Directory", entry.cwd.clone());
    add("Calendar", entry.calendar.clone());
    add(
        "Variables",
        entry.env.as_ref().map(|env| env.keys().cloned().collect::<Vec<_>>().join(", ")),
    );
    add("Standard input", entry.stdin.as_ref().map(|it| units::bytes(it.len() as u64)));
    add("Output kept", entry.max_output.map(units::bytes));
    add("Error output", entry.stderr.clone());
    add("Encoding", entry.encoding.clone());
    for (name, value) in entry.limits.iter().flatten() {
        match name.as_str() {
            "memory" => add("Memory", Some(units::bytes(*value))),
            "cpu" => add("Processor", Some(format!("{value} % of one"))),
            _ => add("Processes", Some(units::count(*value))),
        }
    }
    all
}

/// Compares the connected hosts of a schedule's selector with the schedules now.
pub(super) async fn check(
    session: Session,
    Path(name): Path<String>,
    form: Form,
) -> Result<Response, Failure> {
    let schedule: Schedule = session.api.get(&path::schedule(&name)).await?;
    let body = ScheduleCheck { selector: schedule.entry.selector.unwrap_or_default() };
    let found: ScheduleChecked =
        session.api.send(Method::POST, path::SCHEDULES_CHECK, &body, form.csrf()).await?;
    let key = match found {
        ScheduleChecked { hosts, done, .. } if done < hosts => "looking",
        ScheduleChecked { drifted: 0, .. } => "true",
        _ => "repaired",
    };
    Ok(done(&(address(&name) + "/hosts"), key))
}

/// Asks before a schedule is removed.
pub(super) async fn ask(session: Session, Path(name): Path<String>) -> Result<Response, Failure> {
    let schedule: Schedule = session.api.get(&path::schedule(&name)).await?;
    html(&Remove {
        frame: session.frame(format!("Remove {name}?")),
        address: address(&name),
        name,
        counts: standing::counts(&schedule.hosts),
        has: match schedule.hosts.applied + schedule.hosts.outdated {
            1 => "1 host has".to_owned(),
            many => format!("{} hosts have", units::count(many)),
        },
    })
}

pub(super) async fn remove(
    session: Session,
    Path(name): Path<String>,
    form: Form,
) -> Result<Response, Failure> {
    session.api.act(Method::DELETE, &path::schedule(&name), &(), form.csrf()).await?;
    Ok(done("/schedules", "gone"))
}

#[derive(Template)]
#[template(path = "schedules/show.html")]
struct Show {
    frame: Frame,
    head: Head,
    words: Option<Words>,
    mistake: Option<words::Mistake>,
    expression: String,
    selector: String,
    cmd: String,
    options: Vec<(&'static str, String)>,
    bar: Markup,
    counts: Vec<Standing>,
    tried: String,
    results: Vec<Ended>,
    revision: String,
    created_by: String,
    created: Option<Moment>,
    changed_by: String,
    changed: Option<Moment>,
}

#[derive(Template)]
#[template(path = "schedules/remove.html")]
struct Remove {
    frame: Frame,
    name: String,
    address: String,
    counts: Vec<Standing>,
    /// Hosts that have its job.
    has: String,
}
