//! Logging in and out, the caller's own account, and the first operator.

use super::api_tokens;
use super::document::problems::problems;
use super::extract::Carried;
use super::operators;
use super::problem::ApiError;
use super::roles;
use super::rule::{Given, Subject};
use super::service::{Api, created};
use super::times;
use crate::audit;
use crate::auth::{
    self, Credential, Password, Principal, Secret, Secure, end_cookie, start_cookie,
};
use crate::store::{OperatorRow, SessionRow};
use axum::Json;
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use controller_api::{LoggedIn, Login, Me, Operator, Setup, path};
use std::net::IpAddr;
use std::time::{Duration, Instant};

problems! {
    /// The problems of a log-in.
    LoggingIn: WrongPassword, TooManyLogins, TooLarge
}

problems! {
    /// The problems of logging out.
    LoggingOut: CsrfRequired, Conflict
}

problems! {
    /// The problems of the first operator.
    SettingUp: SetupClosed, TooManyLogins, TooLarge
}

/// The life of a session.
const SESSION: Duration = Duration::from_secs(12 * 3600);

/// The life of an API token of a log-in, in days, unless the client asks for another.
const TOKEN_DAYS: u32 = 30;

/// The role of the first operator.
const FIRST_ROLE: &str = "admin";

/// A log-in and where it comes from.
#[derive(Clone)]
pub(super) struct LoginFrom {
    login: Login,
    address: IpAddr,
    secure: Secure,
}

/// Reads a log-in; too many that failed are refused here, without an event.
pub(super) fn read_login(given: &mut Given<'_>) -> Result<Subject, ApiError> {
    let login: Login = given.body()?;
    api_tokens::check(login.token_name.as_deref().unwrap_or("login"), login.days)?;
    attempt(given, Some(&login.name))?;
    let subject = Subject::named(given, "login").with("session", login.session);
    let subject = Subject { claimed: Some(login.name.clone()), ..subject };
    let from = LoginFrom { login, address: given.address, secure: given.secure };
    given.carried.insert(from);
    Ok(subject)
}

/// Logs an operator in: with an API token for programs, or with a session's cookie for a browser.
#[utoipa::path(
    post,
    path = path::LOGIN,
    request_body = Login,
    responses((status = 200, description = "Logged in", body = LoggedIn), LoggingIn)
)]
pub(super) async fn login(
    State(api): State<Api>,
    Carried(from): Carried<LoginFrom>,
) -> Result<Response, ApiError> {
    let LoginFrom { login, address, secure } = from;
    let operator = api.store.operator(&login.name).await?;
    let (disabled, hash) = match operator {
        Some(operator) => (operator.disabled, operator.password),
        None => (true, None),
    };
    let right = api.passwords.check(Password::given(login.password), hash).await?;
    if !right || disabled {
        return Err(ApiError::WrongPassword);
    }
    api.attempts.succeeded(&login.name, address);
    if login.session {
        return start_session(&api, login.name, secure).await;
    }
    let name = login.token_name.unwrap_or_else(|| "login".to_owned());
    let days = login.days.unwrap_or(TOKEN_DAYS);
    let (token, secret) = api_tokens::make(&api, &login.name, name, Some(days)).await?;
    Ok(Json(LoggedIn {
        name: login.name,
        token: Some(secret.reveal().to_owned()),
        csrf: None,
        expires: times::text(token.expires_at.unwrap_or_default()),
    })
    .into_response())
}

/// Starts a session.
///
/// # Errors
/// When the operator is unknown or disabled, or the database cannot be written.
pub(super) async fn start_session(
    api: &Api,
    name: String,
    secure: Secure,
) -> Result<Response, ApiError> {
    let cookie = Secret::random()?;
    let now = audit::now();
    let session = SessionRow {
        digest: cookie.digest(),
        operator: name.clone(),
        created_at: now,
        expires_at: now + i64::try_from(SESSION.as_millis()).unwrap_or(i64::MAX),
    };
    let expires = times::text(session.expires_at);
    api.store.create_session(session).await?;
    let csrf = Some(auth::csrf_token(cookie.reveal().as_bytes()));
    let body = Json(LoggedIn { name, token: None, csrf, expires });
    with_cookie(body.into_response(), &start_cookie(&cookie, SESSION, secure))
}

