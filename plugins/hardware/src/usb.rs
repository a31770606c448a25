//! USB devices: /sys/bus/usb/devices.

use std::path::Path;

use readers::{file, folder};
use serde::Serialize;

/// The most devices in one answer, and the most folder entries that are read: each device has some
/// interfaces beside it.
const MAX_DEVICES: usize = 500;
const MAX_ENTRIES: usize = 5000;

/// One device.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Usb {
    /// Bus and ports, `1-1.4`; `usb1` is the root hub of bus 1.
    pub(crate) name: String,
    /// The vendor id, `046d`.
    pub(crate) vendor_id: Option<String>,
    /// The product id, `c31c`.
    pub(crate) product_id: Option<String>,
    /// The vendor name.
    pub(crate) vendor: Option<String>,
    /// The product name.
    pub(crate) product: Option<String>,
    /// The serial number.
    pub(crate) serial: Option<String>,
    /// The class code, `09`; `00`: each interface has its own.
    pub(crate) class_id: Option<String>,
    /// The speed of the connection.
    pub(crate) speed_bits_per_second: Option<u64>,
}

/// Reads the devices, sorted by name.
pub(crate) fn read(root: &Path) -> Vec<Usb> {
    let folder = root.join("sys/bus/usb/devices");
    // Names of interfaces have a colon.
    let names = folder::names(&folder, MAX_ENTRIES).into_iter().filter(|name| !name.contains(':'));
    names
        .take(MAX_DEVICES)
        .map(|name| {
            let line = |file: &str| file::line(&folder.join(&name).join(file));
            Usb {
                vendor_id: line("idVendor"),
                product_id: line("idProduct"),
                vendor: line("manufacturer"),
                product: line("product"),
                serial: line("serial"),
                class_id: line("bDeviceClass"),
                speed_bits_per_second: line("speed").and_then(|text| speed(&text)),
                name,
            }
        })
        .collect()
}

/// Converts megabits per second: `1.5`, `480`, `10000`.
fn speed(text: &str) -> Option<u64> {
    match text {
        "1.5" => Some(1_500_000),
        text => text.parse::<u64>().ok()?.checked_mul(1_000_000),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn speeds_are_bits() {
        for (text, want) in [
            ("1.5", Some(1_500_000)),
            ("480", Some(480_000_000)),
            ("20000", Some(20_000_000_000)),
            ("unknown", None),
            ("", None),
        ] {
            assert_eq!(speed(text), want, "{text}");
        }
    }
}
