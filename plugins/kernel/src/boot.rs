//! When this kernel was started.

use std::sync::LazyLock;

use nix::sys::time::TimeSpec;
use nix::time::{ClockId, clock_gettime};
use readers::utc::iso_utc;
use serde::Serialize;

use crate::line;

/// The `boot` object of the answer.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Boot {
    /// In UTC, ISO 8601.
    time: Option<String>,
    /// The same in seconds since 1970. Moves when the clock is set.
    time_epoch: Option<u64>,
    /// Whole seconds since then, sleep included.
    uptime_seconds: Option<u64>,
    /// Random, another one at each boot: tells a reboot where a clock can't.
    id: Option<String>,
}

/// Fixed while this kernel runs.
static BOOT_ID: LazyLock<Option<String>> = LazyLock::new(|| line("/proc/sys/kernel/random/boot_id"));

impl Boot {
    pub(crate) fn read() -> Self {
        let uptime = clock_gettime(ClockId::CLOCK_BOOTTIME).ok();
        let now = clock_gettime(ClockId::CLOCK_REALTIME).ok();
        // As the kernel makes `btime` of /proc/stat, without the interrupt counters of that file,
        // whose reading takes longer than all the rest.
        let since = now.zip(uptime).and_then(|(now, uptime)| seconds(now - uptime));
        Self {
            time: since.and_then(iso_utc),
            time_epoch: since,
            uptime_seconds: uptime.and_then(seconds),
            id: BOOT_ID.clone(),
        }
    }
}

fn seconds(time: TimeSpec) -> Option<u64> {
    u64::try_from(time.tv_sec()).ok()
}
