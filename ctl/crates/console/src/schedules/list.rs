//! The schedules.

use super::standing::{self, Standing};
use super::{address, with_query, words};
use crate::api::{Failure, sentence};
use crate::form::Form;
use crate::page::{Frame, html};
use crate::session::Session;
use crate::units::Moment;
use askama::Template;
use axum::extract::RawQuery;
use axum::response::Response;
use controller_api::{PageQuery, Schedule, ScheduleList, path};
use fleet::Action;

/// Schedules on one page.
const PAGE: usize = 50;

pub(super) async fn show(session: Session, RawQuery(query): RawQuery) -> Result<Response, Failure> {
    let after = Form::of_query(query.as_deref()).some("after").map(str::to_owned);
    let asked = PageQuery { limit: Some(PAGE), after: after.clone() };
    let found: ScheduleList = session.api.query(path::SCHEDULES, &asked).await?;
    html(&List {
        frame: session.frame("Schedules"),
        may_manage: session.may(Action::SchedulesManage),
        first: after.map(|_| "/schedules".to_owned()),
        next: found.next.map(|next| with_query("/schedules", &[("after", &next)])),
        rows: found.schedules.into_iter().map(Row::of).collect(),
    })
}

#[derive(Template)]
#[template(path = "schedules/list.html")]
struct List {
    frame: Frame,
    may_manage: bool,
    rows: Vec<Row>,
    first: Option<String>,
    next: Option<String>,
}

/// A schedule in the list.
struct Row {
    name: String,
    address: String,
    description: String,
    selector: String,
    expression: String,
    meaning: String,
    warned: bool,
    enabled: bool,
    next: Option<words::Run>,
    /// The zone of its times; none where each host has its own.
    zone: Option<String>,
    counts: Vec<Standing>,
    changed_by: String,
    changed: Option<Moment>,
}

impl Row {
    fn of(schedule: Schedule) -> Self {
        let entry = schedule.entry;
        let name = entry.name.unwrap_or_default();
        let expression = entry.schedule.unwrap_or_default();
        let words = words::explain(&expression, entry.timezone.as_deref(), 1).ok();
        let (zone, next) =
            words.map(|mut words| (words.zone, words.runs.pop())).unwrap_or_default();
        Self {
            address: address(&name),
            name,
            description: entry.description.unwrap_or_default(),
            selector: entry.selector.unwrap_or_default(),
            meaning: schedule.meaning.as_deref().map(sentence).unwrap_or_default(),
            warned: !schedule.warnings.is_empty(),
            enabled: entry.enabled.unwrap_or(true),
            expression,
            next,
            zone,
            counts: standing::counts(&schedule.hosts),
            changed_by: schedule.changed_by,
            changed: Moment::of(&schedule.changed_at),
        }
    }
}
