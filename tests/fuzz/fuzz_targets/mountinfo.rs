//! /proc/self/mountinfo, whose paths any user can choose → its mounts.
#![no_main]

use readers::mountinfo::{MAX_MOUNTS, parse};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let mounts = parse(bytes);
    assert!(
        mounts.len() <= MAX_MOUNTS.min(bytes.iter().filter(|byte| **byte == b'\n').count() + 1)
    );
    for mount in mounts {
        assert!(mount.root.len() + mount.mountpoint.len() + mount.source.len() <= bytes.len());
    }
});
