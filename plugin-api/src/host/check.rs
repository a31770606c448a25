//! Checks who could have written a plugin file, by walking from `/` to it with descriptors and
//! refusing links.
//!
//! Ownership is the trust boundary: a user who can write the file, or swap a folder above it, runs
//! code in the process that loads it. So each component must belong to root or to us and be
//! writable by nobody else. One exception: above the plugin's own folder, a sticky folder of root,
//! such as /tmp, is accepted, because there nobody can swap an entry that belongs to another user.

use std::fs::File;
use std::os::fd::OwnedFd;
use std::path::{Component, Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{OFlag, open, openat};
use nix::sys::stat::{FileStat, Mode, SFlag, fstat};
use nix::sys::statvfs::{FsFlags, fstatvfs};
use nix::unistd::Uid;

use super::{HostError, elf};

/// Writable by the group or by other users.
const WRITABLE_BY_OTHERS: Mode = Mode::S_IWGRP.union(Mode::S_IWOTH);
/// Changes identity on exec; meaningless on a library, so a sign of a planted file.
const SET_ID: Mode = Mode::S_ISUID.union(Mode::S_ISGID);

/// An opened plugin file that passed every check; [`load`](super::load) maps this very descriptor.
#[derive(Debug)]
pub struct CheckedFile {
    pub(super) file: File,
    pub(super) path: PathBuf,
    pub(super) kind: elf::EntryKind,
    identity: FileIdentity,
}

impl CheckedFile {
    /// Returns the identity of the file.
    pub fn identity(&self) -> FileIdentity {
        self.identity
    }

    /// Returns the path at which the file was found.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// Distinguishes one version of a plugin file from the next: a replaced or rewritten file differs
/// in at least one of these.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct FileIdentity {
    dev: u64,
    ino: u64,
    mtime_ns: i128,
    size: i64,
}

impl FileIdentity {
    /// Returns the identity of the file that `path` names now, without following links.
    ///
    /// # Errors
    /// The errors of lstat(2).
    pub fn of(path: &Path) -> std::io::Result<Self> {
        Ok(Self::from_stat(&nix::sys::stat::lstat(path)?))
    }

    fn from_stat(stat: &FileStat) -> Self {
        let mtime_ns = i128::from(stat.st_mtime) * 1_000_000_000 + i128::from(stat.st_mtime_nsec);
        Self { dev: stat.st_dev, ino: stat.st_ino, mtime_ns, size: stat.st_size }
    }
}

/// Opens the plugin at `path` and checks it: the file and each folder above it belong to root or to
/// us and are writable by nobody else, none is a symbolic link, the file is a regular file without
/// set-id bits, its ELF headers are valid, and its file system is not mounted noexec.
///
/// # Errors
/// [`HostError::Refused`], naming the component and the rule.
pub fn check(path: &Path) -> Result<CheckedFile, HostError> {
    let refused = |why: String| HostError::Refused { path: path.to_owned(), why };
    let (file, stat) = open_file(path).map_err(refused)?;
    if Mode::from_bits_truncate(stat.st_mode).intersects(SET_ID) {
        return Err(refused("it has a set-uid or set-gid bit".to_owned()));
    }
    let kind = elf::inspect(&file).map_err(refused)?;
    // The linker's own message, "failed to map segment", names neither the cause nor the cure.
    if fstatvfs(&file).is_ok_and(|fs| fs.flags().contains(FsFlags::ST_NOEXEC)) {
        return Err(refused(
            "its file system is mounted noexec, so no code can be loaded from it; \
             install plugins elsewhere, or mount it with exec"
                .to_owned(),
        ));
    }
    Ok(CheckedFile { file, path: path.to_owned(), kind, identity: FileIdentity::from_stat(&stat) })
}

/// Opens a file beside a plugin, by the same rules as the plugin.
pub(super) fn open_trusted(path: &Path) -> Result<File, String> {
    open_file(path).map(|(file, _)| file)
}

fn open_file(path: &Path) -> Result<(File, FileStat), String> {
    let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
        return Err("its path does not name a file".to_owned());
    };
    let folder = open_folder(parent)?;
    // O_NONBLOCK: the open must not hang on a FIFO planted under this name.
    let flags = OFlag::O_RDONLY
        | OFlag::O_NOFOLLOW
        | OFlag::O_CLOEXEC
        | OFlag::O_NONBLOCK
        | OFlag::O_NOCTTY;
    let fd = openat(&folder, name, flags, Mode::empty()).map_err(|err| describe(err, path))?;
    let stat = fstat(&fd).map_err(|err| describe(err, path))?;
    if SFlag::from_bits_truncate(stat.st_mode) & SFlag::S_IFMT != SFlag::S_IFREG {
        return Err("it is not a regular file".to_owned());
    }
    trusted(&stat, path)?;
    Ok((File::from(fd), stat))
}

/// Checks a plugin folder by the same rules, for a configuration check. A missing folder is
/// refused.
///
/// # Errors
/// [`HostError::Refused`], naming the component and the rule.
pub fn check_folder(dir: &Path) -> Result<(), HostError> {
    open_folder(dir).map(drop).map_err(|why| HostError::Refused { path: dir.to_owned(), why })
}

/// Walks to `dir` one component at a time, so that a rename cannot outrun a check.
fn open_folder(dir: &Path) -> Result<OwnedFd, String> {
    let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    let mut walked = PathBuf::from("/");
    let mut components = dir.components().peekable();
    if components.next() != Some(Component::RootDir) {
        return Err("its path is not absolute".to_owned());
    }
    let mut folder = open("/", flags, Mode::empty()).map_err(|err| describe(err, &walked))?;
    trusted_fd(&folder, &walked, components.peek().is_some())?;
    while let Some(component) = components.next() {
        let Component::Normal(name) = component else {
            return Err("its path contains `..`".to_owned());
        };
        walked.push(name);
        folder =
            openat(&folder, name, flags, Mode::empty()).map_err(|err| describe(err, &walked))?;
        trusted_fd(&folder, &walked, components.peek().is_some())?;
    }
    Ok(folder)
}

fn trusted_fd(fd: &OwnedFd, path: &Path, is_above_plugins: bool) -> Result<(), String> {
    let stat = fstat(fd).map_err(|err| describe(err, path))?;
    let is_sticky =
        Mode::from_bits_truncate(stat.st_mode).contains(Mode::S_ISVTX) && stat.st_uid == 0;
    if is_above_plugins && is_sticky { Ok(()) } else { trusted(&stat, path) }
}

fn trusted(stat: &FileStat, path: &Path) -> Result<(), String> {
    let owner = Uid::from_raw(stat.st_uid);
    if !owner.is_root() && owner != Uid::effective() {
        return Err(format!(
            "{} belongs to uid {owner}; expected root or this user",
            path.display()
        ));
    }
    if Mode::from_bits_truncate(stat.st_mode).intersects(WRITABLE_BY_OTHERS) {
        let mode = stat.st_mode & 0o7777;
        return Err(format!(
            "{} is writable by others than its owner (mode {mode:04o}); chmod go-w it",
            path.display()
        ));
    }
    Ok(())
}

fn describe(err: Errno, path: &Path) -> String {
    match err {
        // O_NOFOLLOW fails with ELOOP on a link; together with O_DIRECTORY, with ENOTDIR.
        Errno::ELOOP => format!("{} is a symbolic link", path.display()),
        Errno::ENOTDIR if path.is_symlink() => format!("{} is a symbolic link", path.display()),
        err => format!("{}: {}", path.display(), err.desc()),
    }
}
