//! One operator: roles, password, access, and API tokens.

use super::operators::{RoleBox, page_of, role_boxes};
use crate::api::Failure;
use crate::form::Form;
use crate::page::{Frame, done, html, html_with, with_query};
use crate::session::Session;
use crate::units::Moment;
use askama::Template;
use axum::extract::Path;
use axum::http::{Method, StatusCode};
use axum::response::Response;
use controller_api::{
    ApiToken, ApiTokenList, CreatedApiToken, NewApiToken, Operator, OperatorChange, PageQuery, path,
};
use fleet::Action;

/// API tokens that the page lists.
const TOKENS: usize = 200;

pub(super) async fn show(session: Session, Path(name): Path<String>) -> Result<Response, Failure> {
    html(&OperatorPage::read(&session, &name, Outcome::default()).await?)
}

pub(super) async fn set_roles(
    session: Session,
    Path(name): Path<String>,
    form: Form,
) -> Result<Response, Failure> {
    let roles = Some(form.all("role").map(str::to_owned).collect());
    let change = OperatorChange { roles, ..OperatorChange::default() };
    let ended = changed(&session, &name, &change, &form, "roles-set").await;
    shown(&session, &name, ended, |problem| Outcome { roles: Some(problem), ..Outcome::default() })
        .await
}

pub(super) async fn set_password(
    session: Session,
    Path(name): Path<String>,
    form: Form,
) -> Result<Response, Failure> {
    let password = Some(form.get("password").to_owned());
    let change = OperatorChange { password, ..OperatorChange::default() };
    let ended = changed(&session, &name, &change, &form, "password-set").await;
    shown(&session, &name, ended, |problem| Outcome {
        password: Some(problem),
        ..Outcome::default()
    })
    .await
}

pub(super) async fn set_access(
    session: Session,
    Path(name): Path<String>,
    form: Form,
) -> Result<Response, Failure> {
    let disabled = form.get("access") == "disable";
    let change = OperatorChange { disabled: Some(disabled), ..OperatorChange::default() };
    let key = if disabled { "disabled" } else { "enabled" };
    let ended = changed(&session, &name, &change, &form, key).await;
    shown(&session, &name, ended, |problem| Outcome { access: Some(problem), ..Outcome::default() })
        .await
}

pub(super) async fn end_sessions(
    session: Session,
    Path(name): Path<String>,
    form: Form,
) -> Result<Response, Failure> {
    let path = path::operator_sessions(&name);
    session.api.act(Method::DELETE, &path, &(), form.csrf()).await?;
    Ok(done(&page_of(&name), "sessions-ended"))
}

pub(super) async fn remove(
    session: Session,
    Path(name): Path<String>,
    form: Form,
) -> Result<Response, Failure> {
    let ended = session.api.act(Method::DELETE, &path::operator(&name), &(), form.csrf()).await;
    let ended = ended.map(|()| done("/people", "operator-removed"));
    shown(&session, &name, ended, |problem| Outcome { access: Some(problem), ..Outcome::default() })
        .await
}

pub(super) async fn create_token(
    session: Session,
    Path(name): Path<String>,
    form: Form,
) -> Result<Response, Failure> {
    let again = |problem| Outcome { token: Some(problem), ..Outcome::default() };
    let Ok(days) = form.some("days").map(str::parse).transpose() else {
        let outcome = again("The days are a whole number from 1 to 3650.".to_owned());
        let page = OperatorPage::read(&session, &name, outcome).await?;
        return html_with(StatusCode::BAD_REQUEST, &page);
    };
    let new = NewApiToken { name: form.get("name").trim().to_owned(), days };
    let created = session
        .api
        .create::<CreatedApiToken>(&path::operator_tokens(&name), &new, form.csrf(), None)
        .await;
    match created {
        // The secret is in this one answer and nowhere else, so no other page can show it.
        Ok(created) => {
            let outcome = Outcome { secret: Some(created.secret), ..Outcome::default() };
            html(&OperatorPage::read(&session, &name, outcome).await?)
        }
        Err(failure) => shown(&session, &name, Err(failure), again).await,
    }
}

pub(super) async fn revoke_token(
    session: Session,
    Path((name, token)): Path<(String, String)>,
    form: Form,
) -> Result<Response, Failure> {
    let path = path::operator_token(&name, &token);
    session.api.act(Method::DELETE, &path, &(), form.csrf()).await?;
    Ok(done(&page_of(&name), "token-revoked"))
}

async fn changed(
    session: &Session,
    name: &str,
    change: &OperatorChange,
    form: &Form,
    key: &str,
) -> Result<Response, Failure> {
    session.api.act(Method::PATCH, &path::operator(name), change, form.csrf()).await?;
    Ok(done(&page_of(name), key))
}

/// Ends a form; a problem of its fields is shown beside them.
async fn shown(
    session: &Session,
    name: &str,
    ended: Result<Response, Failure>,
    outcome: impl FnOnce(String) -> Outcome,
) -> Result<Response, Failure> {
    match ended {
        Err(failure) if failure.is_of_form() => {
            let page = OperatorPage::read(session, name, outcome(failure.sentence())).await?;
            html_with(failure.status, &page)
        }
        other => other,
    }
}

/// What a form of the page came to.
#[derive(Default)]
struct Outcome {
    roles: Option<String>,
    password: Option<String>,
    access: Option<String>,
    token: Option<String>,
    /// The secret of a new API token.
    secret: Option<String>,
}

#[derive(Template)]
#[template(path = "people/operator.html")]
struct OperatorPage {
    frame: Frame,
    name: String,
    address: String,
    /// The operator's events.
    events: String,
    created: Option<Moment>,
    disabled: bool,
    has_password: bool,
    role_names: Vec<String>,
    roles: Vec<RoleBox>,
    tokens: Vec<Token>,
    may_manage: bool,
    is_me: bool,
    outcome: Outcome,
}

struct Token {
    id: String,
    name: String,
    created: Option<Moment>,
    expires: Option<Moment>,
    last_used: Option<Moment>,
    revoke: String,
}

impl OperatorPage {
    async fn read(session: &Session, name: &str, outcome: Outcome) -> Result<Self, Failure> {
        let operator: Operator = session.api.get(&path::operator(name)).await?;
        let query = PageQuery { limit: Some(TOKENS), after: None };
        let tokens: ApiTokenList = session.api.query(&path::operator_tokens(name), &query).await?;
        let may_manage = session.may(Action::OperatorsManage);
        let roles =
            if may_manage { role_boxes(session, &operator.roles).await? } else { Vec::new() };
        Ok(Self {
            frame: session.frame(operator.name.clone()),
            address: page_of(&operator.name),
            events: with_query("/audit", "actor", &operator.name),
            created: Moment::of(&operator.created_at),
            disabled: operator.disabled,
            has_password: operator.has_password,
            roles,
            role_names: operator.roles,
            tokens: tokens.tokens.into_iter().map(|token| Token::of(name, token)).collect(),
            may_manage,
            is_me: operator.name == session.me.name,
            name: operator.name,
            outcome,
        })
    }
}

impl Token {
    fn of(operator: &str, token: ApiToken) -> Self {
        Self {
            revoke: format!("{}/tokens/{}/revoke", page_of(operator), path::segment(&token.id)),
            id: token.id,
            name: token.name,
            created: Moment::of(&token.created_at),
            expires: token.expires.as_deref().and_then(Moment::of),
            last_used: token.last_used.as_deref().and_then(Moment::of),
        }
    }
}
