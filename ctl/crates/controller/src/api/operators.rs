//! Operators and their roles.

use super::document::problems::problems;
use super::extract::{Carried, Parameters, Segments};
use super::page;
use super::problem::ApiError;
use super::rule::{Given, Subject};
use super::service::{Api, created};
use super::times;
use crate::audit;
use crate::auth::{Credential, Password, Principal, TOKEN_FILE};
use crate::store::{LastAdmin, OperatorChange as Change, OperatorRow};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use controller_api::{NewOperator, Operator, OperatorChange, OperatorList, PageQuery, path};
use fleet::Action;

problems! {
    /// The problems of one operator.
    OneOperator: NotFound
}

problems! {
    /// The problems of a new operator.
    Creating: Conflict, IdempotencyMismatch, TooLarge
}

problems! {
    /// The problems of a change of an operator.
    Changing: NotFound, Conflict, TooLarge
}

/// The most characters of an operator's name.
const MAX_NAME: usize = 64;

/// The most roles of an operator.
const MAX_ROLES: usize = 64;

/// Lists the operators.
#[utoipa::path(
    get,
    path = path::OPERATORS,
    params(PageQuery),
    responses((status = 200, description = "A page, ordered by name", body = OperatorList))
)]
pub(super) async fn list(
    _: Principal,
    State(api): State<Api>,
    Parameters(query): Parameters<PageQuery>,
) -> Result<Json<OperatorList>, ApiError> {
    let limit = page::limit(query.limit)?;
    let after = query.after.unwrap_or_default();
    let mut rows = api.store.operators(&after, limit + 1).await?;
    let next = page::next(&mut rows, limit, |row| row.name.clone());
    Ok(Json(OperatorList { operators: rows.into_iter().map(shown).collect(), next }))
}

/// Shows an operator.
#[utoipa::path(
    get,
    path = path::OPERATOR,
    params(path::OperatorPath),
    responses((status = 200, description = "The operator", body = Operator), OneOperator)
)]
pub(super) async fn show(
    _: Principal,
    State(api): State<Api>,
    Segments(name): Segments<String>,
) -> Result<Json<Operator>, ApiError> {
    let found = api.store.operator(&name).await?;
    found.map(|row| Json(shown(row))).ok_or_else(|| missing(&name))
}

/// Reads a request for an operator.
pub(super) fn read_new(given: &mut Given<'_>) -> Result<Subject, ApiError> {
    let new: NewOperator = given.body()?;
    check_name(&new.name)?;
    new.password.as_deref().map(Password::check).transpose()?;
    check_roles(given.api, &new.roles)?;
    Ok(Subject::new(given, Action::OperatorsManage)
        .with("operator", &new.name)
        .with("roles", &new.roles)
        .with("password", new.password.is_some()))
}

/// Creates an operator.
#[utoipa::path(
    post,
    path = path::OPERATORS,
    request_body = NewOperator,
    responses((status = 201, description = "The operator", body = Operator), Creating)
)]
pub(super) async fn create(
    _: Principal,
    State(api): State<Api>,
    Carried(new): Carried<NewOperator>,
) -> Result<Response, ApiError> {
    let password = match new.password {
        Some(text) => Some(api.passwords.hash(Password::new(text)?).await?),
        None => None,
    };
    let row = OperatorRow {
        name: new.name,
        password,
        roles: new.roles,
        disabled: false,
        created_at: audit::now(),
    };
    api.store.create_operator(row.clone()).await?;
    api.schedules.roles_changed();
    Ok(created(&shown(row)))
}

/// Reads a change of an operator. A person may change the own password in a session.
pub(super) fn read_change(given: &mut Given<'_>) -> Result<Subject, ApiError> {
    let change: OperatorChange = given.body()?;
    change.password.as_deref().map(Password::check).transpose()?;
    if let Some(roles) = &change.roles {
        check_roles(given.api, roles)?;
    }
    let name = given.segment("name").unwrap_or_default().to_owned();
    let only_password = change.roles.is_none() && change.disabled.is_none();
    let own = given.principal.is_some_and(|principal| {
        principal.name() == name && matches!(principal.credential(), Credential::Session { .. })
    });
    let action = Action::OperatorsManage;
    let mut subject = if only_password && own {
        Subject::named(given, action.name())
    } else {
        Subject::new(given, action)
    };
    subject = subject.with("operator", &name);
    if let Some(roles) = &change.roles {
        subject = subject.with("roles", roles);
    }
    if let Some(disabled) = change.disabled {
        subject = subject.with("disabled", disabled);
    }
    if change.password.is_some() {
        subject = subject.with("password", true);
    }
    Ok(subject)
}

