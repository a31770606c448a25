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
use controller_api::{ApiTokenList, CreatedApiToken, NewApiToken, OperatorChange, PageQuery, path};

/// API tokens that the page lists.
const TOKENS: usize = 200;

pub(crate) fn page() -> Page {
    Page {
        section: None,
        routes: Router::new()
            .route("/me", get(show))
            .route("/me/password", post(change_password))
            .route("/me/tokens", get(show).post(create_token))
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
        let page = Account { password: Some(problem), ..Account::read(&session).await? };
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

/// Makes an API token. Its secret is in this one answer and nowhere else, so no other page can show
/// it.
async fn create_token(session: Session, form: Form) -> Result<Response, Failure> {
    let typed = NewToken {
        name: form.get("name").trim().to_owned(),
        days: form.get("days").trim().to_owned(),
        ..NewToken::default()
    };
    let again = async |status, days: bool, problem: String| {
        let problem = Some(problem);
        let new = if days {
            NewToken { days_problem: problem, ..typed.clone() }
        } else {
            NewToken { name_problem: problem, ..typed.clone() }
        };
        html_with(status, &Account { new, ..Account::read(&session).await? })
    };
    let Ok(days) = form.some("days").map(str::parse).transpose() else {
        let problem = "Use a whole number of days from 1 to 3650, or none.".to_owned();
        return again(StatusCode::BAD_REQUEST, true, problem).await;
    };
    let new = NewApiToken { name: typed.name.clone(), days };
    let path = path::operator_tokens(&session.me.name);
    match session.api.create::<CreatedApiToken>(&path, &new, form.csrf(), None).await {
        Ok(created) => {
            html(&Account { secret: Some(created.secret), ..Account::read(&session).await? })
        }
        Err(failure) if failure.is_of_form() => {
            let problem = failure.sentence();
            again(failure.status, problem.starts_with("Days"), problem).await
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
    /// The problem of a new password.
    password: Option<String>,
    new: NewToken,
    /// The secret of a token that was just made.
    secret: Option<String>,
}

/// The fields of a new token as somebody typed them, with their problems.
#[derive(Clone, Default)]
struct NewToken {
    name: String,
    days: String,
    name_problem: Option<String>,
    days_problem: Option<String>,
}

struct Token {
    id: String,
    name: String,
    created: Option<Moment>,
    expires: Option<Moment>,
    last_used: Option<Moment>,
}

impl Account {
    async fn read(session: &Session) -> Result<Self, Failure> {
        let query = PageQuery { limit: Some(TOKENS), after: None };
        let path = path::operator_tokens(&session.me.name);
        let list: ApiTokenList = session.api.query(&path, &query).await?;
        let token = |token: controller_api::ApiToken| Token {
            created: Moment::of(&token.created_at),
            expires: token.expires.as_deref().and_then(Moment::of),
            last_used: token.last_used.as_deref().and_then(Moment::of),
            id: token.id,
            name: token.name,
        };
        Ok(Self {
            frame: session.frame("Your account"),
            roles: session.me.roles.clone(),
            tokens: list.tokens.into_iter().map(token).collect(),
            password: None,
            new: NewToken { days: "90".to_owned(), ..NewToken::default() },
            secret: None,
        })
    }
}
