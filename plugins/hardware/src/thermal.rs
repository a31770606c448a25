//! Temperatures: /sys/class/thermal (Documentation/driver-api/thermal/sysfs-api.rst).

use std::path::Path;

use readers::decimal::Decimal;
use readers::{file, folder};
use serde::Serialize;

/// The most folder entries that are read; cooling devices are among them.
const MAX_ENTRIES: usize = 1000;

/// One temperature sensor.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Zone {
    /// The kernel's name, `thermal_zone0`.
    pub(crate) name: String,
    /// The sensor's type, `x86_pkg_temp`.
    #[serde(rename = "type")]
    pub(crate) kind: Option<String>,
    /// The temperature; null if the sensor does not reply.
    pub(crate) temperature_celsius: Option<Decimal>,
}

/// Reads the sensors, sorted by name.
pub(crate) fn read(root: &Path) -> Vec<Zone> {
    let folder = root.join("sys/class/thermal");
    let names = folder::names(&folder, MAX_ENTRIES)
        .into_iter()
        .filter(|name| name.starts_with("thermal_zone"));
    names
        .map(|name| {
            let line = |file: &str| file::line(&folder.join(&name).join(file));
            let temperature = line("temp").and_then(|text| text.parse::<i64>().ok());
            Zone {
                kind: line("type"),
                temperature_celsius: temperature.and_then(Decimal::thousandths),
                name,
            }
        })
        .collect()
}
