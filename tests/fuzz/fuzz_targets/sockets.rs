//! The replies to dumps of sock_diag: TCP and unix sockets.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| getinfo_sockets::fuzzing::sockets(bytes));
