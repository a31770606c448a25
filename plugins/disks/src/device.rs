//! One block device: its folder below /sys/class/block (Documentation/ABI/stable/sysfs-block) and
//! its entry in udev's database.

use std::fs;
use std::path::{Path, PathBuf};

use readers::{file, folder};
use serde::Serialize;

use crate::io::{self, Io};
use crate::mounted::Mounted;
use crate::udev::Properties;

/// The unit of sizes in sysfs, whatever the device's own is.
const SECTOR_BYTES: u64 = 512;
/// The most holders or slaves of one device.
const MAX_RELATED: usize = 1000;

/// A block device. A field is null if the value is unknown or does not apply to the kind of device.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Device {
    /// The kernel's name, `sda1`.
    pub(crate) name: String,
    /// The path of its device file; for a device mapper volume, by its given name.
    pub(crate) path: String,
    /// The type as lsblk(8) names it: `disk`, `part`, `loop`, `rom`, `raid1` and so on, `lvm`,
    /// `crypt`, `mpath`, `dm`.
    #[serde(rename = "type")]
    pub(crate) kind: String,
    /// Major and minor number, `8:1`.
    pub(crate) device: Option<String>,
    /// The disk that this partition belongs to.
    pub(crate) parent: Option<String>,
    /// The partition number.
    pub(crate) partition: Option<u64>,
    /// The offset of the partition on its disk.
    pub(crate) start_bytes: Option<u64>,
    /// The partition's UUID (udev).
    pub(crate) partition_uuid: Option<String>,
    /// The partition's label (udev).
    pub(crate) partition_label: Option<String>,
    /// Devices built on this one, such as volumes and RAIDs, sorted.
    pub(crate) holders: Vec<String>,
    /// Devices that this one is built on, sorted.
    pub(crate) slaves: Vec<String>,
    /// The file behind a loop device.
    pub(crate) backing_file: Option<String>,
    /// Size in bytes; null if there is no medium, file or server behind the device.
    pub(crate) size_bytes: Option<u64>,
    /// The vendor; some virtual devices have a number. This and the next four fields are null for
    /// partitions.
    pub(crate) vendor: Option<String>,
    /// The model name.
    pub(crate) model: Option<String>,
    /// The serial number.
    pub(crate) serial: Option<String>,
    /// The World Wide Name.
    pub(crate) wwn: Option<String>,
    /// The firmware revision.
    pub(crate) firmware: Option<String>,
    /// The transport: `nvme`, `sata`, `sas`, `usb`, `virtio`, `mmc`, `iscsi`, `fc`, `xen`.
    pub(crate) transport: Option<&'static str>,
    /// Whether it is a rotating disk.
    pub(crate) rotational: Option<bool>,
    /// Whether the medium is removable.
    pub(crate) removable: Option<bool>,
    /// Whether it is read-only.
    pub(crate) read_only: Option<bool>,
    /// The logical block size: the smallest unit of a request.
    pub(crate) logical_block_bytes: Option<u64>,
    /// The physical block size: the smallest unit the device writes without reading first.
    pub(crate) physical_block_bytes: Option<u64>,
    /// The I/O scheduler, `mq-deadline`, `none`.
    pub(crate) scheduler: Option<String>,
    /// The type of its file system: that of its mount, else as udev detected it.
    pub(crate) filesystem: Option<String>,
    /// The file system's UUID (udev).
    pub(crate) filesystem_uuid: Option<String>,
    /// The file system's label (udev).
    pub(crate) filesystem_label: Option<String>,
    /// The paths at which it is mounted.
    pub(crate) mountpoints: Vec<String>,
    /// Whether it is in use as swap.
    pub(crate) swap: bool,
    /// I/O counters since boot; null if the kernel has none.
    pub(crate) io: Option<Io>,
}

impl Device {
    /// Returns whether a loop device has no file, or a network block device no server: most systems
    /// have eight or more of either.
    pub(crate) fn is_unused(root: &Path, name: &str) -> bool {
        let is_such = ["loop", "nbd"].iter().any(|kind| name.starts_with(kind));
        is_such && file::number(&folder_of(root, name).join("size")) == Some(0)
    }

