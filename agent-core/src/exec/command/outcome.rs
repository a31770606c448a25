//! The outcome of a command: its end, its output and its cost.

use std::time::{Duration, Instant, SystemTime};

use agent_sys::end::{CommandEnd, Usage};

use super::capture::Captured;

/// The outcome of a command.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// How it ended.
    pub end: CommandEnd,
    /// Standard output, with standard error in it unless the request separates them.
    pub stdout: Captured,
    /// Standard error, when the request separates it.
    pub stderr: Option<Captured>,
    /// When it began, by the wall clock; `None` when it never did.
    pub started: Option<SystemTime>,
    /// From its beginning to this outcome.
    pub wall: Duration,
    /// Whether the kernel killed one of its processes because its memory limit was reached.
    pub killed_for_memory: bool,
    /// The resources it used; `None` when it did not end within the time a kill may take, or never
    /// began.
    pub usage: Option<Usage>,
}

/// The moment at which a command began.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Began {
    pub(crate) wall: SystemTime,
    pub(crate) at: Instant,
}

impl Began {
    pub(crate) fn now() -> Self {
        Self { wall: SystemTime::now(), at: Instant::now() }
    }
}

impl Outcome {
    /// Returns the outcome of a command that ended before it started.
    pub(crate) fn without_output(end: CommandEnd, began: Began) -> Self {
        Self {
            end,
            stdout: Captured::default(),
            stderr: None,
            started: None,
            wall: began.at.elapsed(),
            killed_for_memory: false,
            usage: None,
        }
    }
}
