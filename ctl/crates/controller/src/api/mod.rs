//! The operators' HTTP API, version 1; [`controller_api`] describes its paths and bodies.
//!
//! `router` holds the table of routes; `hosts`, `requests` and `results` hold their handlers;
//! `probes` those without a token.
//! Each handler carries its description, of which `document` makes the OpenAPI document. Each other handler takes the caller's `Principal`, which
//! `extract` makes from the token, so none runs without it. `problem` turns every error into
//! problem details (RFC 9457). `server` serves HTTP/1.1 over a `connection` that no client can hold
//! by not reading; `held` bounds the memory of responses, `wrong_tokens` the guesses.

mod connection;
mod document;
mod extract;
mod held;
mod hosts;
mod https;
mod metrics;
mod ndjson;
mod openapi;
mod prepare;
mod probes;
mod problem;
mod requests;
mod results;
mod router;
mod server;
mod service;
mod wrong_tokens;

pub(crate) use https::{HttpsFiles, HttpsSide, HttpsSource, Transport};
pub(crate) use router::{Parts, router};
pub(crate) use server::{Clients, serve};
