//! What a controller does as one of several: tells the others over the bus that there is news, looks
//! for theirs, knows which of them has which host, and has the same roles.

use crate::agents::Registry;
use crate::auth::Roles;
use crate::bus::{Bus, Heard, Topic};
use crate::schedules::Schedules;
use crate::stop::Stop;
use crate::store::{SessionCounts, Store, StoreError};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::sleep;

/// Hosts that are told of in one change.
const AT_ONCE: usize = 1000;

/// The wait before roles that could not be read are read again.
const RETRY: Duration = Duration::from_secs(1);

/// Tells of news, and looks for them, until the controller stops.
pub(crate) async fn exchange_news(store: Arc<dyn Store>, bus: Arc<dyn Bus>, mut stop: Stop) {
    let mut written = store.news_written();
    let mut news = bus.listen(&Topic::News).await;
    loop {
        tokio::select! {
            changed = written.changed() => match changed {
                Ok(()) => bus.send(&Topic::News, Vec::new()),
                Err(_) => return,
            },
            heard = news.hear() => match heard {
                Heard::Message(_) | Heard::Missed => store.look(),
                Heard::Closed => return,
            },
            () = stop.requested() => return,
        }
    }
}

/// Follows the hosts of the other nodes, and tells them of this one's, until the controller stops.
pub(crate) async fn follow_hosts(registry: Arc<Registry>, store: Arc<dyn Store>, mut stop: Stop) {
    let mut moves = store.moves();
    let mut tenures = store.tenures();
    let mut beats = store.beats();
    // Whether all of both are to be read and told: at the start, and after a time in which neither was
    // heard of.
    let mut all = true;
    loop {
        if all {
            match exchange_all(&registry, &*store).await {
                Ok(()) => all = false,
                Err(error) => log::debug!("which node has which host is not known: {error}"),
            }
        }
        tokio::select! {
            heard = moves.recv() => match heard {
                Ok(moves) => {
                    if let Some(own) = store.node() {
                        let here = registry.follow(&moves, own);
                        if !here.is_empty() && store.has_hosts(here).await.is_err() {
                            all = true;
                        }
                    }
                }
                Err(RecvError::Lagged(_)) => all = true,
                Err(RecvError::Closed) => return,
            },
            changed = tenures.changed() => match changed {
                Ok(()) => all = true,
                Err(_) => return,
            },
            // An exchange that has failed is tried again.
            beat = beats.changed() => match beat {
                Ok(()) => store.has_sessions(counts(&registry)),
                Err(_) => return,
            },
            () = stop.requested() => return,
        }
    }
}

/// Follows the roles that other nodes change until the controller stops.
pub(crate) async fn follow_roles(
    roles: Arc<Roles>,
    schedules: Schedules,
    store: Arc<dyn Store>,
    mut stop: Stop,
) {
    let mut changes = store.roles_changed();
    let mut tenures = store.tenures();
    loop {
        let changed = tokio::select! {
            changed = changes.changed() => changed,
            changed = tenures.changed() => changed,
            () = stop.requested() => return,
        };
        if changed.is_err() {
            return;
        }
        while let Err(error) = roles.refresh(&*store).await {
            log::warn!("the roles that another node has changed cannot be read: {error}");
            tokio::select! {
                () = sleep(RETRY) => {}
                () = stop.requested() => return,
            }
        }
        schedules.roles_changed();
    }
}

fn counts(registry: &Registry) -> SessionCounts {
    let count = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
    SessionCounts { hosts: count(registry.count()), clones: count(registry.count_clones()) }
}

/// Reads the hosts of all other nodes, and writes those of this one.
async fn exchange_all(registry: &Registry, store: &dyn Store) -> Result<(), StoreError> {
    registry.others_have(store.places().await?);
    let own: Vec<String> = registry.all().into_iter().map(|session| session.host.clone()).collect();
    for some in own.chunks(AT_ONCE) {
        store.has_hosts(some.to_vec()).await?;
    }
    Ok(())
}
