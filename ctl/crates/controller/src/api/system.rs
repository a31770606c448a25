//! The controller itself, for people: its nodes, what they use, and what is kept.

use super::nodes;
use super::probes;
use super::problem::ApiError;
use super::service::Api;
use crate::about::About;
use crate::auth::Principal;
use crate::store::Occupied;
use axum::Json;
use axum::extract::State;
use controller_api::{DatabaseUse, Kept, Records, System, path};
use std::sync::Arc;
use std::time::Duration;

/// Shows the controller itself.
#[utoipa::path(
    get,
    path = path::SYSTEM,
    responses((status = 200, description = "The controller", body = System))
)]
pub(super) async fn show(_: Principal, State(api): State<Api>) -> Result<Json<System>, ApiError> {
    let about = Arc::clone(&api.about);
    let Occupied { engine, place, bytes, free } = api.store.occupied().await;
    let database =
        DatabaseUse { engine: engine.to_owned(), place, bytes, free, queued: api.store.queued() };
    let (active_runs, active_targets) = api.runs.gauges().active();
    Ok(Json(System {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        problem: probes::problem(&api).await,
        bus_problem: api.bus.as_ref().and_then(|bus| bus.problem()),
        nodes: nodes::all(&api).await?,
        active_runs: active_runs as u64,
        active_targets: active_targets as u64,
        database,
        keep: kept(&about),
        certificate_life: about.identity.certificate_life.as_secs(),
        recover_within: about.identity.recover_within.as_secs(),
        facts_every: about.facts.every.as_secs(),
        facts_methods: about.facts.methods.clone(),
    }))
}

fn kept(about: &About) -> Vec<Kept> {
    let bounds = &about.bounds;
    let kept = |records, within: Duration, max_bytes, flag: &str| Kept {
        records,
        within: within.as_secs(),
        max_bytes,
        flag: flag.to_owned(),
    };
    vec![
        kept(Records::Results, bounds.keep, Some(bounds.max_bytes), "--keep-days"),
        kept(Records::Runs, bounds.keep_runs, Some(bounds.max_run_bytes), "--run-days"),
        kept(Records::Facts, bounds.keep_facts, Some(bounds.max_fact_bytes), "--facts-days"),
        kept(Records::Audit, bounds.keep_events, None, "--audit-days"),
    ]
}
