//! Results that could not be stored: the disk is full, or fails.
//!
//! A few are held and tried again; they show when storing works again. The rest is left to the agents, which
//! keep what is not acknowledged and send it again on a new session: theirs are ended once the
//! backlog is stored. So nobody has to do anything but make room.

use crate::store::Arrival;
use crate::agents::Session;
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Bytes of results that are held.
const MAX_HELD: usize = 16 << 20;

/// How long after a failure they are tried again.
const RETRY: Duration = Duration::from_secs(5);

/// What has not been stored since storing began to fail.
#[derive(Debug, Default)]
pub(super) struct Backlog {
    held: VecDeque<Arrival>,
    held_bytes: usize,
    /// Sessions, by host, with results that are not held.
    owing: HashMap<String, Arc<Session>>,
    retry_at: Option<Instant>,
}

impl Backlog {
    /// Whether storing fails since some result on.
    pub(super) fn is_failing(&self) -> bool {
        self.retry_at.is_some()
    }

    /// Takes a result that could not be stored; `true` when it is the first.
    pub(super) fn take(&mut self, arrival: Arrival) -> bool {
        let first = self.retry_at.is_none();
        self.retry_at = Some(Instant::now() + RETRY);
        if self.held.is_empty() || self.held_bytes + arrival.size() <= MAX_HELD {
            self.held_bytes += arrival.size();
            self.held.push_back(arrival);
        } else {
            self.owing.insert(arrival.host().to_owned(), arrival.session);
        }
        first
    }

    /// How long until the results that are held are to be tried again; `None` when there are none.
    pub(super) fn due(&self) -> Option<Duration> {
        self.retry_at.map(|at| at.saturating_duration_since(Instant::now()))
    }

    /// Gives out what is to be tried now.
    pub(super) fn retry(&mut self) -> Vec<Arrival> {
        if !self.due().is_some_and(|due| due.is_zero()) {
            return Vec::new();
        }
        self.held_bytes = 0;
        std::mem::take(&mut self.held).into()
    }

    /// Call after a try: with nothing held any more, storing works again. Ends the sessions of agents
    /// that have to send something again, and says how many; `None` while it still fails.
    pub(super) fn settle(&mut self) -> Option<usize> {
        if !self.is_failing() || !self.held.is_empty() {
            return None;
        }
        self.retry_at = None;
        let owing = std::mem::take(&mut self.owing);
        owing.values().for_each(|session| session.close_to_resend());
        Some(owing.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agents::{Asked, NoAnswer, tests::session};
    use agent_wire::message::EventKind;

    fn arrival(session: &Arc<Session>, bytes: usize) -> Arrival {
        let text = "x".repeat(bytes);
        Arrival { session: Arc::clone(session), kind: EventKind::Task, task: "t".to_owned(), text }
    }

    #[test]
    fn what_is_not_held_is_asked_for_again_by_ending_its_session_once_storing_works() {
        let mut backlog = Backlog::default();
        assert!(backlog.due().is_none() && backlog.settle().is_none());
        let (held, owing) = (session(), session());
        assert!(backlog.take(arrival(&held, MAX_HELD / 2)));
        assert!(!backlog.take(arrival(&owing, MAX_HELD)));
        assert!(!backlog.take(arrival(&held, MAX_HELD / 4)));
        // Not before its time.
        assert!(backlog.retry().is_empty() && backlog.settle().is_none());
        backlog.retry_at = Some(Instant::now());
        let again = backlog.retry();
        assert_eq!(again.len(), 2);
        // The second fails once more, however large it is.
        assert!(!backlog.take(arrival(&held, 2 * MAX_HELD)));
        assert!(backlog.settle().is_none() && backlog.is_failing());
        backlog.retry_at = Some(Instant::now());
        assert_eq!(backlog.retry().len(), 1);
        assert_eq!(backlog.settle(), Some(1));
        assert!(!backlog.is_failing());
        let ask = |session: &Arc<Session>| {
            session.ask(Asked { id: "1".to_owned(), chosen: false, line: b"{}\n".to_vec() }).map(drop)
        };
        assert_eq!((ask(&held), ask(&owing)), (Ok(()), Err(NoAnswer::Disconnected)));
    }
}
