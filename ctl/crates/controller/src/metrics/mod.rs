//! What the controller counts, for `/metrics`.
//!
//! [`Metrics`] is one struct of atomics, shared by the parts that count; the store counts in a
//! [`StoreMetrics`] of its own, the API by route in [`Routes`]. Counting takes no lock. `text` makes
//! the OpenMetrics text of them and of the [`Gauges`] that are read when somebody asks; `process`
//! reads the system's figures. No metric has a label per host: a fleet would make it a million
//! series.

mod counts;
mod latency;
mod outcomes;
mod process;
mod routes;
mod text;

pub(crate) use counts::{Counter, Counts};
pub(crate) use latency::Latency;
pub(crate) use outcomes::{Enrollment, Handshake, LoginFailure, Renewal};
pub(crate) use process::Process;
pub(crate) use routes::Routes;
pub(crate) use text::{CONTENT_TYPE, Gauges, text};

use std::time::SystemTime;

/// What the parts count, beside the store and the API.
#[derive(Debug)]
pub(crate) struct Metrics {
    /// Agents' connections, by what became of them.
    pub(crate) handshakes: Counts<Handshake>,
    /// Hosts that asked to join or to recover, by the answer.
    pub(crate) enrollments: Counts<Enrollment>,
    /// Hosts that asked for a new certificate in the channel, by the answer.
    pub(crate) renewals: Counts<Renewal>,
    /// Operators' log-ins that failed, and requests without a valid token.
    pub(crate) login_failures: Counts<LoginFailure>,
    /// When the controller started.
    started: SystemTime,
}

impl Metrics {
    /// Starts counting at zero.
    pub(crate) fn new() -> Self {
        Self {
            handshakes: Counts::default(),
            enrollments: Counts::default(),
            renewals: Counts::default(),
            login_failures: Counts::default(),
            started: SystemTime::now(),
        }
    }
}

/// What the store measures.
#[derive(Debug, Default)]
pub(crate) struct StoreMetrics {
    /// Commits, of however many changes.
    pub(crate) commits: Latency,
    /// Queries that only read.
    pub(crate) reads: Latency,
    /// Results that are on disk and were acknowledged, however often.
    pub(crate) results: Counter,
}
