//! Devices of folders that look like sysfs and udev's database.

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
    assert_eq!(
        (disk.serial.as_deref(), disk.wwn.as_deref()),
        (Some("Z1"), Some("0x5000c500a1b2c3d4"))
    );
    assert_eq!((disk.firmware.as_deref(), part.model, part.vendor), (Some("CC43"), None, None));
    assert_eq!((disk.transport, disk.scheduler.as_deref()), (Some("sata"), Some("bfq")));
    assert_eq!(
        (part.kind.as_str(), part.parent.as_deref(), part.partition),
        ("part", Some("sda"), Some(1))
    );
    assert_eq!(
        (part.rotational, part.removable, part.read_only),
        (Some(true), Some(false), Some(true))
    );
    assert_eq!((part.start_bytes, part.physical_block_bytes), (Some(1 << 20), Some(4096)));
    assert_eq!(
        (part.holders, part.filesystem.as_deref()),
        (vec!["dm-0".to_owned()], Some("LVM2_member"))
    );
    assert_eq!(part.partition_uuid.as_deref(), Some("u-1"));
}

#[test]
fn kinds_match_those_of_lsblk() {
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
fn a_device_that_disappeared_has_null_fields() {
    let root = Path::new("/nonexistent");
    let gone = Device::read(root, "cciss!c0d0", &Mounted::read(root));
    assert_eq!(
        (gone.name.as_str(), gone.size_bytes, gone.io.is_none()),
        ("cciss/c0d0", None, true)
    );
    assert!(!Device::is_unused(root, "loop0"));
}

#[test]
fn a_device_of_no_size_is_unknown_and_unused_ones_are_left_out() {
    let root = tree(&[
        ("sys/class/block/nbd0/size", "0\n"),
        ("sys/class/block/nbd1/size", "8\n"),
        ("sys/class/block/loop0/size", "0\n"),
        ("sys/class/block/sr0/size", "0\n"),
    ]);
    let names = |with_empty: bool| -> Vec<String> {
        crate::read(root.path(), with_empty, None).0.into_iter().map(|device| device.name).collect()
    };
    assert_eq!(names(false), ["nbd1", "sr0"]);
    assert_eq!(names(true), ["loop0", "nbd0", "nbd1", "sr0"]);
    let sizes = crate::read(root.path(), true, None).0.into_iter().map(|device| device.size_bytes);
    assert_eq!(sizes.collect::<Vec<_>>(), [None, None, Some(4096), None]);
    assert_eq!(crate::read(root.path(), false, Some("nbd0")).0.len(), 1);
}

#[test]
fn names_with_slashes_are_those_of_dev_everywhere() {
    let disk = "sys/devices/pci0/cciss0/block/cciss!c0d0";
    let files = [
        (format!("{disk}/size"), "8"),
        (format!("{disk}/cciss!c0d0p1/size"), "8"),
        (format!("{disk}/cciss!c0d0p1/uevent"), "DEVNAME=cciss/c0d0p1\nDEVTYPE=partition\n"),
        (format!("{disk}/slaves/cciss!c0d1"), ""),
        (format!("{disk}/holders/dm-0"), ""),
        ("sys/class/block/cciss!c0d0".to_owned(), "-> ../../devices/pci0/cciss0/block/cciss!c0d0"),
        (
            "sys/class/block/cciss!c0d0p1".to_owned(),
            "-> ../../devices/pci0/cciss0/block/cciss!c0d0/cciss!c0d0p1",
        ),
    ];
    let files: Vec<(&str, &str)> =
        files.iter().map(|(path, content)| (path.as_str(), *content)).collect();
    let root = tree(&files);
    let (devices, _) = crate::read(root.path(), false, None);
    let names: Vec<(&str, Option<&str>, &str)> = devices
        .iter()
        .map(|device| (device.name.as_str(), device.parent.as_deref(), device.path.as_str()))
        .collect();
    assert_eq!(
        names,
        [
            ("cciss/c0d0", None, "/dev/cciss/c0d0"),
            ("cciss/c0d0p1", Some("cciss/c0d0"), "/dev/cciss/c0d0p1"),
        ]
    );
    assert_eq!(
        (devices[0].slaves.as_slice(), devices[0].holders.as_slice()),
        (&["cciss/c0d1".to_owned()][..], &["dm-0".to_owned()][..])
    );
}
