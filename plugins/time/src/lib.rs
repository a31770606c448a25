//! `getinfo.time`: the time here, its zone, the programs that set the clock, and the time of the
//! boot.
//!
//! Everything comes from clock_gettime(2) and files; root is not needed. Takes no arguments. What
//! no file says is null.

mod rtc;
mod synchronization;
mod zone;

use std::path::Path;

use nix::sys::time::TimeSpec;
use nix::time::{ClockId, clock_gettime};
use plugin_api::{Args, Context, Meta, Provider, ProviderError, Reply, export_provider};
use readers::utc;
use serde::Serialize;

use rtc::Rtc;
use synchronization::Synchronization;
use zone::Zone;

struct Time;

/// The clock. Field names are stable: new ones may be added, none changes.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Answer {
    /// The time now, in UTC, ISO 8601 with nanoseconds.
    time: Option<String>,
    /// The time now in whole seconds since 1970.
    epoch: i64,
    /// Nanoseconds of the current second.
    nanoseconds: i64,
    /// The time now in the local zone, ISO 8601 with its offset, `2026-01-31T13:00:00+01:00`.
    local_time: Option<String>,
    /// The local zone as it is now.
    zone: Zone,
    /// The synchronization of the clock.
    synchronization: Synchronization,
    /// The clock that runs while the machine is off; null if there is none.
    rtc: Option<Rtc>,
    /// The kernel's clock source, `tsc`, `kvm-clock` (/sys/devices/system/clocksource).
    clocksource: Option<String>,
    /// The clock sources that the kernel could use.
    clocksources_available: Vec<String>,
    /// Whole seconds since the kernel started, including suspended time.
    uptime_seconds: Option<i64>,
    /// When the kernel started, in UTC, ISO 8601.
    boot_time: Option<String>,
    /// When the kernel started, in seconds since 1970; changes when the clock is set.
    boot_epoch: Option<i64>,
}

impl Provider for Time {
    fn describe() -> Meta {
        Meta::new(
            "getinfo.time",
            env!("CARGO_PKG_VERSION"),
            "the clock: time, zone, synchronization, RTC, clock source, boot time",
        )
        .output_schema(include_str!("../schema.json"))
        .example("", "all that is known about the clock, as one object")
    }

    fn call(args: &Args, _ctx: &Context) -> Result<Reply, ProviderError> {
        args.none()?;
        let now = clock_gettime(ClockId::CLOCK_REALTIME).map_err(|error| {
            ProviderError::new("clock", format!("clock_gettime: {}", error.desc()))
        })?;
        Reply::json(&Answer::read(Path::new("/"), now, clock_gettime(ClockId::CLOCK_BOOTTIME).ok()))
    }
}

impl Answer {
    fn read(root: &Path, now: TimeSpec, uptime: Option<TimeSpec>) -> Self {
        let (epoch, nanoseconds) = (now.tv_sec(), now.tv_nsec());
        let zone = zone::read(root, epoch);
        let clocks = root.join("sys/devices/system/clocksource/clocksource0");
        let available =
            readers::file::line(&clocks.join("available_clocksource")).unwrap_or_default();
        let boot_epoch = uptime.map(|uptime| (now - uptime).tv_sec());
        Self {
            time: utc::date_time(epoch).map(|time| format!("{time}.{nanoseconds:09}Z")),
            epoch,
            nanoseconds,
            local_time: zone.utc_offset_seconds.and_then(|offset| local(epoch, offset)),
            zone,
            synchronization: synchronization::read(root),
            rtc: rtc::read(root),
            clocksource: readers::file::line(&clocks.join("current_clocksource")),
            clocksources_available: available.split_ascii_whitespace().map(str::to_owned).collect(),
            uptime_seconds: uptime.map(|uptime| uptime.tv_sec()),
            boot_time: boot_epoch.and_then(utc::date_time).map(|time| time + "Z"),
            boot_epoch,
        }
    }
}

/// Formats a local time with its offset. ISO 8601 has no seconds of an offset, which zones of old
/// times have; they are left out.
fn local(epoch: i64, offset: i64) -> Option<String> {
    let time = utc::date_time(epoch.checked_add(offset)?)?;
    let (sign, size) = if offset < 0 { ('-', -offset) } else { ('+', offset) };
    Some(format!("{time}{sign}{:02}:{:02}", size / 3600, size / 60 % 60))
}

export_provider!(Time);

#[cfg(test)]
mod tests {
    use super::*;

    plugin_api::testing::schema_test!(Answer);

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
