//! The hosts that need a pass: each at most once, in the order in which they came.

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use tokio::sync::watch;

/// Hosts in the queue, and hosts with a pass.
#[derive(Debug, Default)]
pub(super) struct Queue {
    waiting: VecDeque<Arc<str>>,
    known: HashMap<Arc<str>, Place>,
}

#[derive(Debug, Default)]
struct Place {
    /// A pass runs.
    running: bool,
    /// It is in `waiting`, for its first pass or for one after the one that runs.
    waiting: bool,
    /// Who waits for the next pass to end.
    next: Vec<Arc<Waiter>>,
    /// Who waits for the one that runs.
    now: Vec<Arc<Waiter>>,
}

/// A wait for the passes of some hosts.
#[derive(Debug, Default)]
pub(crate) struct Waiter {
    hosts: Mutex<Counts>,
    changed: watch::Sender<()>,
}

/// How far a wait is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Counts {
    /// Hosts that are to be looked at.
    pub(crate) hosts: usize,
    /// Those that were.
    pub(crate) done: usize,
    /// Jobs that were found removed or changed on those, and repaired.
    pub(crate) drifted: usize,
}

impl Counts {
    /// Adds those of other hosts.
    pub(super) fn with(self, other: Self) -> Self {
        Self {
            hosts: self.hosts + other.hosts,
            done: self.done + other.done,
            drifted: self.drifted + other.drifted,
        }
    }
}

impl Waiter {
    /// Waits until each host was looked at.
    pub(crate) async fn done(&self) {
        let mut changed = self.changed.subscribe();
        while !self.is_done() {
            // The sender lives as long as `self`.
            let _ = changed.changed().await;
        }
    }

    /// Returns how far it is.
    pub(crate) fn counts(&self) -> Counts {
        *self.hosts.lock()
    }

    fn is_done(&self) -> bool {
        let counts = self.counts();
        counts.done >= counts.hosts
    }

    fn one_more(&self, drifted: usize) {
        let mut counts = self.hosts.lock();
        counts.done += 1;
        counts.drifted += drifted;
        drop(counts);
        self.changed.send_replace(());
    }
}

impl Queue {
    /// Puts a host in, unless it waits there already. A host with a pass gets another one.
    pub(super) fn add(&mut self, host: &str, waiter: Option<&Arc<Waiter>>) {
        let (name, place) = match self.known.get_key_value(host) {
            Some((name, _)) => (Arc::clone(name), true),
            None => (Arc::from(host), false),
        };
        if !place {
            self.known.insert(Arc::clone(&name), Place::default());
        }
        let Some(place) = self.known.get_mut(&name) else { return };
        if let Some(waiter) = waiter {
            waiter.hosts.lock().hosts += 1;
            place.next.push(Arc::clone(waiter));
        }
        if !place.waiting {
            place.waiting = true;
            // The end of a pass that runs puts it back.
            if !place.running {
                self.waiting.push_back(name);
            }
        }
    }

    /// Takes the host whose pass begins now. Passes of one host never overlap.
    pub(super) fn take(&mut self) -> Option<Arc<str>> {
        let host = self.waiting.pop_front()?;
        let place = self.known.get_mut(&host)?;
        place.waiting = false;
        place.running = true;
        place.now.append(&mut place.next);
        Some(host)
    }

    /// Notes that a host's pass has ended, and how many of its jobs had drifted.
    pub(super) fn done(&mut self, host: &Arc<str>, drifted: usize) {
        let Some(place) = self.known.get_mut(host) else { return };
        place.running = false;
        place.now.drain(..).for_each(|waiter| waiter.one_more(drifted));
        if place.waiting {
            self.waiting.push_back(Arc::clone(host));
        } else {
            self.known.remove(host);
        }
    }

    /// Returns how many hosts wait.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    #[test]
    fn a_fleet_that_reconnects_is_looked_at_once_each_and_a_few_at_a_time() {
        let mut queue = Queue::default();
        let hosts: Vec<String> = (0..18_000).map(|number| format!("host-{number}")).collect();
        // Each connects three times before its turn comes.
        for _ in 0..3 {
            hosts.iter().for_each(|host| queue.add(host, None));
        }
        assert_eq!(queue.len(), 18_000);
        let mut passes: BTreeMap<Arc<str>, u32> = BTreeMap::new();
        let mut running: VecDeque<Arc<str>> = VecDeque::new();
        loop {
            while running.len() < super::super::AT_ONCE
                && let Some(host) = queue.take()
            {
                running.push_back(host);
            }
            let Some(host) = running.pop_front() else { break };
            *passes.entry(Arc::clone(&host)).or_default() += 1;
            queue.done(&host, 0);
        }
        assert_eq!(passes.len(), 18_000);
        assert!(passes.values().all(|count| *count == 1));
        assert!(queue.known.is_empty());
    }

    #[tokio::test]
    async fn a_host_that_changes_during_its_pass_gets_another_and_a_wait_ends_after_that() {
        let mut queue = Queue::default();
        queue.add("a", None);
        let host = queue.take().unwrap();
        let waiter = Arc::new(Waiter::default());
        queue.add("a", Some(&waiter));
        assert!(queue.take().is_none(), "two passes of one host at once");
        queue.done(&host, 1);
        assert_eq!(waiter.counts(), Counts { hosts: 1, done: 0, drifted: 0 });
        assert_eq!(queue.take().as_deref(), Some("a"));
        queue.done(&host, 2);
        waiter.done().await;
        assert_eq!(waiter.counts(), Counts { hosts: 1, done: 1, drifted: 2 });
        assert!(queue.take().is_none());
        Waiter::default().done().await;
    }
}
