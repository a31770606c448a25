//! `async.output`: a part of a task's output (§6).

use serde::{Deserialize, Serialize};

/// Up to 256 KiB of a task's output, as `text` or as `base64`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskOutput {
    /// Where this part begins; beyond the offset that was asked for where older output is gone.
    pub offset: u64,
    /// Where the next part begins.
    pub next: u64,
    /// Whether the task has ended and nothing comes after this part.
    pub ended: bool,
    /// The part, where it is text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// The part in base64, where it is not text or the task asked for base64.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub base64: Option<String>,
}
