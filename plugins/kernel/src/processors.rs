//! The number of online processors, from the kernel's own list: sysconf(3) would open that file at
//! each call.

use std::fs::File;

use nix::unistd::SysconfVar;
use readers::cpu_list;

use crate::number;
use crate::source::Source;

static ONLINE: Source = Source::new(|| File::open("/sys/devices/system/cpu/online").ok());

/// Returns the number; without /sys, the number that sysconf(3) finds elsewhere.
pub(crate) fn online() -> Option<i64> {
    ONLINE
        .line()
        .and_then(|list| i64::try_from(cpu_list::parse(&list)?.len()).ok())
        .or_else(|| number(SysconfVar::_NPROCESSORS_ONLN))
}
