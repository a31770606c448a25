//! The values that the kernel runs with: the files below /proc/sys, each opened, read once and
//! closed.
//!
//! Two threads read them, because the kernel takes the time: with one, the answer takes 10 to 13 ms
//! here, beyond the bar of 10 ms in BENCHMARKS.md; with two, 6 to 7 ms.

use std::fs::{self, File};
use std::os::fd::AsFd;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::thread;

use nix::NixPath;
use nix::dir::{Dir, Type};
use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, OFlag, openat};
use nix::sched::{CloneFlags, sched_getaffinity, sched_getcpu, sched_setaffinity, unshare};
use nix::sys::stat::Mode;
use nix::unistd::Pid;
use serde::{Serialize, Serializer};

use crate::name;
use crate::queue::{Content, Queue};

/// The most keys in one answer. Each network interface has about a hundred.
pub(crate) const MAX_KEYS: usize = 10_000;
/// The most bytes of a value in the answer: net.ipv4.ip_local_reserved_ports may have that many.
const MAX_VALUE: usize = 64 << 10;
/// The size of the first read: all of most values.
const FIRST_READ: usize = 4096;
/// How deep folders are read; the deepest key is six folders down.
const MAX_DEPTH: usize = 16;
/// Reading this file makes the kernel count again, on every processor; it has no content.
const SIDE_EFFECT: &str = "vm/stat_refresh";
/// A file system of its own: looking at it can make autofs mount it for systemd.
const OTHER_FILE_SYSTEM: &str = "fs/binfmt_misc";
/// The second thread's stack, in bytes.
const STACK: usize = 128 << 10;
/// Cryptographic keys, which are never shown, although root may read them.
const SECRETS: [&str; 2] = ["stable_secret", "tcp_fastopen_key"];

/// The keys and values read so far.
#[derive(Default)]
pub(crate) struct Running {
    pub(crate) values: Values,
    pub(crate) unreadable: usize,
    pub(crate) is_cut: bool,
    /// The keys whose value was cut.
    pub(crate) cut_values: Vec<String>,
}

/// Names and values: a map in JSON.
#[derive(Default)]
pub(crate) struct Values(pub(crate) Vec<(String, String)>);

impl Serialize for Values {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (name, value)))
    }
}

/// The outcome of reading one key.
enum Look {
    /// The value, and whether it was cut.
    Value(String, bool),
    /// Its permissions or its kind forbid reading it.
    Unreadable,
    /// There is no such key.
    Missing,
}

