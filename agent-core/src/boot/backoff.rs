//! The wait before a restart of the agent. Pure; [`super::supervise`] uses it.

use std::time::Duration;

/// The wait after the first death.
pub(super) const FIRST: Duration = Duration::from_secs(1);

/// The longest wait, and how long the agent must live for the next wait to be the first again.
pub(super) const LONGEST: Duration = Duration::from_secs(60);

/// Exponential back-off: 1 s, doubling, up to 60 s.
///
/// No jitter: it spreads peers that failed together, and one host's launcher has none.
#[derive(Debug)]
pub(super) struct Backoff {
    next: Duration,
}

impl Backoff {
    pub(super) fn new() -> Self {
        Self { next: FIRST }
    }

    /// Returns the wait after an agent that lived this long.
    pub(super) fn after(&mut self, lived: Duration) -> Duration {
        let wait = if lived >= LONGEST { FIRST } else { self.next };
        self.next = (wait * 2).min(LONGEST);
        wait
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn waits(lives: &[u64]) -> Vec<u64> {
        let mut backoff = Backoff::new();
        lives.iter().map(|&lived| backoff.after(Duration::from_secs(lived)).as_secs()).collect()
    }

    #[test]
    fn the_wait_doubles_up_to_sixty_seconds() {
        assert_eq!(waits(&[0; 9]), [1, 2, 4, 8, 16, 32, 60, 60, 60]);
    }

    #[test]
    fn an_agent_that_lived_a_minute_resets_the_wait() {
        assert_eq!(waits(&[0, 59, 60, 0, 3600, 0]), [1, 2, 1, 2, 1, 2]);
    }
}
