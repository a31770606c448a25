//! The attributes of a netlink message, and those nested in them: none reaches past the end.
#![no_main]

use readers::netlink::attributes;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let mut total = 0;
    for (_, value) in attributes(bytes) {
        total += value.len();
        assert!(attributes(value).map(|(_, nested)| nested.len()).sum::<usize>() <= value.len());
    }
    assert!(total <= bytes.len());
});
