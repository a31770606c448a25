//! Schedules as a set: the difference that a set makes, and applying it.

use super::super::document::problems::problems;
use super::super::extract::Carried;
use super::super::problem::ApiError;
use super::super::rule::{Given, Subject};
use super::super::service::Api;
use super::body;
use crate::audit;
use crate::auth::Principal;
use crate::schedules::Catalog;
use crate::store::{Removal, ScheduleChange};
use axum::Json;
use axum::extract::State;
use controller_api::{ChangedField, ChangedSchedule, ScheduleDiff, ScheduleSet, path};
use fleet::Action;
use fleet::schedule::{Definition, diff as rules};
use std::collections::BTreeSet;
use std::sync::Arc;

problems! {
    /// The problems of a difference.
    Comparing: TooLarge
}

problems! {
    /// The problems of applying a set.
    Applying: Conflict, TooLarge
}

/// A set of a body, read.
#[derive(Clone)]
pub(in crate::api) struct Read {
    definitions: Arc<Vec<Definition>>,
    prune: bool,
    generation: Option<i64>,
}

/// Reads a set to compare.
pub(in crate::api) fn read_diff(given: &mut Given<'_>) -> Result<Subject, ApiError> {
    read(given)?;
    let mut subject = Subject::new(given, Action::SchedulesRead);
    subject.only_reads = true;
    Ok(subject)
}

/// Shows what applying a set of schedules would change.
#[utoipa::path(
    post,
    path = path::SCHEDULES_DIFF,
    request_body = ScheduleSet,
    responses((status = 200, description = "The difference", body = ScheduleDiff), Comparing)
)]
pub(in crate::api) async fn diff(
    _: Principal,
    State(api): State<Api>,
    Carried(read): Carried<Read>,
) -> Result<Json<ScheduleDiff>, ApiError> {
    difference(&api, &read).await.map(Json)
}

/// Reads a set to apply.
pub(in crate::api) fn read_apply(given: &mut Given<'_>) -> Result<Subject, ApiError> {
    let set = read(given)?;
    if let Some(principal) = given.principal {
        for definition in &*set.definitions {
            body::check(definition, principal)?;
        }
    }
    let names: Vec<&str> = set.definitions.iter().map(Definition::name).take(100).collect();
    Ok(Subject::new(given, Action::SchedulesManage)
        .with("schedules", names.join(" "))
        .with("count", set.definitions.len())
        .with("prune", set.prune))
}

/// Applies a set of schedules: all of it, or nothing. The caller becomes the author of those that
/// change.
#[utoipa::path(
    post,
    path = path::SCHEDULES_APPLY,
    request_body = ScheduleSet,
    responses((status = 200, description = "What changed", body = ScheduleDiff), Applying)
)]
pub(in crate::api) async fn apply(
    principal: Principal,
    State(api): State<Api>,
    Carried(read): Carried<Read>,
) -> Result<Json<ScheduleDiff>, ApiError> {
    let mut found = difference(&api, &read).await?;
    if read.generation.is_some_and(|generation| generation != found.generation) {
        let why = "somebody changed the schedules meanwhile; look at the difference again";
        return Err(ApiError::Conflict(why.to_owned()));
    }
    let change = ScheduleChange {
        put: read.definitions.iter().map(body::stored).collect(),
        remove: if read.prune { Removal::Others } else { Removal::Nothing },
        adopt: false,
        // What is applied is what was compared.
        expected: Some(found.generation),
        by: principal.name().to_owned(),
        now: audit::now(),
    };
    found.generation = api.store.change_schedules(change).await?;
    Ok(Json(found))
}

fn read(given: &mut Given<'_>) -> Result<Read, ApiError> {
    let set: ScheduleSet = given.body()?;
    let mut names = BTreeSet::new();
    let mut definitions = Vec::with_capacity(set.schedules.len());
    for (place, entry) in set.schedules.iter().enumerate() {
        let definition = body::definition(entry, None, place + 1)?;
        if !names.insert(definition.name().to_owned()) {
            let why = format!("schedule {:?} is there twice", definition.name());
            return Err(ApiError::InvalidRequest(why));
        }
        definitions.push(definition);
    }
    let definitions = Arc::new(definitions);
    let read = Read { definitions, prune: set.prune, generation: set.generation };
    given.carried.insert(read.clone());
    Ok(read)
}

async fn difference(api: &Api, read: &Read) -> Result<ScheduleDiff, ApiError> {
    let catalog = Catalog::read(api.store.schedule_set().await?);
    let old = catalog.schedules().iter().map(|schedule| &schedule.definition);
    let found = rules::diff(old, &*read.definitions, read.prune);
    let changed = |changed: rules::Changed| ChangedSchedule {
        name: changed.name,
        fields: changed
            .fields
            .into_iter()
            .map(|field| ChangedField { field: field.field, from: field.from, to: field.to })
            .collect(),
    };
    let mut removed = found.removed;
    if read.prune {
        removed.extend(catalog.unreadable().iter().cloned());
    }
    Ok(ScheduleDiff {
        generation: catalog.generation,
        added: found.added,
        changed: found.changed.into_iter().map(changed).collect(),
        removed,
        unchanged: found.unchanged.len() as u64,
    })
}