/// Changes an operator.
///
/// Needs the action `operators.manage`, except that a person may change the own password in a
/// session.
#[utoipa::path(
    patch,
    path = path::OPERATOR,
    params(path::OperatorPath),
    request_body = OperatorChange,
    responses((status = 200, description = "The operator", body = Operator), Changing)
)]
pub(super) async fn change(
    _: Principal,
    State(api): State<Api>,
    Segments(name): Segments<String>,
    Carried(change): Carried<OperatorChange>,
) -> Result<Json<Operator>, ApiError> {
    let password = match change.password {
        Some(text) => Some(api.passwords.hash(Password::new(text)?).await?),
        None => None,
    };
    let change = Change { password, roles: change.roles, disabled: change.disabled };
    let row = api.store.change_operator(&name, change, last_admin(&api)).await?;
    api.schedules.roles_changed();
    Ok(Json(shown(row)))
}

/// Reads a request to delete an operator.
pub(super) fn read_delete(given: &mut Given<'_>) -> Result<Subject, ApiError> {
    Ok(Subject::new(given, Action::OperatorsManage)
        .with_segment(given, "name")
        .with("delete", true))
}

/// Deletes an operator, with the API tokens and sessions.
#[utoipa::path(
    delete,
    path = path::OPERATOR,
    params(path::OperatorPath),
    responses((status = 204, description = "Deleted"), Changing)
)]
pub(super) async fn delete(
    _: Principal,
    State(api): State<Api>,
    Segments(name): Segments<String>,
) -> Result<StatusCode, ApiError> {
    api.store.delete_operator(&name, last_admin(&api)).await?;
    api.schedules.roles_changed();
    Ok(StatusCode::NO_CONTENT)
}

/// Returns an operator as the API shows it.
pub(super) fn shown(row: OperatorRow) -> Operator {
    Operator {
        has_password: row.password.is_some(),
        created_at: times::text(row.created_at),
        name: row.name,
        roles: row.roles,
        disabled: row.disabled,
    }
}

/// Checks the name of a new operator.
///
/// # Errors
/// When it cannot be one.
pub(super) fn check_name(name: &str) -> Result<(), ApiError> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-_@".contains(&byte);
    // The audit log uses these for others.
    let reserved = [TOKEN_FILE, "controller", "unknown"].contains(&name);
    let starts = name.starts_with(|first: char| first.is_ascii_alphanumeric());
    if (1..=MAX_NAME).contains(&name.len()) && name.bytes().all(plain) && starts && !reserved {
        return Ok(());
    }
    Err(ApiError::InvalidRequest(format!(
        "an operator's name has 1 to {MAX_NAME} letters, digits, \".\", \"-\", \"_\" or \"@\", the \
         first a letter or digit, and is not {TOKEN_FILE}, controller or unknown"
    )))
}

fn check_roles(api: &Api, names: &[String]) -> Result<(), ApiError> {
    if names.len() > MAX_ROLES {
        return Err(ApiError::InvalidRequest(format!("at most {MAX_ROLES} roles")));
    }
    let unknown = names.iter().find(|name| api.authenticator.roles().find(name).is_none());
    match unknown {
        None => Ok(()),
        Some(name) => {
            let name = agent_wire::json::quote(name);
            Err(ApiError::InvalidRequest(format!("there is no role \"{name}\"")))
        }
    }
}

/// Returns whether one operator who may manage operators must remain; a token file makes up for it.
fn last_admin(api: &Api) -> LastAdmin {
    if api.authenticator.has_token_file() {
        return LastAdmin::MayGo;
    }
    let manages = |role: &fleet::Role| {
        role.grants.iter().any(|grant| grant.actions.contains(Action::OperatorsManage))
    };
    let all = api.authenticator.roles().all().into_iter().map(|defined| defined.role);
    let roles = all.filter(|role| manages(role)).map(|role| role.name.clone()).collect();
    LastAdmin::MustStay { roles }
}

/// Returns the problem of an operator who does not exist.
pub(super) fn missing(name: &str) -> ApiError {
    ApiError::NotFound(format!("there is no operator \"{}\"", agent_wire::json::quote(name)))
}
