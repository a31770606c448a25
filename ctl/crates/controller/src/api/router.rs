//! The table of routes, and the router made of it.

use super::held::ResponseMemory;
use super::problem::ApiError;
use super::service::Api;
use super::wrong_tokens::WrongTokens;
use super::{hosts, probes, requests, results};
use crate::agents::Registry;
use crate::auth::{Authenticator, Principal};
use crate::stop::Stop;
use crate::store::Store;
use axum::Router;
use axum::handler::Handler;
use axum::http::Method;
use axum::routing::{MethodFilter, MethodRouter, get, on};
use controller_api::path;
use std::sync::Arc;

/// One route of the API.
struct Route {
    #[cfg_attr(
        not(test),
        expect(dead_code, reason = "the handler knows it; tests walk the table")
    )]
    method: Method,
    path: &'static str,
    handler: MethodRouter<Api>,
}

impl Route {
    fn new<H, T>(method: Method, path: &'static str, handler: H) -> Self
    where
        H: Handler<T, Api>,
        T: TakesPrincipal + 'static,
    {
        let filter = MethodFilter::try_from(method.clone()).expect("a standard method");
        Self { method, path, handler: on(filter, handler) }
    }
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
fn routes() -> Vec<Route> {
    vec![
        Route::new(Method::GET, path::HOSTS, hosts::list),
        Route::new(Method::GET, path::HOST, hosts::show),
        Route::new(Method::POST, path::REQUESTS, requests::ask),
        Route::new(Method::GET, path::RESULTS, results::page),
        Route::new(Method::GET, path::RESULT, results::one),
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
    let api = Api { registry, store, authenticator, wrong_tokens, memory, stop };
    routes()
        .into_iter()
        .fold(Router::new(), |router, route| router.route(route.path, route.handler))
        // What a monitor asks holds no secret, and a monitor should hold none either.
        .route(path::HEALTH, get(probes::health))
        .route(path::READY, get(probes::ready))
        .fallback(async |_: Principal| ApiError::UnknownPath)
        .method_not_allowed_fallback(async |_: Principal| ApiError::MethodNotAllowed)
        .with_state(api)
}

#[cfg(test)]
mod tests;
