//! `getinfo.memory` as a host sees it, beside /proc/meminfo read by hand, free(1) and swapon(8).
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "test helpers, outside of test functions"
)]

use std::fs;

use plugin_api::testing::{call, load};
use serde_json::Value;
use test_support::output;

/// How far a changing number may move between two looks, and how many looks may fail before one
/// matches.
const TOLERANCE: u64 = 4 << 20;
const LOOKS: usize = 50;

/// Returns a line of /proc/meminfo in bytes, or as the number it is.
fn meminfo(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find(|line| line.split(':').next() == Some(name))?;
    let number: u64 = line.split_ascii_whitespace().nth(1).unwrap().parse().unwrap();
    Some(if line.ends_with(" kB") { number * 1024 } else { number })
}

fn is_close(ours: &Value, theirs: Option<u64>) -> bool {
    match (ours.as_u64(), theirs) {
        (Some(ours), Some(theirs)) => ours.abs_diff(theirs) <= TOLERANCE,
        (ours, theirs) => ours == theirs,
    }
}

#[test]
fn numbers_match_those_of_proc_meminfo() {
    let Some(provider) = load("getinfo-memory") else { return };
    let fields = [
        ("total", "MemTotal"),
        ("available", "MemAvailable"),
        ("free", "MemFree"),
        ("buffers", "Buffers"),
        ("cached", "Cached"),
        ("shared", "Shmem"),
        ("active", "Active"),
        ("inactive", "Inactive"),
        ("unevictable", "Unevictable"),
        ("locked", "Mlocked"),
        ("anonymous", "AnonPages"),
        ("mapped", "Mapped"),
        ("dirty", "Dirty"),
        ("writeback", "Writeback"),
        ("slab", "Slab"),
        ("slab_reclaimable", "SReclaimable"),
        ("slab_unreclaimable", "SUnreclaim"),
        ("kernel_stack", "KernelStack"),
        ("page_tables", "PageTables"),
        ("percpu", "Percpu"),
        ("corrupted", "HardwareCorrupted"),
        ("commit_limit", "CommitLimit"),
        ("committed", "Committed_AS"),
        ("swap_total", "SwapTotal"),
        ("swap_free", "SwapFree"),
        ("swap_cached", "SwapCached"),
    ];
    for (name, theirs) in fields {
        let found = (0..LOOKS).any(|_| {
            let answer = call(&provider, "").unwrap();
            let text = fs::read_to_string("/proc/meminfo").unwrap();
            is_close(&answer[format!("{name}_bytes")], meminfo(&text, theirs))
        });
        assert!(found, "{name} is not {theirs}");
    }
    let answer = call(&provider, "").unwrap();
    let text = fs::read_to_string("/proc/meminfo").unwrap();
    for (name, theirs) in [
        ("size_bytes", "Hugepagesize"),
        ("total", "HugePages_Total"),
        ("free", "HugePages_Free"),
        ("reserved", "HugePages_Rsvd"),
        ("surplus", "HugePages_Surp"),
        ("set_aside_bytes", "Hugetlb"),
    ] {
        assert_eq!(answer["hugepages"][name].as_u64(), meminfo(&text, theirs), "{name}");
    }
    assert_eq!(answer["total_bytes"].as_u64(), meminfo(&text, "MemTotal"));
}

#[test]
fn usage_equals_free() {
    let Some(provider) = load("getinfo-memory") else { return };
    let Some(version) = output("free", &["--version"]) else { return };
    // Before 4.0, `used` did not count cached memory that is not available.
    let is_new = version
        .split_ascii_whitespace()
        .last()
        .and_then(|text| text.split('.').next()?.parse().ok())
        >= Some(4);
    let found = (0..LOOKS).any(|_| {
        let answer = call(&provider, "").unwrap();
        let free = output("free", &["-b"]).unwrap();
        let row = |name: &str| -> Vec<u64> {
            let line = free.lines().find_map(|line| line.strip_prefix(name)).unwrap();
            line.split_ascii_whitespace().map(|word| word.parse().unwrap()).collect()
        };
        let (memory, swap) = (row("Mem:"), row("Swap:"));
        answer["total_bytes"] == memory[0]
            && (!is_new || is_close(&answer["used_bytes"], Some(memory[1])))
            && is_close(&answer["available_bytes"], Some(memory[5]))
            && is_close(&answer["swap_used_bytes"], Some(swap[1]))
            && answer["swap_total_bytes"] == swap[0]
    });
    assert!(found, "{}", output("free", &["-b"]).unwrap());
}

#[test]
fn swap_areas_match_those_of_swapon() {
    let Some(provider) = load("getinfo-memory") else { return };
    let answer = call(&provider, "").unwrap();
    let args = ["--show=NAME,TYPE,PRIO", "--noheadings", "--raw"];
    let Some(areas) = output("swapon", &args) else { return };
    let ours: Vec<String> = answer["swaps"]
        .as_array()
        .unwrap()
        .iter()
        .map(|swap| {
            format!(
                "{} {} {}",
                swap["path"].as_str().unwrap(),
                swap["type"].as_str().unwrap(),
                swap["priority"]
            )
        })
        .collect();
    assert_eq!(ours, areas.lines().collect::<Vec<_>>());
}

#[test]
fn pressure_lies_between_two_looks() {
    let Some(provider) = load("getinfo-memory") else { return };
    let Ok(before) = fs::read_to_string("/proc/pressure/memory") else {
        return println!("SKIPPED (no /proc/pressure)");
    };
    let answer = call(&provider, "").unwrap();
    let after = fs::read_to_string("/proc/pressure/memory").unwrap();
    for kind in ["some", "full"] {
        let total = |text: &str| -> f64 {
            let line = text.lines().find(|line| line.starts_with(kind)).unwrap();
            line.rsplit('=').next().unwrap().parse::<f64>().unwrap() / 1e6
        };
        let seconds = answer["pressure"][kind]["total_seconds"].as_f64().unwrap();
        assert!((total(&before)..=total(&after)).contains(&seconds), "{kind}");
        assert!(answer["pressure"][kind]["avg300_percent"].as_f64().unwrap() <= 100.0);
    }
}

#[test]
fn the_group_is_that_of_this_process() {
    let Some(provider) = load("getinfo-memory") else { return };
    let answer = call(&provider, "").unwrap();
    let groups = fs::read_to_string("/proc/self/cgroup").unwrap();
    let line = groups
        .lines()
        .find(|line| line.contains(":memory:"))
        .or(groups.lines().find(|line| line.starts_with("0::")));
    match (line, answer["cgroup"].as_object()) {
        (Some(line), Some(group)) => assert_eq!(group["path"], line.splitn(3, ':').nth(2).unwrap()),
        (_, None) => println!("SKIPPED (no control group for memory)"),
        (None, Some(group)) => panic!("{group:?}"),
    }
}

#[test]
fn arguments_are_rejected() {
    let Some(provider) = load("getinfo-memory") else { return };
    assert_eq!(call(&provider, "-x").unwrap_err().code(), "usage");
}
