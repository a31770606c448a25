//! The schedules for many hosts: their versions, and how each stands on each host.
//!
//! A schedule's entry is the JSON of its fields, which the crate `fleet` reads. Changes are made as a
//! set, in one transaction; each version stays, with its author. A row of a host says what the
//! last attempt there came to; a host that was never tried has none.

use super::StoreError;
use async_trait::async_trait;
use fleet::UnixMillis;
use fleet::schedule::standing::Outcome;
use std::sync::Arc;
use tokio::sync::{broadcast, watch};

/// Versions of one schedule that are kept.
pub(crate) const MAX_VERSIONS: i64 = 100;

/// The schedules, and their standing on hosts.
#[async_trait]
pub(crate) trait Schedules {
    /// Returns every schedule, ordered by name, and the generation of the set.
    ///
    /// # Errors
    /// When the database cannot be read.
    async fn schedule_set(&self) -> Result<ScheduleSet, StoreError>;

    /// Makes a change of the set: all of it, or nothing. An entry that is as before makes no new
    /// version. Returns the generation then.
    ///
    /// # Errors
    /// When there would be more than [`fleet::schedule::MAX_SCHEDULES`], a schedule to be removed is
    /// unknown, or the set is of another generation than the change expects.
    async fn change_schedules(&self, change: ScheduleChange) -> Result<i64, StoreError>;

    /// Returns a schedule.
    ///
    /// # Errors
    /// When the database cannot be read.
    async fn schedule(&self, name: &str) -> Result<Option<ScheduleRow>, StoreError>;

    /// Returns a page of schedules with a name above `after`, ordered by name.
    ///
    /// # Errors
    /// When the database cannot be read.
    async fn schedules(&self, after: &str, limit: usize) -> Result<Vec<ScheduleRow>, StoreError>;

    /// Returns versions of a schedule below `before`, newest first. Those of one that was removed
    /// stay for 400 days.
    ///
    /// # Errors
    /// When the database cannot be read.
    async fn schedule_versions(
        &self,
        name: &str,
        before: i64,
        limit: usize,
    ) -> Result<Vec<ScheduleVersion>, StoreError>;

    /// Returns a page of a schedule's hosts that were tried, with an id above `after`, ordered by id.
    ///
    /// # Errors
    /// When the database cannot be read.
    async fn schedule_hosts(
        &self,
        name: &str,
        only: Option<Outcome>,
        after: &str,
        limit: usize,
    ) -> Result<Vec<ScheduleHost>, StoreError>;

    /// Returns how many hosts were tried with each outcome and revision.
    ///
    /// # Errors
    /// When the database cannot be read.
    async fn schedule_counts(&self, name: &str) -> Result<Vec<ScheduleCount>, StoreError>;

    /// Returns what was tried on a host, ordered by schedule.
    ///
    /// # Errors
    /// When the database cannot be read.
    async fn schedules_of_host(&self, host: &str) -> Result<Vec<ScheduleHost>, StoreError>;

    /// Notes what attempts on a host came to.
    ///
    /// # Errors
    /// When the database cannot be written.
    async fn note_schedules(
        &self,
        host: &str,
        notes: Vec<ScheduleNote>,
        now: UnixMillis,
    ) -> Result<(), StoreError>;

    /// Returns results of a schedule's runs with a sequence number below `before`, newest first.
    ///
    /// # Errors
    /// When the database cannot be read.
    async fn schedule_results(
        &self,
        name: &str,
        before: i64,
        limit: usize,
    ) -> Result<Vec<ScheduleResult>, StoreError>;

    /// Returns the generation of the set, as it changes.
    fn schedule_generation(&self) -> watch::Receiver<i64>;

    /// Returns the hosts whose labels change from now on, after each change is on disk. A receiver
    /// that lags must look at all hosts.
    fn relabeled(&self) -> broadcast::Receiver<Arc<[String]>>;
}

