//! A plugin's file → which entry it has, from its ELF headers alone.
#![no_main]

use nix::sys::memfd::{MFdFlags, memfd_create};
use std::cell::RefCell;
use std::fs::File;
use std::io::{Seek as _, Write as _};

#[path = "../../../plugin-api/src/host/elf.rs"]
mod elf;

mod entry_c {
    pub(crate) const SYMBOL: &str = "getinfo_provider_v1";
}

mod entry_rust {
    pub(crate) use plugin_api::__private::SYMBOL;
}

thread_local! {
    /// One file for all runs; each run writes it anew.
    static FILE: RefCell<File> =
        RefCell::new(memfd_create("elf", MFdFlags::MFD_CLOEXEC).expect("a file in memory").into());
}

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    FILE.with_borrow_mut(|file| {
        file.set_len(0).and_then(|()| file.rewind()).and_then(|()| file.write_all(bytes)).expect("memory");
        file.rewind().expect("a file in memory");
        if let Err(why) = elf::inspect(file) {
            assert!(!why.is_empty() && why.len() < 300, "{why:?}");
        }
    });
});
