//! The HTTP API, version 1: which hosts are connected, requests to them, and results of their tasks.
//!
//! | request | answer |
//! |---|---|
//! | `GET /api/v1/hosts` | `{"hosts":[host…]}` |
//! | `GET /api/v1/hosts/{id}` | a host: `id`, `address`, `version`, `connected_at`, `requests_running` |
//! | `POST /api/v1/hosts/{id}/requests` | the agent's response to the request in the body, as it came |
//! | … a `sync.bash` with `"stream":true` | its output frames as they come, then the response: JSON, a line each |
//! | `GET /api/v1/hosts/{id}/results?after=SEQUENCE&limit=N` | `{"results":[{"sequence","received","task","result"}…]}` |
//! | `GET /api/v1/hosts/{id}/results/{task}?wait=SECONDS` | the task's result, as it came |
//!
//! Every request needs `Authorization: Bearer TOKEN`. Errors are `{"error":"…"}`. A request may bring an `id` of its
//! own for `async.bash` only: it is the task's, and sent again with the same content it starts nothing again.
//! Results are the controller's own: their hosts need not be connected.

mod problem;
mod ndjson;
mod request;
mod results;
mod router;
pub(crate) mod server;

pub(crate) use router::router;
