//! The directory of the tasks' files: their output, read back; what it has of space; what is to go.
//!
//! Supervisors write there, see [`agent_sys::spool`]; this is the agent's side.

use super::record::{Ended, Shape};
use crate::Error;
use crate::exec::Captured;
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

/// How long what was free counts as what is: a thousand tasks that come together ask once.
const FREE_SPACE_FRESH: Duration = Duration::from_millis(50);

/// The directory, open.
#[derive(Debug)]
pub(crate) struct SpoolDir {
    path: PathBuf,
    dir: Arc<File>,
    free: Mutex<Option<(Instant, FreeSpace)>>,
}

/// What can still be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FreeSpace {
    pub(crate) bytes: u64,
    /// A file system that does not count its files has room for all.
    pub(crate) files: u64,
}

impl SpoolDir {
    /// Opens it, making it (0700) where it is missing.
    ///
    /// # Errors
    /// [`Error::File`].
    pub(crate) fn open(path: &Path) -> Result<Self, Error> {
        let failed = |source| Error::File { path: path.to_owned(), source };
        DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(failed)?;
        let dir = File::open(path).map_err(failed)?;
        Ok(Self { path: path.to_owned(), dir: Arc::new(dir), free: Mutex::default() })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn fd(&self) -> BorrowedFd<'_> {
        self.dir.as_fd()
    }

    /// What is free, or was 50 ms ago.
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
        let found = statvfs::fstatvfs(&*self.dir)
            .map_err(|errno| Error::File { path: self.path.clone(), source: errno.into() })?;
        let found = FreeSpace {
            bytes: found.blocks_available().saturating_mul(found.fragment_size()),
            files: if found.files() == 0 { u64::MAX } else { found.files_available() },
        };
        *free = Some((Instant::now(), found));
        Ok(found)
    }

    /// Removes a task's files; those that are not there are no matter.
    pub(crate) fn remove(&self, n: u64) {
        for stream in [Stream::Stdout, Stream::Stderr] {
            match std::fs::remove_file(self.path.join(stream.file_name(n))) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    log::warn!("the output of task {n} is not removed: {error}");
                }
                _ => {}
            }
        }
    }

    /// Removes the files of tasks that are not wanted: left by an agent that was killed in between.
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

    /// A piece of a stream, also while it is written; `extent` tells what there is of it at the moment.
    ///
    /// # Errors
    /// [`Error::File`].
    pub(crate) fn piece(
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
        match source.read(|| Ok(extent().unwrap_or_default()), offset, most) {
            Ok(part) => Ok((part.offset, part.bytes)),
            Err(source) => Err(Error::File { path: self.path.join(stream.file_name(n)), source }),
        }
    }

    /// All that is kept of an ended task's two streams, head and tail joined.
    pub(crate) async fn whole(&self, n: u64, ended: &Ended, shape: Shape) -> [Captured; 2] {
        let (dir, path) = (self.dir.clone(), self.path.clone());
        let streams = [(Stream::Stdout, ended.stdout), (Stream::Stderr, ended.stderr)];
        let read = move || {
            streams.map(|(stream, kept)| {
                let Some(kept) = kept else { return Captured::default() };
                let source = Source { dir: dir.as_fd(), n, stream, max: shape.max_output };
                source.kept(kept.extent()).map_or_else(
                    |error| {
                        log::error!("{}: {error}", path.join(stream.file_name(n)).display());
                        Captured { bytes: Vec::new(), dropped: kept.total }
                    },
                    Captured::from,
                )
            })
        };
        if ended.stdout.is_none() && ended.stderr.is_none() {
            return Default::default();
        }
        // Megabytes at most, from a disk that may be slow: not on the event loop.
        // It fails only when the runtime is ending, and then nobody will see it.
        tokio::task::spawn_blocking(read).await.unwrap_or_default()
    }
}
