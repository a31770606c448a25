//! `getinfo.disks` on a machine with odd devices: their folders are bound over /sys/class/block in
//! a mount namespace.

use plugin_api::testing::{call, load};
use serde_json::{Value, json};
use test_support::{Scratch, in_mount_namespace, is_inside};

#[test]
fn devices_without_a_size_or_with_slashes_are_told_as_they_are() {
    let scratch = Scratch::new("disks-odd");
    for (path, content) in [
        ("nbd0/size", "0\n"),
        ("nbd1/size", "16\n"),
        ("loop7/size", "0\n"),
        ("sr0/size", "0\n"),
        ("cciss!c0d0/size", "8\n"),
        ("cciss!c0d0/uevent", "MAJOR=104\nMINOR=0\nDEVNAME=cciss/c0d0\nDEVTYPE=disk\n"),
        ("dm-0/size", "8\n"),
        ("dm-0/slaves/cciss!c0d0", ""),
    ] {
        scratch.write(path, content);
    }
    // Unused ones don't take the places of others.
    for number in 100..1300 {
        scratch.write(&format!("loop{number}/size"), "0\n");
    }
    let test = "devices_without_a_size_or_with_slashes_are_told_as_they_are";
    // Builds it here: a build inside may lack what it needs.
    let Some(provider) = load("getinfo-disks") else { return };
    if !is_inside(test, &in_mount_namespace(&[(scratch.path(), "/sys/class/block")])) {
        return;
    }
    let sizes = |args: &str| -> Vec<(String, Value)> {
        let answer = call(&provider, args).unwrap();
        let devices = answer["devices"].as_array().unwrap().iter();
        devices
            .map(|device| (device["name"].as_str().unwrap().into(), device["size_bytes"].clone()))
            .collect()
    };
    let row = |name: &str, size: Value| (name.to_owned(), size);
    let used = [
        row("cciss/c0d0", json!(4096)),
        row("dm-0", json!(4096)),
        row("nbd1", json!(8192)),
        row("sr0", Value::Null),
    ];
    assert_eq!(sizes(""), used);
    assert_eq!(sizes("-a").len(), 1000);
    assert_eq!(sizes("-d nbd0"), [row("nbd0", Value::Null)]);
    assert_eq!(sizes("-d /dev/cciss/c0d0"), [row("cciss/c0d0", json!(4096))]);
    assert_eq!(call(&provider, "").unwrap()["truncated"], false);
    let mapped = call(&provider, "-d dm-0").unwrap();
    assert_eq!(mapped["devices"][0]["slaves"], json!(["cciss/c0d0"]));
}
