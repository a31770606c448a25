//! The file operations of a journal, apart from it so that tests can make each of them fail.

use nix::errno::Errno;
use nix::fcntl::{self, FallocateFlags};
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

/// Bytes written at once when a file is laid out.
const CHUNK: usize = 64 << 10;

/// Bytes of a file where there is space: to make one costs as much as twenty commits, so it is to last.
const AMPLE: u64 = 4 << 20;

/// Bytes of a file that are written beforehand; of the rest only the space is taken. A first write there costs a change
/// of the file's map beside the data, which a sync then has to bring to the disk too; but laying out megabytes costs more
/// than that saves.
const LAID_OUT: u64 = 256 << 10;

/// One directory's worth of them. Names are single file names.
pub(crate) trait Disk {
    /// An open file.
    type File;

    /// Bytes of a file that is to last.
    fn ample(&self) -> u64;
    /// A file's whole content; `None` when it is not there.
    fn read(&self, name: &str) -> io::Result<Option<Vec<u8>>>;
    /// Opens a file for writing.
    fn open(&self, name: &str) -> io::Result<Self::File>;
    /// Makes a file, or empties it, and takes its space: it reads as zeros, and what is written over them later can't
    /// fail for want of space.
    fn create(&self, name: &str, length: u64) -> io::Result<Self::File>;
    /// Writes bytes within the file's length.
    fn write(&self, file: &Self::File, at: u64, bytes: &[u8]) -> io::Result<()>;
    /// Comes back when the file's bytes are on the disk.
    fn sync(&self, file: &Self::File) -> io::Result<()>;
    /// Gives a file another name, replacing what had it.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;
    /// Comes back when the names are on the disk.
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
    /// One that is there.
    pub(crate) fn new(path: &Path) -> Self {
        Self { path: path.to_owned() }
    }

    fn options() -> OpenOptions {
        let mut options = OpenOptions::new();
        options.write(true).mode(0o600).custom_flags(nix::libc::O_NOFOLLOW);
        options
    }
}

fn take_space(file: &File, length: u64) -> Result<(), Errno> {
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
        let written = match take_space(&file, length) {
            Ok(()) => length.min(LAID_OUT),
            // Not offered by every file system: then all of it is written.
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
