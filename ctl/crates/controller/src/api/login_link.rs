//! Links that log an operator in to the console, once; and the end of an operator's sessions.

use super::document::problems::problems;
use super::extract::{Carried, Segments};
use super::login::{attempt, start_session};
use super::operators::missing;
use super::problem::ApiError;
use super::rule::{Given, Subject};
use super::service::{Api, Told};
use super::times;
use crate::audit;
use crate::auth::{self, Credential, Principal, Secret, Secure};
use crate::store::LoginLinkRow;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use controller_api::{LinkLogin, LoggedIn, LoginLink, path};
use fleet::{Action, UnixMillis};
use serde_json::Value;
use std::net::IpAddr;

problems! {
    /// The problems of a new link.
    Making: NotFound, Conflict
}

problems! {
    /// The problems of a log-in by a link.
    Using: Conflict, TooManyLogins, TooLarge
}

problems! {
    /// The problem of the end of sessions.
    Ending: NotFound
}

/// Milliseconds that a link is good for.
const LIFE: UnixMillis = 10 * 60 * 1000;

/// A link's secret and where it comes from.
#[derive(Clone)]
pub(super) struct LinkFrom {
    secret: String,
    address: IpAddr,
    secure: Secure,
}

/// Reads a request for a link.
pub(super) fn read_make(given: &mut Given<'_>) -> Result<Subject, ApiError> {
    Ok(Subject::new(given, Action::OperatorsManage)
        .with_segment(given, "name")
        .with("login_link", true))
}

/// Makes a link that logs an operator in to the console: once, within 10 minutes.
#[utoipa::path(
    post,
    path = path::OPERATOR_LOGIN_LINK,
    params(path::OperatorPath),
    responses((status = 200, description = "The link", body = LoginLink), Making)
)]
pub(super) async fn make(
    _: Principal,
    State(api): State<Api>,
    Segments(name): Segments<String>,
) -> Result<Json<LoginLink>, ApiError> {
    let operator = api.store.operator(&name).await?.ok_or_else(|| missing(&name))?;
    if operator.disabled {
        return Err(ApiError::Conflict(format!("operator \"{name}\" is disabled")));
    }
    let secret = Secret::random()?;
    let expires_at = audit::now() + LIFE;
    let link = LoginLinkRow { digest: secret.digest(), operator: name.clone(), expires_at };
    api.store.create_login_link(link).await?;
    // The part behind # stays with the browser: no proxy's log has it.
    let path = format!("/login?as={}#{}", path::segment(&name), secret.reveal());
    Ok(Json(LoginLink { path, expires: times::text(expires_at) }))
}

/// Reads a log-in by a link; too many that failed are refused here, without an event.
pub(super) fn read_use(given: &mut Given<'_>) -> Result<Subject, ApiError> {
    let login: LinkLogin = given.body()?;
    attempt(given, None)?;
    let from = LinkFrom { secret: login.secret, address: given.address, secure: given.secure };
    given.carried.insert(from);
    Ok(Subject::named(given, "login").with("link", true).with("session", true))
}

/// Logs an operator in by a link that works once, with a session's cookie for a browser.
#[utoipa::path(
    post,
    path = path::LOGIN_LINK,
    request_body = LinkLogin,
    responses((status = 200, description = "Logged in", body = LoggedIn), Using)
)]
pub(super) async fn log_in(
    State(api): State<Api>,
    Carried(from): Carried<LinkFrom>,
) -> Result<Response, ApiError> {
    let LinkFrom { secret, address, secure } = from;
    let name = match auth::secret_digest(secret.as_bytes()) {
        Some(digest) => api.store.use_login_link(digest, audit::now()).await?,
        None => None,
    };
    let name = name.ok_or_else(|| {
        let why = "the log-in link is wrong, was used or has expired; ask for a new one";
        ApiError::Conflict(why.to_owned())
    })?;
    api.attempts.succeeded(&name, address);
    let mut response = start_session(&api, name.clone(), secure).await?;
    let told = [("operator".to_owned(), Value::String(name))];
    response.extensions_mut().insert(Told(told.into_iter().collect()));
    Ok(response)
}

/// Reads a request to end an operator's sessions. A person may end the own ones in a session.
pub(super) fn read_end_sessions(given: &mut Given<'_>) -> Result<Subject, ApiError> {
    let action = Action::OperatorsManage;
    let own = given.principal.is_some_and(|principal| {
        given.segment("name") == Some(principal.name())
            && matches!(principal.credential(), Credential::Session { .. })
    });
    let subject =
        if own { Subject::named(given, action.name()) } else { Subject::new(given, action) };
    Ok(subject.with_segment(given, "name").with("sessions", "end"))
}

/// Ends an operator's sessions, in all browsers, and the log-in links that were not used yet.
///
/// Needs the action `operators.manage`, except for the own sessions in a session.
#[utoipa::path(
    delete,
    path = path::OPERATOR_SESSIONS,
    params(path::OperatorPath),
    responses((status = 204, description = "Every session has ended"), Ending)
)]
pub(super) async fn end_sessions(
    _: Principal,
    State(api): State<Api>,
    Segments(name): Segments<String>,
) -> Result<StatusCode, ApiError> {
    if api.store.operator(&name).await?.is_none() {
        return Err(missing(&name));
    }
    api.store.delete_sessions(&name).await?;
    Ok(StatusCode::NO_CONTENT)
}
