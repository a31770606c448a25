//! The form of a schedule. It is saved in two steps: the first shows the difference, with the next
//! runs and the hosts; the second applies exactly that, or shows the difference again if somebody
//! changed the schedules in between.

use super::fields::{Change, FieldProblem, Values};
use super::words::{self, Mistake, Words};
use super::{address, history};
use crate::api::Failure;
use crate::form::Form;
use crate::page::{Frame, done, html, html_with};
use crate::session::Session;
use crate::units::count;
use askama::Template;
use axum::extract::{Path, RawQuery};
use axum::http::{Method, StatusCode};
use axum::response::Response;
use controller_api::{
    HostCount, HostCountQuery, Schedule, ScheduleDiff, ScheduleEntry, ScheduleSet, path,
};

/// The next runs that are shown.
const RUNS: usize = 5;

/// Explains an expression alone: the form asks for this while it is typed.
pub(super) async fn explain(
    session: Session,
    RawQuery(query): RawQuery,
) -> Result<Response, Failure> {
    let form = Form::of_query(query.as_deref());
    let values = Values::of_form(&form);
    let (words, mistake) = explained(&values);
    html(&Explain { frame: session.frame("Explain an expression"), values, words, mistake })
}

/// Shows an empty form, or with `?from=NAME&version=N` one with the fields of a version.
pub(super) async fn new(session: Session, RawQuery(query): RawQuery) -> Result<Response, Failure> {
    let query = Form::of_query(query.as_deref());
    let entry = match (query.some("from"), query.get("version").parse()) {
        (Some(name), Ok(version)) => history::entry(&session, name, version).await?,
        _ => ScheduleEntry { enabled: Some(true), ..ScheduleEntry::default() },
    };
    html(&Edit::new(&session, None, Values::of_entry(&entry), 0))
}

