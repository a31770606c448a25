//! The trend: how many hosts were online and how many targets failed, a sample every few minutes.

use super::StoreError;
use async_trait::async_trait;
use fleet::UnixMillis;

/// The samples of the last days.
#[async_trait]
pub(crate) trait Trend {
    /// Keeps a sample, with the failures since the one before. A sample of the same time stays as it
    /// was; those older than [`TREND_KEPT`] go.
    ///
    /// # Errors
    /// When the database cannot be written.
    async fn add_sample(&self, sample: Sample) -> Result<(), StoreError>;

    /// Returns the samples from `since` to `until`, in order. A time in which no controller ran has
    /// none.
    ///
    /// # Errors
    /// When the database cannot be read.
    async fn samples(
        &self,
        since: UnixMillis,
        until: UnixMillis,
    ) -> Result<Vec<KeptSample>, StoreError>;
}

/// The time between two samples.
pub(crate) const SAMPLE_EVERY: UnixMillis = 5 * 60 * 1000;

/// How long a sample is kept.
pub(crate) const TREND_KEPT: UnixMillis = 8 * fleet::DAY;

/// How many hosts there are at a time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sample {
    /// The time.
    pub(crate) at: UnixMillis,
    /// Hosts that get requests and are connected.
    pub(crate) online: u64,
    /// Hosts that get requests and are not connected.
    pub(crate) away: u64,
    /// Hosts that wait for approval.
    pub(crate) pending: u64,
    /// Hosts that get no request.
    pub(crate) quarantined: u64,
}

/// A sample, and what failed before it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct KeptSample {
    /// The hosts.
    pub(crate) sample: Sample,
    /// Targets of runs that failed since the sample before; 0 for the first one.
    pub(crate) failures: u64,
}
