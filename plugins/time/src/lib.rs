//! `getinfo.time`: what time it is here, in which zone, who keeps the clock right, and since when it runs.
//!
//! Everything comes from clock_gettime(2) and files; no root is needed. Takes no arguments. What no file says is null.

mod calendar;
mod file;
mod rtc;
mod synchronization;
mod zone;

use std::path::Path;

use nix::sys::time::TimeSpec;
use nix::time::{ClockId, clock_gettime};
use plugin_api::{Args, Context, Meta, Provider, ProviderError, Reply, export_provider};
use serde::Serialize;

use rtc::Rtc;
use synchronization::Synchronization;
use zone::Zone;

struct Time;

/// The answer. Its field names are stable: new ones may join, none changes.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Answer {
    /// Now, in UTC, ISO 8601 with nanoseconds.
    time: Option<String>,
    /// Whole seconds since 1970.
    epoch: i64,
    /// Nanoseconds of the second that runs.
    nanoseconds: i64,
    /// Now, in the local zone, ISO 8601 with its offset, `2026-01-31T13:00:00+01:00`.
    local_time: Option<String>,
    /// The local zone, as it is now.
    zone: Zone,
    /// Who keeps the clock right.
    synchronization: Synchronization,
    /// The clock that runs while the machine is off; null where there is none.
    rtc: Option<Rtc>,
    /// What the kernel counts time by, `tsc`, `kvm-clock` (/sys/devices/system/clocksource).
    clocksource: Option<String>,
    /// What it could count time by.
    clocksources_available: Vec<String>,
    /// Whole seconds since the kernel was started, sleep included.
    uptime_seconds: Option<i64>,
    /// When it was started, in UTC, ISO 8601.
    boot_time: Option<String>,
    /// The same in seconds since 1970. Moves when the clock is set.
    boot_epoch: Option<i64>,
}

impl Provider for Time {
    fn describe() -> Meta {
        Meta::new(
            "getinfo.time",
            env!("CARGO_PKG_VERSION"),
            "the clock: time, zone, synchronisation, RTC, clock source, boot time",
        )
        .output_schema(include_str!("../schema.json"))
        .example("", "everything known of the clock, as one object")
    }

    fn call(args: &Args, _ctx: &Context) -> Result<Reply, ProviderError> {
        args.none()?;
        let now = clock_gettime(ClockId::CLOCK_REALTIME)
            .map_err(|error| ProviderError::new("clock", format!("clock_gettime: {}", error.desc())))?;
        Reply::json(&Answer::read(Path::new("/"), now, clock_gettime(ClockId::CLOCK_BOOTTIME).ok()))
    }
}

impl Answer {
    fn read(root: &Path, now: TimeSpec, uptime: Option<TimeSpec>) -> Self {
        let (epoch, nanoseconds) = (now.tv_sec(), now.tv_nsec());
        let zone = zone::read(root, epoch);
        let clocks = root.join("sys/devices/system/clocksource/clocksource0");
        let available = file::line(&clocks.join("available_clocksource")).unwrap_or_default();
        let boot_epoch = uptime.map(|uptime| (now - uptime).tv_sec());
        Self {
            time: calendar::iso(epoch).map(|time| format!("{time}.{nanoseconds:09}Z")),
            epoch,
            nanoseconds,
            local_time: zone.utc_offset_seconds.and_then(|offset| local(epoch, offset)),
            zone,
            synchronization: synchronization::read(root),
            rtc: rtc::read(root),
            clocksource: file::line(&clocks.join("current_clocksource")),
            clocksources_available: available.split_ascii_whitespace().map(str::to_owned).collect(),
            uptime_seconds: uptime.map(|uptime| uptime.tv_sec()),
            boot_time: boot_epoch.and_then(calendar::iso).map(|time| time + "Z"),
            boot_epoch,
        }
    }
}

/// Seconds of an offset, which zones of old times have, are left out of its text, as ISO 8601 has none.
fn local(epoch: i64, offset: i64) -> Option<String> {
    let time = calendar::iso(epoch.checked_add(offset)?)?;
    let (sign, size) = if offset < 0 { ('-', -offset) } else { ('+', offset) };
    Some(format!("{time}{sign}{:02}:{:02}", size / 3600, size / 60 % 60))
}

export_provider!(Time);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schema_is_that_of_the_answer() {
        plugin_api::testing::assert_schema::<Answer>(concat!(env!("CARGO_MANIFEST_DIR"), "/schema.json"));
    }

    #[test]
    fn a_system_without_files_has_an_answer() {
        let answer = Answer::read(Path::new("/nonexistent"), TimeSpec::new(1_700_000_000, 5), None);
        assert_eq!(answer.time.as_deref(), Some("2023-11-14T22:13:20.000000005Z"));
        assert_eq!(answer.local_time.as_deref(), Some("2023-11-14T22:13:20+00:00"));
        assert_eq!((answer.boot_epoch, answer.clocksource, answer.rtc), (None, None, None));
    }

    #[test]
    fn local_times_have_their_offset() {
        assert_eq!(local(0, -12_600).as_deref(), Some("1969-12-31T20:30:00-03:30"));
        assert_eq!(local(0, 20_700).as_deref(), Some("1970-01-01T05:45:00+05:45"));
        assert_eq!(local(i64::MAX, 1), None);
    }
}
