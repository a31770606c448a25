//! `getinfo.os`: which operating system runs here, and inside what: a virtual machine, a container, a cloud.
//!
//! Everything comes from files below /etc, /proc, /sys and /run and from the processor; nothing is run. The kernel's
//! release is `getinfo.kernel`'s. Takes no arguments. What no file says is null.

mod container;
mod init;
mod release;
mod virtualization;

use std::path::Path;

use nix::sys::utsname::uname;
use nix::time::{ClockId, clock_gettime};
use plugin_api::{Args, Context, Meta, Provider, ProviderError, Reply, export_provider};
use readers::file;
use serde::Serialize;

use container::Container;
use init::Init;
use release::Release;
use virtualization::Virtualization;

struct Os;

/// The answer. Its field names are stable: new ones may join, none changes.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Answer {
    /// os-release(5); null where there is no such file.
    release: Option<Release>,
    /// uname(2): the host's name.
    hostname: Option<String>,
    /// machine-id(5): 32 hexadecimal digits that are this installation's; null before the first boot is done.
    machine_id: Option<String>,
    /// What the machine is.
    virtualization: Virtualization,
    /// What holds this system within the machine.
    container: Container,
    /// The first process.
    init: Init,
    /// Whole seconds since the kernel was started, sleep included (clock_gettime(2), `CLOCK_BOOTTIME`).
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

/// systemd's file, or D-Bus's own where there is none. `uninitialized` stands there until the first boot is done.
fn machine_id(root: &Path) -> Option<String> {
    ["etc/machine-id", "var/lib/dbus/machine-id"]
        .iter()
        .find_map(|path| file::line(&root.join(path)))
        .filter(|id| id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

export_provider!(Os);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schema_is_that_of_the_answer() {
        plugin_api::testing::assert_schema::<Answer>(concat!(env!("CARGO_MANIFEST_DIR"), "/schema.json"));
    }

    #[test]
    fn an_empty_system_has_an_answer() {
        let answer = Answer::read(Path::new("/nonexistent"));
        assert!(answer.release.is_none() && answer.machine_id.is_none() && answer.init.process.is_none());
        assert_eq!((answer.container.kind.as_str(), answer.virtualization.cloud), ("none", None));
    }
}
