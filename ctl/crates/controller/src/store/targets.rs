//! The targets of a run: as lists show them, and as the driver of the run moves them.

use fleet::UnixMillis;
use fleet::run::{End, TargetState};
/// A page of a run's targets.
#[derive(Clone, Debug, Default)]
pub(crate) struct TargetQuery {
    /// The run's id.
    pub(crate) run: String,
    /// Only targets in this state.
    pub(crate) state: Option<TargetState>,
    /// Only targets of this stage, from 0.
    pub(crate) stage: Option<u16>,
    /// Only targets with this output, by its digest in hexadecimal.
    pub(crate) output: Option<String>,
    /// Only targets behind this position.
    pub(crate) after: Option<u32>,
    /// The most targets of the page.
    pub(crate) limit: usize,
}

/// A stored target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TargetRow {
    /// The run's id.
    pub(crate) run: String,
    /// The place in the run, from 0.
    pub(crate) position: u32,
    /// The host.
    pub(crate) host: String,
    /// Its stage, from 0.
    pub(crate) stage: u16,
    /// How far it is.
    pub(crate) state: TargetState,
    /// The exit status or retcode of an ended one.
    pub(crate) code: Option<u16>,
    /// A sentence about the state.
    pub(crate) why: Option<String>,
    /// When it was sent first.
    pub(crate) sent_at: Option<UnixMillis>,
    /// When the agent accepted it.
    pub(crate) accepted_at: Option<UnixMillis>,
    /// When it ended.
    pub(crate) ended_at: Option<UnixMillis>,
    /// The digest of end state, code and output, in hexadecimal.
    pub(crate) output: Option<String>,
    /// The number of its last change; 0 if there is none yet.
    pub(crate) change: i64,
}

/// A page of a plan's hosts.
#[derive(Clone, Debug, Default)]
pub(crate) struct PlanHostQuery {
    /// The plan's id.
    pub(crate) run: String,
    /// Only hosts with this answer.
    pub(crate) answer: Option<String>,
    /// Only hosts behind this position.
    pub(crate) after: Option<u32>,
    /// The most hosts of the page.
    pub(crate) limit: usize,
}

/// A host of a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PlanHostRow {
    /// The place in the plan, from 0.
    pub(crate) position: u32,
    /// The host.
    pub(crate) host: String,
    /// Its stage, from 0; `None` if it is not in the run.
    pub(crate) stage: Option<u16>,
    /// The plan's answer for it.
    pub(crate) answer: String,
    /// Why, in a sentence.
    pub(crate) why: Option<String>,
}

/// Targets that ended alike.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OutputRow {
    /// The digest of end state, code and output, in hexadecimal.
    pub(crate) digest: String,
    /// The targets with it.
    pub(crate) count: u64,
    /// How they ended.
    pub(crate) state: TargetState,
    /// The exit status or retcode.
    pub(crate) code: Option<u16>,
    /// Some of the hosts: at most [`MAX_OUTPUT_HOSTS`].
    pub(crate) hosts: Vec<String>,
    /// The first characters of the output: at most [`MAX_OUTPUT_HEAD`]. Base64 if it is no text,
    /// JSON if it is an object.
    pub(crate) head: String,
    /// Whether there is more of it.
    pub(crate) truncated: bool,
    /// Whether the output is no text.
    pub(crate) base64: bool,
}

/// Characters of the output of a group.
pub(crate) const MAX_OUTPUT_HEAD: usize = 1024;

/// Hosts that a group of equal outputs names.
pub(crate) const MAX_OUTPUT_HOSTS: usize = 10;

/// Targets that one call moves.
pub(crate) const MAX_MOVES: usize = 256;

/// A target as the driver of its run needs it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TargetSeed {
    /// The host.
    pub(crate) host: String,
    /// The budgets that count it.
    pub(crate) budgets: Vec<String>,
    /// How far it is.
    pub(crate) state: TargetState,
    /// The code that its host told, if it has ended.
    pub(crate) code: Option<u16>,
    /// Why it waits, if its host had no room for it.
    pub(crate) why: Option<String>,
    /// When it was sent first.
    pub(crate) sent_at: Option<UnixMillis>,
}

/// A move of a target.
#[derive(Clone, Debug)]
pub(crate) struct TargetMove {
    /// The run's number.
    pub(crate) run: i64,
    /// The target's position.
    pub(crate) position: u32,
    /// Where to.
    pub(crate) to: MoveTo,
}

/// Where a target moves.
#[derive(Clone, Debug)]
pub(crate) enum MoveTo {
    /// Its turn has come, but not its host's.
    Queued {
        /// Why it waits, in a sentence, if its host had no room for it.
        why: Option<String>,
    },
    /// The request is about to be sent.
    Sent,
    /// The agent has accepted it.
    Running,
    /// It has ended without a result of the agent.
    Ended(End),
    /// It has ended by this reply of the agent, which is kept as its result.
    Replied {
        /// How.
        end: End,
        /// The reply, verbatim.
        reply: String,
    },
}
