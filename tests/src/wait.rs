//! Waiting for a condition, never for a time.

use std::time::{Duration, Instant};

/// A condition that has not come true by then will not.
pub const DEADLINE: Duration = Duration::from_secs(20);

/// Between two looks at a condition.
const LOOK: Duration = Duration::from_millis(10);

/// Looks until `condition` gives something, or panics with `what` after [`DEADLINE`].
pub async fn eventually_some<T>(what: &str, condition: impl FnMut() -> Option<T>) -> T {
    some_within(DEADLINE, what, condition).await
}

/// Looks until `condition` is true, or panics with `what` after [`DEADLINE`].
pub async fn eventually(what: &str, condition: impl FnMut() -> bool) {
    eventually_within(DEADLINE, what, condition).await;
}

/// The same with a deadline that is part of what is promised.
pub async fn eventually_within(deadline: Duration, what: &str, mut condition: impl FnMut() -> bool) {
    some_within(deadline, what, || condition().then_some(())).await;
}

async fn some_within<T>(deadline: Duration, what: &str, mut condition: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + deadline;
    loop {
        if let Some(value) = condition() {
            return value;
        }
        assert!(Instant::now() < end, "not within {} s: {what}", deadline.as_secs());
        tokio::time::sleep(LOOK).await;
    }
}
