//! What is installed, in bytes.

use crate::table::{self, Bar};
use e2e::{binary, plugin_dir};

const BINARIES: [&str; 4] = ["BasicAgent", "boot", "BasicAgentCtl", "BasicAgentController"];
const PLUGINS: [&str; 2] = ["libgetinfo_kernel.so", "libgetinfo_users.so"];

/// Megabytes of each binary, kilobytes of each plugin.
pub(crate) fn run() {
    table::figures();
    let bytes = |path: std::path::PathBuf| std::fs::metadata(path).expect("it is built").len() as f64;
    for name in BINARIES {
        table::figure(name, bytes(binary(name)) / 1e6, "MB", Bar::AtMost(4.0));
    }
    for name in PLUGINS {
        table::figure(name, (bytes(plugin_dir().join(name)) / 1e3).round(), "kB", Bar::AtMost(450.0));
    }
}
