//! The synchronization of the clock. The kernel's own state, adjtimex(2), has no file, so this
//! looks for the daemons that set the clock, and for the marker that systemd's daemon leaves.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use readers::{process, utc};
use serde::Serialize;

/// The most processes that are looked at.
const MAX_PROCESSES: usize = 5000;
/// systemd-timesyncd sets its time at each synchronisation (systemd-timesyncd.service(8)).
const MARKER: &str = "run/systemd/timesync/synchronized";

/// The `synchronization` object of the answer.
#[derive(Serialize, Debug, PartialEq)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Synchronization {
    /// The running programs that set the clock: `chronyd`, `ntpd`, `systemd-timesyncd`, `ptp4l`,
    /// `phc2sys` and others.
    pub(crate) daemons: Vec<&'static str>,
    /// Whether the clock was set since boot; null if unknown: only systemd-timesyncd leaves a file.
    pub(crate) synchronized: Option<bool>,
    /// When systemd-timesyncd last set the clock, in UTC, ISO 8601.
    pub(crate) last_time: Option<String>,
    /// When systemd-timesyncd last set the clock, in seconds since 1970.
    pub(crate) last_epoch: Option<i64>,
}

/// The daemons: their names in /proc/PID/comm, which are cut after 15 bytes, and in full.
const DAEMONS: [(&str, &str); 9] = [
    ("chronyd", "chronyd"),
    ("ntpd", "ntpd"),
    ("ntpd-rs", "ntpd-rs"),
    ("ntp-daemon", "ntp-daemon"),
    ("systemd-timesyn", "systemd-timesyncd"),
    ("openntpd", "openntpd"),
    ("ptp4l", "ptp4l"),
    ("phc2sys", "phc2sys"),
    ("timemaster", "timemaster"),
];

/// Reads the state of the system whose root folder is `root`.
pub(crate) fn read(root: &Path) -> Synchronization {
    let daemons = daemons(&root.join("proc"));
    let last_epoch = fs::metadata(root.join(MARKER)).ok().map(|marker| marker.mtime());
    // Without the daemon, the file is out of date.
    let has_word = daemons.contains(&"systemd-timesyncd");
    Synchronization {
        synchronized: has_word.then_some(last_epoch.is_some()),
        last_time: last_epoch.and_then(utc::date_time).map(|time| time + "Z"),
        last_epoch,
        daemons,
    }
}

fn daemons(proc: &Path) -> Vec<&'static str> {
    let mut found = Vec::new();
    let entries = fs::read_dir(proc).into_iter().flatten().flatten();
    let is_process =
        |name: &std::ffi::OsString| name.as_encoded_bytes().first().is_some_and(u8::is_ascii_digit);
    for name in entries.map(|entry| entry.file_name()).filter(is_process).take(MAX_PROCESSES) {
        // The whole name: any user's process may have one that begins so.
        let comm = process::name(&proc.join(name)).unwrap_or_default();
        let known = DAEMONS.iter().find(|(known, _)| *known == comm).map(|(_, daemon)| *daemon);
        if let Some(daemon) = known.filter(|daemon| !found.contains(daemon)) {
            found.push(daemon);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn daemons_are_found_among_processes() {
        let root =
            std::env::temp_dir().join(format!("getinfo-time-daemons-{}", std::process::id()));
        for (path, content) in [
            ("proc/1/comm", "systemd\n"),
            ("proc/77/comm", "systemd-timesyn\n"),
            ("proc/78/comm", "chronyd-not\n"),
            ("proc/80/comm", "phc2sys\nforged\n"),
            ("proc/81/comm", " ptp4l\n"),
            ("proc/79/status", ""),
            ("proc/self/comm", "ntpd\n"),
        ] {
            let path = root.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        }
        let before = read(&root);
        fs::create_dir_all(root.join("run/systemd/timesync")).unwrap();
        fs::write(root.join(MARKER), "").unwrap();
        let after = read(&root);
        fs::write(root.join("proc/77/comm"), "chronyd\n").unwrap();
        let other = read(&root);
        fs::remove_dir_all(&root).unwrap();
        assert_eq!(
            (before.daemons, before.synchronized, before.last_epoch),
            (vec!["systemd-timesyncd"], Some(false), None)
        );
        assert_eq!((after.synchronized, after.last_time.is_some()), (Some(true), true));
        assert_eq!((other.daemons, other.synchronized), (vec!["chronyd"], None));
    }
}
