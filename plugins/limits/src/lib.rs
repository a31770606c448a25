//! `getinfo.limits`: what bounds the whole system and how much of it is used, the limits of a process, and those that
//! are configured for logins.
//!
//! Everything comes from /proc and /etc/security; no root is needed. What the kernel does not say is null.

mod configured;
mod process;
mod system;

use std::path::Path;

use plugin_api::{Args, Context, Meta, Opt, Options, Provider, ProviderError, Reply, export_provider};
use serde::Serialize;

use configured::Entry;
use process::Process;
use system::System;

struct Limits;

/// The answer. Its field names are stable: new ones may join, none changes.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Answer {
    /// Limits of the whole system, and their use.
    system: System,
    /// Limits of the process that `-p` names. Without it, of the one that answers: those of the agent that started it,
    /// some of which it may have lowered.
    process: Option<Process>,
    /// Limits that logins are given (limits.conf(5)), in the order they are read in.
    configured: Vec<Entry>,
}

impl Provider for Limits {
    fn describe() -> Meta {
        Meta::new(
            "getinfo.limits",
            env!("CARGO_PKG_VERSION"),
            "limits of the system, of processes and of logins",
        )
        .options(&OPTIONS)
        .output_schema(include_str!("../schema.json"))
        .example("", "the system's limits, those of logins, and the agent's own")
        .example("-p 1", "those of the first process, too")
    }

    fn call(args: &Args, _ctx: &Context) -> Result<Reply, ProviderError> {
        let root = Path::new("/");
        let process = match OPTIONS.parse(args)?.pid {
            None => process::read(root, std::process::id()),
            Some(pid) => Some(process::read(root, pid).ok_or_else(|| {
                let message = format!("there is no process {pid} whose /proc/{pid}/limits can be read");
                ProviderError::new("no_such_process", message)
            })?),
        };
        Reply::json(&Answer { system: system::read(root), process, configured: configured::read(root) })
    }
}

/// A call's arguments.
#[derive(Default)]
struct Selection {
    pid: Option<u32>,
}

const OPTIONS: Options<Selection> =
    Options::new(&[Opt::value("-p PID", "show the limits of this process", |selection, value| {
        selection.pid = Some(value.number(1..=u32::MAX)?);
        Ok(())
    })]);

export_provider!(Limits);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schema_is_that_of_the_answer() {
        plugin_api::testing::assert_schema::<Answer>(concat!(env!("CARGO_MANIFEST_DIR"), "/schema.json"));
    }

    #[test]
    fn one_process_is_taken() {
        let of = |line| OPTIONS.parse(&Args::parse(line).unwrap()).map(|selection| selection.pid);
        assert_eq!((of(""), of("-p 12")), (Ok(None), Ok(Some(12))));
        for bad in ["-p", "-p 0", "-p -1", "-p x", "-p 1 2", "1", "-p 99999999999"] {
            assert_eq!(of(bad).unwrap_err().code(), ProviderError::USAGE, "{bad}");
        }
    }

    #[test]
    fn a_system_without_proc_has_an_answer() {
        let root = Path::new("/nonexistent");
        assert!(system::read(root).open_files.is_none() && process::read(root, 1).is_none());
        assert!(configured::read(root).is_empty());
    }
}
