//! Plugin files: the ELF headers alone give an entry or a reason in a line.

use std::cell::RefCell;
use std::fs::File;
use std::io::{Seek as _, Write as _};

use nix::sys::memfd::{MFdFlags, memfd_create};

use crate::host::elf::inspect;

thread_local! {
    /// One file for all runs; each run overwrites it.
    static FILE: RefCell<File> =
        RefCell::new(memfd_create("elf", MFdFlags::MFD_CLOEXEC).expect("a file in memory").into());
}

/// Checks the bytes of a plugin's file.
pub fn elf(bytes: &[u8]) {
    FILE.with_borrow_mut(|file| {
        file.set_len(0)
            .and_then(|()| file.rewind())
            .and_then(|()| file.write_all(bytes))
            .and_then(|()| file.rewind())
            .expect("a file in memory");
        if let Err(why) = inspect(file) {
            assert!(!why.is_empty() && why.len() < 300, "{why:?}");
        }
    });
}
