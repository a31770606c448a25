//! Which bytes of a stream are in its file, and where.

/// An output stream of a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stream {
    /// Standard output, with standard error in it unless the request separates them.
    Stdout,
    /// Standard error, when the request separates it.
    Stderr,
}

impl Stream {
    /// Returns the file's name in the directory of tasks.
    #[must_use]
    pub fn file_name(self, n: u64) -> String {
        match self {
            Self::Stdout => format!("{n}.out"),
            Self::Stderr => format!("{n}.err"),
        }
    }
}

/// The bytes of a stream that are in its file: the head up to `written`, and the part of
/// `tail..written` that lies in the ring.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Extent {
    /// Bytes the command has printed.
    pub total: u64,
    /// Stream offset after the last byte that was written to the file. Less than `total` only after
    /// storing stopped.
    pub written: u64,
    /// Stream offset of the oldest byte of the ring that is neither overwritten nor about to be.
    pub tail: u64,
    /// Whether the rest was dropped because writing failed (no space, or an I/O error).
    pub stopped: bool,
}

impl Extent {
    pub(crate) fn words(&self) -> [u64; 4] {
        [self.total, self.written, self.tail, u64::from(self.stopped)]
    }

    pub(crate) fn from_words([total, written, tail, stopped]: [u64; 4]) -> Self {
        Self { total, written, tail, stopped: stopped != 0 }
    }

    /// Returns the number of bytes in the file.
    #[must_use]
    pub fn stored(&self, max: u64) -> u64 {
        let head = half(max);
        self.written.min(head) + self.written.saturating_sub(self.tail.max(head))
    }
}

pub(super) fn half(max: u64) -> u64 {
    max / 2
}

/// Returns the place of a stream offset in the file, and how many bytes follow it contiguously.
pub(super) fn place(max: u64, offset: u64) -> (u64, u64) {
    let head = half(max);
    if offset < head {
        return (offset, head - offset);
    }
    let ring = (max - head).max(1);
    let at = (offset - head) % ring;
    (head + at, ring - at)
}
