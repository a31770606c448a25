//! The agent's own messages, as the API's document describes them. The controller passes them on
//! verbatim; PROTOCOL.md has every field of each method.

use crate::Problem;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

/// A request to an agent. `method` says which; its other fields are the method's own.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AgentRequest {
    /// What the agent is to do.
    #[schema(example = "agent.ping", min_length = 1)]
    pub method: String,
    /// The request's other fields.
    #[serde(flatten)]
    pub fields: Map<String, Value>,
}

/// An agent's reply. It has the fields of a task's result but for the kind of event.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AgentReply {
    /// The request's id.
    pub id: String,
    /// Whether the agent did what it was asked.
    pub resp: Resp,
    /// The result as a number: 0 for success (PROTOCOL.md §4).
    #[schema(example = 0)]
    pub retcode: u16,
    /// The result in a sentence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// The reply's other fields: `data`, and those of the method.
    #[serde(flatten)]
    pub fields: Map<String, Value>,
}

/// A line of a stream: output as it arrives, then the reply or a problem.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(untagged)]
pub enum StreamLine {
    /// A piece of output.
    Output(OutputFrame),
    /// The reply, as the last line.
    Reply(AgentReply),
    /// Why there is no reply, as the last line.
    Problem(Problem),
}

/// A piece of a command's output.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct OutputFrame {
    /// The request's id.
    pub id: String,
    /// Always `output`.
    pub resp: OutputResp,
    /// The frame's other fields: `data`, and those of the method.
    #[serde(flatten)]
    pub fields: Map<String, Value>,
}

/// What tells output from a reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum OutputResp {
    /// A piece of output.
    Output,
}

/// The result of a task, as its agent delivered it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TaskResult {
    /// `async.result` or `cron.result`.
    #[schema(example = "async.result")]
    pub method: String,
    /// The task's id.
    #[schema(example = "nightly-42")]
    pub id: String,
    /// Whether the command ran and ended with status 0.
    pub resp: Resp,
    /// The result as a number: 0 for success (PROTOCOL.md §4).
    #[schema(example = 0)]
    pub retcode: u16,
    /// The event's other fields: `data`, and those of the method.
    #[serde(flatten)]
    pub fields: Map<String, Value>,
}

/// How a request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Resp {
    /// The agent did it.
    Success,
    /// The agent did not, or it failed.
    Failed,
}
