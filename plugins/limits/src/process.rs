//! The limits of one process: /proc/PID/limits (proc_pid_limits(5)); getrlimit(2) explains them.

use std::fs;
use std::path::Path;

use readers::{file, process};
use serde::Serialize;

/// The most descriptors that are counted; null for a process with more.
const MAX_DESCRIPTORS: usize = 100_000;

/// The `process` object of the answer.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Process {
    /// The process id.
    pub(crate) pid: u32,
    /// The process name (/proc/PID/comm).
    pub(crate) name: Option<String>,
    /// Open file descriptors; null if only root or the owner may count them.
    pub(crate) open_files: Option<usize>,
    /// The limits, in the kernel's order.
    pub(crate) limits: Vec<Limit>,
}

/// One limit.
#[derive(Serialize, Debug, PartialEq)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Limit {
    /// The name as in limits.conf(5) and prlimit(1), `nofile`.
    pub(crate) name: &'static str,
    /// The limit in force; null: no limit.
    pub(crate) soft: Option<u64>,
    /// The value up to which the process may raise it; null: no limit.
    pub(crate) hard: Option<u64>,
    /// The unit: `bytes`, `seconds`, `microseconds`, `files`, `processes`, `locks`, `signals`; null
    /// for priorities.
    pub(crate) unit: Option<&'static str>,
}

/// The kernel's text for each limit, with its name and unit.
const LIMITS: [(&str, &str, Option<&str>); 16] = [
    ("Max cpu time", "cpu", Some("seconds")),
    ("Max file size", "fsize", Some("bytes")),
    ("Max data size", "data", Some("bytes")),
    ("Max stack size", "stack", Some("bytes")),
    ("Max core file size", "core", Some("bytes")),
    ("Max resident set", "rss", Some("bytes")),
    ("Max processes", "nproc", Some("processes")),
    ("Max open files", "nofile", Some("files")),
    ("Max locked memory", "memlock", Some("bytes")),
    ("Max address space", "as", Some("bytes")),
    ("Max file locks", "locks", Some("locks")),
    ("Max pending signals", "sigpending", Some("signals")),
    ("Max msgqueue size", "msgqueue", Some("bytes")),
    ("Max nice priority", "nice", None),
    ("Max realtime priority", "rtprio", None),
    ("Max realtime timeout", "rttime", Some("microseconds")),
];

/// Reads the limits; `None` if there is no such process.
pub(crate) fn read(root: &Path, pid: u32) -> Option<Process> {
    let folder = root.join("proc").join(pid.to_string());
    let limits = parse(&file::text(&folder.join("limits"))?);
    let descriptors = fs::read_dir(folder.join("fd"))
        .ok()
        .map(|entries| entries.take(MAX_DESCRIPTORS + 1).count());
    Some(Process {
        pid,
        name: process::name(&folder),
        open_files: descriptors.filter(|count| *count <= MAX_DESCRIPTORS),
        limits,
    })
}

/// Parses lines such as `Max open files   20000   20000   files`, in columns.
fn parse(text: &str) -> Vec<Limit> {
    let line = |line: &str| {
        let (name, unit, rest) = LIMITS
            .iter()
            .find_map(|(text, name, unit)| Some((*name, *unit, line.strip_prefix(text)?)))?;
        let mut words = rest.split_ascii_whitespace();
        let mut value = || match words.next()? {
            "unlimited" => Some(None),
            number => number.parse().ok().map(Some),
        };
        Some(Limit { name, soft: value()?, hard: value()?, unit })
    };
    text.lines().filter_map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_read() {
        let text = "Limit                     Soft Limit           Hard Limit           Units     \n\
                    Max cpu time              unlimited            10                   seconds   \n\
                    Max realtime timeout      18446744073709551614 unlimited            us        \n\
                    Max nice priority         0                    0                    \n\
                    Max something new         1                    1                    bytes     \n\
                    Max open files            x                    1                    files     \n\
                    Max file locks            1\n";
        let limits = parse(text);
        let want = [
            ("cpu", None, Some(10)),
            ("rttime", Some(u64::MAX - 1), None),
            ("nice", Some(0), Some(0)),
        ];
        let found: Vec<_> =
            limits.iter().map(|limit| (limit.name, limit.soft, limit.hard)).collect();
        assert_eq!(found, want);
        assert_eq!((limits[1].unit, limits[2].unit), (Some("microseconds"), None));
        assert!(parse("").is_empty());
    }
}
