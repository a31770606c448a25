//! The files of a system below a root folder: this one's, or a container image's.
//!
//! Paths are relative to the root. Symbolic links of a foreign root stay within it, absolute ones
//! and `..` included, as they would after chroot(2) (`RESOLVE_IN_ROOT` of openat2(2)): an image's
//! `/etc/passwd` is its own, whatever its links say.

use std::fs::{self, DirEntry, File, Metadata};
use std::io;
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{OFlag, OpenHow, ResolveFlag, openat2, readlinkat};

use crate::file::bytes_of;
use crate::patience::Watch;
use crate::regular;
use crate::text::lossy;

/// How often a look-up is repeated that a change of the tree disturbed.
const TRIES: usize = 8;

/// A root folder.
#[derive(Debug)]
pub struct Root {
    path: PathBuf,
    /// The folder of a foreign root; `None` for this system's.
    folder: Option<OwnedFd>,
    watch: Watch,
}

impl Root {
    /// Opens a root. Operations on its files are noted in `watch`.
    ///
    /// # Errors
    /// The folder can't be opened, or the kernel (before Linux 5.6) can't resolve paths within it.
    pub fn open(path: &Path, watch: &Watch) -> io::Result<Self> {
        let mut root = Self { path: path.to_owned(), folder: None, watch: watch.clone() };
        if path != Path::new("/") {
            let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
            let open = || Ok(nix::fcntl::open(path, flags, nix::sys::stat::Mode::empty())?);
            root.folder = Some(watch.during(path, open)?);
            match root.open_at(Path::new("."), OFlag::O_PATH) {
                Err(error) if error.raw_os_error() == Some(Errno::ENOSYS as i32) => {
                    return Err(io::Error::new(
                        io::ErrorKind::Unsupported,
                        "reading another root folder needs Linux 5.6 or later",
                    ));
                }
                other => drop(other?),
            }
        }
        Ok(root)
    }

    /// Returns whether this is the root of the running system.
    #[must_use]
    pub fn is_host(&self) -> bool {
        self.folder.is_none()
    }

    /// Returns the path of a file as the caller knows it: below the root folder that it named.
    #[must_use]
    pub fn shown(&self, path: &Path) -> PathBuf {
        self.path.join(path)
    }

    /// Runs an operation on a path that this type has no function for.
    ///
    /// # Errors
    /// As [`Watch::during`].
    pub fn during<T>(&self, path: &Path, work: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
        self.watch.during(&self.shown(path), work)
    }

    /// Opens a regular file for reading.
    ///
    /// # Errors
    /// There is no such file, it can't be opened, or it is something other than a regular file.
    pub fn regular(&self, path: &Path) -> io::Result<File> {
        self.watch.during(&self.shown(path), || self.open_regular(path))
    }

    /// Returns the first `max` bytes of a regular file.
    ///
    /// # Errors
    /// As [`Root::regular`], or the file can't be read.
    pub fn bytes(&self, path: &Path, max: usize) -> io::Result<Vec<u8>> {
        self.watch.during(&self.shown(path), || bytes_of(&mut self.open_regular(path)?, max))
    }

    /// Returns the first `max` bytes of a regular file as text, with U+FFFD for what isn't UTF-8.
    ///
    /// # Errors
    /// As [`Root::bytes`].
    pub fn text(&self, path: &Path, max: usize) -> io::Result<String> {
        self.bytes(path, max).map(lossy)
    }

    /// Returns the names in a folder, sorted. Of a folder of more than `max` entries, `max` that
    /// the kernel lists first count. Names that aren't UTF-8 are skipped.
    ///
    /// # Errors
    /// The folder can't be read.
    pub fn names(&self, path: &Path, max: usize) -> io::Result<Vec<String>> {
        Ok(self.entries(path, max)?.into_iter().map(|(name, _)| name).collect())
    }

    /// Returns the names in a folder, as [`Root::names`], and whether each is a symbolic link.
    ///
    /// # Errors
    /// The folder can't be read.
    pub fn entries(&self, path: &Path, max: usize) -> io::Result<Vec<(String, bool)>> {
        let shown = self.shown(path);
        let mut entries: Vec<(String, bool)> = self.watch.during(&shown, || {
            let entries = if self.folder.is_some() {
                let folder = self.open_at(path, OFlag::O_PATH | OFlag::O_DIRECTORY)?;
                fs::read_dir(proc_path(&folder))?
            } else {
                fs::read_dir(&shown)?
            };
            let is_link = |entry: &DirEntry| entry.file_type().is_ok_and(|kind| kind.is_symlink());
            let named = |entry: DirEntry| {
                let is_link = is_link(&entry);
                Some((entry.file_name().into_string().ok()?, is_link))
            };
            Ok(entries.flatten().take(max).filter_map(named).collect())
        })?;
        entries.sort_unstable();
        Ok(entries)
    }

    /// Returns the data of a file, or of the file that a symbolic link leads to.
    ///
    /// # Errors
    /// There is no such file, or it can't be looked up.
    pub fn metadata(&self, path: &Path) -> io::Result<Metadata> {
        self.data_of(path, OFlag::empty(), fs::metadata)
    }

    /// Returns the data of a file, or of a symbolic link itself.
    ///
    /// # Errors
    /// As [`Root::metadata`].
    pub fn symlink_metadata(&self, path: &Path) -> io::Result<Metadata> {
        self.data_of(path, OFlag::O_NOFOLLOW, fs::symlink_metadata)
    }

