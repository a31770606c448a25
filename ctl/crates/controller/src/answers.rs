//! What this node answers other nodes about itself: its clones, and the schedules of its hosts.

use crate::agents::{self, Answers, Query, Registry};
use crate::api;
use crate::schedules::Schedules;
use async_trait::async_trait;
use fleet::identity::Settled;
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// What this node answers.
pub(crate) struct OwnAnswers {
    /// Its sessions.
    pub(crate) registry: Arc<Registry>,
    /// The schedules of its hosts.
    pub(crate) schedules: Schedules,
}

#[async_trait]
impl Answers for OwnAnswers {
    async fn answer(&self, query: Query) -> String {
        match query {
            Query::Clones => {
                let hosts = self.registry.cloned().into_iter();
                let with_clones = |host: String| {
                    let clones = api::clones_here(&self.registry, &host);
                    (host, clones)
                };
                json(&hosts.map(with_clones).collect::<BTreeMap<_, _>>())
            }
            Query::ClonesOf { host } => json(&api::clones_here(&self.registry, &host)),
            Query::Settled { host, key, renew, reset_others } => {
                let settled = Settled { renew, reset_others };
                json(&agents::settled_here(&self.registry, &host, key, settled).await)
            }
            Query::Schedules { generation, hosts, within } => {
                let within = Duration::from_secs(within);
                json(&self.schedules.checked(generation, &hosts, within).await)
            }
        }
    }
}

fn json(answer: &impl Serialize) -> String {
    serde_json::to_string(answer).expect("plain values go to memory")
}
