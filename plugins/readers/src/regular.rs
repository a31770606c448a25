//! Regular files at paths where anything may stand, such as below a foreign root folder.
//!
//! A pipe would block the reader and opening a device can change its state, so both are rejected.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use nix::fcntl::OFlag;

use crate::file::bytes_of;
use crate::text::lossy;

/// Opens a regular file for reading; symbolic links are followed.
///
/// # Errors
/// There is no such file, it can't be opened, or it is something other than a regular file.
pub fn open(path: &Path) -> io::Result<File> {
    // Before the open: some devices act on it. O_NONBLOCK and the second look are for a file that
    // is replaced in between.
    check(&fs::metadata(path)?)?;
    let file = File::options().read(true).custom_flags(OFlag::O_NONBLOCK.bits()).open(path)?;
    check(&file.metadata()?)?;
    Ok(file)
}

/// Returns the first `max` bytes of a regular file.
///
/// # Errors
/// As [`open`], or the file can't be read.
pub fn bytes(path: &Path, max: usize) -> io::Result<Vec<u8>> {
    bytes_of(&mut open(path)?, max)
}

/// Returns the first `max` bytes of a regular file as text, with U+FFFD for what isn't UTF-8.
///
/// # Errors
/// As [`bytes`].
pub fn text(path: &Path, max: usize) -> io::Result<String> {
    bytes(path, max).map(lossy)
}

pub(crate) fn check(data: &fs::Metadata) -> io::Result<()> {
    if data.is_file() { Ok(()) } else { Err(io::Error::other("not a regular file")) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nix::sys::stat::Mode;
    use nix::unistd::mkfifo;
    use std::os::unix::fs::symlink;
    use test_support::Scratch;

    #[test]
    fn only_regular_files_are_read() {
        let scratch = Scratch::new("readers-regular");
        let (pipe, link) = (scratch.file("pipe"), scratch.file("link"));
        let file = scratch.write("file", b"caf\xe9\n");
        mkfifo(&pipe, Mode::S_IRWXU).unwrap();
        symlink("file", &link).unwrap();
        assert_eq!(text(&file, 100).unwrap(), "caf\u{fffd}\n");
        assert_eq!(text(&link, 3).unwrap(), "caf");
        for other in [&pipe, scratch.path(), Path::new("/dev/null")] {
            assert_eq!(bytes(other, 1).unwrap_err().to_string(), "not a regular file", "{other:?}");
        }
        assert_eq!(bytes(&scratch.file("none"), 1).unwrap_err().kind(), io::ErrorKind::NotFound);
    }
}
