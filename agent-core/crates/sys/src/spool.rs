//! A bounded output file, written as the output comes and readable meanwhile.
//!
//! It holds the head of a stream and its tail: the first half of the bound is filled once, the
//! other half is a ring over which the newest output goes. The byte at stream offset `o` is at `o`
//! in the head, and at `half + (o - half) % (max - half)` in the ring. What of it is there is said
//! by an [`Extent`], kept in the task's slot.
//!
//! A supervisor writes; a disk that takes no more costs the output that came after, never the
//! command. The agent reads, and asks for the extent again after each reading, since the ring may
//! have gone round under it.

use std::fs::File;
use std::io;
use std::os::fd::BorrowedFd;
use std::os::unix::fs::FileExt;

use nix::fcntl::{self, OFlag};
use nix::sys::stat::Mode;

/// How often a reader that was overtaken by the ring tries again.
const RETRIES: usize = 16;

/// Which output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stream {
    /// Standard output, with standard error in it unless that was asked for apart.
    Stdout,
    /// Standard error, when asked for apart.
    Stderr,
}

impl Stream {
    /// The file's name in the directory of tasks.
    #[must_use]
    pub fn file_name(self, n: u64) -> String {
        match self {
            Self::Stdout => format!("{n}.out"),
            Self::Stderr => format!("{n}.err"),
        }
    }
}

/// Which bytes of a stream are in its file: the head up to `written`, and what of
/// `tail..written` lies in the ring.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Extent {
    /// Bytes the command has printed.
    pub total: u64,
    /// Stream offset after the last byte that went into the file. Less than `total` only where
    /// storing has stopped.
    pub written: u64,
    /// Stream offset of the oldest byte of the ring that is not overwritten, nor about to be.
    pub tail: u64,
    /// Whether the rest was dropped because the file took no more (no space, or an I/O error).
    pub stopped: bool,
}

impl Extent {
    pub(crate) fn words(&self) -> [u64; 4] {
        [self.total, self.written, self.tail, u64::from(self.stopped)]
    }

    pub(crate) fn from_words([total, written, tail, stopped]: [u64; 4]) -> Self {
        Self { total, written, tail, stopped: stopped != 0 }
    }

    /// Bytes in the file.
    #[must_use]
    pub fn stored(&self, max: u64) -> u64 {
        let head = half(max);
        self.written.min(head) + self.written.saturating_sub(self.tail.max(head))
    }
}

fn half(max: u64) -> u64 {
    max / 2
}

/// Where in the file a stream offset is, and how many bytes follow there in one piece.
fn place(max: u64, offset: u64) -> (u64, u64) {
    let head = half(max);
    if offset < head {
        return (offset, head - offset);
    }
    let ring = (max - head).max(1);
    let at = (offset - head) % ring;
    (head + at, ring - at)
}

/// The writing side.
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

    /// Takes a piece of output. `announce` is told before older output is overwritten; what is new
    /// is for the caller to announce afterwards.
    pub(crate) fn push(&mut self, dir: BorrowedFd<'_>, piece: &[u8], announce: impl FnOnce(Extent)) {
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
                // Nothing was overwritten after all.
                self.extent.tail = before.tail;
                self.extent.written = self.extent.written.min(before.total.max(half(self.max)));
            }
        }
    }

    /// Writes a piece that begins at a stream offset, but for what the ring would overwrite within
    /// the piece itself. On failure: whether the ring is as it was.
    fn store(&mut self, dir: BorrowedFd<'_>, piece: &[u8], begin: u64, tail: u64) -> Result<(), bool> {
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

    /// The file, made at the first byte: most commands that say nothing cost no inode.
    fn file(&mut self, dir: BorrowedFd<'_>) -> io::Result<&File> {
        if self.file.is_none() {
            let new = OFlag::O_RDWR | OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
            let fd = fcntl::openat(dir, self.name.as_str(), new, Mode::S_IRUSR | Mode::S_IWUSR)?;
            self.file = Some(File::from(fd));
        }
        self.file.as_ref().ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    /// Brings the file to the disk; true when there is one. What the disk then refuses is no
    /// longer vouched for.
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
