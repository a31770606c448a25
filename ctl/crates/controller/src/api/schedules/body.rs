//! Schedules between the API's bodies, the rules and the store.

use super::super::problem::ApiError;
use super::super::times;
use crate::auth::Principal;
use crate::store::{ScheduleCount, ScheduleEntry as Stored, ScheduleRow};
use controller_api::{Schedule, ScheduleCounts, ScheduleEntry};
use fleet::Action;
use fleet::schedule::Definition;
use fleet::schedule::standing::Outcome;
use serde_json::{Map, Value};

/// Reads a schedule of a body. `name` is the one of the path.
///
/// # Errors
/// The first field that is wrong.
pub(super) fn definition(
    entry: &ScheduleEntry,
    name: Option<&str>,
    number: usize,
) -> Result<Definition, ApiError> {
    let called = name.or(entry.name.as_deref());
    let called = called.map_or_else(|| number.to_string(), |name| format!("{name:?}"));
    let invalid = |why: String| ApiError::InvalidRequest(format!("schedule {called}: {why}"));
    if let (Some(path), Some(body)) = (name, &entry.name)
        && path != body
    {
        return Err(invalid(format!("the body calls it {body:?}")));
    }
    let mut fields = fields(entry);
    if let Some(name) = name {
        fields.insert("name".to_owned(), name.into());
    }
    Definition::parse(&fields).map_err(|error| invalid(error.to_string()))
}

/// Checks what a definition's form does not show: that its zone exists, and that the operator may
/// run such a command on any host at all. On which hosts, each push decides.
///
/// # Errors
/// When not.
pub(super) fn check(definition: &Definition, principal: &Principal) -> Result<(), ApiError> {
    let name = definition.name();
    if let Some(why) = crate::schedules::zone_problem(definition) {
        return Err(ApiError::InvalidRequest(format!("schedule {name:?}: {why}")));
    }
    let (user, group) = definition.account();
    let command = definition.command(user.as_deref(), group.as_deref());
    principal.may_command(Action::CommandsRun, command).map_err(ApiError::Forbidden)
}

/// Returns the row of a schedule.
pub(super) fn stored(definition: &Definition) -> Stored {
    Stored {
        name: definition.name().to_owned(),
        entry: Value::Object(definition.to_fields()).to_string(),
        revision: definition.revision().to_owned(),
    }
}

/// Returns a stored schedule as the API shows it.
///
/// # Errors
/// When a later version stored it.
pub(super) fn shown(row: ScheduleRow, counts: &[ScheduleCount]) -> Result<Schedule, ApiError> {
    let expression = crate::schedules::stored_definition(&row)
        .ok()
        .and_then(|definition| definition.expression());
    Ok(Schedule {
        entry: entry(&row.entry)?,
        meaning: expression.as_ref().map(agent_cron::Expression::explain),
        warnings: expression
            .iter()
            .flat_map(|expression| expression.warnings())
            .map(|warning| warning.to_string())
            .collect(),
        hosts: counted(&row.revision, counts),
        revision: row.revision,
        version: row.version,
        created_by: row.created_by,
        created_at: times::text(row.created_at),
        changed_by: row.changed_by,
        changed_at: times::text(row.changed_at),
    })
}

/// Reads a stored entry.
///
/// # Errors
/// When a later version stored it.
pub(super) fn entry(text: &str) -> Result<ScheduleEntry, ApiError> {
    let unreadable = |error| {
        log::error!("a stored schedule cannot be read: {error}");
        ApiError::Internal
    };
    let mut fields: Map<String, Value> = serde_json::from_str(text).map_err(unreadable)?;
    for name in ["user", "group"] {
        if let Some(Value::Number(number)) = fields.get(name) {
            let text = Value::String(number.to_string());
            fields.insert(name.to_owned(), text);
        }
    }
    serde_json::from_value(Value::Object(fields)).map_err(unreadable)
}

fn fields(entry: &ScheduleEntry) -> Map<String, Value> {
    match serde_json::to_value(entry) {
        Ok(Value::Object(fields)) => fields,
        Ok(_) | Err(_) => Map::new(),
    }
}

fn counted(revision: &str, counts: &[ScheduleCount]) -> ScheduleCounts {
    let mut sum = ScheduleCounts::default();
    for count in counts {
        let place = match count.outcome {
            _ if count.tried != revision => &mut sum.outdated,
            Outcome::Applied => &mut sum.applied,
            Outcome::Refused => &mut sum.refused,
            Outcome::NotAllowed => &mut sum.not_allowed,
            Outcome::Failed => &mut sum.failed,
        };
        *place += count.hosts;
    }
    sum
}