    pub(crate) fn read(root: &Path, name: &str, mounted: &Mounted) -> Self {
        let folder = folder_of(root, name);
        let uevent = file::text(&folder.join("uevent")).unwrap_or_default();
        let value =
            |key: &str| uevent.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('='));
        let device =
            value("MAJOR").zip(value("MINOR")).map(|(major, minor)| format!("{major}:{minor}"));
        let is_partition = value("DEVTYPE") == Some("partition");
        // The folder is a link into /sys/devices, where a partition is inside its disk.
        let place = fs::read_link(&folder).unwrap_or_default();
        let parent = place.parent().and_then(Path::file_name).filter(|_| is_partition);
        let parent = parent.map(|name| name.to_string_lossy().into_owned());
        let disk = parent.as_ref().map_or_else(|| folder.clone(), |parent| folder_of(root, parent));
        let queue = |path: &str| disk.join("queue").join(path);
        let bytes = |path: PathBuf| file::number(&path)?.checked_mul(SECTOR_BYTES);
        let udev = Properties::read(root, device.as_deref().unwrap_or_default());
        // A partition doesn't repeat its disk's identity, although it does in udev.
        let identity =
            if is_partition { Identity::default() } else { Identity::read(&disk, &udev) };
        let mapped = file::line(&folder.join("dm/name"));
        // `DEVNAME` has a slash where the kernel's name has `!`.
        let node =
            format!("/dev/{}", value("DEVNAME").map_or_else(|| given_name(name), str::to_owned));
        let path = mapped.map_or_else(|| node.clone(), |name| format!("/dev/mapper/{name}"));
        let paths = [node, path.clone()];
        let (mountpoints, mounted_as) = mounted.of(device.as_deref().unwrap_or_default(), &paths);
        Self {
            kind: kind(&folder, name, is_partition),
            holders: related(&folder.join("holders")),
            slaves: related(&folder.join("slaves")),
            backing_file: file::line(&folder.join("loop/backing_file")),
            size_bytes: bytes(folder.join("size")).filter(|size| *size > 0),
            partition: value("PARTN").and_then(|number| number.parse().ok()),
            start_bytes: bytes(folder.join("start")).filter(|_| is_partition),
            partition_uuid: udev.get("ID_PART_ENTRY_UUID"),
            partition_label: udev.get("ID_PART_ENTRY_NAME"),
            vendor: identity.vendor,
            model: identity.model,
            serial: identity.serial,
            wwn: identity.wwn,
            firmware: identity.firmware,
            transport: transport(&place.to_string_lossy()),
            rotational: file::flag(&queue("rotational")),
            removable: file::flag(&disk.join("removable")),
            read_only: file::flag(&folder.join("ro")),
            logical_block_bytes: file::number(&queue("logical_block_size")),
            physical_block_bytes: file::number(&queue("physical_block_size")),
            scheduler: file::line(&queue("scheduler")).map(chosen),
            filesystem: mounted_as.or_else(|| udev.get("ID_FS_TYPE")),
            filesystem_uuid: udev.encoded("ID_FS_UUID"),
            filesystem_label: udev.encoded("ID_FS_LABEL"),
            mountpoints,
            swap: mounted.is_swap(&paths),
            io: file::text(&folder.join("stat")).and_then(|text| io::parse(&text)),
            name: given_name(name),
            path,
            device,
            parent: parent.as_deref().map(given_name),
        }
    }
}

/// The identity of a disk, from the device itself or from udev.
#[derive(Default)]
struct Identity {
    vendor: Option<String>,
    model: Option<String>,
    serial: Option<String>,
    wwn: Option<String>,
    firmware: Option<String>,
}

impl Identity {
    fn read(disk: &Path, udev: &Properties) -> Self {
        let own = |path: &str| file::line(&disk.join(path));
        let known = |name: &str| udev.encoded(name);
        Self {
            vendor: own("device/vendor"),
            // SCSI has room for 16 characters; for SATA disks udev has the whole name.
            model: known("ID_MODEL").or_else(|| own("device/model")),
            serial: known("ID_SCSI_SERIAL")
                .or_else(|| known("ID_SERIAL_SHORT"))
                .or_else(|| own("serial"))
                .or_else(|| own("device/serial")),
            wwn: known("ID_WWN_WITH_EXTENSION")
                .or_else(|| known("ID_WWN"))
                .or_else(|| own("wwid"))
                .or_else(|| own("device/wwid")),
            firmware: own("device/firmware_rev").or_else(|| own("device/rev")),
        }
    }
}

/// Returns the name of a device whose folder in sysfs is named so: with `/` where sysfs has `!`.
fn given_name(name: &str) -> String {
    name.replace('!', "/")
}

/// Returns the names of the devices in a folder of links, sorted.
fn related(folder: &Path) -> Vec<String> {
    folder::names(folder, MAX_RELATED).iter().map(|name| given_name(name)).collect()
}

fn folder_of(root: &Path, name: &str) -> PathBuf {
    root.join("sys/class/block").join(name)
}

/// Returns the type as lsblk(8) determines it.
fn kind(folder: &Path, name: &str, is_partition: bool) -> String {
    if is_partition {
        return "part".to_owned();
    }
    if let Some(uuid) = file::line(&folder.join("dm/uuid")) {
        // `LVM-…`, `CRYPT-LUKS2-…`, `part1-mpath-…`.
        let (prefix, rest) = uuid.split_once('-').unwrap_or(("dm", ""));
        let prefix = prefix.to_ascii_lowercase();
        return if prefix.starts_with("part") && !rest.is_empty() {
            "part".to_owned()
        } else {
            prefix
        };
    }
    if folder.join("dm").exists() {
        return "dm".to_owned();
    }
    if let Some(level) = file::line(&folder.join("md/level")) {
        return level;
    }
    match name {
        name if name.starts_with("loop") => "loop".to_owned(),
        name if name.starts_with("md") => "md".to_owned(),
        // The SCSI peripheral device type of CD-ROMs.
        _ if file::number(&folder.join("device/type")) == Some(5) => "rom".to_owned(),
        _ => "disk".to_owned(),
    }
}

/// Derives the transport from the devices on the path to it; the first match counts, from the host
/// outward.
fn transport(place: &str) -> Option<&'static str> {
    let parts = [
        ("/nvme", "nvme"),
        ("/usb", "usb"),
        ("/session", "iscsi"),
        ("/rport-", "fc"),
        ("/end_device-", "sas"),
        ("/ata", "sata"),
        ("/mmc_host/", "mmc"),
        ("/vbd-", "xen"),
        ("/virtio", "virtio"),
    ];
    parts.iter().find(|(part, _)| place.contains(part)).map(|(_, transport)| *transport)
}

/// Returns the word in brackets of `none [mq-deadline] kyber`, or the whole text.
fn chosen(text: String) -> String {
    match text.split_once('[').and_then(|(_, rest)| rest.split_once(']')) {
        Some((chosen, _)) => chosen.to_owned(),
        None => text,
    }
}

#[cfg(test)]
mod tests;
