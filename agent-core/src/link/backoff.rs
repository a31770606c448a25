//! How long to wait before the next round: exponential, with full jitter (§1).

use std::time::Duration;

/// The first wait is up to this.
const BASE: Duration = Duration::from_secs(1);

/// No wait is longer than this.
const CAP: Duration = Duration::from_secs(60);

/// Counts the rounds that failed in a row.
#[derive(Debug, Default)]
pub(super) struct Backoff {
    failures: u32,
}

impl Backoff {
    /// Forgets the failures: a channel has stood for a while.
    pub(super) fn reset(&mut self) {
        self.failures = 0;
    }

    /// Counts one more failure and says how long to wait: a random part of a bound that doubles
    /// each time, so that a fleet that lost its server at once does not come back at once.
    pub(super) fn next_wait(&mut self) -> Duration {
        let bound =
            CAP.min(BASE.saturating_mul(1_u32.checked_shl(self.failures).unwrap_or(u32::MAX)));
        self.failures = self.failures.saturating_add(1);
        bound.mul_f64(random_fraction())
    }
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
        backoff.reset();
        assert!(backoff.next_wait() <= BASE);
    }
}
