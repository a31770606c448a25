//! One block device: its folder below /sys/class/block (Documentation/ABI/stable/sysfs-block), and what udev knows.

use std::fs;
use std::path::{Path, PathBuf};

use readers::{file, folder};
use serde::Serialize;

use crate::io::{self, Io};
use crate::mounted::Mounted;
use crate::udev::Properties;

/// The unit of sysfs, whatever the device's own is.
const SECTOR_BYTES: u64 = 512;
/// Devices that are made of one device, or that one is made of.
const MAX_RELATED: usize = 1000;

/// A block device. What is not known of it, or is not for its kind to have, is null.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Device {
    /// The kernel's name, `sda1`.
    pub(crate) name: String,
    /// Its file; a device mapper's by the name it was given.
    pub(crate) path: String,
    /// As lsblk(8) says: `disk`, `part`, `loop`, `rom`, `raid1` and so on, `lvm`, `crypt`, `mpath`, `dm`.
    #[serde(rename = "type")]
    pub(crate) kind: String,
    /// Major and minor number, `8:1`.
    pub(crate) device: Option<String>,
    /// The disk that this is a partition of.
    pub(crate) parent: Option<String>,
    /// The number of the partition.
    pub(crate) partition: Option<u64>,
    /// Where the partition begins.
    pub(crate) start_bytes: Option<u64>,
    /// The partition's UUID (udev).
    pub(crate) partition_uuid: Option<String>,
    /// The partition's name (udev).
    pub(crate) partition_label: Option<String>,
    /// Devices that are made of this one, such as volumes and RAIDs, sorted.
    pub(crate) holders: Vec<String>,
    /// Devices that this one is made of, sorted.
    pub(crate) slaves: Vec<String>,
    /// The file behind a loop device.
    pub(crate) backing_file: Option<String>,
    /// Bytes it holds.
    pub(crate) size_bytes: Option<u64>,
    /// Who made it; some virtual ones have a number. This and the next four are null for partitions.
    pub(crate) vendor: Option<String>,
    /// Its maker's name for it.
    pub(crate) model: Option<String>,
    /// Its serial number.
    pub(crate) serial: Option<String>,
    /// Its worldwide name.
    pub(crate) wwn: Option<String>,
    /// The revision of its firmware.
    pub(crate) firmware: Option<String>,
    /// How it is connected: `nvme`, `sata`, `sas`, `usb`, `virtio`, `mmc`, `iscsi`, `fc`, `xen`.
    pub(crate) transport: Option<&'static str>,
    /// Whether it has to wait for a disk to turn.
    pub(crate) rotational: Option<bool>,
    /// Whether its medium can be taken out.
    pub(crate) removable: Option<bool>,
    /// Whether nothing can be written to it.
    pub(crate) read_only: Option<bool>,
    /// The least that can be asked for.
    pub(crate) logical_block_bytes: Option<u64>,
    /// The least it writes without reading first.
    pub(crate) physical_block_bytes: Option<u64>,
    /// Who orders its requests, `mq-deadline`, `none`.
    pub(crate) scheduler: Option<String>,
    /// The file system on it: of its mount, else as udev found it.
    pub(crate) filesystem: Option<String>,
    /// The file system's UUID (udev).
    pub(crate) filesystem_uuid: Option<String>,
    /// The file system's name (udev).
    pub(crate) filesystem_label: Option<String>,
    /// Where it is mounted.
    pub(crate) mountpoints: Vec<String>,
    /// Whether memory is swapped to it.
    pub(crate) swap: bool,
    /// What it did.
    pub(crate) io: Option<Io>,
}

impl Device {
    /// Whether a loop device has no file: there are eight or more of them on most systems.
    pub(crate) fn is_empty_loop(root: &Path, name: &str) -> bool {
        name.starts_with("loop") && file::number(&folder_of(root, name).join("size")) == Some(0)
    }