/// Reads a request to log out.
pub(super) fn read_logout(given: &mut Given<'_>) -> Result<Subject, ApiError> {
    given.carried.insert(given.secure);
    Ok(Subject::named(given, "logout"))
}

/// Logs the caller out: the session, or the API token that the request brings, ends.
#[utoipa::path(
    post,
    path = path::LOGOUT,
    responses((status = 204, description = "Logged out"), LoggingOut)
)]
pub(super) async fn logout(
    principal: Principal,
    State(api): State<Api>,
    Carried(secure): Carried<Secure>,
) -> Result<Response, ApiError> {
    match principal.credential() {
        Credential::Session { cookie, .. } => {
            api.store.delete_session(*cookie).await?;
            with_cookie(StatusCode::NO_CONTENT.into_response(), &end_cookie(secure))
        }
        Credential::ApiToken { id } => {
            api.store.delete_api_token(principal.name(), id).await?;
            Ok(StatusCode::NO_CONTENT.into_response())
        }
        Credential::TokenFile => Err(ApiError::Conflict(
            "the token of --token-file stays good until its file changes and the controller gets \
             SIGHUP"
                .to_owned(),
        )),
    }
}

/// Shows the caller's own account.
#[utoipa::path(
    get,
    path = path::ME,
    responses((status = 200, description = "The account", body = Me))
)]
pub(super) async fn me(principal: Principal) -> Result<Json<Me>, ApiError> {
    let csrf = match principal.credential() {
        Credential::Session { csrf, .. } => Some(csrf.clone()),
        Credential::TokenFile | Credential::ApiToken { .. } => None,
    };
    Ok(Json(Me {
        name: principal.name().to_owned(),
        by: principal.proof(),
        roles: principal.role_names().to_vec(),
        grants: roles::grants(principal.grants())?,
        csrf,
    }))
}

/// Reads a request for the first operator.
pub(super) fn read_setup(given: &mut Given<'_>) -> Result<Subject, ApiError> {
    let setup: Setup = given.body()?;
    operators::check_name(&setup.name)?;
    Password::check(&setup.password)?;
    attempt(given, None)?;
    Ok(Subject::named(given, "setup").with("operator", &setup.name))
}

/// Creates the first operator, an admin, by the link of the controller's first start.
#[utoipa::path(
    post,
    path = path::SETUP,
    request_body = Setup,
    responses((status = 201, description = "The operator", body = Operator), SettingUp)
)]
pub(super) async fn setup(
    State(api): State<Api>,
    Carried(setup): Carried<Setup>,
) -> Result<Response, ApiError> {
    let Some(digest) = auth::secret_digest(setup.secret.as_bytes()) else {
        return Err(ApiError::SetupClosed);
    };
    let password = api.passwords.hash(Password::new(setup.password)?).await?;
    let operator = OperatorRow {
        name: setup.name,
        password: Some(password),
        roles: vec![FIRST_ROLE.to_owned()],
        disabled: false,
        created_at: audit::now(),
    };
    if !api.store.use_setup(digest, operator.clone(), audit::now()).await? {
        return Err(ApiError::SetupClosed);
    }
    api.schedules.roles_changed();
    log::info!("the first operator is \"{}\"", operator.name);
    Ok(created(&operators::shown(operator)))
}

/// Counts an attempt to log in; a link names nobody.
///
/// # Errors
/// When too many have failed.
pub(super) fn attempt(given: &Given<'_>, name: Option<&str>) -> Result<(), ApiError> {
    if given.api.attempts.begin(name, given.address, Instant::now()) {
        Ok(())
    } else {
        Err(ApiError::TooManyLogins)
    }
}

fn with_cookie(mut response: Response, cookie: &str) -> Result<Response, ApiError> {
    let value = HeaderValue::from_str(cookie).map_err(|_| ApiError::Internal)?;
    response.headers_mut().insert(header::SET_COOKIE, value);
    Ok(response)
}
