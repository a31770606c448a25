//! The files to read, each once, however many links lead to it.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Read as _};
use std::os::unix::fs::{DirEntryExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

/// The longest file that is read; no file of certificates is longer.
const MAX_FILE_BYTES: u64 = 4 << 20;
/// The most files that are read.
const MAX_FILES: usize = 10_000;
/// How deep folders may be nested.
const MAX_DEPTH: usize = 8;

/// The files found so far.
#[derive(Default)]
pub(crate) struct Files {
    /// Device and inode of each file and folder seen so far, sorted.
    seen: Vec<(u64, u64)>,
    pub(crate) found: Vec<PathBuf>,
    pub(crate) unreadable: Vec<PathBuf>,
}

impl Files {
    /// Adds a file, or all files below a folder. Fails only if the path itself cannot be read.
    pub(crate) fn add(&mut self, path: &Path) -> io::Result<()> {
        let data = fs::metadata(path)?;
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
        let entries = match fs::read_dir(folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == ErrorKind::PermissionDenied => {
                return self.unreadable.push(folder.to_owned());
            }
            Err(_) => return,
        };
        // Names are sorted as bytes, because paths compare slowly. OpenSSL's links such as
        // `5ad8a5d6.0` come last, so that an entry shows the name that people know.
        let (mut plain, mut links, mut hashes) = (Vec::new(), Vec::new(), Vec::new());
        for entry in entries.flatten() {
            let Ok(kind) = entry.file_type() else { continue };
            let name = entry.file_name();
            if kind.is_file() {
                if self.is_new(device, entry.ino()) {
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
        self.found.truncate(MAX_FILES);
        for link in links.iter().chain(&hashes) {
            let path = folder.join(link);
            // A link within the folder leads to a file that is found by its own name.
            let is_beside = |target: PathBuf| target.components().count() == 1;
            if is_hash(link.as_encoded_bytes()) && fs::read_link(&path).is_ok_and(is_beside) {
                continue;
            }
            let Ok(data) = fs::metadata(&path) else { continue };
            if self.found.len() >= MAX_FILES || !self.is_new(data.dev(), data.ino()) {
                continue;
            }
            if data.is_dir() && depth > 0 {
                self.walk(&path, data.dev(), depth - 1);
            } else if data.is_file() {
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

/// Reads a file; `None` if it is too long to be one of certificates.
pub(crate) fn read(path: &Path) -> io::Result<Option<Vec<u8>>> {
    let file = File::open(path)?;
    let length = file.metadata()?.len();
    if length > MAX_FILE_BYTES {
        return Ok(None);
    }
    let mut bytes = Vec::with_capacity(usize::try_from(length).unwrap_or(0) + 1);
    file.take(MAX_FILE_BYTES).read_to_end(&mut bytes)?;
    Ok(Some(bytes))
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
