//! The operator's own account: roles, password, API tokens, and the end of sessions.

use crate::api::Failure;
use crate::form::Form;
use crate::login::with_cookies;
use crate::page::{Frame, Page, done, html, html_with, see};
use crate::session::Session;
use crate::units::Moment;
use askama::Template;
use axum::Router;
use axum::extract::Path;
use axum::http::{Method, StatusCode};
use axum::response::Response;
use axum::routing::{get, post};
use controller_api::{ApiTokenList, OperatorChange, path};

pub(crate) fn page() -> Page {
    Page {
        section: None,
        routes: Router::new()
            .route("/me", get(show))
            .route("/me/password", post(change_password))
            .route("/me/tokens/{id}/revoke", post(revoke_token))
            .route("/me/sessions/end", post(end_sessions))
            .route("/logout", post(log_out)),
        notices: &[("token-revoked", "The API token is revoked.")],
    }
}

async fn show(session: Session) -> Result<Response, Failure> {
    html(&Account::read(&session).await?)
}

async fn change_password(session: Session, form: Form) -> Result<Response, Failure> {
    let again = async |status, problem: String| {
        let page = Account { problem: Some(problem), ..Account::read(&session).await? };
        html_with(status, &page)
    };
    if form.get("password") != form.get("again") {
        let problem = "The two passwords differ. Type the new one twice.".to_owned();
        return again(StatusCode::BAD_REQUEST, problem).await;
    }
    let password = Some(form.get("password").to_owned());
    let change = OperatorChange { password, ..OperatorChange::default() };
    let path = path::operator(&session.me.name);
    match session.api.act(Method::PATCH, &path, &change, form.csrf()).await {
        // The change has ended every session, this one too.
        Ok(()) => Ok(see("/login")),
        Err(failure) if failure.status == StatusCode::BAD_REQUEST => {
            again(failure.status, failure.sentence()).await
        }
        Err(failure) => Err(failure),
    }
}

async fn revoke_token(
    session: Session,
    Path(id): Path<String>,
    form: Form,
) -> Result<Response, Failure> {
    let path = path::operator_token(&session.me.name, &id);
    session.api.act(Method::DELETE, &path, &(), form.csrf()).await?;
    Ok(done("/me", "token-revoked"))
}

/// Logs the operator out in every browser, this one too.
async fn end_sessions(session: Session, form: Form) -> Result<Response, Failure> {
    let path = path::operator_sessions(&session.me.name);
    session.api.act(Method::DELETE, &path, &(), form.csrf()).await?;
    Ok(see("/login"))
}

async fn log_out(session: Session, form: Form) -> Result<Response, Failure> {
    let answer = session.api.post(Method::POST, path::LOGOUT, &(), form.csrf(), None).await?;
    Ok(with_cookies(see("/login"), &answer))
}

#[derive(Template)]
#[template(path = "account/account.html")]
struct Account {
    frame: Frame,
    roles: Vec<String>,
    tokens: Vec<Token>,
    problem: Option<String>,
}

struct Token {
    id: String,
    name: String,
    expires: Option<Moment>,
    last_used: Option<Moment>,
}

impl Account {
    async fn read(session: &Session) -> Result<Self, Failure> {
        let list: ApiTokenList = session.api.get(&path::operator_tokens(&session.me.name)).await?;
        let token = |token: controller_api::ApiToken| Token {
            expires: token.expires.as_deref().and_then(Moment::of),
            last_used: token.last_used.as_deref().and_then(Moment::of),
            id: token.id,
            name: token.name,
        };
        Ok(Self {
            frame: session.frame("Your account"),
            roles: session.me.roles.clone(),
            tokens: list.tokens.into_iter().map(token).collect(),
            problem: None,
        })
    }
}
