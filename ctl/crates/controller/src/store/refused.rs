//! Results that were refused because their host, or all hosts together, use all the room they may.
//!
//! They are not acknowledged, so their agents keep them. Once old results were deleted, the agents
//! are asked to redeliver.

use super::Bounds;
use super::usage::{Full, Usage};
use super::{Acknowledgement, Arrival, Outcome};
use std::collections::HashMap;

/// The hosts with refused results. One entry per host.
#[derive(Debug, Default)]
pub(in crate::store) struct Refused {
    hosts: HashMap<String, Redelivery>,
    /// Whether the bound of all hosts has been reported.
    reported_all: bool,
}

/// How to ask a host for its refused results.
#[derive(Debug)]
struct Redelivery {
    /// What the smallest of them costs: with less room than that, asking is in vain.
    least: u64,
    acknowledgement: Acknowledgement,
}

impl Refused {
    /// Takes a result that there is no room for; logs the first of each host.
    pub(in crate::store) fn take(&mut self, arrival: Arrival, full: Full, bounds: &Bounds) {
        let Arrival { host, task, event, acknowledgement, .. } = arrival;
        let cost = Usage::cost(event.len() as u64);
        let before = self.hosts.get(&host).map(|refused| refused.least);
        let new = before.is_none();
        match full {
            Full::Host if new => log::warn!(
                "{host}: its results occupy {} MiB, all that --max-host-mib allows; the agent \
                 keeps further ones until older ones are deleted (first: task {task})",
                bounds.max_host_bytes >> 20
            ),
            Full::Store if !self.reported_all => {
                self.reported_all = true;
                log::error!(
                    "the results occupy {} MiB, all that --max-store-mib allows; the agents keep \
                     further ones until older ones are deleted (first: task {task} of host {host})",
                    bounds.max_bytes >> 20
                );
            }
            Full::Host | Full::Store => {}
        }
        let least = before.map_or(cost, |before| before.min(cost));
        self.hosts.insert(host, Redelivery { least, acknowledgement });
    }

    /// Asks each host that has room again to redeliver; returns their number. `full` says whether
    /// there is none for a result of a host that costs so much.
    pub(in crate::store) fn ask_again(
        &mut self,
        full: impl Fn(&str, u64) -> Option<Full>,
    ) -> usize {
        let with_room: Vec<Redelivery> = self
            .hosts
            .extract_if(|host, refused| full(host, refused.least).is_none())
            .map(|(_, refused)| refused)
            .collect();
        let hosts = with_room.len();
        for refused in with_room {
            refused.acknowledgement.report(Outcome::Redeliver);
        }
        self.reported_all &= !self.hosts.is_empty();
        hosts
    }
}
