//! `getinfo.memory` in a cgroup namespace whose mounts were made outside of it.

use plugin_api::testing::{call, load};
use test_support::is_inside;

#[test]
fn a_cgroup_that_no_mount_shows_is_null_and_not_without_a_limit() {
    // The mounts of cgroups are still those of the host.
    let words = ["unshare", "-C"].map(str::to_owned);
    // Builds it here: a build inside may lack what it needs.
    let Some(provider) = load("getinfo-memory") else { return };
    if !is_inside("a_cgroup_that_no_mount_shows_is_null_and_not_without_a_limit", &words) {
        return;
    }
    let mounts = std::fs::read_to_string("/proc/self/mountinfo").unwrap();
    let groups = std::fs::read_to_string("/proc/self/cgroup").unwrap();
    let is_v1 = groups.contains(":memory:");
    let shows = |line: &str| {
        let is_it = if is_v1 {
            line.contains(" - cgroup ") && line.ends_with("memory")
        } else {
            line.contains(" - cgroup2 ")
        };
        is_it && line.split(' ').nth(3) == Some("/")
    };
    // A cgroup that is the root outside, too, is shown.
    let answer = call(&provider, "").unwrap();
    assert_eq!(answer["cgroup"].is_null(), !mounts.lines().any(shows), "{mounts}\n{groups}");
    assert!(answer["total_bytes"].as_u64() > Some(0));
}
