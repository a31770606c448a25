//! The directory of the tasks' output files: reads them, removes them, and tells how much space is
//! free.
//!
//! Supervisors write the files, see [`agent_sys::spool`]; this is the agent's side.

use super::record::{Ended, Shape};
use super::{Error, in_place};
use crate::exec::{Captured, continuation, unfinished};
use agent_sys::file_id::FileId;
use agent_sys::spool::{Extent, Source, Stream};
use nix::sys::statvfs;
use parking_lot::Mutex;
use std::fs::{DirBuilder, File};
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long a look at the free space is good for: a thousand tasks that come together take one.
const FREE_SPACE_FRESH: Duration = Duration::from_millis(50);

/// The open directory.
#[derive(Debug)]
pub(crate) struct SpoolDir {
    path: PathBuf,
    dir: Arc<File>,
    id: FileId,
    free: Mutex<Option<(Instant, FreeSpace)>>,
}

/// The free space of the file system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FreeSpace {
    pub(crate) bytes: u64,
    /// Files that can still be created; the maximum where the file system does not count files.
    pub(crate) files: u64,
}

/// A part of a task's output.
#[derive(Debug)]
pub(crate) struct OutputChunk {
    /// Where it begins: after the offset of the request when that part is not stored any more.
    pub(crate) offset: u64,
    pub(crate) bytes: Vec<u8>,
    /// Whether nothing will follow it.
    pub(crate) ended: bool,
    pub(crate) base64: bool,
}

impl SpoolDir {
    /// Opens the directory, creating it (mode 0700) where it is missing.
    ///
    /// # Errors
    /// [`Error::File`].
    pub(crate) fn open(path: &Path) -> Result<Self, Error> {
        let failed = |source: io::Error| Error::file(path, source);
        DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(failed)?;
        let dir = File::open(path).map_err(failed)?;
        let id = FileId::of(&dir).map_err(failed)?;
        Ok(Self { path: path.to_owned(), dir: Arc::new(dir), id, free: Mutex::default() })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn fd(&self) -> BorrowedFd<'_> {
        self.dir.as_fd()
    }

    /// Returns the free space, as of now or up to 50 ms ago.
    ///
    /// # Errors
    /// [`Error::File`].
    pub(crate) fn free_space(&self) -> Result<FreeSpace, Error> {
        let mut free = self.free.lock();
        if let Some((at, found)) = *free
            && at.elapsed() < FREE_SPACE_FRESH
        {
            return Ok(found);
        }
        let found =
            statvfs::fstatvfs(&*self.dir).map_err(|errno| Error::file(&self.path, errno))?;
        let found = FreeSpace {
            bytes: found.blocks_available().saturating_mul(found.fragment_size()),
            files: if found.files() == 0 { u64::MAX } else { found.files_available() },
        };
        *free = Some((Instant::now(), found));
        Ok(found)
    }

    /// Checks that the directory still has its name.
    ///
    /// # Errors
    /// [`Error::File`]: it was removed, moved or replaced.
    pub(crate) fn check_name(&self) -> Result<(), Error> {
        in_place::check(&self.path, self.id).map_err(|source| Error::file(&self.path, source))
    }

    /// Removes a task's files; missing files are ignored.
    pub(crate) fn remove(&self, n: u64) {
        for stream in [Stream::Stdout, Stream::Stderr] {
            let path = self.path.join(stream.file_name(n));
            if let Err(error) = std::fs::remove_file(&path)
                && error.kind() != io::ErrorKind::NotFound
            {
                log::warn!("cannot remove {}: {error}", path.display());
            }
        }
    }

    /// Removes the files of tasks that are not wanted: an agent that was killed may leave some.
    pub(crate) fn sweep(&self, wanted: impl Fn(u64) -> bool) {
        for entry in std::fs::read_dir(&self.path).into_iter().flatten().flatten() {
            let name = entry.file_name();
            let number = name.to_str().and_then(|name| {
                name.strip_suffix(".out").or_else(|| name.strip_suffix(".err"))?.parse().ok()
            });
            if let Some(n) = number
                && !wanted(n)
            {
                let _ = std::fs::remove_file(entry.path());
            }
        }
    }

    /// Reads a part of a stream, also while it is written; `extent` returns its current extent.
    ///
    /// # Errors
    /// [`Error::File`].
    pub(crate) fn read(
        &self,
        n: u64,
        stderr: bool,
        shape: Shape,
        offset: u64,
        most: usize,
        extent: impl Fn() -> Option<Extent>,
    ) -> Result<(u64, Vec<u8>), Error> {
        let stream = if stderr { Stream::Stderr } else { Stream::Stdout };
        let source = Source { dir: self.fd(), n, stream, max: shape.max_output };
        let read = |offset, most| {
            let part = source.read(|| Ok(extent().unwrap_or_default()), offset, most);
            part.map_err(|source| Error::file(&self.path.join(stream.file_name(n)), source))
        };
        let mut part = read(offset, most)?;
        let mut skipped = part.offset > offset;
        loop {
            let mut next = read(part.next, most.saturating_sub(part.bytes.len()))?;
            let follows = next.offset == part.next;
            // Where bytes were dropped, no part of a character is left on either side.
            if skipped && !shape.base64 {
                let cut = continuation(&part.bytes);
                part.bytes.drain(..cut);
                part.offset += cut as u64;
                skipped = false;
            }
            if !follows && !shape.base64 {
                let cut = unfinished(&part.bytes);
                part.bytes.truncate(part.bytes.len() - cut);
            }
            if part.bytes.is_empty() && !next.bytes.is_empty() {
                (part, skipped) = (next, !follows);
            } else if follows && !next.bytes.is_empty() {
                part.bytes.append(&mut next.bytes);
                part.next = next.next;
            } else {
                let offset = if part.bytes.is_empty() { next.offset } else { part.offset };
                return Ok((offset, part.bytes));
            }
        }
    }

    /// Returns all that is stored of an ended task's two streams, head and tail joined.
    pub(crate) async fn read_whole(&self, ended: &Ended, shape: Shape) -> [Captured; 2] {
        let (n, dir, path) = (ended.n, self.dir.clone(), self.path.clone());
        let streams = [(Stream::Stdout, ended.stdout), (Stream::Stderr, ended.stderr)];
        let read = move || {
            streams.map(|(stream, stored)| {
                let Some(stored) = stored else { return Captured::default() };
                let source = Source { dir: dir.as_fd(), n, stream, max: shape.max_output };
                source.stored(stored.extent()).map_or_else(
                    |error| {
                        log::error!("{}: {error}", path.join(stream.file_name(n)).display());
                        Captured { bytes: Vec::new(), dropped: stored.total }
                    },
                    Captured::from,
                )
            })
        };
        if ended.stdout.is_none() && ended.stderr.is_none() {
            return Default::default();
        }
        // Up to megabytes, from a disk that may be slow: not on the event loop. It fails only when
        // the runtime stops, and then the result is not delivered any more.
        tokio::task::spawn_blocking(read).await.unwrap_or_default()
    }
}
