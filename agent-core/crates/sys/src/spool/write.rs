//! The writing side of a spool, for a supervisor.

use std::fs::File;
use std::io;
use std::os::fd::BorrowedFd;
use std::os::unix::fs::FileExt;

use nix::fcntl::{self, OFlag};
use nix::sys::stat::Mode;

use super::extent::{Extent, half, place};

/// A spool being written.
#[derive(Debug)]
pub(crate) struct Spool {
    name: String,
    max: u64,
    file: Option<File>,
    extent: Extent,
}

impl Spool {
    pub(crate) fn new(name: String, max: u64) -> Self {
        Self { name, max, file: None, extent: Extent::default() }
    }

    pub(crate) fn extent(&self) -> Extent {
        self.extent
    }

    /// Stores a piece of output. Calls `announce` before older output is overwritten; the caller
    /// announces the new output afterwards.
    pub(crate) fn push(
        &mut self,
        dir: BorrowedFd<'_>,
        piece: &[u8],
        announce: impl FnOnce(Extent),
    ) {
        let before = self.extent;
        let end = before.total.saturating_add(piece.len() as u64);
        self.extent.total = end;
        if before.stopped || piece.is_empty() {
            return;
        }
        if self.max == 0 {
            self.extent.written = end;
            self.extent.tail = end;
            return;
        }
        let tail = end.saturating_sub(self.max - half(self.max));
        if end > self.max {
            self.extent.tail = tail.max(before.tail);
            announce(self.extent);
        }
        if let Err(untouched) = self.store(dir, piece, before.total, tail) {
            self.extent.stopped = true;
            if untouched {
                // Nothing was overwritten.
                self.extent.tail = before.tail;
                self.extent.written = self.extent.written.min(before.total.max(half(self.max)));
            }
        }
    }

    /// Writes a piece that begins at a stream offset, except for the bytes that the ring would
    /// overwrite within the piece itself. An error tells whether the ring is unchanged.
    fn store(
        &mut self,
        dir: BorrowedFd<'_>,
        piece: &[u8],
        begin: u64,
        tail: u64,
    ) -> Result<(), bool> {
        let head = half(self.max);
        let mut offset = begin;
        let mut untouched = true;
        while offset < self.extent.total {
            if offset >= head && offset < tail {
                offset = tail;
                self.extent.written = offset;
            }
            let (at, room) = place(self.max, offset);
            let from = usize::try_from(offset - begin).unwrap_or(usize::MAX);
            let rest = piece.get(from..).unwrap_or_default();
            let part = rest.get(..usize::try_from(room).unwrap_or(usize::MAX)).unwrap_or(rest);
            match self.file(dir).and_then(|file| write_some(file, part, at)) {
                Ok(length) => {
                    untouched &= offset < head;
                    offset += length as u64;
                    self.extent.written = offset;
                }
                Err(_) => return Err(untouched),
            }
        }
        Ok(())
    }

    /// Returns the file, created at the first byte: a command without output costs no inode.
    fn file(&mut self, dir: BorrowedFd<'_>) -> io::Result<&File> {
        if self.file.is_none() {
            let new = OFlag::O_RDWR
                | OFlag::O_CREAT
                | OFlag::O_EXCL
                | OFlag::O_NOFOLLOW
                | OFlag::O_CLOEXEC;
            let fd = fcntl::openat(dir, self.name.as_str(), new, Mode::S_IRUSR | Mode::S_IWUSR)?;
            self.file = Some(File::from(fd));
        }
        self.file.as_ref().ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    /// Syncs the file; returns whether there is one. After a failure, the extent no longer covers
    /// the bytes that the disk may lack.
    pub(crate) fn sync(&mut self) -> bool {
        if let Some(file) = &self.file
            && file.sync_all().is_err()
        {
            self.extent.stopped = true;
        }
        self.file.is_some()
    }
}

fn write_some(file: &File, part: &[u8], at: u64) -> io::Result<usize> {
    loop {
        match file.write_at(part, at) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            other => return other,
        }
    }
}
