//! The router, made of the table of [`routes`].

mod routes;

use super::document;
use super::gate;
use super::held::ResponseMemory;
use super::problem::{ApiError, Problematic};
use super::service::Api;
use super::streams::Streams;
use super::wrong_tokens::WrongTokens;
use crate::about::About;
use crate::agents::{Permits, Registry};
use crate::audit::{Audit, Work};
use crate::auth::{Authenticator, Passwords, Principal};
use crate::bus::Bus;
use crate::facts::Collector;
use crate::identity::{Ca, Identity};
use crate::joining::Joining;
use crate::metrics::{LoginFailure, Metrics, Routes};
use crate::runs::Handle;
use crate::schedules::{Forecaster, Schedules};
use crate::stop::Stop;
use crate::store::Store;
use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use controller_api::ProblemKind;
pub(super) use routes::{Route, routes};
use std::sync::Arc;
use std::time::Instant;

/// What the router is made of.
pub(crate) struct Parts {
    /// The connected hosts.
    pub(crate) registry: Arc<Registry>,
    /// The controller's records.
    pub(crate) store: Arc<dyn Store>,
    /// Asks hosts for facts.
    pub(crate) collector: Collector,
    /// The controller's own CA.
    pub(crate) ca: Arc<Ca>,
    /// Who is a host.
    pub(crate) identity: Arc<Identity>,
    /// Who may ask.
    pub(crate) authenticator: Arc<Authenticator>,
    /// The runs on their way.
    pub(crate) runs: Handle,
    /// The schedules, kept true on hosts.
    pub(crate) schedules: Schedules,
    /// Work that outlives its client.
    pub(crate) work: Work,
    /// How hosts join.
    pub(crate) joining: Joining,
    /// Connections of agents that are not sessions yet.
    pub(crate) permits: Permits,
    /// Connections of clients, at most.
    pub(crate) clients: usize,
    /// What is counted.
    pub(crate) metrics: Arc<Metrics>,
    /// The bus between the nodes, where there are any.
    pub(crate) bus: Option<Arc<dyn Bus>>,
    /// What is said of this process.
    pub(crate) about: About,
    /// Ends waits for results.
    pub(crate) stop: Stop,
}

/// Makes the router. Without a valid token it does not even reveal which paths exist, except those
/// of the probes.
pub(crate) fn router(parts: Parts) -> Router {
    let routes = routes();
    let ids = routes.iter().map(|route| route.described.id().to_owned());
    let Parts {
        registry,
        store,
        collector,
        ca,
        identity,
        authenticator,
        runs,
        schedules,
        work,
        joining,
        permits,
        clients,
        metrics,
        bus,
        about,
        stop,
    } = parts;
    let audit = Audit::new(Arc::clone(&store), work.clone());
    let api = Api {
        registry,
        store,
        collector,
        searches: Arc::default(),
        ca,
        identity,
        authenticator,
        schedules,
        forecaster: Arc::new(Forecaster::default()),
        forecasts: Arc::default(),
        wrong_tokens: Arc::new(WrongTokens::default()),
        memory: ResponseMemory::new(),
        streams: Arc::new(Streams::new(clients)),
        audit,
        runs,
        work,
        passwords: Passwords::new(),
        attempts: Arc::default(),
        joining: Arc::new(joining),
        stop,
        permits,
        metrics,
        bus,
        about: Arc::new(about),
        routes: Arc::new(Routes::new(ids)),
        document: document::text(&routes).into(),
    };
    routes
        .into_iter()
        .enumerate()
        .fold(Router::new(), |router, (index, route)| {
            let state = (api.clone(), index);
            let gate = from_fn_with_state((api.clone(), route.rule), gate::pass);
            let counted = route.handler.layer(gate).layer(from_fn_with_state(state, count));
            router.route(route.path, counted)
        })
        .fallback(async |_: Principal| ApiError::UnknownPath)
        .method_not_allowed_fallback(async |_: Principal| ApiError::MethodNotAllowed)
        .with_state(api)
}

/// Counts a request to the route with this index, and its answer.
async fn count(State((api, route)): State<(Api, usize)>, request: Request, next: Next) -> Response {
    let since = Instant::now();
    let response = next.run(request).await;
    api.routes.answered(route, response.status().as_u16(), since);
    let kind = response.extensions().get::<Problematic>().and_then(|problem| problem.kind);
    if let Some(failure) = kind.and_then(login_failure) {
        api.metrics.login_failures.add_one(failure);
    }
    response
}

/// Returns what a problem of a log-in, or of a request's token, counts as.
fn login_failure(kind: ProblemKind) -> Option<LoginFailure> {
    match kind {
        ProblemKind::Unauthorized | ProblemKind::TooManyWrongTokens => Some(LoginFailure::Token),
        ProblemKind::WrongPassword | ProblemKind::SetupClosed => Some(LoginFailure::Password),
        ProblemKind::TooManyLogins => Some(LoginFailure::TooMany),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