/// Every schedule.
#[derive(Clone, Debug, Default)]
pub(crate) struct ScheduleSet {
    /// Grows with each change; 0 means that there has never been a schedule.
    pub(crate) generation: i64,
    /// The schedules, ordered by name.
    pub(crate) rows: Vec<ScheduleRow>,
}

/// A change of the set.
#[derive(Clone, Debug)]
pub(crate) struct ScheduleChange {
    /// Schedules to create or to change.
    pub(crate) put: Vec<ScheduleEntry>,
    /// Schedules to remove.
    pub(crate) remove: Removal,
    /// Whether an entry that is as before becomes a version of this operator's.
    pub(crate) adopt: bool,
    /// The generation that the change was made for.
    pub(crate) expected: Option<i64>,
    /// The operator.
    pub(crate) by: String,
    /// The present time.
    pub(crate) now: UnixMillis,
}

/// Schedules to remove.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Removal {
    /// None.
    Nothing,
    /// This one.
    One(String),
    /// All that the change does not put.
    Others,
}

/// A schedule to store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ScheduleEntry {
    /// Its name.
    pub(crate) name: String,
    /// Its fields, as JSON.
    pub(crate) entry: String,
    /// Its revision.
    pub(crate) revision: String,
}

/// A stored schedule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ScheduleRow {
    /// Its name.
    pub(crate) name: String,
    /// Its fields, as JSON.
    pub(crate) entry: String,
    /// Its revision.
    pub(crate) revision: String,
    /// The number of its version.
    pub(crate) version: i64,
    /// The operator who created it.
    pub(crate) created_by: String,
    /// When it was created.
    pub(crate) created_at: UnixMillis,
    /// The operator who changed it last: its author.
    pub(crate) changed_by: String,
    /// When it was changed last.
    pub(crate) changed_at: UnixMillis,
}

/// A version of a schedule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ScheduleVersion {
    /// Its number; the first is 1.
    pub(crate) version: i64,
    /// Its fields, as JSON; `None` where the schedule was removed.
    pub(crate) entry: Option<String>,
    /// The operator.
    pub(crate) by: String,
    /// When.
    pub(crate) at: UnixMillis,
}

/// What attempts with a schedule on a host came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ScheduleHost {
    /// The schedule.
    pub(crate) schedule: String,
    /// The host.
    pub(crate) host: String,
    /// The outcome of the last attempt.
    pub(crate) outcome: Outcome,
    /// The revision of that attempt.
    pub(crate) tried: String,
    /// The revision that the host has.
    pub(crate) applied: Option<String>,
    /// Why it has not the one that was tried.
    pub(crate) why: Option<String>,
    /// Since when it has been so.
    pub(crate) since: UnixMillis,
    /// What was found changed on the host last, and repaired.
    pub(crate) drift: Option<String>,
    /// When.
    pub(crate) drift_at: Option<UnixMillis>,
}

/// How many hosts were tried with one outcome.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ScheduleCount {
    /// The outcome.
    pub(crate) outcome: Outcome,
    /// The revision.
    pub(crate) tried: String,
    /// The hosts.
    pub(crate) hosts: u64,
}

/// What an attempt on a host came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ScheduleNote {
    /// The host has nothing of the schedule anymore.
    Gone {
        /// The schedule.
        schedule: String,
    },
    /// The outcome.
    Tried {
        /// The schedule.
        schedule: String,
        /// The outcome.
        outcome: Outcome,
        /// The revision that was tried.
        tried: String,
        /// The revision that the host has.
        applied: Option<String>,
        /// Why it has not the one that was tried.
        why: Option<String>,
        /// What was found changed on the host.
        drift: Option<String>,
    },
}

/// A result of a schedule's run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ScheduleResult {
    /// Its number.
    pub(crate) sequence: i64,
    /// Milliseconds since 1970, UTC.
    pub(crate) received: UnixMillis,
    /// The host.
    pub(crate) host: String,
    /// The task's id.
    pub(crate) task: String,
    /// The event's JSON text, verbatim.
    pub(crate) event: String,
}
