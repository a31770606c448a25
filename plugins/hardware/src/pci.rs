//! PCI devices: /sys/bus/pci/devices.

use std::path::Path;

use readers::{file, folder};
use serde::Serialize;

/// The most devices in one answer.
const MAX_DEVICES: usize = 2000;

/// One function of a PCI device.
#[derive(Serialize, Debug, PartialEq)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Pci {
    /// Domain, bus, device and function number, `0000:00:1f.2`.
    pub(crate) address: String,
    /// The vendor id of the chip, `8086`.
    pub(crate) vendor_id: Option<String>,
    /// The device id of the chip, `0d57`.
    pub(crate) device_id: Option<String>,
    /// The vendor id of the card (subsystem).
    pub(crate) subsystem_vendor_id: Option<String>,
    /// The device id of the card (subsystem).
    pub(crate) subsystem_device_id: Option<String>,
    /// Class code: base class, subclass and programming interface, `010601`.
    pub(crate) class_id: Option<String>,
    /// The name of the base class, `mass storage controller`.
    pub(crate) class: Option<&'static str>,
    /// The revision, `07`.
    pub(crate) revision: Option<String>,
    /// The bound driver; null: none.
    pub(crate) driver: Option<String>,
}

/// Base classes (PCI Code and ID Assignment Specification 1.16).
const CLASSES: [(u8, &str); 22] = [
    (0x00, "unclassified device"),
    (0x01, "mass storage controller"),
    (0x02, "network controller"),
    (0x03, "display controller"),
    (0x04, "multimedia controller"),
    (0x05, "memory controller"),
    (0x06, "bridge"),
    (0x07, "communication controller"),
    (0x08, "generic system peripheral"),
    (0x09, "input device controller"),
    (0x0a, "docking station"),
    (0x0b, "processor"),
    (0x0c, "serial bus controller"),
    (0x0d, "wireless controller"),
    (0x0e, "intelligent controller"),
    (0x0f, "satellite communications controller"),
    (0x10, "encryption controller"),
    (0x11, "signal processing controller"),
    (0x12, "processing accelerator"),
    (0x13, "non-essential instrumentation"),
    (0x40, "coprocessor"),
    (0xff, "unassigned class"),
];

/// Reads the devices, sorted by address.
pub(crate) fn read(root: &Path) -> Vec<Pci> {
    let folder = root.join("sys/bus/pci/devices");
    let names = folder::names(&folder, MAX_DEVICES).into_iter();
    names
        .map(|address| {
            let folder = folder.join(&address);
            // This one file has everything but the revision.
            let uevent = file::text(&folder.join("uevent")).unwrap_or_default();
            let revision = file::line(&folder.join("revision"));
            device(address, &uevent, revision.map(|text| text.trim_start_matches("0x").to_owned()))
        })
        .collect()
}

fn device(address: String, uevent: &str, revision: Option<String>) -> Pci {
    let value =
        |key: &str| uevent.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('='));
    let pair = |key: &str| {
        let (vendor, device) = value(key).and_then(|ids| ids.split_once(':')).unzip();
        (vendor.map(str::to_ascii_lowercase), device.map(str::to_ascii_lowercase))
    };
    let (vendor_id, device_id) = pair("PCI_ID");
    let (subsystem_vendor_id, subsystem_device_id) = pair("PCI_SUBSYS_ID");
    // The kernel writes it without leading zeros.
    let code = value("PCI_CLASS").and_then(|text| u32::from_str_radix(text, 16).ok());
    let base = code.and_then(|code| u8::try_from(code >> 16).ok());
    Pci {
        address,
        vendor_id,
        device_id,
        subsystem_vendor_id,
        subsystem_device_id,
        class_id: code.map(|code| format!("{code:06x}")),
        class: CLASSES.iter().find(|(known, _)| Some(*known) == base).map(|(_, name)| *name),
        revision,
        driver: value("DRIVER").map(str::to_owned),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_are_read() {
        let uevent = "DRIVER=ahci\nPCI_CLASS=10601\nPCI_ID=8086:A102\nPCI_SUBSYS_ID=1028:06B9\nPCI_SLOT_NAME=x\n";
        let found = device("0000:00:17.0".to_owned(), uevent, None);
        assert_eq!(
            (found.vendor_id.as_deref(), found.device_id.as_deref()),
            (Some("8086"), Some("a102"))
        );
        assert_eq!(
            (found.class_id.as_deref(), found.class),
            (Some("010601"), Some("mass storage controller"))
        );
        assert_eq!(
            (found.subsystem_device_id.as_deref(), found.driver.as_deref()),
            (Some("06b9"), Some("ahci"))
        );
        for uevent in
            ["", "PCI_CLASS=x\nPCI_ID=8086\n", "PCI_CLASS=ffffffff\n", "PCI_CLASS=990000\n"]
        {
            let found = device(String::new(), uevent, None);
            assert_eq!(
                (found.class, found.vendor_id, found.driver),
                (None, None, None),
                "{uevent:?}"
            );
        }
    }
}
