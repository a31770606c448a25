//! The floor for durable work: one write(2) and one fdatasync(2).

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

/// Bytes of one write: about the size of a task's record.
const RECORD: usize = 256;

/// Bytes of the file, which is overwritten repeatedly.
const LENGTH: usize = 8 << 20;

/// A preallocated file, so that a sync has only the write itself to flush.
#[derive(Debug)]
pub struct Synced {
    file: File,
    at: u64,
}

impl Synced {
    /// Creates the file in a directory.
    ///
    /// # Errors
    /// The error of the file system, such as no space.
    pub fn new(directory: &Path) -> io::Result<Self> {
        let path = directory.join("floor");
        let file = File::options().create(true).truncate(true).write(true).open(path)?;
        file.write_all_at(&vec![0; LENGTH], 0)?;
        file.sync_all()?;
        Ok(Self { file, at: 0 })
    }

    /// Writes one record; returns when it is on the disk.
    ///
    /// # Panics
    /// When the disk fails.
    pub fn write(&mut self) {
        self.file.write_all_at(&[b'x'; RECORD], self.at % LENGTH as u64).expect("space");
        self.file.sync_data().expect("a disk");
        self.at += RECORD as u64;
    }
}
