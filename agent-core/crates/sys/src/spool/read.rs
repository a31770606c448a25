//! The reading side of a spool, for the agent, also while the spool is written.

use std::fs::File;
use std::io;
use std::os::fd::BorrowedFd;
use std::os::unix::fs::FileExt;

use nix::fcntl::{self, OFlag};
use nix::sys::stat::Mode;

use super::extent::{Extent, Stream, half, place};

/// How often a reader that the ring overtook tries again.
const RETRIES: usize = 16;

/// A part of a stream, read back.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Part {
    /// Where it begins: the requested offset, or a later one when the bytes there were dropped.
    pub offset: u64,
    /// The bytes; none when nothing came after `offset` so far.
    pub bytes: Vec<u8>,
    /// Where to go on.
    pub next: u64,
}

/// A stream of one task, to read back.
#[derive(Debug, Clone, Copy)]
pub struct Source<'a> {
    /// The directory of the tasks' files.
    pub dir: BorrowedFd<'a>,
    /// The task's number.
    pub n: u64,
    /// The stream.
    pub stream: Stream,
    /// The bound with which it is written, in bytes.
    pub max: u64,
}

impl Source<'_> {
    /// Reads at most `limit` bytes from a stream offset on, also while the stream is written. Calls
    /// `extent` before and after each reading. A part may be shorter than possible: go on at `next`
    /// until a part is empty.
    ///
    /// # Errors
    /// The file or the extent cannot be read, or the file is shorter than the extent says.
    pub fn read(
        &self,
        mut extent: impl FnMut() -> io::Result<Extent>,
        offset: u64,
        limit: usize,
    ) -> io::Result<Part> {
        let head = half(self.max);
        let mut now = extent()?;
        let mut offset = offset.min(now.total);
        for _ in 0..RETRIES {
            if offset >= head.min(now.written) {
                offset = offset.max(now.tail).max(head.min(now.written));
            }
            if offset >= now.written {
                // The bytes that follow were never stored.
                let next = if now.stopped { now.total } else { offset };
                return Ok(Part { offset: next, bytes: Vec::new(), next });
            }
            let (at, room) = place(self.max, offset);
            let length = room.min(now.written - offset).min(limit as u64);
            let mut bytes = vec![0; usize::try_from(length).unwrap_or(limit)];
            // Opened after the extent was read: so the file has the bytes of that extent.
            self.open()?.read_exact_at(&mut bytes, at)?;
            now = extent()?;
            let lost = if offset < head { 0 } else { now.tail.saturating_sub(offset).min(length) };
            if lost < length || length == 0 {
                bytes.drain(..usize::try_from(lost).unwrap_or(usize::MAX));
                return Ok(Part { offset: offset + lost, next: offset + length, bytes });
            }
        }
        // It is written faster than we read; the next call may succeed.
        Ok(Part { offset: now.tail, bytes: Vec::new(), next: now.tail })
    }

    /// Reads everything stored of a stream that ended.
    ///
    /// # Errors
    /// The file cannot be read, or is shorter than the extent says.
    pub fn stored(&self, extent: Extent) -> io::Result<StoredOutput> {
        let head_end = extent.written.min(half(self.max));
        let tail_start = extent.tail.max(head_end).min(extent.written);
        Ok(StoredOutput {
            head: self.collect(extent, 0, head_end)?,
            tail: self.collect(extent, tail_start, extent.written)?,
            dropped: tail_start - head_end,
            missing: extent.total.saturating_sub(extent.written),
        })
    }

    fn collect(&self, extent: Extent, mut from: u64, to: u64) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::with_capacity(usize::try_from(to.saturating_sub(from)).unwrap_or(0));
        while from < to {
            let limit = usize::try_from(to - from).unwrap_or(usize::MAX);
            let part = self.read(|| Ok(extent), from, limit)?;
            if part.bytes.is_empty() || part.offset != from {
                break;
            }
            bytes.extend_from_slice(&part.bytes);
            from = part.next;
        }
        Ok(bytes)
    }

    /// Opens the file, but no symbolic link.
    fn open(&self) -> io::Result<File> {
        let access = OFlag::O_RDONLY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        let name = self.stream.file_name(self.n);
        Ok(File::from(fcntl::openat(self.dir, name.as_str(), access, Mode::empty())?))
    }
}

/// Everything stored of a stream that ended.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct StoredOutput {
    /// Its beginning.
    pub head: Vec<u8>,
    /// Its last part, which follows the head directly when nothing was dropped in between.
    pub tail: Vec<u8>,
    /// Bytes dropped between the two.
    pub dropped: u64,
    /// Bytes dropped at the end, because writing failed.
    pub missing: u64,
}

#[cfg(test)]
mod tests;
