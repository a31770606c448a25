//! The file operations of a journal, as a trait so that tests can make each of them fail.

use crate::task::in_place;
use agent_sys::file_id::FileId;
use nix::errno::Errno;
use nix::fcntl::{self, FallocateFlags};
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

/// Bytes written at once when a file is filled with zeros.
const CHUNK: usize = 64 << 10;

/// Bytes of a file where there is space: a new file costs as much as twenty commits, so it should
/// last.
const AMPLE: u64 = 4 << 20;

/// Bytes of a file that are written beforehand; the rest is only allocated. A first write to
/// allocated space changes the file's block map, which the next sync has to write too; but writing
/// megabytes beforehand costs more than that saves.
const PREFILLED: u64 = 256 << 10;

/// The files of one directory. Names are single file names.
pub(crate) trait Disk {
    /// An open file.
    type File;

    /// Returns the size of a file that should last.
    fn ample(&self) -> u64;
    /// Returns a file's whole content; `None` when there is no such file.
    fn read(&self, name: &str) -> io::Result<Option<Vec<u8>>>;
    /// Opens a file for writing.
    fn open(&self, name: &str) -> io::Result<Self::File>;
    /// Creates a file, or empties it, and allocates its space: it reads as zeros, and later writes
    /// over them cannot fail for lack of space.
    fn create(&self, name: &str, length: u64) -> io::Result<Self::File>;
    /// Checks that a name still leads to this file: not where somebody removed, moved or replaced
    /// the file or its directory, and the next start would not find what is written to it.
    fn check_name(&self, name: &str, file: &Self::File) -> io::Result<()>;
    /// Writes bytes within the file's length.
    fn write(&self, file: &Self::File, at: u64, bytes: &[u8]) -> io::Result<()>;
    /// Returns when the file's bytes are on the disk.
    fn sync(&self, file: &Self::File) -> io::Result<()>;
    /// Renames a file, replacing the file that had the name.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;
    /// Returns when the names are on the disk.
    fn sync_names(&self) -> io::Result<()>;
    /// Removes a file.
    fn remove(&self, name: &str) -> io::Result<()>;
}

/// A real directory.
#[derive(Debug)]
pub(crate) struct Directory {
    path: PathBuf,
}

impl Directory {
    /// Uses an existing directory.
    pub(crate) fn new(path: &Path) -> Self {
        Self { path: path.to_owned() }
    }

    fn options() -> OpenOptions {
        let mut options = OpenOptions::new();
        options.write(true).mode(0o600).custom_flags(nix::libc::O_NOFOLLOW);
        options
    }
}

fn allocate(file: &File, length: u64) -> Result<(), Errno> {
    let length = nix::libc::off_t::try_from(length).map_err(|_| Errno::EFBIG)?;
    fcntl::fallocate(file, FallocateFlags::empty(), 0, length)
}

impl Disk for Directory {
    type File = File;

    fn ample(&self) -> u64 {
        AMPLE
    }

    fn read(&self, name: &str) -> io::Result<Option<Vec<u8>>> {
        match std::fs::read(self.path.join(name)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            other => other.map(Some),
        }
    }

    fn open(&self, name: &str) -> io::Result<File> {
        Self::options().open(self.path.join(name))
    }

    fn create(&self, name: &str, length: u64) -> io::Result<File> {
        let file = Self::options().create(true).truncate(true).open(self.path.join(name))?;
        let zeros = [0; CHUNK];
        let written = match allocate(&file, length) {
            Ok(()) => length.min(PREFILLED),
            // Not every file system can allocate: then all of it is written.
            Err(Errno::EOPNOTSUPP | Errno::ENOSYS) => length,
            Err(errno) => return Err(errno.into()),
        };
        let mut at = 0;
        while at < written {
            let rest = usize::try_from(written - at).unwrap_or(CHUNK).min(CHUNK);
            file.write_all_at(zeros.get(..rest).unwrap_or_default(), at)?;
            at += rest as u64;
        }
        Ok(file)
    }

    fn check_name(&self, name: &str, file: &File) -> io::Result<()> {
        in_place::check(&self.path.join(name), FileId::of(file)?)
    }

    fn write(&self, file: &File, at: u64, bytes: &[u8]) -> io::Result<()> {
        file.write_all_at(bytes, at)
    }

    fn sync(&self, file: &File) -> io::Result<()> {
        file.sync_data()
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        std::fs::rename(self.path.join(from), self.path.join(to))
    }

    fn sync_names(&self) -> io::Result<()> {
        File::open(&self.path)?.sync_all()
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        std::fs::remove_file(self.path.join(name))
    }
}
