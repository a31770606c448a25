//! The language of `policy.toml`, without I/O: text to rules, rules and a request to a verdict.
//!
//! An allow rule matches strictly: what it does not plainly cover, it does not allow. A deny rule matches
//! generously: what looks like what it forbids, it forbids.

mod account;
mod command;
mod parse;
mod pattern;
mod policy;
mod rule;

pub(crate) use account::{Name, RunAs};
pub(crate) use policy::{Policy, Refusal, Subject, Verdict};
