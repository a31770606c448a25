//! `getinfo.hardware`: the machine, as its firmware describes it, and the devices in it.
//!
//! Everything comes from /sys and the device tree. The machine's serial numbers require root and
//! are null otherwise. Processors, used memory and disks are in `getinfo.cpu`, `getinfo.memory` and
//! `getinfo.disks`. It takes no arguments; a virtual machine may have no firmware information.

mod dmi;
mod pci;
mod power;
mod thermal;
mod usb;

use std::path::Path;

use plugin_api::{Args, Context, Meta, Provider, ProviderError, Reply, export_provider};
use readers::{file, folder};
use serde::Serialize;

use dmi::{Bios, Board, Chassis, System};
use pci::Pci;
use power::Supply;
use thermal::Zone;
use usb::Usb;

struct Hardware;

/// The most memory blocks that are counted: 8 TiB in blocks of 128 MiB.
const MAX_MEMORY_BLOCKS: usize = 65_536;

/// The answer. Field names are stable: fields may be added, none is renamed or removed.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Answer {
    /// The machine.
    system: System,
    /// The main board.
    board: Board,
    /// The chassis.
    chassis: Chassis,
    /// The firmware.
    bios: Bios,
    /// Installed memory, in whole blocks (/sys/devices/system/memory).
    memory_bytes: Option<u64>,
    /// PCI devices, sorted by address.
    pci_devices: Vec<Pci>,
    /// USB devices, sorted by name.
    usb_devices: Vec<Usb>,
    /// Power supplies and batteries, sorted by name.
    power_supplies: Vec<Supply>,
    /// Temperature sensors, sorted by name.
    thermal_zones: Vec<Zone>,
}

impl Provider for Hardware {
    fn describe() -> Meta {
        Meta::new(
            "getinfo.hardware",
            env!("CARGO_PKG_VERSION"),
            "the machine: manufacturer, chassis, firmware, PCI and USB devices, power, temperatures",
        )
        .output_schema(include_str!("../schema.json"))
        .example("", "everything known of the hardware, as one object")
    }

    fn call(args: &Args, _ctx: &Context) -> Result<Reply, ProviderError> {
        args.none()?;
        Reply::json(&Answer::read(Path::new("/")))
    }
}

impl Answer {
    fn read(root: &Path) -> Self {
        let (system, board, chassis, bios) = dmi::read(root);
        Self {
            system,
            board,
            chassis,
            bios,
            memory_bytes: memory(root),
            pci_devices: pci::read(root),
            usb_devices: usb::read(root),
            power_supplies: power::read(root),
            thermal_zones: thermal::read(root),
        }
    }
}

/// Counts the folders `memory0`, `memory1` and so on, each for a block of the size that is written
/// in hexadecimal.
fn memory(root: &Path) -> Option<u64> {
    let folder = root.join("sys/devices/system/memory");
    let size = u64::from_str_radix(&file::line(&folder.join("block_size_bytes"))?, 16).ok()?;
    let is_block = |name: &&String| {
        name.strip_prefix("memory")
            .is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
    };
    let blocks = folder::names(&folder, MAX_MEMORY_BLOCKS).iter().filter(is_block).count();
    u64::try_from(blocks).ok().filter(|blocks| *blocks > 0)?.checked_mul(size)
}

export_provider!(Hardware);

#[cfg(test)]
mod tests {
    use super::*;
    use test_support::Scratch;

    plugin_api::testing::schema_test!(Answer);

    #[test]
    fn a_machine_without_firmware_has_an_answer() {
        let answer = Answer::read(Path::new("/nonexistent"));
        assert!(
            answer.system.vendor.is_none()
                && answer.chassis.kind.is_none()
                && answer.pci_devices.is_empty()
        );
        assert_eq!(answer.memory_bytes, None);
    }

