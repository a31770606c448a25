//! Calls the API's router in-process, as the browser whose request a page answers.

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::{Extensions, HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use controller_api::{CSRF_HEADER, IDEMPOTENCY_HEADER, LAST_EVENT_ID, Problem, ProblemKind};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fmt;
use tower_service::Service as _;

/// The most bytes of an answer that a page is made of: a result has two streams of 16 MiB, which may
/// be base64.
const MAX_ANSWER: usize = 48 << 20;

/// Asks the API with what the browser's request brought.
#[derive(Clone)]
pub(crate) struct Caller {
    api: Router,
    /// The browser's cookies.
    cookie: Option<HeaderValue>,
    /// What the server knows of the connection: the peer's address, whether it is HTTPS.
    connection: Extensions,
    /// The last event that the browser knows.
    last: Option<HeaderValue>,
}

impl fmt::Debug for Caller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Caller(…)")
    }
}

impl Caller {
    /// Makes a caller of a browser's request, before anything is routed.
    pub(crate) fn of(api: Router, headers: &HeaderMap, connection: Extensions) -> Self {
        Self { api, cookie: headers.get(header::COOKIE).cloned(), connection, last: None }
    }

    /// Reads something.
    ///
    /// # Errors
    /// When the API answers with a problem.
    pub(crate) async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, Failure> {
        read(self.ask(Method::GET, path, Body::empty(), None, None).await?).await
    }

    /// Reads something with a query.
    ///
    /// # Errors
    /// When the API answers with a problem.
    pub(crate) async fn query<T: DeserializeOwned>(
        &self,
        path: &str,
        query: &impl Serialize,
    ) -> Result<T, Failure> {
        let query = serde_urlencoded::to_string(query)
            .map_err(|error| Failure::internal(&format!("the query for {path}: {error}")))?;
        match query.as_str() {
            "" => self.get(path).await,
            query => self.get(&format!("{path}?{query}")).await,
        }
    }

    /// Changes something, with the CSRF token that the page's form brought.
    ///
    /// # Errors
    /// When the API answers with a problem.
    pub(crate) async fn send<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: &impl Serialize,
        csrf: &str,
    ) -> Result<T, Failure> {
        read(self.post(method, path, body, csrf, None).await?).await
    }

    /// Creates something at most once, however often the form with this key is sent.
    ///
    /// # Errors
    /// When the API answers with a problem.
    pub(crate) async fn create<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl Serialize,
        csrf: &str,
        once: Option<&str>,
    ) -> Result<T, Failure> {
        read(self.post(Method::POST, path, body, csrf, once).await?).await
    }

    /// Changes something that answers with no body, or one that the page does not need.
    ///
    /// # Errors
    /// When the API answers with a problem.
    pub(crate) async fn act(
        &self,
        method: Method,
        path: &str,
        body: &impl Serialize,
        csrf: &str,
    ) -> Result<(), Failure> {
        self.post(method, path, body, csrf, None).await.map(drop)
    }

    /// Changes something, and returns the whole answer.
    ///
    /// # Errors
    /// When the API answers with a problem.
    pub(crate) async fn post(
        &self,
        method: Method,
        path: &str,
        body: &impl Serialize,
        csrf: &str,
        once: Option<&str>,
    ) -> Result<Response, Failure> {
        let body = serde_json::to_string(body)
            .map_err(|error| Failure::internal(&format!("the body for {path}: {error}")))?;
        // `()` is the body of a request without one.
        let body = if body == "null" { Body::empty() } else { Body::from(body) };
        self.ask(method, path, body, Some(csrf), once).await
    }

    /// Opens a stream of events, behind the last one that the browser knows.
    ///
    /// # Errors
    /// When the API answers with a problem.
    pub(crate) async fn stream(&self, path: &str, last: Option<&str>) -> Result<Response, Failure> {
        let mut caller = self.clone();
        caller.last = last.and_then(|last| HeaderValue::from_str(last).ok());
        caller.ask(Method::GET, path, Body::empty(), None, None).await
    }

    async fn ask(
        &self,
        method: Method,
        path: &str,
        body: Body,
        csrf: Option<&str>,
        once: Option<&str>,
    ) -> Result<Response, Failure> {
        let mut request = Request::builder().method(method).uri(path);
        if let Some(cookie) = &self.cookie {
            request = request.header(header::COOKIE, cookie);
        }
        if let Some(csrf) = csrf {
            request =
                request.header(CSRF_HEADER, csrf).header(header::CONTENT_TYPE, "application/json");
        }
        if let Some(once) = once.filter(|once| !once.is_empty()) {
            request = request.header(IDEMPOTENCY_HEADER, once);
        }
        if let Some(last) = &self.last {
            request = request.header(LAST_EVENT_ID, last);
        }
        let mut request = request
            .body(body)
            .map_err(|error| Failure::internal(&format!("a request to {path}: {error}")))?;
        *request.extensions_mut() = self.connection.clone();
        let Ok(response) = self.api.clone().call(request).await;
        if response.status().is_success() {
            return Ok(response);
        }
        Err(Failure::of(response).await)
    }
}

async fn read<T: DeserializeOwned>(response: Response) -> Result<T, Failure> {
    let body = axum::body::to_bytes(response.into_body(), MAX_ANSWER)
        .await
        .map_err(|error| Failure::internal(&format!("the API's answer: {error}")))?;
    let body = if body.is_empty() { b"null" } else { &body[..] };
    serde_json::from_slice(body)
        .map_err(|error| Failure::internal(&format!("the API's answer: {error}")))
}

/// Why a page cannot be shown, or a change was not made: the API's problem.
#[derive(Clone, Debug)]
pub(crate) struct Failure {
    /// The HTTP status.
    pub(crate) status: StatusCode,
    /// What the API says.
    pub(crate) problem: Problem,
}

impl Failure {
    /// Makes a failure of one kind.
    pub(crate) fn new(kind: ProblemKind, detail: impl Into<String>) -> Self {
        let status =
            StatusCode::from_u16(kind.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        Self { status, problem: Problem::new(kind, detail.into()) }
    }

    fn internal(why: &str) -> Self {
        Self::new(ProblemKind::Internal, why)
    }

    async fn of(response: Response) -> Self {
        let status = response.status();
        let body = axum::body::to_bytes(response.into_body(), MAX_ANSWER).await.unwrap_or_default();
        let problem = serde_json::from_slice(&body).unwrap_or_else(|_| {
            Problem::new(ProblemKind::Internal, format!("the API answered {status}"))
        });
        Self { status, problem }
    }

    /// Returns the problem's kind, if this version knows it.
    pub(crate) fn kind(&self) -> Option<ProblemKind> {
        self.problem.kind()
    }

    /// Returns whether the form is to be shown again with the problem.
    pub(crate) fn is_of_form(&self) -> bool {
        matches!(
            self.status,
            StatusCode::BAD_REQUEST | StatusCode::CONFLICT | StatusCode::UNPROCESSABLE_ENTITY
        )
    }

    /// Returns the problem's text as a sentence.
    pub(crate) fn sentence(&self) -> String {
        sentence(&self.problem.detail)
    }
}

/// Makes a sentence of a problem's text.
pub(crate) fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    let Some(first) = letters.next() else { return String::new() };
    let end = if text.ends_with(['.', '!', '?']) { "" } else { "." };
    format!("{}{}{end}", first.to_uppercase(), letters.as_str())
}

impl IntoResponse for Failure {
    /// Makes an answer that `front` draws as a page.
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        response.extensions_mut().insert(self);
        response
    }
}
