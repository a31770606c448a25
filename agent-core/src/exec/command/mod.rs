//! One command: from its fields over its account, environment and program to its outcome.

pub(crate) mod account;
pub(crate) mod capture;
mod environment;
pub(crate) mod host;
pub(crate) mod outcome;
mod process;
pub(crate) mod program;
pub(crate) mod running;
pub(crate) mod sink;
pub(crate) mod spec;
pub(crate) mod start;
mod streams;