    /// A server's /sys, plus what a laptop and an ARM board would add.
    #[test]
    fn every_part_of_a_machine_is_read() {
        let root = Scratch::new("getinfo-hardware");
        for (path, content) in [
            ("sys/class/dmi/id/sys_vendor", "Dell Inc.\n"),
            ("sys/class/dmi/id/product_name", "PowerEdge R640\n"),
            ("sys/class/dmi/id/product_version", "\n"),
            ("sys/class/dmi/id/product_serial", "ABC1234\n"),
            ("sys/class/dmi/id/board_name", "0W23H8\n"),
            ("sys/class/dmi/id/chassis_type", "151\n"),
            ("sys/class/dmi/id/bios_date", "11/30/2023\n"),
            ("sys/class/dmi/id/bios_version", "2.17.1 \n"),
            ("sys/firmware/efi/fw_platform_size", "64\n"),
            ("proc/device-tree/model", "Other\0"),
            ("sys/devices/system/memory/block_size_bytes", "8000000\n"),
            ("sys/devices/system/memory/memory0/state", "online\n"),
            ("sys/devices/system/memory/memory32/state", "online\n"),
            ("sys/devices/system/memory/auto_online_blocks", "online\n"),
            ("sys/bus/pci/devices/0000:00:00.0/uevent", "PCI_CLASS=60000\nPCI_ID=8086:2020\n"),
            ("sys/bus/pci/devices/0000:00:00.0/revision", "0x07\n"),
            ("sys/bus/usb/devices/1-1/idVendor", "046d\n"),
            ("sys/bus/usb/devices/1-1/product", "Keyb\u{e9}\n"),
            ("sys/bus/usb/devices/1-1/speed", "1.5\n"),
            ("sys/bus/usb/devices/1-1:1.0/bInterfaceClass", "03\n"),
            ("sys/class/power_supply/BAT0/type", "Battery\n"),
            ("sys/class/power_supply/BAT0/status", "Not charging\n"),
            ("sys/class/power_supply/BAT0/capacity", "80\n"),
            ("sys/class/power_supply/BAT0/health", "Unknown\n"),
            ("sys/class/thermal/thermal_zone0/temp", "-5050\n"),
            ("sys/class/thermal/thermal_zone0/type", "acpitz\n"),
            ("sys/class/thermal/cooling_device0/type", "Processor\n"),
        ] {
            root.write(path, content);
        }
        let answer = Answer::read(root.path());
        let system = answer.system;
        assert_eq!(
            (system.vendor.as_deref(), system.product.as_deref()),
            (Some("Dell Inc."), Some("PowerEdge R640"))
        );
        assert_eq!(
            (system.version, system.serial.as_deref(), system.uuid),
            (None, Some("ABC1234"), None)
        );
        let chassis = answer.chassis;
        assert_eq!(
            (chassis.type_id, chassis.name, chassis.kind),
            (Some(23), Some("Rack Mount Chassis"), Some("server"))
        );
        let bios = answer.bios;
        assert_eq!(
            (bios.version.as_deref(), bios.date.as_deref(), bios.uefi),
            (Some("2.17.1"), Some("2023-11-30"), Some(true))
        );
        assert_eq!(answer.memory_bytes, Some(256 << 20));
        let pci = &answer.pci_devices[0];
        assert_eq!((pci.class, pci.revision.as_deref()), (Some("bridge"), Some("07")));
        let usb = &answer.usb_devices[0];
        assert_eq!((answer.usb_devices.len(), usb.product.as_deref()), (1, Some("Keybé")));
        let battery = &answer.power_supplies[0];
        assert_eq!(
            (battery.kind.as_deref(), battery.status.as_deref()),
            (Some("battery"), Some("not charging"))
        );
        assert_eq!(
            (battery.capacity_percent, battery.online, battery.health.as_deref()),
            (Some(80), None, None)
        );
        assert_eq!(answer.thermal_zones.len(), 1);
        assert_eq!(answer.thermal_zones[0].temperature_celsius.as_ref().unwrap().text(), "-5.05");
    }
}
