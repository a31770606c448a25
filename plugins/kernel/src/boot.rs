//! The boot time of this kernel.

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
    /// The boot time in UTC, ISO 8601.
    time: Option<String>,
    /// The boot time in seconds since 1970. It moves when the clock is set.
    time_epoch: Option<u64>,
    /// Whole seconds since boot, including time asleep.
    uptime_seconds: Option<u64>,
    /// A random id of this boot: it detects a reboot even if the clock is wrong.
    id: Option<String>,
}

/// The boot id, which is fixed while this kernel runs.
static BOOT_ID: LazyLock<Option<String>> =
    LazyLock::new(|| line("/proc/sys/kernel/random/boot_id"));

impl Boot {
    pub(crate) fn read() -> Self {
        let uptime = clock_gettime(ClockId::CLOCK_BOOTTIME).ok();
        let now = clock_gettime(ClockId::CLOCK_REALTIME).ok();
        // Computed as the kernel computes `btime` of /proc/stat, without reading that file's
        // interrupt counters, which takes longer than the rest of the call.
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
