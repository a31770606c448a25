//! What the kernel runs with: the files below /proc/sys, each opened, read once and closed.

use std::fs::{self, File};
use std::io::Read as _;
use std::os::fd::AsFd;
use std::path::Path;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
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
enum Look {
    Value(String),
    /// Its permissions or its kind forbid it.
    Unreadable,
    /// There is no such key.
    Missing,
}

/// What the threads share.
struct Queue {
    found: Mutex<Found>,
    changed: Condvar,
}

/// Folders that are still to be read.
struct Found {
    /// Their paths and depths.
    folders: Vec<(String, usize)>,
    /// Threads that are reading one, and may add others.
    at_work: usize,
    /// Keys that were found so far, read or not.
    keys: usize,
}

impl Running {
    /// Adds a key, or all keys of a folder, below `root`, which is /proc/sys. Whether there was any such.
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

    /// Whether there is such a key.
    fn take(&mut self, look: Look, path: &str) -> bool {
        match look {
            Look::Value(value) => self.values.0.push((name::from_path(path), value)),
            Look::Unreadable => self.unreadable += 1,
            Look::Missing => return false,
        }
        true
    }

    /// Reads a folder and all below it by two threads: it is the kernel that takes the time. The second is over when this
    /// returns.
    fn read(&mut self, root: &Path, path: &str) {
        let found = Found { folders: vec![(path.to_owned(), 0)], at_work: 0, keys: self.values.0.len() };
        let queue = Queue { found: Mutex::new(found), changed: Condvar::new() };
        let work = || {
            let mut part = Self::default();
            while let Some((path, depth)) = queue.next() {
                part.read_folder(root, &path, depth, &queue);
                queue.change(|found| found.at_work -= 1);
            }
            part
        };
        let cpu = sched_getcpu();
        let parts = thread::scope(|scope| {
            // Where there can be no second thread, one does it all.
            let second = thread::Builder::new().stack_size(STACK).spawn_scoped(scope, || {
                leave(cpu);
                work()
            });
            // It can only leave this processor once it has had it.
            thread::yield_now();
            let first = work();
            [Some(first), second.ok().and_then(|second| second.join().ok())]
        });
        for part in parts.into_iter().flatten() {
            self.values.0.extend(part.values.0);
            self.unreadable += part.unreadable;
            self.is_cut |= part.is_cut;
        }
        self.values.0.sort_unstable();
    }

    /// Reads the keys of a folder, after it has said which folders are in it.
    fn read_folder(&mut self, root: &Path, path: &str, depth: usize, queue: &Queue) {
        if depth > MAX_DEPTH || path == OTHER_FILE_SYSTEM {
            return;
        }
        let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
        let Ok(mut folder) = Dir::openat(AT_FDCWD, &root.join(path), flags, Mode::empty()) else {
            self.unreadable += 1;
            return;
        };
        let (mut keys, mut below) = (Vec::new(), Vec::new());
        for entry in folder.iter().flatten() {
            // What is not UTF-8 could not be asked for again: the kernel has no such key, but an interface may.
            match entry.file_name().to_str() {
                Ok("." | "..") | Err(_) => {}
                Ok(name) if entry.file_type() == Some(Type::Directory) => {
                    below.push((join(path, name), depth + 1));
                }
                Ok(name) => keys.push(name.to_owned()),
            }
        }
        queue.change(|found| {
            let room = MAX_KEYS.saturating_sub(found.keys);
            if keys.len() > room {
                self.is_cut = true;
                keys.truncate(room);
            }
            found.keys += keys.len();
            found.folders.append(&mut below);
        });
        // Each from its folder: to open it from / on would take most of the time.
        for key in &keys {
            let path = join(path, key);
            self.take(look(&folder, key.as_str(), &path), &path);
        }
    }
}

impl Queue {
    /// The next folder; waits where there is none now, but a thread is at work that may find one.
    fn next(&self) -> Option<(String, usize)> {
        let mut found = self.lock();
        loop {
            if let Some(folder) = found.folders.pop() {
                found.at_work += 1;
                return Some(folder);
            }
            if found.at_work == 0 {
                return None;
            }
            found = self.changed.wait(found).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Does something to it, and lets the other thread look.
    fn change(&self, change: impl FnOnce(&mut Found)) {
        change(&mut self.lock());
        self.changed.notify_one();
    }

    fn lock(&self) -> MutexGuard<'_, Found> {
        self.found.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What makes a second thread worth having: descriptors of its own (in one table, each opening waits for the other's),
/// and another processor than the first's, where the kernel often starts it and leaves it for milliseconds. What fails
/// costs time only.
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

/// The value of one key; none where there is none, or it can't be read.
pub(crate) fn value(root: &Path, path: &str) -> Option<String> {
    match look(AT_FDCWD, root.join(path).as_path(), path) {
        Look::Value(value) => Some(value),
        Look::Unreadable | Look::Missing => None,
    }
}

fn look(at: impl AsFd, name: &(impl NixPath + ?Sized), path: &str) -> Look {
    let last = path.rsplit('/').next().unwrap_or_default();
    if path == SIDE_EFFECT || SECRETS.contains(&last) || path.starts_with(OTHER_FILE_SYSTEM) {
        return Look::Unreadable;
    }
    let mut bytes = [0; MAX_VALUE];
    let file = match openat(at, name, OFlag::O_RDONLY | OFlag::O_CLOEXEC, Mode::empty()) {
        Ok(file) => file,
        Err(Errno::ENOENT) => return Look::Missing,
        Err(_) => return Look::Unreadable,
    };
    match File::from(file).read(&mut bytes) {
        Ok(length) => {
            let text = String::from_utf8_lossy(&bytes[..length]);
            Look::Value(text.trim_end_matches('\n').to_owned())
        }
        Err(_) => Look::Unreadable,
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
