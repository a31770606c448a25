//! Waiting for a condition, never for a time.

use std::time::{Duration, Instant};

/// A condition that has not come true by then will not.
pub const DEADLINE: Duration = Duration::from_secs(30);

/// The pause between two looks at a condition.
const LOOK: Duration = Duration::from_millis(5);

/// Polls until `condition` returns something.
///
/// # Panics
/// With `what`, after [`DEADLINE`].
pub async fn eventually_some<T>(what: &str, condition: impl FnMut() -> Option<T>) -> T {
    some_within(DEADLINE, what, condition).await
}

/// Polls until `condition` is true.
///
/// # Panics
/// With `what`, after [`DEADLINE`].
pub async fn eventually(what: &str, condition: impl FnMut() -> bool) {
    eventually_within(DEADLINE, what, condition).await;
}

/// Polls until `condition` is true, where the deadline is part of the promise.
///
/// # Panics
/// With `what`, after `deadline`.
pub async fn eventually_within(
    deadline: Duration,
    what: &str,
    mut condition: impl FnMut() -> bool,
) {
    some_within(deadline, what, || condition().then_some(())).await;
}

async fn some_within<T>(
    deadline: Duration,
    what: &str,
    mut condition: impl FnMut() -> Option<T>,
) -> T {
    let end = Instant::now() + deadline;
    loop {
        if let Some(value) = condition() {
            return value;
        }
        assert!(Instant::now() < end, "not within {} s: {what}", deadline.as_secs());
        tokio::time::sleep(LOOK).await;
    }
}

/// Blocks the thread until `condition` returns something.
///
/// # Panics
/// With `what`, after [`DEADLINE`].
pub fn wait_some<T>(what: &str, condition: impl FnMut() -> Option<T>) -> T {
    wait_some_within(DEADLINE, what, condition)
}

/// Blocks the thread until `condition` returns something, where [`DEADLINE`] is too short.
///
/// # Panics
/// With `what`, after `deadline`.
pub fn wait_some_within<T>(
    deadline: Duration,
    what: &str,
    mut condition: impl FnMut() -> Option<T>,
) -> T {
    let end = Instant::now() + deadline;
    loop {
        if let Some(value) = condition() {
            return value;
        }
        assert!(Instant::now() < end, "not within {} s: {what}", deadline.as_secs());
        std::thread::sleep(LOOK);
    }
}

/// Blocks the thread until `condition` is true.
///
/// # Panics
/// With `what`, after [`DEADLINE`].
pub fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    wait_some(what, || condition().then_some(()));
}
