//! The API's requests by route: how many, with which class of status, and how long they took.

use super::{Counter, Latency};
use std::time::Instant;

/// The classes of HTTP status codes.
const CLASSES: [&str; 5] = ["1xx", "2xx", "3xx", "4xx", "5xx"];

/// Requests by route; the routes are the API's table, so their number is bounded.
#[derive(Debug)]
pub(crate) struct Routes(Vec<OneRoute>);

/// One route's requests.
#[derive(Debug)]
pub(super) struct OneRoute {
    /// The operation's id.
    pub(super) id: String,
    by_class: [Counter; CLASSES.len()],
    pub(super) latency: Latency,
}

impl Routes {
    /// Counts for these routes.
    pub(crate) fn new(ids: impl Iterator<Item = String>) -> Self {
        let one = |id| OneRoute { id, by_class: Default::default(), latency: Latency::default() };
        Self(ids.map(one).collect())
    }

    /// Counts a request to the route with this index that was answered with `status`.
    pub(crate) fn answered(&self, route: usize, status: u16, since: Instant) {
        let Some(route) = self.0.get(route) else { return };
        if let Some(counter) = route.by_class.get(usize::from(status / 100).wrapping_sub(1)) {
            counter.add_one();
        }
        route.latency.since(since);
    }

    /// Returns every route's requests.
    pub(super) fn all(&self) -> impl Iterator<Item = &OneRoute> {
        self.0.iter()
    }
}

impl OneRoute {
    /// Returns the number of each class of status that was answered.
    pub(super) fn by_class(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let counts = self.by_class.iter().map(Counter::get);
        CLASSES.into_iter().zip(counts).filter(|(_, count)| *count > 0)
    }
}
