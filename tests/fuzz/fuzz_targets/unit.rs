//! A unit file of systemd and its drop-in → assignments, and the times of a timer.
#![no_main]

use readers::systemd::{assignments, expand, is_unit, template_of};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let text = String::from_utf8_lossy(bytes);
    let mut last = 0;
    for found in assignments(&text) {
        assert!(!found.key.is_empty() && !found.section.is_empty());
        assert!(found.line > last && found.value.len() <= text.len());
        last = found.line;
        let _ = (expand(&found.value, found.key), template_of(found.key), is_unit(found.key));
    }
    getinfo_cron::fuzzing::timer(bytes);
});
