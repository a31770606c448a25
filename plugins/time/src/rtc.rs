//! The clock that runs while the machine is off: /sys/class/rtc/rtc0
//! (Documentation/ABI/testing/sysfs-class-rtc).

use std::path::Path;

use readers::{file, regular, utc};
use serde::Serialize;

/// The `rtc` object of the answer.
#[derive(Serialize, Debug, PartialEq)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Rtc {
    /// The driver, such as `rtc_cmos`.
    pub(crate) name: Option<String>,
    /// The time it shows, ISO 8601 without a zone.
    pub(crate) time: Option<String>,
    /// The time it shows in seconds since 1970, as if it ran in UTC.
    pub(crate) epoch: Option<i64>,
    /// Whether it runs in local time; null if /etc/adjtime does not say (hwclock(8)).
    pub(crate) local: Option<bool>,
}

/// Reads the clock; `None` if there is none, as in most virtual machines and containers.
pub(crate) fn read(root: &Path) -> Option<Rtc> {
    let folder = root.join("sys/class/rtc/rtc0");
    if !folder.exists() {
        return None;
    }
    let epoch = file::line(&folder.join("since_epoch")).and_then(|text| text.parse().ok());
    let adjtime = regular::text(&root.join("etc/adjtime"), 4096).unwrap_or_default();
    Some(Rtc {
        name: file::line(&folder.join("name"))
            .and_then(|text| Some(text.split(' ').next()?.to_owned())),
        time: epoch.and_then(utc::date_time),
        epoch,
        local: adjtime.lines().nth(2).and_then(|word| match word.trim() {
            "LOCAL" => Some(true),
            "UTC" => Some(false),
            _ => None,
        }),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn the_clock_is_read() {
        let root = std::env::temp_dir().join(format!("getinfo-time-rtc-{}", std::process::id()));
        let none = read(&root);
        for (path, content) in [
            ("sys/class/rtc/rtc0/name", "rtc_cmos rtc_cmos\n"),
            ("sys/class/rtc/rtc0/since_epoch", "1700000000\n"),
            ("etc/adjtime", "0.0 0 0.0\n0\nLOCAL\n"),
        ] {
            let path = root.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        }
        let found = read(&root).unwrap();
        fs::remove_dir_all(&root).unwrap();
        assert_eq!(
            (none, found.name.as_deref(), found.local),
            (None, Some("rtc_cmos"), Some(true))
        );
        assert_eq!(
            (found.epoch, found.time.as_deref()),
            (Some(1_700_000_000), Some("2023-11-14T22:13:20"))
        );
    }
}
