//! Samples the fleet: how many hosts are online, every five minutes.

use crate::agents::Registry;
use crate::audit;
use crate::stop::Stop;
use crate::store::{SAMPLE_EVERY, Sample, Store};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::sleep;

/// Returns how many hosts that get requests are connected.
pub(crate) fn online(store: &dyn Store, registry: &Registry) -> u64 {
    // A host's state and its channel do not change in one moment.
    (registry.online_everywhere() as u64).min(store.counts().active)
}

/// Keeps samples while this node leads, until the controller stops. A time in which no controller runs
/// has none.
pub(crate) async fn sample(registry: Arc<Registry>, store: Arc<dyn Store>, mut stop: Stop) {
    let leads = store.leads();
    loop {
        let wait = SAMPLE_EVERY - audit::now().rem_euclid(SAMPLE_EVERY);
        tokio::select! {
            () = sleep(Duration::from_millis(wait.unsigned_abs())) => {}
            () = stop.requested() => return,
        }
        if !*leads.borrow() {
            continue;
        }
        let now = audit::now();
        let (counts, online) = (store.counts(), online(&*store, &registry));
        let sample = Sample {
            at: now - now.rem_euclid(SAMPLE_EVERY),
            online,
            away: counts.active - online,
            pending: counts.pending,
            quarantined: counts.quarantined,
        };
        if let Err(error) = store.add_sample(sample).await {
            log::warn!("the trend misses a sample: {error}");
        }
    }
}
