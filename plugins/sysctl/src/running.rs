//! What the kernel runs with: the files below /proc/sys, each opened, read once and closed.

use std::fs::{self, File};
use std::io::Read as _;
use std::os::fd::AsFd;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use nix::NixPath;
use nix::dir::{Dir, Type};
use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, OFlag, openat};
use nix::sched::{CloneFlags, unshare};
use nix::sys::stat::Mode;
use serde::{Serialize, Serializer};

use crate::name;

/// Keys in one answer. Each network interface has some hundred.
pub(crate) const MAX_KEYS: usize = 10_000;
/// Of a longer value the beginning is told.
const MAX_VALUE: usize = 4096;
/// The deepest key is six folders down.
const MAX_DEPTH: usize = 16;
/// Reading it makes the kernel count anew, on every processor; it holds nothing.
const SIDE_EFFECT: &str = "vm/stat_refresh";
/// A file system of its own, which systemd has autofs mount when it is looked at.
const OTHER_FILE_SYSTEM: &str = "fs/binfmt_misc";
/// Bytes of the second thread's stack.
const STACK: usize = 128 << 10;
/// Keys of cryptography: nobody's to know, though root may read them.
const SECRETS: [&str; 2] = ["stable_secret", "tcp_fastopen_key"];

/// Keys and values, in the order of their names.
#[derive(Default)]
pub(crate) struct Running {
    pub(crate) values: Values,
    pub(crate) unreadable: usize,
    pub(crate) is_cut: bool,
}

/// Names and values; a map in JSON.
#[derive(Default)]
pub(crate) struct Values(pub(crate) Vec<(String, String)>);

impl Serialize for Values {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (name, value)))
    }
}

/// The outcome of one look.
enum Found {
    Value(String),
    /// Its permissions or its kind forbid it.
    Unreadable,
    /// There is no such key.
    Missing,
}

/// A folder, and the keys that are right in it.
struct Folder {
    path: String,
    keys: Vec<String>,
}

impl Running {
    /// Adds a key, or all keys of a folder, below `root`, which is /proc/sys. Whether there was any such.
    pub(crate) fn add(&mut self, root: &Path, path: &str) -> bool {
        let whole = root.join(path);
        match fs::symlink_metadata(&whole) {
            Ok(found) if found.is_dir() => {
                let mut folders = Vec::new();
                self.list(AT_FDCWD, whole.as_path(), path, 0, &mut folders);
                self.read(root, &folders);
                self.values.0.sort_unstable();
                true
            }
            Ok(_) if self.values.0.len() >= MAX_KEYS => {
                self.is_cut = true;
                true
            }
            Ok(_) => self.take(look(AT_FDCWD, whole.as_path(), path), path),
            Err(_) => false,
        }
    }

    /// Whether there is such a key.
    fn take(&mut self, found: Found, path: &str) -> bool {
        match found {
            Found::Value(value) => self.values.0.push((name::from_path(path), value)),
            Found::Unreadable => self.unreadable += 1,
            Found::Missing => return false,
        }
        true
    }

    /// Lists the folder `name` in the folder `at`, and those below it.
    fn list(
        &mut self,
        at: impl AsFd,
        name: &(impl NixPath + ?Sized),
        path: &str,
        depth: usize,
        folders: &mut Vec<Folder>,
    ) {
        if depth > MAX_DEPTH || path == OTHER_FILE_SYSTEM {
            return;
        }
        let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
        let Ok(mut folder) = Dir::openat(at, name, flags, Mode::empty()) else {
            self.unreadable += 1;
            return;
        };
        let (mut keys, mut below) = (Vec::new(), Vec::new());
        for entry in folder.iter().flatten() {
            // What is not UTF-8 could not be asked for again: the kernel has no such key, but an interface may.
            match entry.file_name().to_str() {
                Ok("." | "..") | Err(_) => {}
                Ok(name) if entry.file_type() == Some(Type::Directory) => below.push(name.to_owned()),
                Ok(name) => keys.push(name.to_owned()),
            }
        }
        let known: usize =
            self.values.0.len() + folders.iter().map(|folder| folder.keys.len()).sum::<usize>();
        if known + keys.len() > MAX_KEYS {
            self.is_cut = true;
            keys.truncate(MAX_KEYS.saturating_sub(known));
        }
        folders.push(Folder { path: path.to_owned(), keys });
        for name in &below {
            if self.is_cut {
                return;
            }
            self.list(&folder, name.as_str(), &join(path, name), depth + 1, folders);
        }
    }

