//! What every handler uses: the API's services, and a response of JSON text.

use super::held::{ResponseMemory, Share};
use super::problem::ApiError;
use super::schedules::KeptForecasts;
use super::streams::Streams;
use super::wrong_tokens::WrongTokens;
use crate::about::About;
use crate::agents::{Permits, Registry};
use crate::audit::{Audit, Work};
use crate::auth::{Attempts, Authenticator, Passwords};
use crate::bus::Bus;
use crate::facts::{Collector, Searches};
use crate::identity::{Ca, Identity};
use crate::joining::Joining;
use crate::metrics::{Metrics, Routes};
use crate::runs::Handle;
use crate::schedules::{Forecaster, Schedules};
use crate::stop::Stop;
use crate::store::Store;
use axum::body::Body;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::Response;
use serde::Serialize;
use serde_json::{Map, Value};
use std::sync::Arc;

/// The services that handlers use.
#[derive(Clone)]
pub(super) struct Api {
    pub(super) registry: Arc<Registry>,
    pub(super) store: Arc<dyn Store>,
    /// Asks hosts for facts.
    pub(super) collector: Collector,
    /// Answers to questions about facts.
    pub(super) searches: Arc<Searches>,
    pub(super) ca: Arc<Ca>,
    /// Who is a host.
    pub(super) identity: Arc<Identity>,
    pub(super) authenticator: Arc<Authenticator>,
    /// The schedules, kept true on hosts.
    pub(super) schedules: Schedules,
    /// Forecasts, one at a time.
    pub(super) forecaster: Arc<Forecaster>,
    /// Forecasts that were made a short while ago.
    pub(super) forecasts: Arc<KeptForecasts>,
    pub(super) wrong_tokens: Arc<WrongTokens>,
    pub(super) memory: ResponseMemory,
    /// Clients that follow something.
    pub(super) streams: Arc<Streams>,
    /// The audit log.
    pub(super) audit: Audit,
    /// The runs on their way.
    pub(super) runs: Handle,
    /// Work that its client need not wait for.
    pub(super) work: Work,
    pub(super) passwords: Passwords,
    /// Log-ins that failed.
    pub(super) attempts: Arc<Attempts>,
    /// How hosts join.
    pub(super) joining: Arc<Joining>,
    pub(super) stop: Stop,
    /// Connections of agents that are not sessions yet.
    pub(super) permits: Permits,
    /// What is counted.
    pub(super) metrics: Arc<Metrics>,
    /// The bus between the nodes, where there are any.
    pub(super) bus: Option<Arc<dyn Bus>>,
    /// What is said of this process.
    pub(super) about: Arc<About>,
    /// What is counted by route.
    pub(super) routes: Arc<Routes>,
    /// The OpenAPI document's text.
    pub(super) document: Arc<str>,
}

impl Api {
    /// Makes a response of a text that may be large, once there is memory for it.
    ///
    /// # Errors
    /// When other clients hold that memory.
    pub(super) async fn respond(&self, text: String) -> Result<Response, ApiError> {
        Ok(json_in(self.memory.reserve(text.len()).await?, text))
    }
}

/// What a response tells the audit log besides its status.
#[derive(Clone, Debug)]
pub(super) struct Told(pub(super) Map<String, Value>);

/// Makes a response of JSON text in memory that was reserved for it.
pub(super) fn json_in(share: Share, text: String) -> Response {
    Response::builder()
        .header(CONTENT_TYPE, "application/json")
        .body(share.body(text))
        .expect("a status and one fixed header make a response")
}

/// Makes a response of a short JSON text.
pub(super) fn json(text: String) -> Response {
    Response::builder()
        .header(CONTENT_TYPE, "application/json")
        .body(Body::from(text))
        .expect("a status and one fixed header make a response")
}

/// Makes the response of something that was created.
pub(super) fn created(body: &impl Serialize) -> Response {
    let text = serde_json::to_string(body).expect("a body goes to memory");
    let mut response = json(text);
    *response.status_mut() = StatusCode::CREATED;
    response
}
