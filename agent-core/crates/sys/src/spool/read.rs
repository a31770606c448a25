//! The reading side of a spool: the agent's, also while it is written.

use std::fs::File;
use std::io;
use std::os::fd::BorrowedFd;
use std::os::unix::fs::FileExt;

use nix::fcntl::{self, OFlag};
use nix::sys::stat::Mode;

use super::extent::{Extent, Stream, half, place};

/// How often a reader that was overtaken by the ring tries again.
const RETRIES: usize = 16;

/// A piece of a stream as read back.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Part {
    /// Where it begins: the offset asked for, or later when what was there is dropped.
    pub offset: u64,
    /// The bytes; none when nothing has come after `offset` yet.
    pub bytes: Vec<u8>,
    /// Where to go on.
    pub next: u64,
}

/// Where a stream of one task is read back from.
#[derive(Debug, Clone, Copy)]
pub struct Source<'a> {
    /// The directory of the tasks' files.
    pub dir: BorrowedFd<'a>,
    /// The task's number.
    pub n: u64,
    /// Which output.
    pub stream: Stream,
    /// The bound it is written with, in bytes.
    pub max: u64,
}

impl Source<'_> {
    /// Reads at most `limit` bytes from a stream offset on, also while the stream is written.
    /// `extent` is asked before and after each reading. A piece may be shorter than what is there:
    /// go on at `next` until nothing comes.
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
                // What follows was never stored.
                let next = if now.stopped { now.total } else { offset };
                return Ok(Part { offset: next, bytes: Vec::new(), next });
            }
            let (at, room) = place(self.max, offset);
            let length = room.min(now.written - offset).min(limit as u64);
            let mut bytes = vec![0; usize::try_from(length).unwrap_or(limit)];
            // Opened after the extent was asked: what it speaks of is then there.
            self.open()?.read_exact_at(&mut bytes, at)?;
            now = extent()?;
            let lost = if offset < head { 0 } else { now.tail.saturating_sub(offset).min(length) };
            if lost < length || length == 0 {
                bytes.drain(..usize::try_from(lost).unwrap_or(usize::MAX));
                return Ok(Part { offset: offset + lost, next: offset + length, bytes });
            }
        }
        // It is written faster than we read: the next attempt may have more luck.
        Ok(Part { offset: now.tail, bytes: Vec::new(), next: now.tail })
    }

    /// Reads all that is kept of a stream that has ended.
    ///
    /// # Errors
    /// The file cannot be read, or is shorter than the extent says.
    pub fn kept(&self, extent: Extent) -> io::Result<Kept> {
        let head_end = extent.written.min(half(self.max));
        let tail_start = extent.tail.max(head_end).min(extent.written);
        Ok(Kept {
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

    /// A symbolic link is refused.
    fn open(&self) -> io::Result<File> {
        let access = OFlag::O_RDONLY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        let name = self.stream.file_name(self.n);
        Ok(File::from(fcntl::openat(self.dir, name.as_str(), access, Mode::empty())?))
    }
}

/// What is kept of a stream that has ended.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Kept {
    /// Its beginning.
    pub head: Vec<u8>,
    /// Its last part, which follows the head directly where nothing was dropped in between.
    pub tail: Vec<u8>,
    /// Bytes dropped between the two.
    pub dropped: u64,
    /// Bytes dropped at the end, since the file took no more.
    pub missing: u64,
}

#[cfg(test)]
mod tests {
    use super::super::Spool;
    use super::*;
    use std::os::fd::AsFd;
    use std::path::PathBuf;

    struct Scratch(PathBuf, File);

    impl Scratch {
        fn new(name: &str) -> Self {
            let path = std::env::temp_dir().join(format!("basicagent-spool-{name}.{}", std::process::id()));
            let _ = std::fs::remove_dir_all(&path);
            std::fs::create_dir(&path).unwrap();
            let dir = File::open(&path).unwrap();
            Self(path, dir)
        }

        fn source(&self, n: u64, max: u64) -> Source<'_> {
            Source { dir: self.1.as_fd(), n, stream: Stream::Stdout, max }
        }
    }

    impl Drop for Scratch {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn head_and_tail_are_kept_in_any_split_of_the_stream() {
        let scratch = Scratch::new("split");
        let stream: Vec<u8> = (b'a'..=b'z').collect();
        let table: [(u64, &str, &str, u64); 7] = [
            (0, "", "", 26),
            (1, "", "z", 25),
            (5, "ab", "xyz", 21),
            (10, "abcde", "vwxyz", 16),
            (25, "abcdefghijkl", "nopqrstuvwxyz", 1),
            (26, "abcdefghijklm", "nopqrstuvwxyz", 0),
            (100, "abcdefghijklmnopqrstuvwxyz", "", 0),
        ];
        let mut n = 0;
        for (max, head, tail, dropped) in table {
            for size in 1..=26 {
                n += 1;
                let mut spool = Spool::new(Stream::Stdout.file_name(n), max);
                for piece in stream.chunks(size) {
                    spool.push(scratch.1.as_fd(), piece, |_| {});
                    check_running(scratch.source(n, max), spool.extent());
                }
                let extent = spool.extent();
                let kept = scratch.source(n, max).kept(extent).unwrap();
                // With no room at all everything counts as dropped in the middle.
                let expected = Kept { head: head.into(), tail: tail.into(), dropped, missing: 0 };
                let both = [&kept.head[..], &kept.tail].concat();
                assert_eq!(both, [&expected.head[..], &expected.tail].concat(), "max {max}, by {size}");
                assert_eq!((kept.dropped, kept.missing), (expected.dropped, 0), "max {max}, by {size}");
                assert_eq!((extent.stored(max), extent.total), (both.len() as u64, 26));
            }
        }
    }

    /// Whatever is given for an offset is what was printed there.
    fn check_running(source: Source<'_>, extent: Extent) {
        for offset in 0..30 {
            let part = source.read(|| Ok(extent), offset, 7).unwrap();
            assert!(
                part.offset >= offset.min(extent.total) && part.next == part.offset + part.bytes.len() as u64
            );
            for (at, byte) in (part.offset..).zip(&part.bytes) {
                assert_eq!(u64::from(*byte - b'a'), at, "{extent:?} {part:?}");
            }
        }
    }

    #[test]
    fn a_reader_that_the_ring_overtakes_gives_only_what_is_still_there() {
        let scratch = Scratch::new("race");
        let mut spool = Spool::new(Stream::Stdout.file_name(1), 8);
        spool.push(scratch.1.as_fd(), b"abcdefgh", |_| {});
        // The first extent is the old one; before the second the ring goes on.
        let mut asked = 0;
        let part = scratch.source(1, 8).read(
            || {
                asked += 1;
                let before = spool.extent();
                if asked == 1 {
                    spool.push(scratch.1.as_fd(), b"ij", |_| {});
                    return Ok(before);
                }
                Ok(spool.extent())
            },
            4,
            100,
        );
        assert_eq!(part.unwrap(), Part { offset: 6, bytes: b"gh".to_vec(), next: 8 });
    }

    #[test]
    fn what_is_overwritten_is_announced_before() {
        let scratch = Scratch::new("announce");
        let mut spool = Spool::new(Stream::Stdout.file_name(1), 8);
        spool.push(scratch.1.as_fd(), b"abcdefgh", |_| panic!("nothing is overwritten yet"));
        let mut announced = None;
        spool.push(scratch.1.as_fd(), b"ijk", |extent| announced = Some(extent));
        let announced = announced.unwrap();
        assert_eq!((announced.tail, announced.written, announced.total), (7, 8, 11));
    }

    #[test]
    fn where_no_file_can_be_made_the_command_only_loses_output() {
        let scratch = Scratch::new("taken");
        std::os::unix::fs::symlink("/etc/passwd", scratch.0.join("1.out")).unwrap();
        let mut spool = Spool::new(Stream::Stdout.file_name(1), 8);
        for _ in 0..3 {
            spool.push(scratch.1.as_fd(), b"abcdefgh", |_| {});
        }
        assert_eq!(spool.extent(), Extent { total: 24, written: 0, tail: 0, stopped: true });
        let kept = scratch.source(1, 8).kept(spool.extent()).unwrap();
        assert_eq!(kept, Kept { missing: 24, ..Kept::default() });
        let part = scratch.source(1, 8).read(|| Ok(spool.extent()), 0, 100).unwrap();
        assert_eq!((part.offset, part.next), (24, 24));
    }
}
