//! `getinfo.limits`: system-wide limits and their use, the limits of a process, and the limits
//! configured for logins.
//!
//! Everything comes from /proc and /etc/security; root is not required. A value that the kernel
//! does not report is null.

mod configured;
mod process;
mod system;

use std::path::Path;

use plugin_api::{
    Args, Context, Meta, Opt, Options, Provider, ProviderError, Reply, export_provider,
};
use serde::Serialize;

use configured::Entry;
use process::Process;
use system::System;

struct Limits;

/// The answer. Field names are stable: fields may be added, none is renamed or removed.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Answer {
    /// System-wide limits and their use.
    system: System,
    /// Limits of the process that `-p` names. Without `-p`, those of the plugin's own process: the
    /// agent's limits, some of which it may have lowered.
    process: Option<Process>,
    /// Limits configured for logins (limits.conf(5)), in the order they are read.
    configured: Vec<Entry>,
}

impl Provider for Limits {
    fn describe() -> Meta {
        Meta::new(
            "getinfo.limits",
            env!("CARGO_PKG_VERSION"),
            "system-wide limits, and those of processes and logins",
        )
        .options(&OPTIONS)
        .output_schema(include_str!("../schema.json"))
        .example("", "system-wide limits, those of logins, and the agent's own")
        .example("-p 1", "also the limits of process 1")
    }

    fn call(args: &Args, _ctx: &Context) -> Result<Reply, ProviderError> {
        let root = Path::new("/");
        let process = match OPTIONS.parse(args)?.pid {
            None => process::read(root, std::process::id()),
            Some(pid) => Some(process::read(root, pid).ok_or_else(|| {
                let message = format!(
                    "cannot read /proc/{pid}/limits: there is no process {pid}, or it may not be read"
                );
                ProviderError::new("no_such_process", message)
            })?),
        };
        Reply::json(&Answer {
            system: system::read(root),
            process,
            configured: configured::read(root),
        })
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

    plugin_api::testing::schema_test!(Answer);

    #[test]
    fn one_process_id_is_accepted() {
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
