//! The table of routes, and the router made of it.

use super::document::{self, Described, described};
use super::held::ResponseMemory;
use super::problem::ApiError;
use super::service::Api;
use super::wrong_tokens::WrongTokens;
use super::{hosts, openapi, probes, requests, results};
use crate::agents::Registry;
use crate::auth::{Authenticator, Principal};
use crate::stop::Stop;
use crate::store::Store;
use axum::Router;
use axum::handler::Handler;
use axum::http::Method;
use axum::routing::{MethodFilter, MethodRouter, on};
use controller_api::path;
use std::sync::Arc;

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
        // What a monitor asks holds no secret, and a monitor should hold none either.
        route!(open GET, path::HEALTH, probes::health),
        route!(open GET, path::READY, probes::ready),
    ]
}

/// Makes the router. Without a valid token it does not even reveal which paths exist, except those
/// of the probes. Waits for results end at `stop`.
pub(crate) fn router(
    registry: Arc<Registry>,
    store: Arc<dyn Store>,
    authenticator: Arc<Authenticator>,
    stop: Stop,
) -> Router {
    let wrong_tokens = Arc::new(WrongTokens::default());
    let memory = ResponseMemory::new();
    let routes = routes();
    let document = document::text(&routes).into();
    let api = Api { registry, store, authenticator, wrong_tokens, memory, stop, document };
    routes
        .into_iter()
        .fold(Router::new(), |router, route| router.route(route.path, route.handler))
        .fallback(async |_: Principal| ApiError::UnknownPath)
        .method_not_allowed_fallback(async |_: Principal| ApiError::MethodNotAllowed)
        .with_state(api)
}

#[cfg(test)]
mod tests;
