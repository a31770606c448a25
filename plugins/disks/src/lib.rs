//! `getinfo.disks`: block devices, their structure, file systems and I/O counters.
//!
//! Everything comes from /sys/class/block, /proc and udev's database; no device is opened and root
//! is not required. Partitions and volumes are in the same list as disks; `parent`, `holders` and
//! `slaves` connect them.

mod device;
mod io;
mod mounted;
mod udev;

use std::path::Path;

use plugin_api::{
    Args, Context, Meta, Opt, Options, Provider, ProviderError, Reply, export_provider,
};
use readers::{file, folder};
use serde::Serialize;

use device::Device;
use mounted::Mounted;

struct Disks;

/// The most devices in one answer.
const MAX_DEVICES: usize = 1000;
/// The most names that are read of /sys/class/block: the kernel has as many unused loop devices as
/// it is told to.
const MAX_LISTED: usize = 65_536;

/// The answer. Field names are stable: fields may be added, none is renamed or removed.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Answer {
    /// Block devices, sorted by name; at most 1,000.
    devices: Vec<Device>,
    /// Whether there are more devices; `-d` shows any device.
    truncated: bool,
}

/// A call's arguments.
#[derive(Default)]
struct Selection {
    with_empty: bool,
    name: Option<String>,
}

impl Provider for Disks {
    fn describe() -> Meta {
        Meta::new(
            "getinfo.disks",
            env!("CARGO_PKG_VERSION"),
            "disks, partitions and volumes, and their I/O counters",
        )
        .options(&OPTIONS)
        .output_schema(include_str!("../schema.json"))
        .example("", "all block devices except unused loop and network block devices")
        .example("-a", "all block devices")
    }

    fn call(args: &Args, _ctx: &Context) -> Result<Reply, ProviderError> {
        let selection = OPTIONS.parse(args)?;
        let (devices, truncated) =
            read(Path::new("/"), selection.with_empty, selection.name.as_deref());
        match (&selection.name, devices.is_empty()) {
            (Some(name), true) => {
                let message = format!(
                    "no such block device: {name:?}; ls /sys/class/block lists their names"
                );
                Err(ProviderError::new("no_such_device", message))
            }
            _ => Reply::json(&Answer { devices, truncated }),
        }
    }
}

const OPTIONS: Options<Selection> = Options::new(&[
    Opt::flag(
        "-a",
        "also list loop devices without a file, and network block devices without a server",
        |selection| selection.with_empty = true,
    ),
    Opt::value(
        "-d NAME",
        "show this device only, by its name or its path below /dev",
        |selection, value| {
            let name = value.text()?;
            match name.strip_prefix("/dev/").unwrap_or(name) {
                "" => return Err(value.must_be("the name of a device, such as sda")),
                name => selection.name = Some(name.to_owned()),
            }
            Ok(())
        },
    ),
]);

/// Reads the devices of the system whose root folder is `root`. Returns also whether there are
/// more.
fn read(root: &Path, with_empty: bool, only: Option<&str>) -> (Vec<Device>, bool) {
    let mounted = Mounted::read(root);
    let mut names = folder::names(&root.join("sys/class/block"), MAX_LISTED);
    match only {
        // Only the device itself has the name `mapper/vg-lv`.
        Some(only) => {
            let is_it = |name: &String| name.replace('!', "/") == only;
            match names.iter().find(|name| is_it(name)) {
                Some(name) => names = vec![name.clone()],
                None => names.retain(|name| {
                    let mapped =
                        file::line(&root.join("sys/class/block").join(name).join("dm/name"));
                    mapped
                        .is_some_and(|mapped| only.strip_prefix("mapper/") == Some(mapped.as_str()))
                }),
            }
        }
        None if with_empty => {}
        None => names.retain(|name| !Device::is_unused(root, name)),
    }
    let is_cut = names.len() > MAX_DEVICES;
    names.truncate(MAX_DEVICES);
    (names.iter().map(|name| Device::read(root, name, &mounted)).collect(), is_cut)
}

export_provider!(Disks);

#[cfg(test)]
mod tests {
    use super::*;

    plugin_api::testing::schema_test!(Answer);

    #[test]
    fn a_system_without_sysfs_has_no_devices() {
        assert!(read(Path::new("/nonexistent"), true, None).0.is_empty());
    }

    #[test]
    fn arguments_select() {
        let parse = |line| {
            OPTIONS.parse(&Args::parse(line).unwrap()).map(|found| (found.with_empty, found.name))
        };
        assert_eq!(parse("-a -d /dev/sda").unwrap(), (true, Some("sda".to_owned())));
        for bad in ["-d", "-d ''", "-d /dev/", "sda", "-x"] {
            assert_eq!(parse(bad).unwrap_err().code(), ProviderError::USAGE, "{bad:?}");
        }
    }
}
