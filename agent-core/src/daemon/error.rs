//! Why the daemon could not start or run.

use crate::exec::StartError;
use crate::{enroll, identity, policy, schedule, task};
use std::fmt;
use std::io;
use std::path::PathBuf;

/// A daemon that could not start or run.
#[derive(Debug)]
pub(super) enum Error {
    /// The state directory cannot be used.
    Identity(identity::Error),
    /// The identity that the host joined with cannot be used.
    Enroll(enroll::Error),
    /// The identity belongs to another machine, and nothing says how this one joins.
    OtherMachine {
        /// The host id of the other machine.
        host_id: String,
    },
    /// The server has made this host set its key aside, and nothing says how it joins again.
    Reset {
        /// The key's new place.
        key: PathBuf,
    },
    /// The policy cannot be used.
    Policy(policy::Error),
    /// The kernel is too old, or a container's filter forbids what the agent needs.
    Kernel {
        /// The system call that is missing.
        call: &'static str,
        /// The release of Linux that brought it.
        since: &'static str,
    },
    /// Commands cannot be run.
    Exec(StartError),
    /// The tasks cannot be opened.
    Task(task::Error),
    /// Schedules cannot be read or timed.
    Schedule(schedule::Error),
    /// A system call failed.
    System {
        /// The call's name.
        call: &'static str,
        /// The system's error.
        source: io::Error,
    },
}

impl Error {
    /// Returns whether a restart meets the same error: only the operator can remove it.
    pub(super) fn is_lasting(&self) -> bool {
        match self {
            Self::Policy(error) => !error.may_pass(),
            Self::Schedule(_)
            | Self::OtherMachine { .. }
            | Self::Reset { .. }
            | Self::Kernel { .. } => true,
            Self::Enroll(error) => matches!(error, enroll::Error::Damaged { .. }),
            Self::Identity(_) | Self::Exec(_) | Self::Task(_) | Self::System { .. } => false,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Identity(error) => error.fmt(f),
            Self::Enroll(error) => error.fmt(f),
            Self::OtherMachine { host_id } => write!(
                f,
                "this host's machine id is not that of the host that joined as {host_id}: the \
                 state directory was copied, or the machine id was changed; join this host: \
                 BasicAgent enroll --replace"
            ),
            Self::Reset { key } => write!(
                f,
                "the server has reset this host's identity, and agent.toml has no [enroll] to \
                 join again with; the old key is {}; join this host: BasicAgent enroll",
                key.display()
            ),
            Self::Policy(error) => error.fmt(f),
            Self::Kernel { call, since } => write!(
                f,
                "this kernel has no {call}, or a filter of system calls forbids it: the agent needs \
                 Linux 5.4 or later ({call} came with {since}), in a container a runtime that \
                 allows it"
            ),
            Self::Exec(error) => error.fmt(f),
            Self::Task(error) => error.fmt(f),
            Self::Schedule(error) => error.fmt(f),
            Self::System { call, source } => write!(f, "{call}: {source}"),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        // A part's message is this error's message, so its cause is this error's cause.
        match self {
            Self::Identity(error) => error.source(),
            Self::Enroll(error) => error.source(),
            Self::OtherMachine { .. } | Self::Reset { .. } | Self::Kernel { .. } => None,
            Self::Policy(error) => error.source(),
            Self::Exec(error) => error.source(),
            Self::Task(error) => error.source(),
            Self::Schedule(error) => error.source(),
            Self::System { source, .. } => Some(source),
        }
    }
}
