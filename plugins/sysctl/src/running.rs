//! What the kernel runs with: the files below /proc/sys, each opened, read once and closed.

use std::fs::{self, File};
use std::io::Read as _;
use std::os::fd::AsFd;
use std::path::Path;

use nix::NixPath;
use nix::dir::{Dir, Type};
use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, OFlag, openat};
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
/// Keys of cryptography: nobody's to know, though root may read them.
const SECRETS: [&str; 2] = ["stable_secret", "tcp_fastopen_key"];

/// Keys and values, in the order of their files' names.
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

impl Running {
    /// Adds a key, or all keys of a folder, below `root`, which is /proc/sys. Whether there was any such.
    pub(crate) fn add(&mut self, root: &Path, path: &str) -> bool {
        let whole = root.join(path);
        match fs::symlink_metadata(&whole) {
            Ok(found) if found.is_dir() => {
                let mut path = path.to_owned();
                self.folder(AT_FDCWD, whole.as_path(), &mut path, 0);
                true
            }
            Ok(_) => self.file(AT_FDCWD, whole.as_path(), path),
            Err(_) => false,
        }
    }

    /// Reads `name` in the folder `at`. Whether there is such a key.
    fn file(&mut self, at: impl AsFd, name: &(impl NixPath + ?Sized), path: &str) -> bool {
        if self.values.0.len() >= MAX_KEYS {
            self.is_cut = true;
            return true;
        }
        match look(at, name, path) {
            Found::Value(value) => self.values.0.push((name::from_path(path), value)),
            Found::Unreadable => self.unreadable += 1,
            Found::Missing => return false,
        }
        true
    }

    /// Reads what is in the folder `name` in the folder `at`: to open each key from /proc on would take most of the
    /// time. `path` is as it was when this returns.
    fn folder(&mut self, at: impl AsFd, name: &(impl NixPath + ?Sized), path: &mut String, depth: usize) {
        if depth > MAX_DEPTH || path == OTHER_FILE_SYSTEM {
            return;
        }
        let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
        let Ok(mut folder) = Dir::openat(at, name, flags, Mode::empty()) else {
            self.unreadable += 1;
            return;
        };
        let mut names: Vec<(String, bool)> = Vec::new();
        for entry in folder.iter().flatten() {
            // What is not UTF-8 could not be asked for again: the kernel has no such key, but an interface may.
            match entry.file_name().to_str() {
                Ok("." | "..") | Err(_) => {}
                Ok(name) => names.push((name.to_owned(), entry.file_type() == Some(Type::Directory))),
            }
        }
        names.sort_unstable();
        for (name, is_folder) in &names {
            if self.is_cut {
                return;
            }
            let length = path.len();
            if length > 0 {
                path.push('/');
            }
            path.push_str(name);
            if *is_folder {
                self.folder(&folder, name.as_str(), path, depth + 1);
            } else {
                self.file(&folder, name.as_str(), path);
            }
            path.truncate(length);
        }
    }
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
