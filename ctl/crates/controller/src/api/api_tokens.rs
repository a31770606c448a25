//! The API tokens of operators. A person manages the own ones in a session; for anybody else's, and
//! with an API token, a role must allow it: a stolen token makes no further ones.

use super::document::problems::problems;
use super::extract::{Carried, Parameters, Segments};
use super::idempotency::ShownOnce;
use super::operators::missing;
use super::page;
use super::problem::ApiError;
use super::rule::{Given, Subject};
use super::service::{Api, created};
use super::times;
use crate::audit;
use crate::auth::{Credential, Principal, Secret};
use crate::store::{ApiTokenRow, NewApiToken as NewRow};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use controller_api::{ApiToken, ApiTokenList, CreatedApiToken, NewApiToken, PageQuery, path};
use fleet::{Action, DAY};
use uuid::Uuid;

problems! {
    /// The problems of an operator's API tokens.
    Listing: NotFound, Forbidden
}

problems! {
    /// The problems of a new API token.
    Creating: NotFound, Conflict, IdempotencyMismatch, AlreadyCreated, TooLarge
}

problems! {
    /// The problems of one API token.
    OneToken: NotFound
}

/// The longest life of an API token, in days.
const MAX_DAYS: u32 = 3650;

/// The most bytes of an API token's name.
const MAX_NAME: usize = 100;

/// Lists an operator's API tokens.
///
/// Needs the action `operators.read` for tokens of others.
#[utoipa::path(
    get,
    path = path::OPERATOR_TOKENS,
    params(path::OperatorPath, PageQuery),
    responses((status = 200, description = "A page, ordered by id", body = ApiTokenList), Listing)
)]
pub(super) async fn list(
    principal: Principal,
    State(api): State<Api>,
    Segments(name): Segments<String>,
    Parameters(query): Parameters<PageQuery>,
) -> Result<Json<ApiTokenList>, ApiError> {
    if principal.name() != name {
        principal.may(Action::OperatorsRead).map_err(ApiError::Forbidden)?;
    }
    let limit = page::limit(query.limit)?;
    let after = query.after.unwrap_or_default();
    if api.store.operator(&name).await?.is_none() {
        return Err(missing(&name));
    }
    let mut rows = api.store.api_tokens(&name, &after, limit + 1).await?;
    let next = page::next(&mut rows, limit, |row| row.id.clone());
    Ok(Json(ApiTokenList { tokens: rows.into_iter().map(shown).collect(), next }))
}

/// Reads a request for an API token.
pub(super) fn read_new(given: &mut Given<'_>) -> Result<Subject, ApiError> {
    let new: NewApiToken = given.body()?;
    check(&new.name, new.days)?;
    Ok(about(given).with("token", &new.name).with("days", new.days))
}

/// Creates an API token.
///
/// Needs the action `operators.manage`, except for the own tokens in a session.
#[utoipa::path(
    post,
    path = path::OPERATOR_TOKENS,
    params(path::OperatorPath),
    request_body = NewApiToken,
    responses(
        (status = 201, description = "The token, with its secret", body = CreatedApiToken),
        Creating
    )
)]
pub(super) async fn create(
    _: Principal,
    State(api): State<Api>,
    Segments(name): Segments<String>,
    Carried(new): Carried<NewApiToken>,
) -> Result<Response, ApiError> {
    let (token, secret) = make(&api, &name, new.name, new.days).await?;
    let body = CreatedApiToken { token: shown(token), secret: secret.reveal().to_owned() };
    let mut response = created(&body);
    response.extensions_mut().insert(ShownOnce);
    Ok(response)
}

/// Reads a request to delete an API token.
pub(super) fn read_delete(given: &mut Given<'_>) -> Result<Subject, ApiError> {
    let id = given.segment("token").unwrap_or_default();
    // Whoever pastes the whole token must not find its secret in a log.
    if id.parse::<Uuid>().is_err() {
        let why = "there is no such API token; the path takes its id".to_owned();
        return Err(ApiError::NotFound(why));
    }
    Ok(about(given).with("token", id).with("delete", true))
}

/// Deletes an API token.
///
/// Needs the action `operators.manage`, except for the own tokens in a session.
#[utoipa::path(
    delete,
    path = path::OPERATOR_TOKEN,
    params(path::OperatorTokenPath),
    responses((status = 204, description = "Deleted"), OneToken)
)]
pub(super) async fn delete(
    _: Principal,
    State(api): State<Api>,
    Segments((name, token)): Segments<(String, String)>,
) -> Result<StatusCode, ApiError> {
    api.store.delete_api_token(&name, &token).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Makes an API token and stores its digest.
pub(super) async fn make(
    api: &Api,
    operator: &str,
    name: String,
    days: Option<u32>,
) -> Result<(ApiTokenRow, Secret), ApiError> {
    let secret = Secret::api_token()?;
    let now = audit::now();
    let token = ApiTokenRow {
        id: Uuid::new_v4().to_string(),
        operator: operator.to_owned(),
        name,
        created_at: now,
        expires_at: days.map(|days| now + i64::from(days) * DAY),
        last_used: None,
    };
    let row = NewRow { digest: secret.digest(), token: token.clone() };
    api.store.create_api_token(row).await?;
    Ok((token, secret))
}

/// Checks the name and life of a new API token.
///
/// # Errors
/// When they are out of bounds.
pub(super) fn check(name: &str, days: Option<u32>) -> Result<(), ApiError> {
    if !(1..=MAX_NAME).contains(&name.len()) || name.contains(char::is_control) {
        let why = format!("a token's name has 1 to {MAX_NAME} bytes, on one line");
        return Err(ApiError::InvalidRequest(why));
    }
    if days.is_some_and(|days| !(1..=MAX_DAYS).contains(&days)) {
        return Err(ApiError::InvalidRequest(format!("days must be from 1 to {MAX_DAYS}")));
    }
    Ok(())
}

fn about(given: &Given<'_>) -> Subject {
    let name = given.segment("name").unwrap_or_default();
    let own = given.principal.is_some_and(|principal| {
        principal.name() == name && matches!(principal.credential(), Credential::Session { .. })
    });
    let subject = if own {
        Subject::named(given, Action::OperatorsManage.name())
    } else {
        Subject::new(given, Action::OperatorsManage)
    };
    subject.with("operator", name)
}

fn shown(row: ApiTokenRow) -> ApiToken {
    ApiToken {
        id: row.id,
        name: row.name,
        created_at: times::text(row.created_at),
        expires: row.expires_at.map(times::text),
        last_used: row.last_used.map(times::text),
    }
}
