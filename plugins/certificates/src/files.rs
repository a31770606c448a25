//! The files to read, each once, however many links lead to it.

use std::fs;
use std::io;
use std::os::unix::fs::{DirEntryExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use readers::patience::{Watch, is_unreadable};
use readers::regular;

/// The longest file that is read; no file of certificates is longer.
pub(crate) const MAX_FILE_BYTES: usize = 4 << 20;
/// The most files that are read.
const MAX_FILES: usize = 10_000;
/// How deep folders may be nested.
const MAX_DEPTH: usize = 8;

/// The files found so far.
pub(crate) struct Files {
    watch: Watch,
    /// Device and inode of each file and folder seen so far, sorted.
    seen: Vec<(u64, u64)>,
    pub(crate) found: Vec<PathBuf>,
    pub(crate) unreadable: Vec<PathBuf>,
    /// Whether there are more files, or deeper folders, than are read.
    pub(crate) truncated: bool,
}

impl Files {
    pub(crate) fn new(watch: &Watch) -> Self {
        Self {
            watch: watch.clone(),
            seen: Vec::new(),
            found: Vec::new(),
            unreadable: Vec::new(),
            truncated: false,
        }
    }

    /// Adds a file, or all files below a folder. Fails only if the path itself cannot be read.
    pub(crate) fn add(&mut self, path: &Path) -> io::Result<()> {
        let data = self.watch.during(path, || fs::metadata(path))?;
        if data.is_dir() {
            if self.is_new(data.dev(), data.ino()) {
                self.walk(path, data.dev(), MAX_DEPTH);
            }
        } else if !data.is_file() {
            // Opening a pipe would block.
            return Err(io::Error::other("not a file or folder"));
        } else if self.is_new(data.dev(), data.ino()) {
            self.found.push(path.to_owned());
        }
        Ok(())
    }

    fn walk(&mut self, folder: &Path, device: u64, depth: usize) {
        // Names are sorted as bytes, because paths compare slowly. OpenSSL's links such as
        // `5ad8a5d6.0` come last, so that an entry shows the name that people know.
        let (mut plain, mut links, mut hashes) = (Vec::new(), Vec::new(), Vec::new());
        let entries = self.watch.during(folder, || {
            let entries = fs::read_dir(folder)?.flatten();
            let named = |entry: fs::DirEntry| {
                Some((entry.file_name(), entry.file_type().ok()?.is_file(), entry.ino()))
            };
            Ok(entries.filter_map(named).collect::<Vec<_>>())
        });
        let entries = match entries {
            Ok(entries) => entries,
            Err(error) => {
                if is_unreadable(&error) {
                    self.unreadable.push(folder.to_owned());
                }
                return;
            }
        };
        for (name, is_file, inode) in entries {
            if is_file {
                if self.is_new(device, inode) {
                    plain.push(name);
                }
            } else if is_hash(name.as_encoded_bytes()) {
                hashes.push(name);
            } else {
                links.push(name);
            }
        }
        for names in [&mut plain, &mut links, &mut hashes] {
            names.sort_unstable();
        }
        self.found.extend(plain.iter().map(|name| folder.join(name)));
        self.truncated |= self.found.len() > MAX_FILES;
        self.found.truncate(MAX_FILES);
        for link in links.iter().chain(&hashes) {
            let path = folder.join(link);
            // A link within the folder leads to a file that is found by its own name.
            let is_beside = |target: PathBuf| target.components().count() == 1;
            if is_hash(link.as_encoded_bytes()) && fs::read_link(&path).is_ok_and(is_beside) {
                continue;
            }
            let data = match self.watch.during(&path, || fs::metadata(&path)) {
                Ok(data) => data,
                Err(error) => {
                    if is_unreadable(&error) {
                        self.unreadable.push(path);
                    }
                    continue;
                }
            };
            if !(data.is_dir() || data.is_file()) || !self.is_new(data.dev(), data.ino()) {
                continue;
            }
            if self.found.len() >= MAX_FILES || (data.is_dir() && depth == 0) {
                self.truncated = true;
            } else if data.is_dir() {
                self.walk(&path, data.dev(), depth - 1);
            } else {
                self.found.push(path);
            }
        }
    }

    fn is_new(&mut self, device: u64, inode: u64) -> bool {
        match self.seen.binary_search(&(device, inode)) {
            Ok(_) => false,
            Err(place) => {
                self.seen.insert(place, (device, inode));
                true
            }
        }
    }
}

/// Returns whether a name is one of OpenSSL's links: eight hexadecimal digits, a dot and a number.
fn is_hash(name: &[u8]) -> bool {
    name.len() >= 10
        && name[8] == b'.'
        && name[..8].iter().all(u8::is_ascii_hexdigit)
        && name[9..].iter().all(u8::is_ascii_digit)
}

/// Returns the first bytes of a file, one more than [`MAX_FILE_BYTES`] if it is longer.
pub(crate) fn read(path: &Path, watch: &Watch) -> io::Result<Vec<u8>> {
    watch.during(path, || regular::bytes(path, MAX_FILE_BYTES + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn openssls_links_are_recognized() {
        for (name, want) in [
            ("5ad8a5d6.0", true),
            ("5ad8a5d6.12", true),
            ("5ad8a5d6.pem", false),
            ("example.0", false),
            ("", false),
        ] {
            assert_eq!(is_hash(name.as_bytes()), want, "{name}");
        }
    }
}
