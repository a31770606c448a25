//! `getinfo.os`: the operating system, and the virtual machine, container and cloud it runs in.
//!
//! Everything comes from files below /etc, /proc, /sys and /run and from the processor; nothing is
//! run. The kernel's release is in `getinfo.kernel`. It takes no arguments. A value that no file
//! has is null.

mod container;
mod init;
mod release;
mod virtualization;

use std::path::Path;

use nix::sys::utsname::uname;
use nix::time::{ClockId, clock_gettime};
use plugin_api::{Args, Context, Meta, Provider, ProviderError, Reply, export_provider};
use readers::regular;
use serde::Serialize;

use container::Container;
use init::Init;
use release::Release;
use virtualization::Virtualization;

struct Os;

/// The most bytes that are read of a file with an id.
const MAX_ID_FILE: usize = 4096;

/// The answer. Field names are stable: fields may be added, none is renamed or removed.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Answer {
    /// The distribution (os-release(5)); null without such a file.
    release: Option<Release>,
    /// The host name (uname(2)).
    hostname: Option<String>,
    /// The id of this installation, 32 hexadecimal digits (machine-id(5)); null before the first
    /// boot has completed.
    machine_id: Option<String>,
    /// The virtual machine and cloud.
    virtualization: Virtualization,
    /// The container, if any.
    container: Container,
    /// Process 1 and its service manager.
    init: Init,
    /// Whole seconds since boot, including time asleep (clock_gettime(2), `CLOCK_BOOTTIME`).
    uptime_seconds: Option<u64>,
}

impl Provider for Os {
    fn describe() -> Meta {
        Meta::new(
            "getinfo.os",
            env!("CARGO_PKG_VERSION"),
            "the operating system: distribution, host name, virtual machine, container, init",
        )
        .output_schema(include_str!("../schema.json"))
        .example("", "everything known of the operating system, as one object")
    }

    fn call(args: &Args, _ctx: &Context) -> Result<Reply, ProviderError> {
        args.none()?;
        Reply::json(&Answer::read(Path::new("/")))
    }
}

impl Answer {
    fn read(root: &Path) -> Self {
        let hostname = uname().ok().map(|names| names.nodename().to_string_lossy().into_owned());
        let uptime = clock_gettime(ClockId::CLOCK_BOOTTIME).ok();
        Self {
            release: release::read(root),
            hostname,
            machine_id: machine_id(root),
            virtualization: virtualization::read(root),
            container: container::read(root),
            init: init::read(root),
            uptime_seconds: uptime.and_then(|time| u64::try_from(time.tv_sec()).ok()),
        }
    }
}

/// Reads systemd's file, or D-Bus's own. It contains `uninitialized` until the first boot has
/// completed.
fn machine_id(root: &Path) -> Option<String> {
    ["etc/machine-id", "var/lib/dbus/machine-id"]
        .iter()
        .find_map(|path| regular::text(&root.join(path), MAX_ID_FILE).ok())
        .map(|text| text.lines().next().unwrap_or_default().trim().to_owned())
        .filter(|id| id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

export_provider!(Os);

#[cfg(test)]
mod tests {
    use super::*;

    plugin_api::testing::schema_test!(Answer);

    #[test]
    fn an_empty_system_has_an_answer() {
        let answer = Answer::read(Path::new("/nonexistent"));
        assert!(
            answer.release.is_none()
                && answer.machine_id.is_none()
                && answer.init.process.is_none()
        );
        assert_eq!((answer.container.kind.as_str(), answer.virtualization.cloud), ("none", None));
    }
}
