//! The floor of what is durable: one write and one fdatasync(2).

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

/// Bytes of one write: about what a task's record has.
const RECORD: usize = 256;

/// Bytes of the file, written over and over.
const LENGTH: usize = 8 << 20;

/// A file laid out beforehand, so that a sync has nothing to bring to the disk but the write itself.
#[derive(Debug)]
pub struct Synced {
    file: File,
    at: u64,
}

impl Synced {
    /// A new one in a directory.
    ///
    /// # Errors
    /// No space.
    pub fn new(directory: &Path) -> io::Result<Self> {
        let path = directory.join("floor");
        let file = File::options().create(true).truncate(true).write(true).open(path)?;
        file.write_all_at(&vec![0; LENGTH], 0)?;
        file.sync_all()?;
        Ok(Self { file, at: 0 })
    }

    /// One record's write, on the disk when it comes back.
    ///
    /// # Panics
    /// When the disk fails.
    pub fn write(&mut self) {
        self.file.write_all_at(&[b'x'; RECORD], self.at % LENGTH as u64).expect("space");
        self.file.sync_data().expect("a disk");
        self.at += RECORD as u64;
    }
}
