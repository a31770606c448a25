//! `getinfo.sysctl`: the kernel's parameters and their configuration.
//!
//! Values come from /proc/sys, where each name is a file; the configuration comes from sysctl.d(5).
//! It needs no root: keys that only root may read are counted.

mod configured;
mod name;
mod pattern;
mod queue;
mod running;

use std::path::Path;

use plugin_api::{
    Args, Context, Meta, Opt, Options, Provider, ProviderError, Reply, export_provider,
};
use serde::Serialize;

use configured::Entry;
use running::{Running, Values};

struct Sysctl;

/// The most names in one call.
const MAX_NAMES: usize = 1000;

/// The reply. Its field names are stable: fields may be added, but never change.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Answer {
    /// Values by name, as the kernel writes them without the last line end: up to 65,536 bytes
    /// each, up to 10,000 keys.
    #[cfg_attr(test, schemars(with = "std::collections::BTreeMap<String, String>"))]
    values: Values,
    /// The number of keys in `values`.
    count: usize,
    /// The number of keys that cannot be read: root's own, write-only keys, and secrets.
    unreadable: usize,
    /// Requested names that are not keys of this kernel.
    missing: Vec<String>,
    /// Whether there are more than 10,000 keys. Keys of single interfaces and processors are left
    /// out then, by the order of their names.
    truncated: bool,
    /// The keys whose value is longer; `values` has its beginning.
    truncated_values: Vec<String>,
    /// The configuration of the requested keys, sorted by name.
    configured: Vec<Entry>,
    /// Whether there are more than 5,000 configured keys; the rest is left out.
    configured_truncated: bool,
}

impl Provider for Sysctl {
    fn describe() -> Meta {
        Meta::new(
            "getinfo.sysctl",
            env!("CARGO_PKG_VERSION"),
            "kernel parameters: their values and their configuration",
        )
        .options(&OPTIONS)
        .output_schema(include_str!("../schema.json"))
        .example("kernel.pid_max vm.", "one key, and all keys of memory management")
        .example("", "all keys")
    }

    fn call(args: &Args, _ctx: &Context) -> Result<Reply, ProviderError> {
        let selection = OPTIONS.parse(args)?;
        Reply::json(&Answer::read(Path::new("/"), &selection.paths))
    }
}

/// The selected keys, as paths below /proc/sys; none selects all.
#[derive(Default)]
struct Selection {
    paths: Vec<String>,
}

const OPTIONS: Options<Selection> = Options::new(&[Opt::words(
    "NAME",
    "a key (kernel.pid_max), or all keys of a folder (net.ipv4.); without a name, all keys",
    |selection: &mut Selection, value| {
        if selection.paths.len() == MAX_NAMES {
            return Err(ProviderError::usage(format!("more than {MAX_NAMES} names")));
        }
        let path = name::to_path(value.as_str());
        let must_be = "the name of a key, such as kernel.pid_max or net.ipv4.";
        selection.paths.push(path.ok_or_else(|| value.must_be(must_be))?);
        Ok(())
    },
)]);

impl Answer {
    /// Reads the keys at these paths below /proc/sys, or all keys if there are none.
    fn read(root: &Path, paths: &[String]) -> Self {
        let sys = root.join("proc/sys");
        let mut running = Running::default();
        let mut missing = Vec::new();
        for path in paths {
            if !running.add(&sys, path) {
                missing.push(name::from_path(path));
            }
        }
        if paths.is_empty() {
            running.add(&sys, "");
        }
        if paths.len() > 1 {
            // A key may be below two of the names.
            running.values.0.sort_unstable();
            running.values.0.dedup_by(|a, b| a.0 == b.0);
            running.cut_values.sort_unstable();
            running.cut_values.dedup();
        }
        let is_below = |key: &str, path: &String| {
            key.strip_prefix(path.as_str())
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        let (configured, configured_truncated) = configured::read(root, |key| {
            paths.is_empty() || paths.iter().any(|path| is_below(key, path))
        });
        Self {
            count: running.values.0.len(),
            values: running.values,
            unreadable: running.unreadable,
            missing,
            truncated: running.is_cut,
            truncated_values: running.cut_values,
            configured,
            configured_truncated,
        }
    }
}

export_provider!(Sysctl);

#[cfg(test)]
mod tests {
    use super::*;

    plugin_api::testing::schema_test!(Answer);

    #[test]
    fn names_that_lead_elsewhere_are_rejected() {
        for word in ["-a", "../../etc/passwd", "/etc/passwd", "''", "a..b"] {
            let parsed = OPTIONS.parse(&Args::parse(word).unwrap());
            assert_eq!(parsed.err().unwrap().code(), ProviderError::USAGE, "{word:?}");
        }
    }

    #[test]
    fn a_system_without_proc_has_an_answer() {
        let answer = Answer::read(Path::new("/nonexistent"), &["kernel".to_owned()]);
        assert_eq!((answer.count, answer.missing), (0, vec!["kernel".to_owned()]));
    }
}