    /// Reads all keys, by two threads: it is the kernel that takes the time. The second is over when this returns.
    fn read(&mut self, root: &Path, folders: &[Folder]) {
        let next = AtomicUsize::new(0);
        let work = || {
            let mut part = Self::default();
            while let Some(folder) = folders.get(next.fetch_add(1, Ordering::Relaxed)) {
                part.read_folder(root, folder);
            }
            part
        };
        let parts = thread::scope(|scope| {
            // Where there can be no second thread, one does it all.
            let second = thread::Builder::new().stack_size(STACK).spawn_scoped(scope, || {
                // Descriptors of its own: in one table, each opening waits for the other's. What fails costs time only.
                let _ = unshare(CloneFlags::CLONE_FILES);
                work()
            });
            let first = work();
            [Some(first), second.ok().and_then(|second| second.join().ok())]
        });
        for part in parts.into_iter().flatten() {
            self.values.0.extend(part.values.0);
            self.unreadable += part.unreadable;
        }
    }

    /// Keys by their folder: to open each from / on would take most of the time.
    fn read_folder(&mut self, root: &Path, folder: &Folder) {
        let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
        let Ok(at) = openat(AT_FDCWD, &root.join(&folder.path), flags, Mode::empty()) else {
            self.unreadable += folder.keys.len();
            return;
        };
        for key in &folder.keys {
            let path = join(&folder.path, key);
            self.take(look(&at, key.as_str(), &path), &path);
        }
    }
}

fn join(folder: &str, name: &str) -> String {
    if folder.is_empty() { name.to_owned() } else { [folder, "/", name].concat() }
}

/// The value of one key; none where there is none, or it can't be read.
pub(crate) fn value(root: &Path, path: &str) -> Option<String> {
    match look(AT_FDCWD, root.join(path).as_path(), path) {
        Found::Value(value) => Some(value),
        Found::Unreadable | Found::Missing => None,
    }
}

fn look(at: impl AsFd, name: &(impl NixPath + ?Sized), path: &str) -> Found {
    let last = path.rsplit('/').next().unwrap_or_default();
    if path == SIDE_EFFECT || SECRETS.contains(&last) || path.starts_with(OTHER_FILE_SYSTEM) {
        return Found::Unreadable;
    }
    let mut bytes = [0; MAX_VALUE];
    let file = match openat(at, name, OFlag::O_RDONLY | OFlag::O_CLOEXEC, Mode::empty()) {
        Ok(file) => file,
        Err(Errno::ENOENT) => return Found::Missing,
        Err(_) => return Found::Unreadable,
    };
    match File::from(file).read(&mut bytes) {
        Ok(length) => {
            let text = String::from_utf8_lossy(&bytes[..length]);
            Found::Value(text.trim_end_matches('\n').to_owned())
        }
        Err(_) => Found::Unreadable,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tree_is_read_in_order() {
        let root = std::env::temp_dir().join(format!("getinfo-sysctl-running-{}", std::process::id()));
        for (path, content) in [
            ("kernel/b", &b"two\twords\n"[..]),
            ("kernel/a", b"1\nlines\n"),
            ("kernel/empty", b""),
            ("kernel/odd", b"\xff\n"),
            ("net/ipv4/conf/eth0.5/x", b"0\n"),
            ("net/ipv4/tcp_fastopen_key", b"1-2-3-4\n"),
            ("vm/stat_refresh", b"\n"),
            ("fs/binfmt_misc/status", b"enabled\n"),
        ] {
            let path = root.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        }
        let mut all = Running::default();
        let (is_found, mut kernel) = (all.add(&root, ""), Running::default());
        let found = [
            kernel.add(&root, "kernel"),
            kernel.add(&root, "net/ipv4/conf/eth0.5/x"),
            kernel.add(&root, "nosuch"),
        ];
        let secret = value(&root, "net/ipv4/tcp_fastopen_key");
        fs::remove_dir_all(&root).unwrap();
        let pairs: Vec<_> =
            all.values.0.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let want = [
            ("kernel.a", "1\nlines"),
            ("kernel.b", "two\twords"),
            ("kernel.empty", ""),
            ("kernel.odd", "\u{fffd}"),
            ("net.ipv4.conf.eth0/5.x", "0"),
        ];
        assert_eq!((is_found, pairs.as_slice(), all.unreadable, all.is_cut), (true, &want[..], 2, false));
        assert_eq!((found, kernel.values.0.len(), secret), ([true, true, false], 5, None));
    }
}
