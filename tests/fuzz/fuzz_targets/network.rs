//! The replies to dumps of rtnetlink: links, addresses, routes.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| getinfo_network::fuzzing::network(bytes));
