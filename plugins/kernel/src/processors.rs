//! How many processors are online: the kernel's own list, since sysconf(3) opens that file at each call.

use std::fs::File;

use nix::unistd::SysconfVar;

use crate::number;
use crate::source::Source;

static ONLINE: Source = Source::new(|| File::open("/sys/devices/system/cpu/online").ok());

/// Where /sys is not mounted, what sysconf(3) finds elsewhere.
pub(crate) fn online() -> Option<i64> {
    ONLINE.line().and_then(|list| count(&list)).or_else(|| number(SysconfVar::_NPROCESSORS_ONLN))
}

/// The members of a list such as `0-3,8` (the kernel's Documentation/admin-guide/cputopology.rst).
fn count(list: &str) -> Option<i64> {
    list.trim_end().split(',').try_fold(0, |sum, item| {
        let (first, last) = item.split_once('-').unwrap_or((item, item));
        let (first, last): (i64, i64) = (first.parse().ok()?, last.parse().ok()?);
        (last >= first).then_some(sum + last - first + 1)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_counted() {
        for (list, wanted) in [
            ("0-1\n", Some(2)),
            ("0", Some(1)),
            ("0-3,8,10-11", Some(7)),
            ("", None),
            ("3-1", None),
            ("a", None),
        ] {
            assert_eq!(count(list), wanted, "{list}");
        }
    }
}
