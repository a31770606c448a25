//! Results that could not be stored: the disk is full or fails.
//!
//! A few are held in memory and retried, to find out when storing works again. The agents keep the
//! others, because they are not acknowledged, and redeliver them on a new connection: once the
//! backlog is stored, their acknowledgements ask for that. So the operator has nothing to do except
//! to free space.

use super::{Acknowledgement, Arrival, Outcome};
use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

/// Bytes of results that are held.
const MAX_HELD: usize = 16 << 20;

/// The delay before a retry.
const RETRY: Duration = Duration::from_secs(5);

/// The results since storing began to fail.
#[derive(Debug, Default)]
pub(in crate::store) struct Backlog {
    held: VecDeque<Arrival>,
    held_bytes: usize,
    /// By host: how to ask for the results that are not held.
    missed: HashMap<String, Acknowledgement>,
    /// `None` while storing works.
    retry_at: Option<Instant>,
}

impl Backlog {
    /// Returns whether storing fails at present.
    pub(in crate::store) fn is_failing(&self) -> bool {
        self.retry_at.is_some()
    }

    /// Takes a result that could not be stored; returns whether it is the first.
    pub(in crate::store) fn take(&mut self, arrival: Arrival) -> bool {
        let first = self.retry_at.is_none();
        self.retry_at = Some(Instant::now() + RETRY);
        if self.held.is_empty() || self.held_bytes + arrival.size() <= MAX_HELD {
            self.held_bytes += arrival.size();
            self.held.push_back(arrival);
        } else {
            self.missed.insert(arrival.host, arrival.acknowledgement);
        }
        first
    }

    /// Returns the time until the next retry; `None` if there is nothing to retry.
    pub(in crate::store) fn due(&self) -> Option<Duration> {
        self.retry_at.map(|at| at.saturating_duration_since(Instant::now()))
    }

    /// Hands out the results that are due for a retry.
    pub(in crate::store) fn retry(&mut self) -> Vec<Arrival> {
        if !self.due().is_some_and(|due| due.is_zero()) {
            return Vec::new();
        }
        self.held_bytes = 0;
        std::mem::take(&mut self.held).into()
    }

    /// Call this after a retry. If nothing is held anymore, storing works again: asks the hosts
    /// with missed results to redeliver and returns their number. Otherwise returns `None`.
    pub(in crate::store) fn settle(&mut self) -> Option<usize> {
        if !self.is_failing() || !self.held.is_empty() {
            return None;
        }
        self.retry_at = None;
        let missed = std::mem::take(&mut self.missed);
        let hosts = missed.len();
        missed.into_values().for_each(|acknowledgement| acknowledgement.report(Outcome::Redeliver));
        Some(hosts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use agent_wire::message::EventKind;
    use std::sync::mpsc;

    #[test]
    fn hosts_whose_results_are_not_held_redeliver_once_storing_works() {
        let (sender, reported) = mpsc::channel();
        let arrival = |host: &'static str, bytes: usize| {
            let sender = sender.clone();
            Arrival {
                host: host.to_owned(),
                kind: EventKind::Task,
                task: "t".to_owned(),
                event: "x".repeat(bytes),
                acknowledgement: Acknowledgement::new(move |outcome| {
                    sender.send((host, outcome)).unwrap();
                }),
            }
        };
        let mut backlog = Backlog::default();
        assert!(backlog.due().is_none() && backlog.settle().is_none());
        assert!(backlog.take(arrival("held", MAX_HELD / 2)));
        assert!(!backlog.take(arrival("missed", MAX_HELD)));
        assert!(!backlog.take(arrival("held", MAX_HELD / 4)));
        // Not before its time.
        assert!(backlog.retry().is_empty() && backlog.settle().is_none());
        backlog.retry_at = Some(Instant::now());
        let again = backlog.retry();
        assert_eq!(again.len(), 2);
        // The second one fails again, however large it is.
        assert!(!backlog.take(arrival("held", 2 * MAX_HELD)));
        assert!(backlog.settle().is_none() && backlog.is_failing());
        backlog.retry_at = Some(Instant::now());
        assert_eq!(backlog.retry().len(), 1);
        assert_eq!(backlog.settle(), Some(1));
        assert!(!backlog.is_failing());
        assert_eq!(reported.try_iter().collect::<Vec<_>>(), [("missed", Outcome::Redeliver)]);
    }
}
