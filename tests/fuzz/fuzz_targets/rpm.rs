//! The rpm database: a header as it is kept, and the SQLite file it is kept in.
#![no_main]

use std::cell::RefCell;
use std::fs::File;
use std::io::{self, Seek as _, Write as _};
use std::path::{Path, PathBuf};

#[path = "../../../plugins/packages/src/header.rs"]
mod header;
#[path = "../../../plugins/packages/src/package.rs"]
mod package;
#[path = "../../../plugins/packages/src/sqlite.rs"]
mod sqlite;
#[path = "../../../plugins/packages/src/utc.rs"]
mod utc;
#[path = "../../../plugins/packages/src/wal.rs"]
mod wal;

use nix::sys::memfd::{MFdFlags, memfd_create};
use std::os::fd::AsRawFd as _;

/// As the plugin has it.
fn open_file(path: &Path) -> io::Result<File> {
    File::open(path)
}

thread_local! {
    /// One file for all runs; each run writes it anew.
    static FILE: RefCell<File> =
        RefCell::new(memfd_create("rpmdb", MFdFlags::MFD_CLOEXEC).expect("a file in memory").into());
}

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Some(package) = header::parse(bytes) {
        assert!(package.name.len() <= 4 * bytes.len());
    }
    FILE.with_borrow_mut(|file| {
        file.set_len(0).and_then(|()| file.rewind()).and_then(|()| file.write_all(bytes)).expect("memory");
        let path = PathBuf::from(format!("/proc/self/fd/{}", file.as_raw_fd()));
        let Ok(database) = sqlite::Database::open(&path) else { return };
        let mut blobs = 0_usize;
        let _ = database.each_blob("Packages", |blob| {
            blobs += blob.len();
            let _ = header::parse(blob);
        });
        // Pages may be told of twice, but not without end.
        assert!(blobs <= 64 * bytes.len().max(512) * 64, "{blobs} of {}", bytes.len());
    });
});
