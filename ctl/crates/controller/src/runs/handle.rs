//! What the parts of the driver tell each other, and what the API sees of it.

use super::gauges::RunGauges;
use super::{MAX_ACTIVE_RUNS, MAX_ACTIVE_TARGETS};
use fleet::run::{Answer, Ask, End};
use std::fmt;
use std::sync::Arc;

/// What the API sees of the driver. Whatever operators decide is a row in the store, whose change
/// the driver notices.
#[derive(Clone, Debug)]
pub(crate) struct Handle {
    pub(super) gauges: Arc<RunGauges>,
}

/// Something that happened to a target: at most one for each request without a reply.
#[derive(Debug)]
pub(super) struct Told {
    pub(super) run: i64,
    pub(super) target: u32,
    pub(super) happened: Happened,
}

/// What happened to a target.
#[derive(Debug)]
pub(super) enum Happened {
    /// The agent answered; a request that is no command is answered by its outcome.
    Answered(Ask, Answer, Option<String>),
    /// It did not.
    Unanswered,
    /// Nothing was sent.
    NotSent(End),
    /// There is no channel.
    Offline,
    /// The host does not exist anymore.
    Removed,
}

/// Why no further run can become active now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Full {
    /// There are [`MAX_ACTIVE_RUNS`].
    Runs,
    /// There would be more than [`MAX_ACTIVE_TARGETS`].
    Targets,
}

impl fmt::Display for Full {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Runs => write!(
                f,
                "{MAX_ACTIVE_RUNS} runs are active; wait until one has ended, or cancel one"
            ),
            Self::Targets => write!(
                f,
                "the active runs would have more than {MAX_ACTIVE_TARGETS} hosts; wait until one \
                 has ended, or cancel one"
            ),
        }
    }
}

impl std::error::Error for Full {}

impl Handle {
    /// Returns whether a run of so many targets can become active.
    ///
    /// # Errors
    /// When there are too many already.
    pub(crate) fn room_for(&self, targets: usize) -> Result<(), Full> {
        let (runs, busy) = self.gauges.active();
        if runs >= MAX_ACTIVE_RUNS {
            Err(Full::Runs)
        } else if busy.saturating_add(targets) > MAX_ACTIVE_TARGETS {
            Err(Full::Targets)
        } else {
            Ok(())
        }
    }

    /// Returns the number of active runs, and of their targets by state.
    pub(crate) fn gauges(&self) -> &RunGauges {
        &self.gauges
    }
}
