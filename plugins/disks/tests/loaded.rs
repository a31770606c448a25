//! `getinfo.disks` as a host sees it, beside lsblk(8) and /sys/block/*/stat read by hand.

use std::fs;

use plugin_api::testing::{call, load};
use serde_json::Value;
use test_support::output;

/// Treats null and empty values as equal: versions of lsblk differ in that.
fn text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.trim().to_owned(),
        other => other.to_string(),
    }
}

#[test]
fn devices_match_those_of_lsblk() {
    let Some(provider) = load("getinfo-disks") else { return };
    let Some(json) = output("lsblk", &["-J", "-b", "-O", "-l"]) else { return };
    let json: Value = serde_json::from_str(&json).unwrap();
    let answer = call(&provider, "").unwrap();
    let devices = answer["devices"].as_array().unwrap();
    let theirs = json["blockdevices"].as_array().unwrap();
    assert!(!theirs.is_empty());
    for their in theirs {
        let name = their["kname"].as_str().unwrap();
        let our =
            devices.iter().find(|our| our["name"] == *name).unwrap_or_else(|| panic!("no {name}"));
        for (ours, field) in [
            ("type", "type"),
            ("path", "path"),
            ("device", "maj:min"),
            ("size_bytes", "size"),
            ("model", "model"),
            ("serial", "serial"),
            ("vendor", "vendor"),
            ("removable", "rm"),
            ("read_only", "ro"),
            ("rotational", "rota"),
            ("logical_block_bytes", "log-sec"),
            ("physical_block_bytes", "phy-sec"),
            ("scheduler", "sched"),
            ("filesystem_uuid", "uuid"),
            ("filesystem_label", "label"),
            ("partition_uuid", "partuuid"),
        ] {
            let their = text(&their[field]);
            // It is unknown, where lsblk shows 0.
            if ours == "size_bytes" && their == "0" {
                assert!(our[ours].is_null(), "{name}");
                continue;
            }
            // lsblk may read more than the plugin can: from udev, or from a device that it may
            // open.
            if !(their.is_empty() && matches!(ours, "model" | "serial" | "vendor" | "scheduler")) {
                assert_eq!(text(&our[ours]), their, "{name} {ours}");
            }
        }
        if !their["fstype"].is_null() {
            assert_eq!(our["filesystem"], their["fstype"], "{name}");
        }
        let sorted = |list: &Value| {
            let mut list: Vec<String> =
                list.as_array().unwrap().iter().map(text).filter(|text| !text.is_empty()).collect();
            list.retain(|mountpoint| mountpoint != "[SWAP]");
            list.sort();
            list
        };
        assert_eq!(sorted(&our["mountpoints"]), sorted(&their["mountpoints"]), "{name}");
    }
    // lsblk leaves out empty devices.
    let ours: Vec<&Value> = devices.iter().filter(|our| !our["size_bytes"].is_null()).collect();
    assert_eq!(ours.len(), theirs.iter().filter(|their| their["size"] != 0).count());
}

#[test]
fn counters_lie_between_two_looks() {
    let Some(provider) = load("getinfo-disks") else { return };
    let look = |name: &str| -> Vec<u64> {
        let stat = fs::read_to_string(format!("/sys/class/block/{name}/stat")).unwrap_or_default();
        stat.split_ascii_whitespace().map(|word| word.parse().unwrap()).collect()
    };
    let names: Vec<String> = fs::read_dir("/sys/class/block")
        .map(|entries| {
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
        })
        .unwrap_or_default();
    let before: Vec<Vec<u64>> = names.iter().map(|name| look(name)).collect();
    let answer = call(&provider, "-a").unwrap();
    assert_eq!(answer["devices"].as_array().unwrap().len(), names.len());
    for (name, before) in names.iter().zip(before) {
        let after = look(name);
        let our = answer["devices"]
            .as_array()
            .unwrap()
            .iter()
            .find(|our| our["name"] == name.as_str())
            .unwrap();
        for (at, field, unit) in [
            (0, "reads", 1.0),
            (2, "read_bytes", 512.0),
            (3, "read_seconds", 0.001),
            (4, "writes", 1.0),
            (6, "written_bytes", 512.0),
            (9, "busy_seconds", 0.001),
            (15, "flushes", 1.0),
        ] {
            let Some(from) = before.get(at) else { continue };
            let value = our["io"][field].as_f64().unwrap() / unit;
            let (from, to) = (*from as f64 - 0.01, after[at] as f64 + 0.01);
            assert!((from..=to).contains(&value), "{name} {field}: {from} {value} {to}");
        }
    }
}

#[test]
fn one_device_is_found_by_name_and_path() {
    let Some(provider) = load("getinfo-disks") else { return };
    let answer = call(&provider, "").unwrap();
    for device in answer["devices"].as_array().unwrap() {
        for key in ["name", "path"] {
            let one = call(&provider, &format!("-d {}", device[key].as_str().unwrap())).unwrap();
            assert_eq!(one["devices"][0]["name"], device["name"]);
            assert_eq!(one["devices"].as_array().unwrap().len(), 1);
        }
    }
    assert_eq!(call(&provider, "-d nosuch").unwrap_err().code(), "no_such_device");
    assert_eq!(call(&provider, "-x").unwrap_err().code(), "usage");
}
