//! The language of `policy.toml`, without I/O: text to rules, rules and a request to a verdict.
//!
//! An allow rule matches strictly: it allows nothing that it does not plainly cover. A deny rule
//! matches broadly: it denies everything that resembles its texts.

mod account;
mod command;
mod parse;
mod pattern;
mod policy;
mod rule;

pub(crate) use account::{Name, RunAs};
pub(crate) use policy::{Policy, Refusal, Subject, Verdict};
