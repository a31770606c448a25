//! The HTTP API, version 1: which hosts are connected, and requests to them.
//!
//! | request | answer |
//! |---|---|
//! | `GET /api/v1/hosts` | `{"hosts":[host…]}` |
//! | `GET /api/v1/hosts/{id}` | a host: `id`, `address`, `version`, `connected_at`, `requests_running` |
//! | `POST /api/v1/hosts/{id}/requests` | the agent's response to the request in the body, as it came |
//!
//! Every request needs `Authorization: Bearer TOKEN`. Errors are `{"error":"…"}`. Output frames
//! (`stream`) are not passed on.

mod error;
mod request;
mod routes;

pub(crate) use routes::router;
