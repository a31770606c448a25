//! The kernel's replies to one dump, and the attributes of each: none reaches past the end.
#![no_main]

use readers::netlink::scripted::replay;
use readers::netlink::{Limits, Request, attributes};

const ITEMS: usize = 10;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    check(bytes);
    let request = Request { kind: 18, reply: 16, body: &[0; 8] };
    let limits = Limits { items: ITEMS, bytes: 4096 };
    let dump = replay(bytes).dump(request, limits, |body| {
        assert!(body.len() <= bytes.len());
        check(body);
        (!body.is_empty()).then_some(())
    });
    assert!(dump.is_err() || dump.is_ok_and(|dump| dump.items.len() <= ITEMS));
});

fn check(bytes: &[u8]) {
    let mut total = 0;
    for (_, value) in attributes(bytes) {
        total += value.len();
        assert!(attributes(value).map(|(_, nested)| nested.len()).sum::<usize>() <= value.len());
    }
    assert!(total <= bytes.len());
}
