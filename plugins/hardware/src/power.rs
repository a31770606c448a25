//! Batteries and mains: /sys/class/power_supply (Documentation/ABI/testing/sysfs-class-power).

use std::path::Path;

use readers::{file, folder};
use serde::Serialize;

/// Supplies in one answer.
const MAX_SUPPLIES: usize = 100;

/// One power supply.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Supply {
    /// The kernel's name, `BAT0`.
    pub(crate) name: String,
    /// `battery`, `mains`, `ups`, `usb` or `wireless`.
    #[serde(rename = "type")]
    pub(crate) kind: Option<String>,
    /// Whether it gives power now; null for batteries.
    pub(crate) online: Option<bool>,
    /// `charging`, `discharging`, `not charging`, `full`.
    pub(crate) status: Option<String>,
    /// How full it is.
    pub(crate) capacity_percent: Option<u64>,
    /// How often it was charged.
    pub(crate) cycles: Option<u64>,
    /// `good`, `overheat`, `dead` and others.
    pub(crate) health: Option<String>,
    /// What it is made of, `li-ion`.
    pub(crate) technology: Option<String>,
    /// What is in it, in millionths of a watt hour.
    pub(crate) energy_microwatt_hours: Option<u64>,
    /// What is in it when it is full.
    pub(crate) energy_full_microwatt_hours: Option<u64>,
    /// What was in it when it was new and full.
    pub(crate) energy_design_microwatt_hours: Option<u64>,
    /// Who made it.
    pub(crate) vendor: Option<String>,
    /// Its name.
    pub(crate) model: Option<String>,
    /// Its serial number.
    pub(crate) serial: Option<String>,
}

/// Sorted by name.
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
