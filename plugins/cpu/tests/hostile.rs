//! `getinfo.cpu` on machines that this one is not: their /proc/cpuinfo and /sys/devices/system/cpu
//! are bound over this machine's in a mount namespace.

use plugin_api::testing::{call, load};
use test_support::{Scratch, in_mount_namespace, is_inside};

const LOONGARCH: &str = "system type\t\t: generic-loongson-machine\n\nprocessor\t\t: 0\n\
    package\t\t\t: 0\nCPU Family\t\t: Loongson-64bit\nModel Name\t\t: Loongson-3A5000\n\
    CPU Revision\t\t: 0x11\nCPU MHz\t\t\t: 2500.00\nFeatures\t\t: cpucfg lam ual fpu lsx\n";

#[test]
fn absent_processors_are_not_offline_and_loongarch_has_a_model() {
    let scratch = Scratch::new("cpu-loongarch");
    let info = scratch.write("cpuinfo", LOONGARCH);
    for (name, list) in
        [("online", "0,2\n"), ("present", "0-3\n"), ("possible", "0-7\n"), ("offline", "1,3-7\n")]
    {
        scratch.write(&format!("cpu/{name}"), list);
    }
    let folder = scratch.file("cpu");
    let binds = [(info.as_path(), "/proc/cpuinfo"), (&folder, "/sys/devices/system/cpu")];
    let test = "absent_processors_are_not_offline_and_loongarch_has_a_model";
    // Builds it here: a build inside may lack what it needs.
    let Some(provider) = load("getinfo-cpu") else { return };
    if !is_inside(test, &in_mount_namespace(&binds)) {
        return;
    }
    let answer = call(&provider, "-p").unwrap();
    for (field, want) in [
        ("online", "0,2"),
        ("present", "0-3"),
        ("offline", "1,3"),
        ("model", "Loongson-3A5000"),
        ("family", "Loongson-64bit"),
        ("stepping", "0x11"),
    ] {
        assert_eq!(answer[field], want, "{field}");
    }
    assert_eq!(answer["frequency"]["current_hz"], 2_500_000_000_u64);
    assert_eq!((answer["threads"].as_u64(), answer["flags"][4].as_str()), (Some(2), Some("lsx")));
}
