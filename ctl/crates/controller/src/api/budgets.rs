//! Budgets: how many of some hosts may work for runs at once.

use super::document::problems::problems;
use super::extract::{Carried, Parameters, Segments};
use super::page;
use super::problem::ApiError;
use super::rule::{Given, Subject};
use super::service::Api;
use super::times;
use crate::audit;
use crate::auth::Principal;
use crate::store::BudgetRow;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use controller_api::{Budget, BudgetDefinition, BudgetList, PageQuery, path};
use fleet::{Action, Selector};

problems! {
    /// The problem of one budget.
    OneBudget: NotFound
}

problems! {
    /// The problem of setting a budget.
    Setting: Conflict
}

/// Lists budgets.
#[utoipa::path(
    get,
    path = path::BUDGETS,
    params(PageQuery),
    responses((status = 200, description = "A page, ordered by name", body = BudgetList))
)]
pub(super) async fn list(
    _: Principal,
    State(api): State<Api>,
    Parameters(query): Parameters<PageQuery>,
) -> Result<Json<BudgetList>, ApiError> {
    let limit = page::limit(query.limit)?;
    let after = query.after.unwrap_or_default();
    let mut rows = api.store.budgets(&after, limit + 1).await?;
    let next = page::next(&mut rows, limit, |row| row.name.clone());
    Ok(Json(BudgetList { budgets: rows.into_iter().map(|row| shown(&api, row)).collect(), next }))
}

/// Shows a budget.
#[utoipa::path(
    get,
    path = path::BUDGET,
    params(path::BudgetPath),
    responses((status = 200, description = "The budget", body = Budget), OneBudget)
)]
pub(super) async fn show(
    _: Principal,
    State(api): State<Api>,
    Segments(name): Segments<String>,
) -> Result<Json<Budget>, ApiError> {
    let found = api.store.budget(&name).await?;
    found.map(|row| Json(shown(&api, row))).ok_or_else(|| missing(&name))
}

/// Reads a request to set a budget.
pub(super) fn read_set(given: &mut Given<'_>) -> Result<Subject, ApiError> {
    let definition: BudgetDefinition = given.body()?;
    let selector = Selector::parse(&definition.selector);
    let selector =
        selector.map_err(|error| ApiError::InvalidRequest(format!("selector: {error:#}")))?;
    let name = given.segment("name").unwrap_or_default().to_owned();
    let budget = fleet::run::Budget { name, selector, limit: definition.limit };
    budget.check(0).map_err(|error| ApiError::InvalidRequest(error.to_string()))?;
    Ok(Subject::new(given, Action::BudgetsManage)
        .with("budget", &budget.name)
        .with("selector", &definition.selector)
        .with("limit", definition.limit))
}

/// Sets a budget: of the hosts that its selector matches, at most so many work for runs at once.
///
/// Which hosts a budget counts is decided when a plan is made; its limit holds at once, for runs
/// that are going on too.
#[utoipa::path(
    put,
    path = path::BUDGET,
    params(path::BudgetPath),
    request_body = BudgetDefinition,
    responses((status = 200, description = "The budget", body = Budget), Setting)
)]
pub(super) async fn set(
    principal: Principal,
    State(api): State<Api>,
    Segments(name): Segments<String>,
    Carried(definition): Carried<BudgetDefinition>,
) -> Result<Json<Budget>, ApiError> {
    let row = BudgetRow {
        name,
        selector: definition.selector,
        most: definition.limit,
        set_by: principal.name().to_owned(),
        set_at: audit::now(),
    };
    let row = api.store.set_budget(row).await?;
    Ok(Json(shown(&api, row)))
}

/// Reads a request to remove a budget.
pub(super) fn read_remove(given: &mut Given<'_>) -> Result<Subject, ApiError> {
    Ok(Subject::new(given, Action::BudgetsManage).with_segment(given, "name"))
}

/// Removes a budget: it limits nothing anymore.
#[utoipa::path(
    delete,
    path = path::BUDGET,
    params(path::BudgetPath),
    responses((status = 204, description = "Removed"), OneBudget)
)]
pub(super) async fn remove(
    _: Principal,
    State(api): State<Api>,
    Segments(name): Segments<String>,
) -> Result<StatusCode, ApiError> {
    api.store.remove_budget(&name).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn missing(name: &str) -> ApiError {
    ApiError::NotFound(format!("there is no budget \"{}\"", agent_wire::json::quote(name)))
}

fn shown(api: &Api, row: BudgetRow) -> Budget {
    Budget {
        working: api.runs.gauges().working(&row.name),
        name: row.name,
        selector: row.selector,
        limit: row.most,
        set_by: row.set_by,
        set_at: times::text(row.set_at),
    }
}