/// Shows a schedule in the form; with `?version=N` the fields of an earlier version.
pub(super) async fn edit(
    session: Session,
    Path(name): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Response, Failure> {
    let schedule: Schedule = session.api.get(&path::schedule(&name)).await?;
    let entry = match Form::of_query(query.as_deref()).get("version").parse() {
        Ok(version) => history::entry(&session, &name, version).await?,
        Err(_) => schedule.entry,
    };
    html(&Edit::new(&session, Some(&name), Values::of_entry(&entry), schedule.version))
}

pub(super) async fn create(session: Session, form: Form) -> Result<Response, Failure> {
    step(&session, None, &form).await
}

pub(super) async fn save(
    session: Session,
    Path(name): Path<String>,
    form: Form,
) -> Result<Response, Failure> {
    step(&session, Some(&name), &form).await
}

/// Does what the form's button says. `name` is the schedule that is edited; none for a new one.
async fn step(session: &Session, name: Option<&str>, form: &Form) -> Result<Response, Failure> {
    let mut values = Values::of_form(form);
    if let Some(name) = name {
        values.set("name", name);
    }
    let base = form.get("base").parse().unwrap_or_default();
    let page = Edit::new(session, name, values, base);
    match form.get("step") {
        "edit" | "explain" => html(&page),
        "save" => save_now(session, page, form).await,
        _ => review(session, page, form.csrf(), None).await,
    }
}

/// Shows what saving would change, or the form with what is wrong.
async fn review(
    session: &Session,
    page: Edit,
    csrf: &str,
    notice: Option<&'static str>,
) -> Result<Response, Failure> {
    let entry = match page.values.entry() {
        Ok(entry) => entry,
        Err(problem) => return page.with(problem),
    };
    if entry.name.is_none() {
        let text = "A schedule needs a name.".to_owned();
        return page.with(FieldProblem { field: Some("name"), text });
    }
    let set = ScheduleSet { schedules: vec![entry.clone()], ..ScheduleSet::default() };
    let asked = session.api.send(Method::POST, path::SCHEDULES_DIFF, &set, csrf).await;
    let diff: ScheduleDiff = match asked {
        Ok(diff) => diff,
        Err(failure) => return page.refused(failure),
    };
    if let Some(Mistake { field, why }) = page.mistake.clone() {
        return page.with(FieldProblem { field: Some(field), text: why });
    }
    let is_new = !diff.added.is_empty();
    if page.name.is_none() && !is_new {
        let text = "There is a schedule with this name. Edit it, or choose another name.";
        return page.with(FieldProblem { field: Some("name"), text: text.to_owned() });
    }
    let changes: Vec<Change> = match diff.changed.into_iter().next() {
        None if is_new => Change::between(None, Some(&entry)),
        None => {
            let text = "Nothing differs from the schedule as it is now.".to_owned();
            return page.with(FieldProblem { field: None, text });
        }
        Some(changed) => {
            let change = |it: &controller_api::ChangedField| {
                Change::new(&it.field, it.from.as_ref(), it.to.as_ref())
            };
            changed.fields.iter().map(change).collect()
        }
    };
    // Of a new selector or description alone, hosts that stay selected see nothing.
    let is_same_job =
        changes.iter().all(|it| matches!(it.field.as_str(), "selector" | "description"));
    let newer = match &page.name {
        Some(name) if !is_new => {
            let present: Schedule = session.api.get(&path::schedule(name)).await?;
            (present.version != page.base).then_some((present.changed_by, present.version))
        }
        _ => None,
    };
    html(&Review {
        frame: session.frame(if is_new { "Create this schedule?" } else { "Save these changes?" }),
        hosts: hosts(session, page.values.get("selector").trim()).await,
        generation: diff.generation,
        is_same_job: is_same_job && !is_new,
        is_new,
        changes,
        newer,
        notice,
        page,
    })
}

/// Saves what was shown.
async fn save_now(session: &Session, page: Edit, form: &Form) -> Result<Response, Failure> {
    let entry = match page.values.entry() {
        Ok(entry) => entry,
        Err(problem) => return page.with(problem),
    };
    let Ok(generation) = form.get("generation").parse() else {
        return review(session, page, form.csrf(), None).await;
    };
    let name = entry.name.clone().unwrap_or_default();
    let set = ScheduleSet { schedules: vec![entry], prune: false, generation: Some(generation) };
    let saved = session.api.send(Method::POST, path::SCHEDULES_APPLY, &set, form.csrf()).await;
    match saved {
        Ok(ScheduleDiff { .. }) => {
            Ok(done(&address(&name), if page.name.is_none() { "created" } else { "saved" }))
        }
        Err(failure) if failure.status == StatusCode::CONFLICT => {
            let notice = "Somebody changed the schedules meanwhile, so nothing was saved. This is \
                          the difference from what there is now.";
            review(session, page, form.csrf(), Some(notice)).await
        }
        Err(failure) => page.refused(failure),
    }
}

/// Tells how many hosts a selector matches; none if the operator may not see hosts.
async fn hosts(session: &Session, selector: &str) -> Option<String> {
    let selector = Some(selector.to_owned()).filter(|text| !text.is_empty());
    let query = HostCountQuery { selector, ..HostCountQuery::default() };
    let found: HostCount = session.api.query(path::FLEET_COUNT, &query).await.ok()?;
    let more = if found.more { "more than " } else { "" };
    let word = if found.hosts == 1 { "host" } else { "hosts" };
    Some(format!("{more}{} {word}", count(found.hosts)))
}

fn explained(values: &Values) -> (Option<Words>, Option<Mistake>) {
    let text = values.get("schedule").trim();
    if text.is_empty() {
        return (None, None);
    }
    let zone = Some(values.get("timezone").trim()).filter(|zone| !zone.is_empty());
    match words::explain(text, zone, RUNS) {
        Ok(words) => (Some(words), None),
        Err(mistake) => (None, Some(mistake)),
    }
}

#[derive(Template)]
#[template(path = "schedules/explain.html")]
struct Explain {
    frame: Frame,
    values: Values,
    words: Option<Words>,
    mistake: Option<Mistake>,
}

#[derive(Template)]
#[template(path = "schedules/form.html")]
struct Edit {
    frame: Frame,
    /// The schedule that is edited; none for a new one.
    name: Option<String>,
    /// Where the form is sent.
    target: String,
    back: String,
    values: Values,
    words: Option<Words>,
    mistake: Option<Mistake>,
    problem: Option<FieldProblem>,
    /// The version that the form was filled with.
    base: i64,
}

impl Edit {
    fn new(session: &Session, name: Option<&str>, values: Values, base: i64) -> Self {
        let (words, mistake) = explained(&values);
        Self {
            frame: session
                .frame(name.map_or("New schedule".to_owned(), |name| format!("Edit {name}"))),
            target: name.map_or("/schedules/new".to_owned(), |it| address(it) + "/edit"),
            back: name.map_or("/schedules".to_owned(), address),
            name: name.map(str::to_owned),
            values,
            words,
            mistake,
            problem: None,
            base,
        }
    }

    /// Shows the form again, with what is wrong beside its field.
    fn with(mut self, problem: FieldProblem) -> Result<Response, Failure> {
        // The explanation says the same below the same field.
        self.mistake = self.mistake.filter(|mistake| Some(mistake.field) != problem.field);
        self.problem = Some(problem);
        html_with(StatusCode::BAD_REQUEST, &self)
    }

    /// Shows the form again, if the API's answer is about what was typed.
    fn refused(self, failure: Failure) -> Result<Response, Failure> {
        match failure.status.as_u16() {
            400 | 409 | 413 => self.with(FieldProblem::of(&failure.problem.detail)),
            403 if failure.kind() == Some(controller_api::ProblemKind::Forbidden) => {
                self.with(FieldProblem::of(&failure.problem.detail))
            }
            _ => Err(failure),
        }
    }

    /// Returns what is wrong with a field.
    fn wrong(&self, field: &str) -> Option<&str> {
        let problem = self.problem.as_ref()?;
        (problem.field == Some(field)).then_some(problem.text.as_str())
    }

    /// Returns what is wrong with no field in particular.
    fn general(&self) -> Option<&str> {
        let problem = self.problem.as_ref()?;
        problem.field.is_none().then_some(problem.text.as_str())
    }

    /// Returns whether a choice is the present one; the first is the default.
    fn chosen(&self, field: &str, choice: &str, is_default: bool) -> bool {
        let value = self.values.get(field);
        value == choice || (is_default && value.is_empty())
    }

    /// Returns whether the rare fields are open.
    fn is_open(&self) -> bool {
        self.values.has_rare()
    }
}

#[derive(Template)]
#[template(path = "schedules/review.html")]
struct Review {
    frame: Frame,
    page: Edit,
    is_new: bool,
    is_same_job: bool,
    changes: Vec<Change>,
    hosts: Option<String>,
    generation: i64,
    /// Who has saved which version since the form was opened.
    newer: Option<(String, i64)>,
    notice: Option<&'static str>,
}
