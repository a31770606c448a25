//! Log lines that peers cause: a few of them, then a count.

use parking_lot::Mutex;
use std::time::{Duration, Instant};

/// The time that a number of lines is allowed for.
const WINDOW: Duration = Duration::from_secs(60);

/// A limit on the log lines of one kind.
#[derive(Debug)]
pub(crate) struct LogLimit {
    /// Lines in one window.
    most: u32,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    since: Option<Instant>,
    lines: u32,
    /// Lines that were left out since the last one that was not.
    left_out: u64,
}

impl LogLimit {
    /// Allows `most` lines a minute.
    pub(crate) const fn new(most: u32) -> Self {
        let state = State { since: None, lines: 0, left_out: 0 };
        Self { most, state: Mutex::new(state) }
    }

    /// Asks for one line; returns the number of those left out before it, or `None` to leave this
    /// one out too.
    pub(crate) fn line(&self) -> Option<u64> {
        let mut state = self.state.lock();
        let now = Instant::now();
        if state.since.is_none_or(|since| now.duration_since(since) >= WINDOW) {
            state.since = Some(now);
            state.lines = 0;
        }
        if state.lines >= self.most {
            state.left_out += 1;
            return None;
        }
        state.lines += 1;
        Some(std::mem::take(&mut state.left_out))
    }
}

/// Writes a log line within a [`LogLimit`], after the number of lines of its kind that were left
/// out.
macro_rules! log_limited {
    ($limit:expr, $level:ident, $($text:tt)+) => {
        if let Some(left_out) = $limit.line() {
            if left_out > 0 {
                log::$level!("left out {left_out} log lines like the next one");
            }
            log::$level!($($text)+);
        }
    };
}
pub(crate) use log_limited;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_beyond_the_limit_are_counted_and_the_count_is_told_once() {
        let limit = LogLimit::new(2);
        assert_eq!([limit.line(), limit.line()], [Some(0), Some(0)]);
        assert_eq!([limit.line(), limit.line()], [None, None]);
        let window = Instant::now().checked_sub(WINDOW);
        limit.state.lock().since = window;
        assert_eq!([limit.line(), limit.line(), limit.line()], [Some(2), Some(0), None]);
    }
}
