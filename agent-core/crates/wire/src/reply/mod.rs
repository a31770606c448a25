//! The `data` of a successful reply, by method: the agent writes these types, the
//! command line and the controller read them.
//!
//! A field that does not apply is left out. A reader ignores fields it does not know (§3), so a
//! later version may add some. Times are RFC 3339 in UTC.

mod check;
mod facts;
mod info;
mod job;
mod output;
mod task;

pub use check::CommandCheck;
pub use facts::FactReply;
pub use info::{AgentInfo, MethodSummary};
pub use job::{JobPlan, JobStatus, SkippedRun, StartedRun};
pub use output::TaskOutput;
pub use task::{TaskState, TaskStatus};
