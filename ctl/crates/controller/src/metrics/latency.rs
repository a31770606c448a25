//! A histogram of durations, made of atomics.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// The buckets' upper bounds: from half a millisecond (a commit to a fast disk) to a minute (a wait
/// for a host).
const BOUNDS: [Duration; 14] = [
    Duration::from_micros(500),
    Duration::from_millis(1),
    Duration::from_micros(2500),
    Duration::from_millis(5),
    Duration::from_millis(10),
    Duration::from_millis(25),
    Duration::from_millis(50),
    Duration::from_millis(100),
    Duration::from_millis(250),
    Duration::from_millis(500),
    Duration::from_secs(1),
    Duration::from_secs(5),
    Duration::from_secs(15),
    Duration::from_secs(60),
];

/// How long something took, each time.
#[derive(Debug, Default)]
pub(crate) struct Latency {
    /// The numbers of durations up to each bound, not counted in a lower one; the last has no
    /// bound.
    buckets: [AtomicU64; BOUNDS.len() + 1],
    nanoseconds: AtomicU64,
}

/// What a [`Latency`] has counted.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Snapshot {
    /// The number of durations.
    pub(super) count: u64,
    /// Their sum, in seconds.
    pub(super) sum: f64,
    /// Each bucket's upper bound in seconds, and the number of durations in it alone.
    pub(super) buckets: Vec<(f64, u64)>,
}

impl Latency {
    /// Counts what has taken from `since` until now.
    pub(crate) fn since(&self, since: Instant) {
        self.add(since.elapsed());
    }

    fn add(&self, duration: Duration) {
        let bucket = BOUNDS.partition_point(|bound| *bound < duration);
        self.buckets[bucket].fetch_add(1, Ordering::Relaxed);
        let nanoseconds = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        self.nanoseconds.fetch_add(nanoseconds, Ordering::Relaxed);
    }

    /// Returns what was counted so far.
    pub(super) fn snapshot(&self) -> Snapshot {
        let bounds = BOUNDS.iter().map(Duration::as_secs_f64).chain([f64::INFINITY]);
        let counts = self.buckets.iter().map(|count| count.load(Ordering::Relaxed));
        let buckets: Vec<_> = bounds.zip(counts).collect();
        let sum = Duration::from_nanos(self.nanoseconds.load(Ordering::Relaxed)).as_secs_f64();
        Snapshot { count: buckets.iter().map(|(_, count)| count).sum(), sum, buckets }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_is_in_the_bucket_of_the_next_higher_bound() {
        let latency = Latency::default();
        for millis in [0, 1, 2, 5000, 60_000, 60_001] {
            latency.add(Duration::from_millis(millis));
        }
        let Snapshot { count, sum, buckets } = latency.snapshot();
        assert_eq!((count, sum.round()), (6, 125.0));
        let filled: Vec<_> = buckets.into_iter().filter(|(_, count)| *count > 0).collect();
        assert_eq!(
            filled,
            [(0.0005, 1), (0.001, 1), (0.0025, 1), (5.0, 1), (60.0, 1), (f64::INFINITY, 1)]
        );
    }
}
