//! The controller's records: hosts, join tokens, people, the audit log, the results that agents
//! deliver, the runs, and the trend.
//!
//! [`Store`] is the interface, one trait per concept, each in a file of its own with its rows;
//! [`SqliteStore`] and [`PostgresStore`] implement it, and pass the same conformance suite
//! (`conformance`). A change is on disk when its call returns. A store never knows a session: a
//! result comes as an [`Arrival`] with an [`Acknowledgement`] that the store calls once the result
//! is on disk, and a change of a host's standing is published to whom it concerns.
//!
//! Times are milliseconds since 1970, UTC, and come from the caller.

mod arrival;
mod audit_line;
mod backlog;
mod bounds;
mod clock;
#[cfg(test)]
mod conformance;
mod document;
mod documents;
mod effects;
mod error;
mod events;
mod facts;
mod health;
mod history;
mod host_requests;
mod hosts;
mod idempotency;
mod judged;
mod leader;
#[cfg(test)]
#[expect(clippy::print_stdout, reason = "measurements print their figures")]
mod measure;
mod nodes;
mod occupied;
mod people;
mod postgres;
mod published;
mod refused;
mod results;
mod runs;
mod schedules;
mod sqlite;
mod standing;
mod steps;
mod targets;
mod tokens;
mod trend;
mod unwritten;
mod usage;
mod watch;
#[cfg(test)]
#[expect(clippy::print_stdout, reason = "measurements print their figures")]
mod work;

pub(crate) use arrival::{Acknowledgement, Arrival, Outcome};
pub(crate) use bounds::{Bounds, Keep};
pub(crate) use clock::milliseconds;
pub(crate) use error::StoreError;
pub(crate) use events::*;
pub(crate) use facts::*;
pub(crate) use history::*;
pub(crate) use host_requests::*;
pub(crate) use hosts::*;
pub(crate) use idempotency::*;
pub(crate) use nodes::*;
pub(crate) use occupied::Occupied;
pub(crate) use people::*;
pub(crate) use postgres::{Address, MigrationTarget, PostgresStore, Seat, Sentence, without_nul};
pub(crate) use results::{MAX_PAGE_BYTES, ResultHead, ResultRow, Results};
pub(crate) use runs::*;
pub(crate) use schedules::*;
pub(crate) use sqlite::{MigrationSource, SqliteStore, lock_state_dir, refuse_moved};
pub(crate) use standing::StandingChange;
pub(crate) use targets::*;
pub(crate) use tokens::*;
pub(crate) use trend::*;
pub(crate) use watch::Watch;

use crate::metrics::StoreMetrics;
use async_trait::async_trait;
use std::fmt;
use std::sync::Arc;

/// A database of everything that the controller keeps.
#[async_trait]
pub(crate) trait Store:
    Results
    + Hosts
    + Facts
    + JoinTokens
    + People
    + Events
    + Idempotency
    + Runs
    + Schedules
    + Trend
    + Nodes
    + fmt::Debug
    + Send
    + Sync
{
    /// Returns what is wrong with the database at present, for `/readyz`.
    async fn problem(&self) -> Option<String>;

    /// Returns what the store measures.
    fn metrics(&self) -> &Arc<StoreMetrics>;

    /// Returns what the database occupies.
    async fn occupied(&self) -> Occupied;

    /// Returns the bytes that wait for the disk.
    fn queued(&self) -> u64;

    /// Stores what was accepted, then stops. Results that come later are not acknowledged, so their
    /// agents keep them; other changes fail.
    async fn close(&self);
}