    pub(crate) fn read(root: &Path, name: &str, mounted: &Mounted) -> Self {
        let folder = folder_of(root, name);
        let uevent = file::text(&folder.join("uevent")).unwrap_or_default();
        let value = |key: &str| uevent.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('='));
        let device = value("MAJOR").zip(value("MINOR")).map(|(major, minor)| format!("{major}:{minor}"));
        let is_partition = value("DEVTYPE") == Some("partition");
        // The folder itself is a link into /sys/devices, where a partition lies within its disk.
        let place = fs::read_link(&folder).unwrap_or_default();
        let parent = place.parent().and_then(Path::file_name).filter(|_| is_partition);
        let parent = parent.map(|name| name.to_string_lossy().into_owned());
        let disk = parent.as_ref().map_or_else(|| folder.clone(), |parent| folder_of(root, parent));
        let line = |path: &str| file::line(&disk.join(path));
        // Who made a disk is not said of each of its partitions, though udev does.
        let own = |path: &str| if is_partition { None } else { line(path) };
        let queue = |path: &str| disk.join("queue").join(path);
        let bytes = |path: PathBuf| file::number(&path)?.checked_mul(SECTOR_BYTES);
        let udev = device
            .as_deref()
            .map_or_else(|| Properties::read(root, ""), |device| Properties::read(root, device));
        let known = |name: &str| if is_partition { None } else { udev.encoded(name) };
        let mapped = file::line(&folder.join("dm/name"));
        // `DEVNAME` has the slash that a kernel name with `!` stands for.
        let node = format!("/dev/{}", value("DEVNAME").unwrap_or(name));
        let path = mapped.map_or_else(|| node.clone(), |name| format!("/dev/mapper/{name}"));
        let paths = [node, path.clone()];
        let (mountpoints, mounted_as) = mounted.of(device.as_deref().unwrap_or_default(), &paths);
        Self {
            kind: kind(&folder, name, is_partition),
            holders: folder::names(&folder.join("holders"), MAX_RELATED),
            slaves: folder::names(&folder.join("slaves"), MAX_RELATED),
            backing_file: file::line(&folder.join("loop/backing_file")),
            size_bytes: bytes(folder.join("size")),
            partition: value("PARTN").and_then(|number| number.parse().ok()),
            start_bytes: bytes(folder.join("start")).filter(|_| is_partition),
            partition_uuid: udev.get("ID_PART_ENTRY_UUID"),
            partition_label: udev.get("ID_PART_ENTRY_NAME"),
            vendor: own("device/vendor"),
            // SCSI has room for 16 characters, of which udev knows more for SATA disks.
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
            transport: transport(&place.to_string_lossy()),
            rotational: file::flag(&queue("rotational")),
            removable: file::flag(&disk.join("removable")),
            read_only: file::flag(&folder.join("ro")),
            logical_block_bytes: file::number(&queue("logical_block_size")),
            physical_block_bytes: file::number(&queue("physical_block_size")),
            scheduler: line("queue/scheduler").map(chosen),
            filesystem: mounted_as.or_else(|| udev.get("ID_FS_TYPE")),
            filesystem_uuid: udev.encoded("ID_FS_UUID"),
            filesystem_label: udev.encoded("ID_FS_LABEL"),
            mountpoints,
            swap: mounted.is_swap(&paths),
            io: file::text(&folder.join("stat")).and_then(|text| io::parse(&text)),
            name: name.replace('!', "/"),
            path,
            device,
            parent,
        }
    }
}

fn folder_of(root: &Path, name: &str) -> PathBuf {
    root.join("sys/class/block").join(name)
}

/// As lsblk(8) tells them apart.
fn kind(folder: &Path, name: &str, is_partition: bool) -> String {
    if is_partition {
        return "part".to_owned();
    }
    if let Some(uuid) = file::line(&folder.join("dm/uuid")) {
        // `LVM-…`, `CRYPT-LUKS2-…`, `part1-mpath-…`.
        let (prefix, rest) = uuid.split_once('-').unwrap_or(("dm", ""));
        let prefix = prefix.to_ascii_lowercase();
        return if prefix.starts_with("part") && !rest.is_empty() { "part".to_owned() } else { prefix };
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
        // SCSI's peripheral device type of CD-ROMs.
        _ if file::number(&folder.join("device/type")) == Some(5) => "rom".to_owned(),
        _ => "disk".to_owned(),
    }
}

/// By the devices on the way to it; the first that matches, from what is closest to the host.
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

