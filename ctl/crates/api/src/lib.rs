//! The controller's HTTP API, version 1, as types: paths, queries, bodies and problem details.
//!
//! The controller writes them; `BasicAgentCtl` and tests read them. Nothing here does I/O.
//! Each body derives `ToSchema` and each query `IntoParams`: their doc comments and examples are
//! what the OpenAPI document says.
//!
//! | request | response |
//! |---|---|
//! | `GET /api/v1/hosts` | [`HostList`] |
//! | `GET /api/v1/hosts/{host}` | [`Host`] |
//! | `POST /api/v1/hosts/{host}/requests` | the agent's reply to the body, verbatim |
//! | … with `"stream":true` in a `sync.bash` | NDJSON: output as it arrives, then the reply |
//! | `GET /api/v1/hosts/{host}/results` with [`ResultsQuery`] | [`ResultPage`] |
//! | `GET /api/v1/hosts/{host}/results/{task}` with [`ResultQuery`] | the newest result of the task's id, verbatim |
//! | `GET /healthz` | 200 while the controller runs |
//! | `GET /readyz` | 200, or the [`Problem`] that the controller has with its own data |
//!
//! Every request but the last two needs the header `Authorization: Bearer TOKEN`. An error is a
//! [`Problem`] (RFC 9457) with the media type [`PROBLEM_JSON`]; in a stream that has begun, it is
//! the last line.
//!
//! A request may bring its own `id` for `async.bash` only: it becomes the task's id, and a repeat
//! of the same request does not start the task again. The controller stores results itself, so
//! their hosts need not be connected.

mod host;
pub mod path;
mod problem;
mod result;

pub use host::{Host, HostList};
pub use problem::{PROBLEM_JSON, Problem, ProblemKind};
pub use result::{
    DEFAULT_RESULTS, MAX_RESULTS, MAX_WAIT_SECONDS, ResultPage, ResultQuery, ResultsQuery,
    StoredResult,
};

/// The media type of a streamed reply: one JSON object per line.
pub const NDJSON: &str = "application/x-ndjson";
