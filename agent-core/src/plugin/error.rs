//! Why a plugin's call failed.

use std::fmt;
use std::time::Duration;

/// A plugin's call that failed.
#[derive(Debug)]
pub(crate) enum Error {
    /// The plugin was not found or not loaded. The message names the method or the file.
    Refused(String),
    /// The plugin rejected the arguments.
    Args {
        /// The requested method.
        method: String,
        /// The plugin's message.
        why: String,
    },
    /// The plugin returned an error of its own, a missing privilege included.
    Failed {
        /// The requested method.
        method: String,
        /// The plugin's code; `broken` when the plugin broke the interface.
        code: String,
        /// The plugin's message.
        message: String,
    },
    /// The worker process ended during the call.
    Crashed {
        /// The requested method.
        method: String,
        /// The signal or status.
        how: String,
    },
    /// The call took too long, and the worker was killed.
    TimedOut {
        /// The requested method.
        method: String,
        /// The bound.
        after: Duration,
    },
    /// Too many calls wait for this plugin.
    Busy {
        /// The requested method.
        method: String,
        /// The calls that wait.
        waiting: usize,
    },
    /// The agent is shutting down.
    ShuttingDown,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(why) => f.write_str(why),
            Self::Args { method, why } => write!(f, "{method}: {why}"),
            Self::Failed { method, code, message } => write!(f, "{method}: {code}: {message}"),
            Self::Crashed { method, how } => write!(f, "{method}: the plugin crashed: {how}"),
            Self::TimedOut { method, after } => {
                let seconds = after.as_secs();
                write!(f, "{method}: no reply within {seconds} s; its process was killed")
            }
            Self::Busy { method, waiting } => {
                write!(f, "{method}: too busy: {waiting} calls queued for this plugin")
            }
            Self::ShuttingDown => f.write_str("the agent is shutting down"),
        }
    }
}

/// No source: the errors behind a message happened in the worker process, which sends text.
impl std::error::Error for Error {}