    /// Returns whether there is a file or folder, or a link to one.
    #[must_use]
    pub fn exists(&self, path: &Path) -> bool {
        self.metadata(path).is_ok()
    }

    /// Returns the target of a symbolic link, as it is written.
    ///
    /// # Errors
    /// It isn't a symbolic link.
    pub fn read_link(&self, path: &Path) -> io::Result<PathBuf> {
        let shown = self.shown(path);
        self.watch.during(&shown, || {
            if self.folder.is_none() {
                return fs::read_link(&shown);
            }
            let link = self.open_at(path, OFlag::O_PATH | OFlag::O_NOFOLLOW)?;
            Ok(readlinkat(&link, "")?.into())
        })
    }

    /// Returns the path on this system of a file below the root, without symbolic links, for
    /// readers that take paths only.
    ///
    /// # Errors
    /// There is no such file.
    pub fn real_path(&self, path: &Path) -> io::Result<PathBuf> {
        self.watch.during(&self.shown(path), || {
            fs::read_link(proc_path(&self.open_at(path, OFlag::O_PATH)?))
        })
    }

    fn data_of(
        &self,
        path: &Path,
        flags: OFlag,
        of_host: fn(PathBuf) -> io::Result<Metadata>,
    ) -> io::Result<Metadata> {
        let shown = self.shown(path);
        self.watch.during(&self.shown(path), || match self.folder {
            Some(_) => File::from(self.open_at(path, OFlag::O_PATH | flags)?).metadata(),
            None => of_host(shown),
        })
    }

    fn open_regular(&self, path: &Path) -> io::Result<File> {
        if self.folder.is_none() {
            return regular::open(&self.shown(path));
        }
        // Looked at before it is opened: some devices act on the opening.
        let found = File::from(self.open_at(path, OFlag::O_PATH)?);
        regular::check(&found.metadata()?)?;
        regular::open(&proc_path(&found.into()))
    }

    fn open_at(&self, path: &Path, flags: OFlag) -> io::Result<OwnedFd> {
        let flags = flags | OFlag::O_CLOEXEC;
        let Some(folder) = &self.folder else {
            return Ok(nix::fcntl::open(&self.shown(path), flags, nix::sys::stat::Mode::empty())?);
        };
        let resolve = ResolveFlag::RESOLVE_IN_ROOT | ResolveFlag::RESOLVE_NO_MAGICLINKS;
        let how = OpenHow::new().flags(flags).resolve(resolve);
        for _ in 1..TRIES {
            match openat2(folder, path, how) {
                Err(Errno::EAGAIN) => {}
                outcome => return Ok(outcome?),
            }
        }
        Ok(openat2(folder, path, how)?)
    }
}

/// The path by which the kernel leads to an open file.
fn proc_path(file: &OwnedFd) -> PathBuf {
    format!("/proc/self/fd/{}", file.as_raw_fd()).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;
    use test_support::Scratch;

    fn open(path: &Path) -> Root {
        Root::open(path, &Watch::default()).unwrap()
    }

    #[test]
    fn links_of_a_root_stay_within_it() {
        let outside = Scratch::new("readers-outside");
        outside.write("secret", "the host's");
        let scratch = Scratch::new("readers-root");
        scratch.write("etc/inner/file", "the image's");
        scratch.write("secret", "its own");
        let out = outside.file("secret");
        for (link, target) in [
            ("etc/absolute", Path::new("/etc/inner/file")),
            ("etc/folder", Path::new("/etc/inner")),
            ("etc/up", Path::new("../../../../../../secret")),
            ("etc/away", &out),
            ("etc/proc", Path::new("/proc/self/root/etc/passwd")),
        ] {
            symlink(target, scratch.file(link)).unwrap();
        }
        let root = open(scratch.path());
        let text = |path: &str| root.text(Path::new(path), 100).ok();
        assert_eq!(text("etc/absolute").as_deref(), Some("the image's"));
        assert_eq!(text("etc/folder/file").as_deref(), Some("the image's"));
        assert_eq!(text("etc/up").as_deref(), Some("its own"));
        assert_eq!(text("../../secret").as_deref(), Some("its own"));
        assert_eq!((text("etc/away"), text("etc/proc"), text("etc/inner")), (None, None, None));
        assert_eq!(root.names(Path::new("etc/folder"), 9).unwrap(), ["file"]);
        assert!(root.names(Path::new("none"), 9).is_err() && !root.exists(Path::new("etc/away")));
        assert!(root.symlink_metadata(Path::new("etc/away")).unwrap().is_symlink());
        assert_eq!(root.read_link(Path::new("etc/away")).unwrap(), out);
        assert_eq!(
            root.real_path(Path::new("etc/absolute")).unwrap(),
            scratch.file("etc/inner/file")
        );
        assert_eq!(root.shown(Path::new("etc/up")), scratch.file("etc/up"));
    }

    #[test]
    fn this_systems_root_is_read_as_it_is() {
        let root = open(Path::new("/"));
        assert!(root.is_host() && root.exists(Path::new("proc/self/status")));
        assert_eq!(root.text(Path::new("dev/null"), 1).unwrap_err().kind(), io::ErrorKind::Other);
        assert!(Root::open(Path::new("/nonexistent"), &Watch::default()).is_err());
    }
}
