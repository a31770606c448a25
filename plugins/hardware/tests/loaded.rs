//! `getinfo.hardware` as a host sees it, beside the files of /sys as a shell reads them.
#![expect(clippy::disallowed_methods, reason = "the answers are compared with what commands print")]
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "test helpers, outside of test functions"
)]

use std::process::Command;

use plugin_api::testing::{call, load};
use serde_json::Value;

fn shell(script: &str) -> String {
    let output = Command::new("sh").args(["-c", script]).env("LC_ALL", "C").output().unwrap();
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

#[test]
fn pci_devices_match_those_of_sysfs() {
    let Some(provider) = load("getinfo-hardware") else { return };
    let answer = call(&provider, "").unwrap();
    // Other files than the plugin reads: it has all from `uevent`.
    let script = "cd /sys/bus/pci/devices 2>/dev/null || exit; for d in *; do [ -e $d/class ] || continue; \
                  echo $d $(cat $d/vendor $d/device $d/subsystem_vendor $d/subsystem_device $d/class $d/revision) \
                  $(basename \"$(readlink $d/driver)\"); done";
    let ours: Vec<String> = answer["pci_devices"]
        .as_array()
        .unwrap()
        .iter()
        .map(|device| {
            let id = |name: &str| format!("0x{}", text(&device[name]));
            let names = [
                "vendor_id",
                "device_id",
                "subsystem_vendor_id",
                "subsystem_device_id",
                "class_id",
                "revision",
            ];
            let line = format!(
                "{} {} {}",
                text(&device["address"]),
                names.map(id).join(" "),
                text(&device["driver"])
            );
            line.trim_end().to_owned()
        })
        .collect();
    let theirs = shell(script);
    assert_eq!(ours, theirs.lines().collect::<Vec<_>>());
    if theirs.is_empty() {
        println!("SKIPPED (no PCI bus)");
    }
}

#[test]
fn memory_is_near_the_kernels_total() {
    let Some(provider) = load("getinfo-hardware") else { return };
    let answer = call(&provider, "").unwrap();
    let script = "cd /sys/devices/system/memory 2>/dev/null && \
                  echo $(( $(ls -d memory[0-9]* | wc -l) * 0x$(cat block_size_bytes) ))";
    let bytes = shell(script);
    assert_eq!(answer["memory_bytes"].as_u64(), bytes.trim().parse().ok());
    if let Some(bytes) = answer["memory_bytes"].as_u64() {
        let total: u64 = shell("sed -n 's/^MemTotal: *\\([0-9]*\\) kB/\\1/p' /proc/meminfo")
            .trim()
            .parse()
            .unwrap();
        assert!(bytes >= total * 1024, "{bytes} {total}");
    }
}

#[test]
fn firmware_values_match_those_of_sysfs() {
    let Some(provider) = load("getinfo-hardware") else { return };
    let answer = call(&provider, "").unwrap();
    for (field, file) in [
        ("/system/vendor", "sys_vendor"),
        ("/system/serial", "product_serial"),
        ("/system/uuid", "product_uuid"),
        ("/board/name", "board_name"),
        ("/chassis/type_id", "chassis_type"),
        ("/bios/version", "bios_version"),
    ] {
        let found = match answer.pointer(field).unwrap() {
            Value::Number(number) => number.to_string(),
            other => text(other).to_owned(),
        };
        assert_eq!(
            found,
            shell(&format!("cat /sys/class/dmi/id/{file} 2>/dev/null")).trim(),
            "{field}"
        );
    }
    let uefi =
        shell("test -d /sys/firmware && { test -d /sys/firmware/efi && echo true || echo false; }");
    assert_eq!(answer["bios"]["uefi"].as_bool(), uefi.trim().parse().ok());
    if shell("test -d /sys/class/dmi/id && echo yes").is_empty() {
        println!("SKIPPED (no DMI on this machine)");
    }
}

#[test]
fn lists_equal_sysfs() {
    let Some(provider) = load("getinfo-hardware") else { return };
    let answer = call(&provider, "").unwrap();
    for (field, list) in [
        ("usb_devices", "ls /sys/bus/usb/devices 2>/dev/null | grep -v :"),
        ("power_supplies", "ls /sys/class/power_supply 2>/dev/null"),
        ("thermal_zones", "ls /sys/class/thermal 2>/dev/null | grep ^thermal_zone"),
    ] {
        let names: Vec<&str> =
            answer[field].as_array().unwrap().iter().map(|entry| text(&entry["name"])).collect();
        assert_eq!(names, shell(list).lines().collect::<Vec<_>>(), "{field}");
    }
}

#[test]
fn arguments_are_rejected() {
    let Some(provider) = load("getinfo-hardware") else { return };
    assert_eq!(call(&provider, "-x").unwrap_err().code(), "usage");
}
