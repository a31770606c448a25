//! How processes and commands end. One set of types, from waitid(2) up to the dispatcher.

use std::time::Duration;

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// It exited with this status.
    Exited(u8),
    /// A signal ended it.
    Signaled {
        /// The signal's number.
        signal: i32,
        /// Whether it left a core dump.
        core: bool,
    },
}

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CommandEnd {
    /// It exited with this status.
    Exited(u8),
    /// A signal ended it that neither the agent nor a supervisor sent.
    Signaled {
        /// The signal's number.
        signal: i32,
        /// Whether it left a core dump.
        core: bool,
    },
    /// Its time-out passed; its whole tree was killed.
    TimedOut,
    /// Somebody cancelled it, or the agent shut down; its whole tree was killed, or it never began.
    Cancelled,
}

/// Why a command's tree was ended before the command ended by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopReason {
    /// Its time-out passed.
    TimedOut,
    /// Somebody cancelled it.
    Cancelled,
}

/// The resources that a process and the children it waited for used (getrusage(2)).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Usage {
    /// Processor time in user mode, to the microsecond.
    pub user: Duration,
    /// Processor time in the kernel, to the microsecond.
    pub system: Duration,
    /// The largest resident size, in KiB.
    pub max_rss_kib: u64,
}

/// The end of a process, and the resources it used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProcessEnd {
    /// How it ended.
    pub exit: Exit,
    /// The resources it used.
    pub usage: Usage,
}

impl CommandEnd {
    /// Returns whether nothing of the command's tree was killed.
    #[must_use]
    pub fn is_by_itself(self) -> bool {
        match self {
            Self::Exited(_) | Self::Signaled { .. } => true,
            Self::TimedOut | Self::Cancelled => false,
        }
    }
}

impl From<Exit> for CommandEnd {
    fn from(exit: Exit) -> Self {
        match exit {
            Exit::Exited(status) => Self::Exited(status),
            Exit::Signaled { signal, core } => Self::Signaled { signal, core },
        }
    }
}

impl From<StopReason> for CommandEnd {
    fn from(reason: StopReason) -> Self {
        match reason {
            StopReason::TimedOut => Self::TimedOut,
            StopReason::Cancelled => Self::Cancelled,
        }
    }
}

impl ProcessEnd {
    /// The length of [`ProcessEnd::to_bytes`].
    pub const LEN: usize = 40;

    /// Returns the form in which a keeper reports it to the agent, which is the same binary.
    #[must_use]
    pub fn to_bytes(self) -> [u8; Self::LEN] {
        let (kind, value) = match self.exit {
            Exit::Exited(status) => (0, u64::from(status)),
            Exit::Signaled { signal, core } => {
                (1 + u64::from(core), u64::from(signal.unsigned_abs()))
            }
        };
        let micros = |time: Duration| u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        let Usage { user, system, max_rss_kib } = self.usage;
        let mut bytes = [0; Self::LEN];
        let words = [kind, value, micros(user), micros(system), max_rss_kib];
        for (slot, word) in bytes.chunks_exact_mut(8).zip(words) {
            slot.copy_from_slice(&word.to_ne_bytes());
        }
        bytes
    }

    /// Reads the bytes of [`ProcessEnd::to_bytes`]; `None` for any others.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let bytes: &[u8; Self::LEN] = bytes.try_into().ok()?;
        let mut words =
            bytes.chunks_exact(8).map(|word| word.try_into().map_or(0, u64::from_ne_bytes));
        let mut next = || words.next().unwrap_or(0);
        let (kind, value) = (next(), next());
        let exit = match kind {
            0 => Exit::Exited(u8::try_from(value).ok()?),
            1 | 2 => Exit::Signaled { signal: i32::try_from(value).ok()?, core: kind == 2 },
            _ => return None,
        };
        let user = Duration::from_micros(next());
        let system = Duration::from_micros(next());
        Some(Self { exit, usage: Usage { user, system, max_rss_kib: next() } })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_process_survives_the_socket() {
        for exit in [
            Exit::Exited(0),
            Exit::Exited(255),
            Exit::Signaled { signal: 9, core: false },
            Exit::Signaled { signal: 11, core: true },
        ] {
            let user = Duration::from_micros(1_234_567);
            let usage = Usage { user, system: Duration::from_micros(3), max_rss_kib: 4_096 };
            let ended = ProcessEnd { exit, usage };
            assert_eq!(ProcessEnd::from_bytes(&ended.to_bytes()), Some(ended));
        }
        assert_eq!(ProcessEnd::from_bytes(b"short"), None);
    }
}
