//! Hosts that come, go, are banned or are removed, and what that means for their runs.

use super::Driver;
use crate::store::StandingChange;
use fleet::HostState;
use fleet::run::{End, EndState, Event};

impl Driver {
    /// Tells the runs of a host that it has come or gone. What is true by now counts.
    pub(super) fn presence(&mut self, host: &str, came: bool) {
        let Some(places) = self.hosts.get(host).cloned() else { return };
        let is_there = self.doors.registry.is_connected(host);
        for (run, target) in places {
            match (came, is_there) {
                (true, true) => self.handle(run, Event::Online(target), None),
                (_, false) => self.handle(run, Event::Offline(target), None),
                // It is back already, and a notice of that follows.
                (false, true) => {}
            }
        }
    }

    /// Tells the runs of a host that it will get nothing anymore.
    pub(super) fn standing(&mut self, change: &StandingChange) {
        let banned = match &change.state {
            None => false,
            Some(HostState::Banned) => true,
            Some(_) => return,
        };
        let Some(places) = self.hosts.get(&*change.host).cloned() else { return };
        for (run, target) in places {
            let Some(active) = self.runs.get(&run) else { continue };
            let event = match (banned, active.rollout.state(target).is_busy()) {
                (false, _) => Event::Removed(target),
                (true, false) => {
                    let why = "an operator banned the host";
                    Event::NotSent(target, End::because(EndState::Refused, why))
                }
                (true, true) => {
                    let why = "outcome unknown: an operator banned the host";
                    Event::NotSent(target, End::because(EndState::Interrupted, why))
                }
            };
            self.handle(run, event, None);
        }
    }
}