impl Running {
    /// Adds a key, or all keys of a folder, below `root`, which is /proc/sys. Returns whether it
    /// exists.
    pub(crate) fn add(&mut self, root: &Path, path: &str) -> bool {
        let whole = root.join(path);
        match fs::symlink_metadata(&whole) {
            Ok(found) if found.is_dir() => {
                self.read(root, path);
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

    /// Adds the outcome of reading a key. Returns whether the key exists.
    fn take(&mut self, look: Look, path: &str) -> bool {
        match look {
            Look::Value(value, is_cut) => {
                if is_cut {
                    self.cut_values.push(name::from_path(path));
                }
                self.values.0.push((name::from_path(path), value));
            }
            Look::Unreadable => self.unreadable += 1,
            Look::Missing => return false,
        }
        true
    }

    /// Reads all keys of a folder and of the folders below it. The second thread has ended when
    /// this returns.
    fn read(&mut self, root: &Path, path: &str) {
        let queue = Queue::new(path.to_owned(), self.values.0.len(), MAX_KEYS);
        let work = || {
            let mut part = Self::default();
            while let Some(content) = queue.next(|path, depth| part.list(root, path, depth)) {
                // Each key is opened from its folder: the way from / would take most of the time.
                for key in &content.keys {
                    let path = join(&content.path, key);
                    part.take(look(&content.folder, key.as_str(), &path), &path);
                }
            }
            part
        };
        let cpu = sched_getcpu();
        let parts = thread::scope(|scope| {
            // Where no second thread can be started, the first reads everything.
            let second = thread::Builder::new().stack_size(STACK).spawn_scoped(scope, || {
                leave(cpu);
                work()
            });
            // The second thread can leave this processor only once it has run on it.
            thread::yield_now();
            let first = work();
            [Some(first), second.ok().and_then(|second| second.join().ok())]
        });
        for part in parts.into_iter().flatten() {
            self.values.0.extend(part.values.0);
            self.unreadable += part.unreadable;
            self.cut_values.extend(part.cut_values);
        }
        self.is_cut |= queue.is_cut();
        self.values.0.sort_unstable();
        self.cut_values.sort_unstable();
    }

    /// Lists a folder. `None`: it is left out, or can't be read.
    fn list(&mut self, root: &Path, path: &str, depth: usize) -> Option<Content<Dir>> {
        if depth > MAX_DEPTH || path == OTHER_FILE_SYSTEM {
            return None;
        }
        let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
        let Ok(mut folder) = Dir::openat(AT_FDCWD, &root.join(path), flags, Mode::empty()) else {
            self.unreadable += 1;
            return None;
        };
        let (mut keys, mut folders) = (Vec::new(), Vec::new());
        for entry in folder.iter().flatten() {
            // A name that is not UTF-8 could not be asked for again. The kernel has no such key,
            // but a network interface may be named so.
            match entry.file_name().to_str() {
                Ok("." | "..") | Err(_) => {}
                Ok(name) if entry.file_type() == Some(Type::Directory) => {
                    folders.push((join(path, name), depth + 1));
                }
                Ok(name) => keys.push(name.to_owned()),
            }
        }
        Some(Content { folder, path: path.to_owned(), keys, folders })
    }
}

/// Makes the second thread worth having: gives it a descriptor table of its own (in a shared one,
/// each open waits for the other's), and another processor than `first`, on which the kernel often
/// leaves it for milliseconds. A failure costs time only.
fn leave(first: nix::Result<usize>) {
    let _ = unshare(CloneFlags::CLONE_FILES);
    let this = Pid::from_raw(0);
    if let (Ok(first), Ok(mut others)) = (first, sched_getaffinity(this))
        && others.unset(first).is_ok()
    {
        let _ = sched_setaffinity(this, &others);
    }
}

fn join(folder: &str, name: &str) -> String {
    if folder.is_empty() { name.to_owned() } else { [folder, "/", name].concat() }
}

/// Returns the value of one key; `None` if there is no such key or it cannot be read whole.
pub(crate) fn value(root: &Path, path: &str) -> Option<String> {
    match look(AT_FDCWD, root.join(path).as_path(), path) {
        Look::Value(value, false) => Some(value),
        Look::Value(_, true) | Look::Unreadable | Look::Missing => None,
    }
}

fn look(at: impl AsFd, name: &(impl NixPath + ?Sized), path: &str) -> Look {
    let last = path.rsplit('/').next().unwrap_or_default();
    if path == SIDE_EFFECT || SECRETS.contains(&last) || path.starts_with(OTHER_FILE_SYSTEM) {
        return Look::Unreadable;
    }
    let mut first = [0; FIRST_READ];
    let file = match openat(at, name, OFlag::O_RDONLY | OFlag::O_CLOEXEC, Mode::empty()) {
        Ok(file) => file,
        Err(Errno::ENOENT) => return Look::Missing,
        Err(_) => return Look::Unreadable,
    };
    let file = File::from(file);
    match file.read_at(&mut first, 0) {
        Ok(length) if length < FIRST_READ => of_bytes(&first[..length], false),
        // Some values can only be read at once: the kernel writes nothing after the first read.
        Ok(_) => {
            let mut bytes = vec![0; MAX_VALUE + 1];
            let length = file.read_at(&mut bytes, 0).unwrap_or_default();
            of_bytes(&bytes[..length.min(MAX_VALUE)], length > MAX_VALUE)
        }
        Err(_) => Look::Unreadable,
    }
}

fn of_bytes(bytes: &[u8], is_cut: bool) -> Look {
    Look::Value(String::from_utf8_lossy(bytes).trim_end_matches('\n').to_owned(), is_cut)
}

#[cfg(test)]
mod tests {
    use super::*;
    use test_support::Scratch;

    #[test]
    fn a_tree_is_read_and_sorted() {
        let scratch = Scratch::new("sysctl-running");
        let root = scratch.path();
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
            scratch.write(path, content);
        }
        let mut all = Running::default();
        let (is_found, mut kernel) = (all.add(root, ""), Running::default());
        let found = [
            kernel.add(root, "kernel"),
            kernel.add(root, "net/ipv4/conf/eth0.5/x"),
            kernel.add(root, "nosuch"),
        ];
        let secret = value(root, "net/ipv4/tcp_fastopen_key");
        let pairs: Vec<_> =
            all.values.0.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let want = [
            ("kernel.a", "1\nlines"),
            ("kernel.b", "two\twords"),
            ("kernel.empty", ""),
            ("kernel.odd", "\u{fffd}"),
            ("net.ipv4.conf.eth0/5.x", "0"),
        ];
        assert_eq!(
            (is_found, pairs.as_slice(), all.unreadable, all.is_cut),
            (true, &want[..], 2, false)
        );
        assert_eq!((found, kernel.values.0.len(), secret), ([true, true, false], 5, None));
    }
}
