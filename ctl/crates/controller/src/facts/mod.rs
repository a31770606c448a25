//! Facts: asks connected hosts what they are (`collector`, `round`), and answers questions about all
//! of them (`search`): a `query` finds something in a document, and `evaluate` puts it to their
//! texts.
//!
//! The collector is one task. It hears from the registry which hosts come, and asks each on connect
//! and every few hours, at a pace that the operator sets, so that a fleet that comes back at once is
//! not asked at once. A `round` asks one host for all chosen providers in one request and tells it
//! which answers are known; the store keeps the new ones.

mod collector;
mod evaluate;
mod line;
mod query;
mod round;
mod search;

pub(crate) use collector::{Collector, NotRefreshed, collector};
pub(crate) use query::Query;
pub(crate) use search::{Matches, SearchError, Searches, selection};

use fleet::facts::{DEFAULT_METHODS, FactLabel};
use std::time::Duration;

/// What the operator chose.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    /// The providers' methods that each host is asked for.
    pub(crate) methods: Vec<String>,
    /// The labels that are set from facts.
    pub(crate) labels: Vec<FactLabel>,
    /// The time from one round of a host to the next; zero: hosts are asked on request only.
    pub(crate) every: Duration,
    /// Hosts that are asked in a second.
    pub(crate) rate: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            methods: DEFAULT_METHODS.map(str::to_owned).to_vec(),
            labels: FactLabel::defaults(),
            every: Duration::from_secs(6 * 3600),
            rate: 50,
        }
    }
}

#[cfg(test)]
#[expect(clippy::print_stdout, reason = "measurements print their figures")]
mod measure;
