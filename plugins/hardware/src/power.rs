//! Power supplies and batteries: /sys/class/power_supply
//! (Documentation/ABI/testing/sysfs-class-power).

use std::path::Path;

use readers::{file, folder};
use serde::Serialize;

/// The most supplies in one answer.
const MAX_SUPPLIES: usize = 100;

/// One power supply.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Supply {
    /// The kernel's name, `BAT0`.
    pub(crate) name: String,
    /// The type: `battery`, `mains`, `ups`, `usb` or `wireless`.
    #[serde(rename = "type")]
    pub(crate) kind: Option<String>,
    /// Whether it supplies power now; null for batteries.
    pub(crate) online: Option<bool>,
    /// The status: `charging`, `discharging`, `not charging`, `full`.
    pub(crate) status: Option<String>,
    /// The charge in percent.
    pub(crate) capacity_percent: Option<u64>,
    /// The number of charge cycles.
    pub(crate) cycles: Option<u64>,
    /// The health: `good`, `overheat`, `dead` and others.
    pub(crate) health: Option<String>,
    /// The chemistry, `li-ion`.
    pub(crate) technology: Option<String>,
    /// The energy in the battery now, in millionths of a watt hour.
    pub(crate) energy_microwatt_hours: Option<u64>,
    /// The energy of the full battery.
    pub(crate) energy_full_microwatt_hours: Option<u64>,
    /// The energy of the full battery when it was new.
    pub(crate) energy_design_microwatt_hours: Option<u64>,
    /// The manufacturer.
    pub(crate) vendor: Option<String>,
    /// The model name.
    pub(crate) model: Option<String>,
    /// The serial number.
    pub(crate) serial: Option<String>,
}

/// Reads the supplies, sorted by name.
pub(crate) fn read(root: &Path) -> Vec<Supply> {
    let folder = root.join("sys/class/power_supply");
    let names = folder::names(&folder, MAX_SUPPLIES).into_iter();
    names
        .map(|name| {
            let line = |file: &str| file::line(&folder.join(&name).join(file));
            let word = |file: &str| {
                line(file).map(|text| text.to_ascii_lowercase()).filter(|text| text != "unknown")
            };
            let number = |file: &str| line(file).and_then(|text| text.parse::<u64>().ok());
            Supply {
                kind: word("type"),
                online: number("online").map(|number| number > 0),
                status: word("status"),
                capacity_percent: number("capacity"),
                cycles: number("cycle_count"),
                health: word("health"),
                technology: word("technology"),
                energy_microwatt_hours: number("energy_now"),
                energy_full_microwatt_hours: number("energy_full"),
                energy_design_microwatt_hours: number("energy_full_design"),
                vendor: line("manufacturer"),
                model: line("model_name"),
                serial: line("serial_number"),
                name,
            }
        })
        .collect()
}
