//! What became of a command.

use std::time::{Duration, SystemTime};

use super::capture::Captured;

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// By itself, with this exit status.
    Exited(u8),
    /// By a signal from elsewhere.
    Signaled {
        /// The signal's number.
        signal: i32,
        /// Whether it left a core dump.
        core: bool,
    },
    /// Its time was over; its whole tree is killed.
    TimedOut,
    /// Cancelled by request or shutdown; its whole tree is killed, or it never began.
    Cancelled,
}

/// The end, the output and what it took.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// How it ended.
    pub end: End,
    /// Standard output, with standard error in it unless that was asked for apart.
    pub stdout: Captured,
    /// Standard error, when asked for apart.
    pub stderr: Option<Captured>,
    /// When it began, by the wall clock.
    pub started: SystemTime,
    /// From its beginning to this answer.
    pub wall: Duration,
    /// Whether the kernel killed within it because the memory it was limited to was used up.
    pub killed_for_memory: bool,
    /// What it used; `None` when it did not end within the time a kill may take, or never began.
    pub usage: Option<Usage>,
}

/// What a command and the children it waited for used (getrusage(2)).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Usage {
    /// Processor time in user mode.
    pub user: Duration,
    /// Processor time in the kernel.
    pub system: Duration,
    /// The largest resident size, in KiB.
    pub max_rss_kib: u64,
}
