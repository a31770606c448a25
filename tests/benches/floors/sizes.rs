//! What is installed, in bytes.

use crate::table::{self, Bar};
use e2e::{binary, plugin_dir};

const BINARIES: [&str; 4] = ["BasicAgent", "boot", "BasicAgentCtl", "BasicAgentController"];

/// Every plugin that is built, by name.
pub(crate) fn plugins() -> Vec<String> {
    let entries = std::fs::read_dir(plugin_dir()).expect("it is built");
    let names = entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned());
    let mut names: Vec<String> =
        names.filter(|name| name.starts_with("libgetinfo_") && name.ends_with(".so")).collect();
    names.sort_unstable();
    names
}

/// Megabytes of each binary, kilobytes of each plugin.
pub(crate) fn run() {
    table::figures();
    let bytes = |path: std::path::PathBuf| std::fs::metadata(path).expect("it is built").len() as f64;
    for name in BINARIES {
        table::figure(name, bytes(binary(name)) / 1e6, "MB", Bar::AtMost(4.0));
    }
    for name in plugins() {
        table::figure(&name, (bytes(plugin_dir().join(&name)) / 1e3).round(), "kB", Bar::AtMost(450.0));
    }
}
