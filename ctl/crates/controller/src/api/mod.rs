//! The operators' HTTP API, version 1; [`controller_api`] describes its paths and bodies.
//!
//! `router` holds the table of routes, each with its `rule`: who may use it, and whether it changes
//! anything. The `gate` stands before every handler: it identifies the caller (`extract`), has a
//! change's request read by the function that its rule names, judges it, and writes its event; the
//! handler gets what was read as `Carried`. `idempotency` keeps a change from being made twice. Each
//! handler carries its description, of which `document` makes the OpenAPI document. `problem` turns
//! every error into problem details (RFC 9457). `server` serves HTTP/1.1, over `https` if need be,
//! on a `connection` that no client can hold by not reading; `held` bounds the memory of responses,
//! `streams` the clients that follow something, whose bodies are `pulled`; `wrong_tokens` bounds the
//! guesses. `selected` finds the hosts that a request means and its caller may see.

mod api_tokens;
mod arrivals;
mod budgets;
mod bulk;
mod ca;
mod changes;
mod clones;
mod connection;
mod document;
mod events;
mod extract;
mod facts;
mod gate;
mod held;
mod history;
mod host_body;
mod hosts;
mod https;
mod idempotency;
mod labels;
mod live;
mod login;
mod login_link;
mod metrics;
mod ndjson;
mod nodes;
mod openapi;
mod operators;
mod overview;
mod page;
mod plans;
mod prepare;
mod printing;
mod probes;
mod problem;
mod pulled;
mod reach;
mod recorded;
mod requests;
mod results;
mod roles;
mod router;
mod rule;
mod run_body;
mod run_events;
mod runs;
mod schedules;
mod selected;
mod server;
mod service;
mod streams;
mod system;
mod target_output;
mod targets;
mod times;
mod tokens;
mod wrong_tokens;

pub(crate) use host_body::clones_here;
pub(crate) use https::{HttpsFiles, HttpsSide, HttpsSource, Transport};
pub(crate) use router::{Parts, router};
pub(crate) use server::{Clients, serve};
