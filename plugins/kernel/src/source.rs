//! Files below /proc and /sys that are read at every call: opened once, then read from the start
//! each time. Opening and closing them would cost more than the rest of a call.

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::sync::LazyLock;

use readers::text::lossy;

/// The size of the first read: enough for everything but a long list of modules.
const FIRST_READ: usize = 4096;
/// The most that is read of one file.
const MAX_BYTES: usize = 4 << 20;

/// One such file; the kernel generates its content at each read.
pub(crate) struct Source(LazyLock<Option<File>>);

impl Source {
    /// Declares a file that `open` opens at the first read.
    pub(crate) const fn new(open: fn() -> Option<File>) -> Self {
        Self(LazyLock::new(open))
    }

    /// Returns the current first line of a file that fits in one read.
    pub(crate) fn line(&self) -> Option<String> {
        let mut bytes = [0; 256];
        let length = self.0.as_ref()?.read_at(&mut bytes, 0).ok()?;
        let text = String::from_utf8_lossy(bytes.get(..length)?);
        Some(text.lines().next()?.to_owned())
    }

    /// Returns the current content, with U+FFFD for what isn't UTF-8.
    pub(crate) fn read(&self) -> Option<String> {
        let file = self.0.as_ref()?;
        let mut bytes = vec![0; FIRST_READ];
        let mut length = 0;
        loop {
            match file.read_at(&mut bytes[length..], u64::try_from(length).ok()?).ok()? {
                0 => break,
                count => length += count,
            }
            if length >= MAX_BYTES {
                break;
            }
            if length == bytes.len() {
                bytes.resize(length * 2, 0);
            }
        }
        bytes.truncate(length);
        Some(lossy(bytes))
    }
}
