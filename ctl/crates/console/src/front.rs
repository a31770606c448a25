//! The way of every request: to the API, to what needs no session, or to a page with one.

use crate::api::{Caller, Failure};
use crate::page::{Frame, Page, Section, html_with, see};
use crate::session::Session;
use crate::theme::Theme;
use crate::{assets, login, security, theme};
use askama::Template;
use axum::Router;
use axum::extract::{DefaultBodyLimit, Request};
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse as _, Response};
use controller_api::{Me, ProblemKind, path};
use std::sync::Arc;
use tower_service::Service as _;

/// The most bytes of a form.
const MAX_FORM: usize = 1 << 20;

/// What every request goes through.
#[derive(Clone)]
struct Front {
    api: Router,
    /// What needs no session.
    open: Router,
    /// What needs one.
    pages: Router,
    sections: Arc<[Section]>,
    notices: Arc<[(&'static str, &'static str)]>,
}

/// Makes the router of the API and the pages.
pub(crate) fn router(api: Router, pages: Vec<Page>) -> Router {
    let mut front = Front {
        api,
        open: Router::new()
            .merge(assets::routes())
            .merge(login::routes())
            .merge(theme::routes())
            .layer(DefaultBodyLimit::max(MAX_FORM)),
        pages: Router::new(),
        sections: pages.iter().filter_map(|page| page.section).collect(),
        notices: pages.iter().flat_map(|page| page.notices).copied().collect(),
    };
    for page in pages {
        front.pages = front.pages.merge(page.routes);
    }
    front.pages = front
        .pages
        .fallback(async || Failure::new(ProblemKind::UnknownPath, "there is no such page"))
        .method_not_allowed_fallback(async || {
            Failure::new(ProblemKind::MethodNotAllowed, "this page takes no such request")
        })
        .layer(DefaultBodyLimit::max(MAX_FORM));
    // Nothing is routed before: what the server knows of the connection is all that a request brings
    // to the API, and no segment of a page's path.
    Router::new().fallback(move |request: Request| front.clone().answer(request))
}

/// Returns whether a path is the API's.
fn is_api(path: &str) -> bool {
    path.starts_with("/api/") || matches!(path, path::METRICS | path::HEALTH | path::READY)
}

/// Returns whether a page needs no session.
fn is_open(path: &str) -> bool {
    path.starts_with("/assets/")
        || matches!(path, "/favicon.ico" | "/login" | "/login/link" | "/setup" | "/theme")
}

impl Front {
    async fn answer(mut self, mut request: Request) -> Response {
        let path = request.uri().path();
        if is_api(path) {
            let Ok(response) = self.api.call(request).await;
            return response;
        }
        let mut response = if request.method() != Method::GET
            && request.method() != Method::HEAD
            && security::is_foreign(request.headers())
        {
            self.problem(
                None,
                Theme::of(request.headers()),
                &Failure::new(
                    ProblemKind::Forbidden,
                    "another site has sent this form; nothing was done",
                ),
            )
        } else {
            let caller =
                Caller::of(self.api.clone(), request.headers(), request.extensions().clone());
            if is_open(path) {
                let theme = Theme::of(request.headers());
                request.extensions_mut().insert(caller);
                request.extensions_mut().insert(theme);
                let Ok(response) = self.open.call(request).await;
                self.drawn(None, theme, response)
            } else {
                self.page(caller, request).await
            }
        };
        security::protect(&mut response);
        response
    }

    async fn page(&mut self, api: Caller, mut request: Request) -> Response {
        let theme = Theme::of(request.headers());
        let here = request.uri().path_and_query().map_or("/", |here| here.as_str()).to_owned();
        let me: Me = match api.get(path::ME).await {
            Ok(me) => me,
            Err(failure) if failure.status == StatusCode::UNAUTHORIZED => {
                return if request.method() == Method::GET && security::is_linked(request.headers())
                {
                    login::come_in(&here)
                } else {
                    login::ask(if request.method() == Method::GET { &here } else { "/" })
                };
            }
            Err(failure) => return self.problem(None, theme, &failure),
        };
        let session = Session {
            api,
            me: Arc::new(me),
            notice: self.notice(request.uri().query()),
            here,
            theme,
            sections: Arc::clone(&self.sections),
        };
        if request.uri().path() == "/" && !self.sections.iter().any(|section| section.path == "/") {
            let first = self.sections.iter().find(|section| session.offers(section));
            return see(first.map_or("/me", |section| section.path));
        }
        request.extensions_mut().insert(session.clone());
        let Ok(response) = self.pages.call(request).await;
        self.drawn(Some(&session), theme, response)
    }

    fn notice(&self, query: Option<&str>) -> Option<&'static str> {
        let key = query?.split('&').find_map(|pair| pair.strip_prefix("done="))?;
        self.notices.iter().find(|(name, _)| *name == key).map(|(_, text)| *text)
    }

    /// Draws a failure as a page; everything else is a page already.
    fn drawn(&self, session: Option<&Session>, theme: Theme, mut response: Response) -> Response {
        match response.extensions_mut().remove::<Failure>() {
            // The session ended while the page was made.
            Some(failure) if failure.kind() == Some(ProblemKind::Unauthorized) => {
                login::ask(session.map_or("/", |session| &session.here))
            }
            Some(failure) => self.problem(session, theme, &failure),
            None => response,
        }
    }

    fn problem(&self, session: Option<&Session>, theme: Theme, failure: &Failure) -> Response {
        let (title, advice) = advice(failure);
        let status = failure.status;
        let detail = failure.sentence();
        let drawn = match session {
            Some(session) => {
                let frame = session.frame(title);
                html_with(status, &ProblemPage { frame, title, detail, advice })
            }
            None => html_with(status, &BareProblem { theme, title, detail, advice }),
        };
        drawn.unwrap_or_else(|_| {
            (StatusCode::INTERNAL_SERVER_ERROR, "The page cannot be drawn.").into_response()
        })
    }
}

/// Returns a title for people, and what they can do.
fn advice(failure: &Failure) -> (&'static str, &'static str) {
    match failure.status.as_u16() {
        403 if failure.kind() == Some(ProblemKind::CsrfRequired) => {
            ("This form is out of date", "Go back, reload the page, and send the form again.")
        }
        403 => (
            "Not allowed",
            "Your roles do not allow this. Somebody who manages operators can give you a role that \
             does.",
        ),
        404 => (
            "Not found",
            "It may have been removed, or the address may be wrong. Start from the list.",
        ),
        405 | 400 | 422 => ("This request cannot be read", "Go back and try it once more."),
        409 => ("This is not possible now", "Look at the present state, then try it once more."),
        413 => ("This is too large", "Send less at once."),
        429 => ("Too many requests", "Wait a moment, then reload the page."),
        503 => ("The controller is busy or not ready", "Wait a moment, then reload the page."),
        _ => (
            "The controller failed",
            "Its log says more. Reload the page; if that does not help, look at the log.",
        ),
    }
}

#[derive(Template)]
#[template(path = "problem.html")]
struct ProblemPage {
    frame: Frame,
    title: &'static str,
    detail: String,
    advice: &'static str,
}

#[derive(Template)]
#[template(path = "problem_bare.html")]
struct BareProblem {
    theme: Theme,
    title: &'static str,
    detail: String,
    advice: &'static str,
}
