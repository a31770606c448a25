//! The firmware's description of the machine: SMBIOS tables as /sys/class/dmi/id shows them, or the
//! device tree's model.

use std::path::Path;

use readers::{file, utc};
use serde::Serialize;

/// The `system` object of the answer.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct System {
    /// The manufacturer.
    pub(crate) vendor: Option<String>,
    /// The product name; for a board with a device tree, the tree's model.
    pub(crate) product: Option<String>,
    /// The version.
    pub(crate) version: Option<String>,
    /// The product family.
    pub(crate) family: Option<String>,
    /// The manufacturer's number for this configuration (SKU).
    pub(crate) sku: Option<String>,
    /// The serial number; null without root.
    pub(crate) serial: Option<String>,
    /// The UUID; null without root.
    pub(crate) uuid: Option<String>,
}

/// The `board` object of the answer: the main board.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Board {
    /// The manufacturer.
    pub(crate) vendor: Option<String>,
    /// The product name.
    pub(crate) name: Option<String>,
    /// The version.
    pub(crate) version: Option<String>,
    /// The serial number; null without root.
    pub(crate) serial: Option<String>,
    /// The asset tag, which the owner sets.
    pub(crate) asset_tag: Option<String>,
}

/// The `chassis` object of the answer.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Chassis {
    /// The type of chassis as SMBIOS names it, `Rack Mount Chassis`.
    #[serde(rename = "type")]
    pub(crate) name: Option<&'static str>,
    /// The SMBIOS number of that type.
    pub(crate) type_id: Option<u64>,
    /// The use: `desktop`, `laptop`, `server`, `tablet`, `convertible`, `handset` or `embedded`.
    pub(crate) kind: Option<&'static str>,
    /// The manufacturer.
    pub(crate) vendor: Option<String>,
    /// The version.
    pub(crate) version: Option<String>,
    /// The serial number; null without root.
    pub(crate) serial: Option<String>,
    /// The asset tag, which the owner sets.
    pub(crate) asset_tag: Option<String>,
}

/// The `bios` object of the answer: the firmware.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Bios {
    /// The manufacturer.
    pub(crate) vendor: Option<String>,
    /// The version.
    pub(crate) version: Option<String>,
    /// The release number, `2.17`.
    pub(crate) release: Option<String>,
    /// The release date, `2023-11-30`; as the firmware writes it if that is not an SMBIOS date,
    /// null if there is no such day.
    pub(crate) date: Option<String>,
    /// Whether the system was booted by UEFI (/sys/firmware/efi); null without /sys/firmware.
    pub(crate) uefi: Option<bool>,
}

/// The chassis types from 1 on, and their use (SMBIOS 3.7, 7.4.1).
const CHASSIS: [(&str, Option<&str>); 36] = [
    ("Other", None),
    ("Unknown", None),
    ("Desktop", Some("desktop")),
    ("Low Profile Desktop", Some("desktop")),
    ("Pizza Box", None),
    ("Mini Tower", Some("desktop")),
    ("Tower", Some("desktop")),
    ("Portable", Some("laptop")),
    ("Laptop", Some("laptop")),
    ("Notebook", Some("laptop")),
    ("Hand Held", Some("handset")),
    ("Docking Station", None),
    ("All In One", Some("desktop")),
    ("Sub Notebook", Some("laptop")),
    ("Space-saving", None),
    ("Lunch Box", None),
    ("Main Server Chassis", Some("server")),
    ("Expansion Chassis", None),
    ("Sub Chassis", None),
    ("Bus Expansion Chassis", None),
    ("Peripheral Chassis", None),
    ("RAID Chassis", None),
    ("Rack Mount Chassis", Some("server")),
    ("Sealed-case PC", None),
    ("Multi-system", None),
    ("CompactPCI", None),
    ("AdvancedTCA", None),
    ("Blade", Some("server")),
    ("Blade Enclosing", Some("server")),
    ("Tablet", Some("tablet")),
    ("Convertible", Some("convertible")),
    ("Detachable", Some("convertible")),
    ("IoT Gateway", Some("embedded")),
    ("Embedded PC", Some("embedded")),
    ("Mini PC", Some("desktop")),
    ("Stick PC", Some("desktop")),
];

/// Reads all four, of the system whose root folder is `root`.
pub(crate) fn read(root: &Path) -> (System, Board, Chassis, Bios) {
    let folder = root.join("sys/class/dmi/id");
    let line = |name: &str| file::line(&folder.join(name));
    let tree = || {
        let model = file::line(&root.join("proc/device-tree/model"))?;
        Some(model.trim_end_matches('\0').to_owned())
    };
    let system = System {
        vendor: line("sys_vendor"),
        product: line("product_name").or_else(tree),
        version: line("product_version"),
        family: line("product_family"),
        sku: line("product_sku"),
        serial: line("product_serial"),
        uuid: line("product_uuid"),
    };
    let board = Board {
        vendor: line("board_vendor"),
        name: line("board_name"),
        version: line("board_version"),
        serial: line("board_serial"),
        asset_tag: line("board_asset_tag"),
    };
    // The highest bit says whether there is a lock.
    let type_id =
        line("chassis_type").and_then(|text| text.parse::<u64>().ok()).map(|number| number & 0x7f);
    let known =
        type_id.and_then(|number| CHASSIS.get(usize::try_from(number.checked_sub(1)?).ok()?));
    let chassis = Chassis {
        name: known.map(|(name, _)| *name),
        type_id,
        kind: known.and_then(|(_, kind)| *kind),
        vendor: line("chassis_vendor"),
        version: line("chassis_version"),
        serial: line("chassis_serial"),
        asset_tag: line("chassis_asset_tag"),
    };
    let firmware = root.join("sys/firmware");
    let bios = Bios {
        vendor: line("bios_vendor"),
        version: line("bios_version"),
        release: line("bios_release"),
        date: line("bios_date").and_then(iso_date),
        uefi: firmware.exists().then(|| firmware.join("efi").exists()),
    };
    (system, board, chassis, bios)
}

/// Converts `11/30/2023`; a year of two digits means 19xx (SMBIOS 3.7, 7.1). `None` for a day that
/// doesn't exist.
fn iso_date(date: String) -> Option<String> {
    let parts: Vec<&str> = date.split('/').collect();
    let is_digits =
        |text: &str, length| text.len() == length && text.bytes().all(|byte| byte.is_ascii_digit());
    let iso = match parts.as_slice() {
        [month, day, year] if is_digits(month, 2) && is_digits(day, 2) && is_digits(year, 4) => {
            format!("{year}-{month}-{day}")
        }
        [month, day, year] if is_digits(month, 2) && is_digits(day, 2) && is_digits(year, 2) => {
            format!("19{year}-{month}-{day}")
        }
        _ if date.len() == 10 && date.as_bytes()[4] == b'-' => date,
        _ => return Some(date),
    };
    utc::begins_with_date(&iso).then_some(iso)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_converted() {
        for (date, want) in [
            ("11/30/2023", Some("2023-11-30")),
            ("04/01/14", Some("1914-04-01")),
            ("1/2/2023", Some("1/2/2023")),
            ("2023-11-30", Some("2023-11-30")),
            ("", Some("")),
            ("aa/bb/cccc", Some("aa/bb/cccc")),
            ("13/45/2099", None),
            ("02/31/2030", None),
            ("2030-02-31", None),
        ] {
            assert_eq!(iso_date(date.to_owned()).as_deref(), want, "{date}");
        }
    }
}
