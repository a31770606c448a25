//! How long to wait before the next round: exponential, with full jitter (§1).

use std::time::Duration;

/// The first wait is up to this, where no channel stood.
const BASE: Duration = Duration::from_secs(1);

/// The first wait after a channel was lost: a server that died gets its agents back within this
/// time, not all at once.
const LOST: Duration = Duration::from_secs(5);

/// No wait is longer than this.
const CAP: Duration = Duration::from_secs(60);

/// Counts the rounds that failed in a row.
#[derive(Debug)]
pub(super) struct Backoff {
    failures: u32,
    base: Duration,
}

impl Default for Backoff {
    fn default() -> Self {
        Self { failures: 0, base: BASE }
    }
}

impl Backoff {
    /// Begins with a longer wait: a channel stood. If it stood for a while, the failures before it
    /// are forgotten.
    pub(super) fn lost(&mut self, was_steady: bool) {
        self.base = LOST;
        if was_steady {
            self.failures = 0;
        }
    }

    /// Counts one more failure and says how long to wait: a random part of a bound that doubles
    /// each time, so that a fleet that lost its server at once does not come back at once.
    pub(super) fn next_wait(&mut self) -> Duration {
        let bound =
            CAP.min(self.base.saturating_mul(1_u32.checked_shl(self.failures).unwrap_or(u32::MAX)));
        self.failures = self.failures.saturating_add(1);
        within(bound)
    }
}

/// Returns a random time up to a bound.
pub(super) fn within(bound: Duration) -> Duration {
    bound.mul_f64(random_fraction())
}

/// Returns a time, 10 % more or less.
pub(super) fn about(time: Duration) -> Duration {
    time.mul_f64(0.9 + 0.2 * random_fraction())
}

/// A number from 0 to 1, each host another. Without a random source the whole bound is waited.
fn random_fraction() -> f64 {
    getrandom::u32().map_or(1.0, |number| f64::from(number) / f64::from(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_the_cap_and_never_beyond() {
        let mut backoff = Backoff::default();
        for round in 0..100_u32 {
            let bound = Duration::from_secs(2_u64.saturating_pow(round)).min(CAP);
            assert!(backoff.next_wait() <= bound, "round {round}");
        }
        backoff.lost(true);
        assert!(backoff.next_wait() <= LOST);
        assert!(backoff.next_wait() <= 2 * LOST);
    }

    #[test]
    fn a_wait_of_about_a_time_is_within_a_tenth_of_it() {
        for _ in 0..100 {
            let wait = about(Duration::from_secs(100));
            assert!((90..=110).contains(&wait.as_secs()), "{wait:?}");
        }
    }
}
