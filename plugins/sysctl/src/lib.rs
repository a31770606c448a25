//! `getinfo.sysctl`: the kernel's parameters as they are, and as they are configured.
//!
//! Values come from /proc/sys, where each name is a file; what is configured comes from
//! sysctl.d(5). No root is needed: what only root may read is counted.

mod configured;
mod name;
mod queue;
mod running;

use std::path::Path;

use plugin_api::{Args, Context, Meta, Provider, ProviderError, Reply, export_provider};
use serde::Serialize;

use configured::Entry;
use running::{Running, Values};

struct Sysctl;

/// Names in one call.
const MAX_ASKED: usize = 1000;

/// The answer. Its field names are stable: new ones may join, none changes.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Answer {
    /// Values by name, as the kernel writes them but for the last line end; 4,096 bytes of each,
    /// 10,000 keys.
    #[cfg_attr(test, schemars(with = "std::collections::BTreeMap<String, String>"))]
    values: Values,
    /// How many there are in `values`.
    count: usize,
    /// Keys that can't be read: root's own, those that are only written, and secrets.
    unreadable: usize,
    /// Names that were asked for and are no key of this kernel.
    missing: Vec<String>,
    /// Whether there are more than 10,000 keys, of which the rest is left out.
    truncated: bool,
    /// What is configured for the keys that were asked for, sorted by name.
    configured: Vec<Entry>,
}

impl Provider for Sysctl {
    fn describe() -> Meta {
        Meta::new(
            "getinfo.sysctl",
            env!("CARGO_PKG_VERSION"),
            "kernel parameters as they are and as they are configured",
        )
        .usage("[NAME]...")
        .arg(
            "NAME",
            "a key (kernel.pid_max), or all below a folder (net.ipv4.); without any, all keys",
        )
        .output_schema(include_str!("../schema.json"))
        .example("kernel.pid_max vm.", "one key, and all of the memory management")
        .example("", "all keys")
    }

    fn call(args: &Args, _ctx: &Context) -> Result<Reply, ProviderError> {
        let mut asked = Vec::new();
        for word in args.words() {
            asked.push(parse(word)?);
        }
        if asked.len() > MAX_ASKED {
            return Err(ProviderError::usage(format!(
                "{} names are too many; {MAX_ASKED} are taken",
                asked.len()
            )));
        }
        Reply::json(&Answer::read(Path::new("/"), &asked))
    }
}

fn parse(word: &str) -> Result<String, ProviderError> {
    let path = name::to_path(word).filter(|_| !word.starts_with('-'));
    path.ok_or_else(|| {
        ProviderError::usage(format!(
            "{word:?} is no name of a key, such as kernel.pid_max or net.ipv4."
        ))
    })
}

impl Answer {
    /// `asked` are paths below /proc/sys; none: all.
    fn read(root: &Path, asked: &[String]) -> Self {
        let sys = root.join("proc/sys");
        let mut running = Running::default();
        let mut missing = Vec::new();
        for path in asked {
            if !running.add(&sys, path) {
                missing.push(name::from_path(path));
            }
        }
        if asked.is_empty() {
            running.add(&sys, "");
        }
        if asked.len() > 1 {
            // A key may lie below two of the names.
            running.values.0.sort_unstable();
            running.values.0.dedup_by(|a, b| a.0 == b.0);
        }
        let is_below = |key: &str, path: &String| {
            key.strip_prefix(path.as_str())
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        let configured = configured::read(root, |key| {
            asked.is_empty() || asked.iter().any(|path| is_below(key, path))
        });
        Self {
            count: running.values.0.len(),
            values: running.values,
            unreadable: running.unreadable,
            missing,
            truncated: running.is_cut,
            configured,
        }
    }
}

export_provider!(Sysctl);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schema_is_that_of_the_answer() {
        plugin_api::testing::assert_schema::<Answer>(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/schema.json"
        ));
    }

    #[test]
    fn names_that_lead_elsewhere_are_refused() {
        for word in ["-a", "../../etc/passwd", "/etc/passwd", "", "a..b"] {
            assert_eq!(parse(word).unwrap_err().code(), ProviderError::USAGE, "{word:?}");
        }
    }

    #[test]
    fn a_system_without_proc_has_an_answer() {
        let answer = Answer::read(Path::new("/nonexistent"), &["kernel".to_owned()]);
        assert_eq!((answer.count, answer.missing), (0, vec!["kernel".to_owned()]));
    }
}
