//! The line of the hosts that are to be asked for facts.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use tokio::time::Instant;

/// The hosts that are to be asked.
#[derive(Default)]
pub(super) struct Line {
    /// By time and number, so that two hosts may be due at once.
    due: BTreeMap<(Instant, u64), Arc<str>>,
    places: HashMap<Arc<str>, (Instant, u64)>,
    numbers: u64,
}

impl Line {
    /// Puts a host into the line, in its place before, if it had one.
    pub(super) fn put(&mut self, host: &Arc<str>, at: Instant) {
        self.remove(host);
        self.numbers += 1;
        let place = (at, self.numbers);
        self.due.insert(place, Arc::clone(host));
        self.places.insert(Arc::clone(host), place);
    }

    /// Takes a host out of the line.
    pub(super) fn remove(&mut self, host: &str) {
        if let Some(place) = self.places.remove(host) {
            self.due.remove(&place);
        }
    }

    /// Returns when the head of the line is due.
    pub(super) fn next(&self) -> Option<Instant> {
        self.due.first_key_value().map(|((at, _), _)| *at)
    }

    /// Takes the head of the line, if it is due.
    pub(super) fn take(&mut self, now: Instant) -> Option<Arc<str>> {
        if self.next()? > now {
            return None;
        }
        let (_, host) = self.due.pop_first()?;
        self.places.remove(&host);
        Some(host)
    }

    /// Returns whether a host is in the line.
    pub(super) fn has(&self, host: &str) -> bool {
        self.places.contains_key(host)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn the_line_is_ordered_by_time_and_has_each_host_once() {
        let mut line = Line::default();
        let now = Instant::now();
        let later = now + Duration::from_secs(60);
        let host = |name: &str| Arc::<str>::from(name);
        line.put(&host("b"), now);
        line.put(&host("a"), now);
        line.put(&host("c"), later);
        line.put(&host("b"), later);
        assert_eq!(line.next(), Some(now));
        assert_eq!(line.take(now).as_deref(), Some("a"));
        assert_eq!((line.take(now), line.next()), (None, Some(later)));
        line.remove("c");
        assert_eq!(line.take(later).as_deref(), Some("b"));
        assert_eq!((line.next(), line.places.len(), line.due.len()), (None, 0, 0));
    }
}
