//! The table of routes, and the router made of it.

use super::document::{self, Described, described};
use super::held::ResponseMemory;
use super::problem::ApiError;
use super::service::Api;
use super::wrong_tokens::WrongTokens;
use super::{hosts, metrics, openapi, probes, requests, results};
use crate::agents::{Permits, Registry};
use crate::auth::{Authenticator, Principal};
use crate::identity::Ca;
use crate::metrics::{Metrics, Routes};
use crate::stop::Stop;
use crate::store::Store;
use axum::Router;
use axum::extract::{Request, State};
use axum::handler::Handler;
use axum::http::Method;
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use axum::routing::{MethodFilter, MethodRouter, on};
use controller_api::path;
use std::sync::Arc;
use std::time::Instant;

/// One route of the API.
pub(super) struct Route {
    #[cfg_attr(
        not(test),
        expect(dead_code, reason = "the handler knows it; tests walk the table")
    )]
    pub(super) method: Method,
    pub(super) path: &'static str,
    handler: MethodRouter<Api>,
    /// What the OpenAPI document says about it.
    pub(super) described: Described,
    /// Whether it needs no token.
    pub(super) open: bool,
}

impl Route {
    /// Makes a route that only a caller with a valid token gets to.
    fn new<H, T>(method: Method, path: &'static str, handler: H, described: Described) -> Self
    where
        H: Handler<T, Api>,
        T: TakesPrincipal + 'static,
    {
        Self { open: false, ..Self::open(method, path, handler, described) }
    }

    /// Makes a route for everybody.
    fn open<H, T>(method: Method, path: &'static str, handler: H, described: Described) -> Self
    where
        H: Handler<T, Api>,
        T: 'static,
    {
        let filter = MethodFilter::try_from(method.clone()).expect("a standard method");
        Self { method, path, handler: on(filter, handler), described, open: true }
    }
}

/// Makes a [`Route`] of a handler and its description; a handler without one does not compile.
macro_rules! route {
    ($method:ident, $path:expr, $handler:path) => {
        Route::new(Method::$method, $path, $handler, described!($handler))
    };
    (open $method:ident, $path:expr, $handler:path) => {
        Route::open(Method::$method, $path, $handler, described!($handler))
    };
}

/// The argument lists that start with a [`Principal`]. Arguments are extracted in order, so such a
/// handler does nothing, and reveals nothing, for a caller without a valid token. Every handler
/// must have one of these lists, or [`Route::new`] does not compile.
trait TakesPrincipal {}
impl<Via> TakesPrincipal for (Via, Principal) {}
impl<Via, A> TakesPrincipal for (Via, Principal, A) {}
impl<Via, A, B> TakesPrincipal for (Via, Principal, A, B) {}
impl<Via, A, B, C> TakesPrincipal for (Via, Principal, A, B, C) {}

/// Returns every route.
pub(super) fn routes() -> Vec<Route> {
    vec![
        route!(GET, path::HOSTS, hosts::list),
        route!(GET, path::HOST, hosts::show),
        route!(POST, path::REQUESTS, requests::ask),
        route!(GET, path::RESULTS, results::page),
        route!(GET, path::RESULT, results::one),
        route!(GET, path::OPENAPI, openapi::show),
        route!(GET, path::METRICS, metrics::show),
        // What a monitor asks holds no secret, and a monitor should hold none either.
        route!(open GET, path::HEALTH, probes::health),
        route!(open GET, path::READY, probes::ready),
    ]
}

/// What the router is made of.
pub(crate) struct Parts {
    /// The connected hosts.
    pub(crate) registry: Arc<Registry>,
    /// The controller's records.
    pub(crate) store: Arc<dyn Store>,
    /// The controller's own CA.
    pub(crate) ca: Arc<Ca>,
    /// Who may ask.
    pub(crate) authenticator: Arc<Authenticator>,
    /// Connections of agents that are not sessions yet.
    pub(crate) permits: Permits,
    /// What is counted.
    pub(crate) metrics: Arc<Metrics>,
    /// Ends waits for results.
    pub(crate) stop: Stop,
}

/// Makes the router. Without a valid token it does not even reveal which paths exist, except those
/// of the probes.
pub(crate) fn router(parts: Parts) -> Router {
    let routes = routes();
    let ids = routes.iter().map(|route| route.described.id().to_owned());
    let Parts { registry, store, ca, authenticator, permits, metrics, stop } = parts;
    let api = Api {
        registry,
        store,
        ca,
        authenticator,
        wrong_tokens: Arc::new(WrongTokens::default()),
        memory: ResponseMemory::new(),
        stop,
        permits,
        metrics,
        routes: Arc::new(Routes::new(ids)),
        document: document::text(&routes).into(),
    };
    let counts = Arc::clone(&api.routes);
    routes
        .into_iter()
        .enumerate()
        .fold(Router::new(), |router, (index, route)| {
            let state = (Arc::clone(&counts), index);
            let counted = route.handler.layer(from_fn_with_state(state, count));
            router.route(route.path, counted)
        })
        .fallback(async |_: Principal| ApiError::UnknownPath)
        .method_not_allowed_fallback(async |_: Principal| ApiError::MethodNotAllowed)
        .with_state(api)
}

/// Counts a request to the route with this index, and its answer.
async fn count(
    State((counts, route)): State<(Arc<Routes>, usize)>,
    request: Request,
    next: Next,
) -> Response {
    let since = Instant::now();
    let response = next.run(request).await;
    counts.answered(route, response.status().as_u16(), since);
    response
}

#[cfg(test)]
mod tests;