/// `none [mq-deadline] kyber`: the word in brackets, or what there is.
fn chosen(text: String) -> String {
    match text.split_once('[').and_then(|(_, rest)| rest.split_once(']')) {
        Some((chosen, _)) => chosen.to_owned(),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;
    use test_support::Scratch;

    /// A sysfs of these files; links are written `-> target`.
    fn tree(files: &[(&str, &str)]) -> Scratch {
        let root = Scratch::new("getinfo-disks");
        for (path, content) in files {
            match content.strip_prefix("-> ") {
                Some(target) => {
                    let path = root.file(path);
                    fs::create_dir_all(path.parent().unwrap()).unwrap();
                    symlink(target, path).unwrap();
                }
                None => {
                    root.write(path, content);
                }
            }
        }
        root
    }

    #[test]
    fn a_partition_has_its_disks_properties() {
        let sda = "sys/devices/pci0000:00/0000:00:1f.2/ata1/host0/target0:0:0/0:0:0:0/block/sda";
        let files = [
            ("size", "2000\n"),
            ("uevent", "MAJOR=8\nMINOR=0\nDEVNAME=sda\nDEVTYPE=disk\n"),
            ("removable", "0\n"),
            ("ro", "0\n"),
            ("queue/rotational", "1\n"),
            ("queue/logical_block_size", "512\n"),
            ("queue/physical_block_size", "4096\n"),
            ("queue/scheduler", "none [bfq]\n"),
            ("device/vendor", "ATA     \n"),
            ("device/model", "ST1000 \n"),
            ("device/rev", "CC43\n"),
            ("sda1/size", "100\n"),
            ("sda1/start", "2048\n"),
            ("sda1/partition", "1\n"),
            ("sda1/ro", "1\n"),
            ("sda1/uevent", "MAJOR=8\nMINOR=1\nDEVNAME=sda1\nDEVTYPE=partition\nPARTN=1\n"),
            ("sda1/holders/dm-0", "x"),
        ];
        let mut all: Vec<(String, &str)> =
            files.iter().map(|(path, text)| (format!("{sda}/{path}"), *text)).collect();
        let link = format!("-> ../../../{sda}");
        let link1 = format!("{link}/sda1");
        all.push(("sys/class/block/sda".to_owned(), &link));
        all.push(("sys/class/block/sda1".to_owned(), &link1));
        let known = "E:ID_MODEL=ST1000DM010_2EP102\nE:ID_MODEL_ENC=ST1000DM010\\x202EP102\\x20\nE:ID_SERIAL_SHORT=Z1\n\
                     E:ID_WWN=0x5000c500a1b2c3d4\n";
        all.push(("run/udev/data/b8:0".to_owned(), known));
        all.push((
            "run/udev/data/b8:1".to_owned(),
            "E:ID_FS_TYPE=LVM2_member\nE:ID_PART_ENTRY_UUID=u-1\nE:ID_MODEL=x\n",
        ));
        let all: Vec<(&str, &str)> = all.iter().map(|(path, text)| (path.as_str(), *text)).collect();
        let scratch = tree(&all);
        let root = scratch.path();
        let mounted = Mounted::read(root);
        let (disk, part) = (Device::read(root, "sda", &mounted), Device::read(root, "sda1", &mounted));
        assert_eq!((disk.kind.as_str(), disk.parent, disk.size_bytes), ("disk", None, Some(1_024_000)));
        assert_eq!(
            (disk.vendor.as_deref(), disk.model.as_deref()),
            (Some("ATA"), Some("ST1000DM010 2EP102"))
        );
        assert_eq!((disk.serial.as_deref(), disk.wwn.as_deref()), (Some("Z1"), Some("0x5000c500a1b2c3d4")));
        assert_eq!((disk.firmware.as_deref(), part.model, part.vendor), (Some("CC43"), None, None));
        assert_eq!((disk.transport, disk.scheduler.as_deref()), (Some("sata"), Some("bfq")));
        assert_eq!(
            (part.kind.as_str(), part.parent.as_deref(), part.partition),
            ("part", Some("sda"), Some(1))
        );
        assert_eq!((part.rotational, part.removable, part.read_only), (Some(true), Some(false), Some(true)));
        assert_eq!((part.start_bytes, part.physical_block_bytes), (Some(1 << 20), Some(4096)));
        assert_eq!(
            (part.holders, part.filesystem.as_deref()),
            (vec!["dm-0".to_owned()], Some("LVM2_member"))
        );
        assert_eq!(part.partition_uuid.as_deref(), Some("u-1"));
    }

    #[test]
    fn kinds_are_those_of_lsblk() {
        for (name, file, content, want) in [
            ("dm-0", "dm/uuid", "LVM-abc\n", "lvm"),
            ("dm-1", "dm/uuid", "CRYPT-LUKS2-abc\n", "crypt"),
            ("dm-2", "dm/uuid", "part1-mpath-abc\n", "part"),
            ("dm-3", "dm/uuid", "mpath-abc\n", "mpath"),
            ("dm-4", "dm/name", "x\n", "dm"),
            ("md0", "md/level", "raid1\n", "raid1"),
            ("md1", "x", "", "md"),
            ("sr0", "device/type", "5\n", "rom"),
            ("loop3", "x", "", "loop"),
            ("nvme0n1", "x", "", "disk"),
        ] {
            let root = tree(&[(file, content)]);
            assert_eq!(kind(root.path(), name, false), want, "{name}");
        }
    }

    #[test]
    fn a_device_that_went_away_is_told_as_far_as_it_goes() {
        let root = Path::new("/nonexistent");
        let gone = Device::read(root, "cciss!c0d0", &Mounted::read(root));
        assert_eq!((gone.name.as_str(), gone.size_bytes, gone.io.is_none()), ("cciss/c0d0", None, true));
        assert!(!Device::is_empty_loop(root, "loop0"));
    }
}
