//! The controller itself, for people: its nodes, what they use, and what is kept.

use super::probes;
use super::problem::ApiError;
use super::service::Api;
use super::times;
use crate::about::About;
use crate::auth::Principal;
use crate::metrics::Process;
use axum::Json;
use axum::extract::State;
use controller_api::{DatabaseUse, Kept, Node, Records, System, path};
use nix::sys::statvfs::statvfs;
use nix::unistd::gethostname;
use std::fs;
use std::path::Path;
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
    let queued = api.store.queued();
    let reading = {
        let about = Arc::clone(&about);
        move || (Process::read(), database(&about.state_dir, queued))
    };
    let (process, database) =
        tokio::task::spawn_blocking(reading).await.map_err(|_| ApiError::Internal)?;
    let node = Node {
        name: gethostname().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default(),
        this: true,
        started: times::of(about.started),
        listen: about.listen.clone(),
        http: about.http.clone(),
        connected: api.registry.everyone().len() as u64,
        opening: api.permits.opening() as u64,
        memory: process.resident,
        processor_ms: process.cpu.as_millis().try_into().unwrap_or(u64::MAX),
        descriptors: process.descriptors,
        max_descriptors: process.max_descriptors,
    };
    let (active_runs, active_targets) = api.runs.gauges().active();
    Ok(Json(System {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        problem: probes::problem(&api).await,
        nodes: vec![node],
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

/// Reads what the database occupies. A figure that the system does not tell is 0.
fn database(dir: &Path, queued: u64) -> DatabaseUse {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    let sizes = entries.filter_map(|entry| entry.metadata().ok()).filter(fs::Metadata::is_file);
    let free =
        statvfs(dir).map_or(0, |disk| disk.blocks_available().saturating_mul(disk.fragment_size()));
    DatabaseUse {
        engine: "SQLite".to_owned(),
        place: dir.display().to_string(),
        bytes: sizes.map(|file| file.len()).sum(),
        free,
        queued,
    }
}
