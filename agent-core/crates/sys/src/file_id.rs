//! The identity of a file, to notice that a path leads to another one.
//!
//! It comes from statx(2) with a mask that leaves the times out. Whoever reads a file's times makes
//! the kernel stamp its next write with a fine-grained time (Linux 6.13, "multigrain timestamps"),
//! and with ext4 that changes the inode: 50 µs more for each commit of a journal that was looked at
//! with `File::metadata` before.

#![expect(unsafe_code, reason = "nix and std wrap no statx(2) with a mask")]

use std::ffi::CString;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd as _};
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

/// A file's device and inode numbers, equal for equal files while one of them is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileId {
    device: (u32, u32),
    inode: u64,
}

impl FileId {
    /// Identifies an open file.
    ///
    /// # Errors
    /// statx(2)'s.
    pub fn of(file: &impl AsFd) -> io::Result<Self> {
        statx(file.as_fd().as_raw_fd(), c"", libc::AT_EMPTY_PATH)
    }

    /// Identifies the file at a path. A symbolic link is identified itself.
    ///
    /// # Errors
    /// statx(2)'s; a path that contains a NUL.
    pub fn at(path: &Path) -> io::Result<Self> {
        let path = CString::new(path.as_os_str().as_bytes())?;
        statx(libc::AT_FDCWD, &path, libc::AT_SYMLINK_NOFOLLOW)
    }
}

fn statx(dir: libc::c_int, path: &std::ffi::CStr, flags: libc::c_int) -> io::Result<FileId> {
    let mut found = MaybeUninit::<libc::statx>::zeroed();
    // SAFETY: `path` is a C string that lives during the call, and statx(2) writes one struct statx
    // through the pointer, which is to a live local of that type.
    let done =
        unsafe { libc::statx(dir, path.as_ptr(), flags, libc::STATX_INO, found.as_mut_ptr()) };
    if done != 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the struct was zeroed and then written by the kernel; any bits are valid integers.
    let found = unsafe { found.assume_init() };
    let device = (found.stx_dev_major, found.stx_dev_minor);
    Ok(FileId { device, inode: found.stx_ino })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::{self, File};

    #[test]
    fn a_file_has_one_identity_by_path_and_descriptor_and_another_file_has_another() {
        let folder = test_support::Scratch::new("file-id");
        let (path, other) = (folder.path().join("a"), folder.path().join("b"));
        let file = File::create(&path).unwrap();
        assert_eq!(FileId::of(&file).unwrap(), FileId::at(&path).unwrap());
        File::create(&other).unwrap();
        assert_ne!(FileId::of(&file).unwrap(), FileId::at(&other).unwrap());
        fs::rename(&other, &path).unwrap();
        assert_ne!(FileId::of(&file).unwrap(), FileId::at(&path).unwrap());
        std::os::unix::fs::symlink(&path, &other).unwrap();
        assert_ne!(FileId::at(&other).unwrap(), FileId::at(&path).unwrap());
        fs::remove_file(&path).unwrap();
        assert_eq!(FileId::at(&path).unwrap_err().kind(), io::ErrorKind::NotFound);
    }
}
