//! Results that were refused because their host, or all hosts together, use all the room they may.
//!
//! They are not acknowledged, so their agents keep them. Once old results were deleted, the agents
//! are asked to redeliver.

use super::Bounds;
use super::usage::Full;
use crate::store::{Acknowledgement, Arrival, Outcome};
use std::collections::HashMap;

/// The hosts with refused results, and how to ask for those. One entry per host.
#[derive(Debug, Default)]
pub(super) struct Refused {
    hosts: HashMap<String, Acknowledgement>,
    /// Whether the bound of all hosts has been reported.
    reported_all: bool,
}

impl Refused {
    /// Takes a result that there is no room for; logs the first of each host.
    pub(super) fn take(&mut self, arrival: Arrival, full: Full, bounds: &Bounds) {
        let Arrival { host, task, acknowledgement, .. } = arrival;
        let new = !self.hosts.contains_key(&host);
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
        self.hosts.insert(host, acknowledgement);
    }

    /// Asks each host that has room again to redeliver; returns their number.
    pub(super) fn ask_again(&mut self, full: impl Fn(&str) -> Option<Full>) -> usize {
        let with_room: Vec<String> =
            self.hosts.keys().filter(|host| full(host).is_none()).cloned().collect();
        for host in &with_room {
            if let Some(acknowledgement) = self.hosts.remove(host) {
                acknowledgement.report(Outcome::Redeliver);
            }
        }
        self.reported_all &= !self.hosts.is_empty();
        with_room.len()
    }
}
