//! The sizes of the installed files.

use crate::table::{self, Bar};
use e2e::{binary, plugin_dir};

/// The programs, each with its bar in megabytes; the controller has none.
const PROGRAMS: [(&str, Bar); 4] = [
    ("BasicAgent", Bar::AtMost(5.0)),
    ("boot", Bar::AtMost(5.0)),
    ("BasicAgentCtl", Bar::AtMost(6.0)),
    ("BasicAgentController", Bar::None),
];

/// The bar for all plugins together, in megabytes.
const PLUGINS: Bar = Bar::AtMost(14.0);

/// Returns the file name of every built plugin, sorted.
pub(crate) fn plugins() -> Vec<String> {
    let entries = std::fs::read_dir(plugin_dir()).expect("the workspace is built");
    let names = entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned());
    let mut names: Vec<String> =
        names.filter(|name| name.starts_with("libgetinfo_") && name.ends_with(".so")).collect();
    names.sort_unstable();
    names
}

/// Prints the megabytes of each program, the kilobytes of each plugin and their sum.
pub(crate) fn run() {
    table::figures();
    let bytes = |path: std::path::PathBuf| {
        std::fs::metadata(path).expect("the workspace is built").len() as f64
    };
    for (name, bar) in PROGRAMS {
        table::figure(name, bytes(binary(name)) / 1e6, "MB", bar);
    }
    let mut all = 0.0;
    for name in plugins() {
        let plugin = bytes(plugin_dir().join(&name));
        all += plugin;
        table::figure(&name, (plugin / 1e3).round(), "kB", Bar::None);
    }
    table::figure("all plugins together", all / 1e6, "MB", PLUGINS);
}
