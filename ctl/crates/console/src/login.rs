//! The pages of somebody who is not logged in yet: the log-in, the first operator, and the way in
//! from another site's link.

use crate::api::{Caller, Failure};
use crate::form::Form;
use crate::page::{html, html_with, see};
use crate::security::own_path;
use crate::theme::Theme;
use askama::Template;
use axum::extract::RawQuery;
use axum::http::{Method, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use axum::{Extension, Router};
use controller_api::{LinkLogin, Login, Operator, ProblemKind, Setup, path};

/// Returns the routes.
pub(crate) fn routes() -> Router {
    Router::new()
        .route("/login", get(show).post(log_in))
        .route("/login/link", post(log_in_by_link))
        .route("/setup", get(show_setup).post(set_up))
}

/// Sends the browser to the log-in page, from which it comes back.
pub(crate) fn ask(here: &str) -> Response {
    match own_path(here) {
        None | Some("/") => see("/login"),
        Some(here) => see(&format!("/login?next={}", path::segment(here))),
    }
}

/// Draws a page that goes on to the same address from our own origin, which the browser sends its
/// cookie to.
pub(crate) fn come_in(here: &str) -> Response {
    let here = own_path(here).unwrap_or("/").to_owned();
    match html(&ComeIn { here }) {
        Ok(page) => page,
        Err(failure) => failure.into_response(),
    }
}

async fn show(
    RawQuery(query): RawQuery,
    Extension(theme): Extension<Theme>,
) -> Result<Response, Failure> {
    let query = Form::of_query(query.as_deref());
    match query.some("as") {
        Some(name) => html(&LinkPage { theme, name: name.to_owned(), problem: None }),
        None => html(&LoginPage::new(theme, query.get("next"))),
    }
}

/// Logs in by a link. It takes a button's form, so that whatever looks at links does not use it up.
async fn log_in_by_link(
    Extension(caller): Extension<Caller>,
    Extension(theme): Extension<Theme>,
    form: Form,
) -> Result<Response, Failure> {
    let link = LinkLogin { secret: secret_of(&form) };
    match caller.post(Method::POST, path::LOGIN_LINK, &link, "", None).await {
        Ok(answer) => Ok(with_cookies(see("/"), &answer)),
        Err(failure) if failure.status.is_client_error() => {
            let (name, problem) = (form.get("as").to_owned(), Some(failure.sentence()));
            html_with(failure.status, &LinkPage { theme, name, problem })
        }
        Err(failure) => Err(failure),
    }
}

/// Returns a link's secret; somebody may have pasted the whole link.
fn secret_of(form: &Form) -> String {
    form.get("secret").trim().rsplit('#').next().unwrap_or_default().to_owned()
}

async fn log_in(
    Extension(caller): Extension<Caller>,
    Extension(theme): Extension<Theme>,
    form: Form,
) -> Result<Response, Failure> {
    let next = own_path(form.get("next")).unwrap_or("/").to_owned();
    let name = form.get("name").trim().to_owned();
    let login = Login {
        name: name.clone(),
        password: form.get("password").to_owned(),
        session: true,
        ..Login::default()
    };
    match caller.post(Method::POST, path::LOGIN, &login, "", None).await {
        Ok(answer) => Ok(with_cookies(see(&next), &answer)),
        Err(failure) if failure.status.is_client_error() => {
            let problem = match failure.kind() {
                Some(ProblemKind::WrongPassword) => {
                    "The name or password is wrong, or the account is disabled.".to_owned()
                }
                _ => failure.sentence(),
            };
            let page = LoginPage { name, problem: Some(problem), ..LoginPage::new(theme, &next) };
            html_with(failure.status, &page)
        }
        Err(failure) => Err(failure),
    }
}

async fn show_setup(Extension(theme): Extension<Theme>) -> Result<Response, Failure> {
    html(&SetupPage { theme, name: String::new(), secret: String::new(), problem: None })
}

async fn set_up(
    Extension(caller): Extension<Caller>,
    Extension(theme): Extension<Theme>,
    form: Form,
) -> Result<Response, Failure> {
    let secret = secret_of(&form);
    let name = form.get("name").trim().to_owned();
    let password = form.get("password").to_owned();
    let again = |status, problem: String| {
        let secret = secret.clone();
        html_with(status, &SetupPage { theme, name: name.clone(), secret, problem: Some(problem) })
    };
    if form.get("password") != form.get("again") {
        let status = axum::http::StatusCode::BAD_REQUEST;
        return again(status, "The two passwords differ.".to_owned());
    }
    let setup = Setup { secret: secret.clone(), name: name.clone(), password: password.clone() };
    let made: Result<Operator, Failure> = caller.send(Method::POST, path::SETUP, &setup, "").await;
    match made {
        Ok(_) => {
            let login = Login { name, password, session: true, ..Login::default() };
            let answer = caller.post(Method::POST, path::LOGIN, &login, "", None).await?;
            Ok(with_cookies(see("/"), &answer))
        }
        Err(failure) if failure.status.is_client_error() => {
            again(failure.status, failure.sentence())
        }
        Err(failure) => Err(failure),
    }
}

/// Passes the API's cookies on to the browser.
pub(crate) fn with_cookies(mut page: Response, answer: &Response) -> Response {
    for cookie in answer.headers().get_all(header::SET_COOKIE) {
        page.headers_mut().append(header::SET_COOKIE, cookie.clone());
    }
    page
}

#[derive(Template)]
#[template(path = "login/login.html")]
struct LoginPage {
    theme: Theme,
    next: String,
    name: String,
    problem: Option<String>,
}

impl LoginPage {
    fn new(theme: Theme, next: &str) -> Self {
        let next = own_path(next).unwrap_or("/").to_owned();
        Self { theme, next, name: String::new(), problem: None }
    }
}

#[derive(Template)]
#[template(path = "login/link.html")]
struct LinkPage {
    theme: Theme,
    name: String,
    problem: Option<String>,
}

#[derive(Template)]
#[template(path = "login/setup.html")]
struct SetupPage {
    theme: Theme,
    name: String,
    secret: String,
    problem: Option<String>,
}

#[derive(Template)]
#[template(path = "login/come_in.html")]
struct ComeIn {
    here: String,
}
