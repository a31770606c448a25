//! The audit log's file: append, rotate by size, reopen.
//!
//! Lines are written with one write(2) to a file opened for appending, so that a line is either
//! whole or missing whenever the agent is killed. A line that a full disk cuts short is removed
//! again.

use crate::config::AuditSettings;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

/// The file as it is open now.
#[derive(Debug, Default)]
pub(super) struct LogFile {
    open: Option<Open>,
}

#[derive(Debug)]
struct Open {
    file: File,
    length: u64,
    /// Whether the file ends in the middle of a line, which somebody else wrote.
    is_torn: bool,
}

impl LogFile {
    /// Closes the file; the next line goes to the file that the path names then.
    pub(super) fn reopen(&mut self) {
        self.open = None;
    }

    /// Appends whole lines, rotating first if they would exceed the limit.
    pub(super) fn append(
        &mut self,
        path: &Path,
        settings: &AuditSettings,
        line: &str,
    ) -> io::Result<()> {
        let size = line.len() as u64;
        if let Some(open) = &self.open
            && open.length > 0
            && open.length.saturating_add(size) > settings.max_bytes
        {
            self.open = None;
            rotate(path, settings.keep)?;
        }
        let open = match &mut self.open {
            Some(open) => open,
            None => {
                let mut open = Open::at(path)?;
                if open.length > 0 && open.length.saturating_add(size) > settings.max_bytes {
                    rotate(path, settings.keep)?;
                    open = Open::at(path)?;
                }
                self.open.insert(open)
            }
        };
        let written = open.append(line.as_bytes());
        if written.is_err() {
            self.open = None;
        }
        written
    }
}

impl Open {
    fn at(path: &Path) -> io::Result<Self> {
        // O_NONBLOCK: a FIFO in its place must not block the agent.
        let flags = nix::libc::O_NOFOLLOW | nix::libc::O_NONBLOCK;
        let mut options = OpenOptions::new();
        let mut file = options
            .read(true)
            .append(true)
            .create(true)
            .mode(0o600)
            .custom_flags(flags)
            .open(path)?;
        let data = file.metadata()?;
        if !data.is_file() {
            return Err(io::Error::other("not a regular file"));
        }
        if data.uid() != nix::unistd::Uid::effective().as_raw() {
            return Err(io::Error::other(format!(
                "belongs to uid {}, not to the agent's user",
                data.uid()
            )));
        }
        let mut last = [b'\n'];
        if data.len() > 0 {
            file.seek(SeekFrom::End(-1))?;
            file.read_exact(&mut last)?;
        }
        Ok(Self { file, length: data.len(), is_torn: last != [b'\n'] })
    }

    fn append(&mut self, line: &[u8]) -> io::Result<()> {
        if self.is_torn {
            self.write(b"\n")?;
            self.is_torn = false;
        }
        self.write(line)
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        let written = loop {
            match self.file.write(bytes) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                other => break other?,
            }
        };
        if written < bytes.len() {
            // Only the agent writes here, so the rest is the partial line. If this fails, the next
            // opening finds the line torn.
            let _ = self.file.set_len(self.length);
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.length += bytes.len() as u64;
        Ok(())
    }
}

/// Renames `FILE` to `FILE.1`, that to `FILE.2`, and so on; the oldest is removed.
fn rotate(path: &Path, keep: u32) -> io::Result<()> {
    let numbered = |number: u32| {
        let mut name = path.as_os_str().to_owned();
        name.push(format!(".{number}"));
        PathBuf::from(name)
    };
    if keep == 0 {
        return ignore_missing(fs::remove_file(path));
    }
    for number in (1..keep).rev() {
        ignore_missing(fs::rename(numbered(number), numbered(number + 1)))?;
    }
    ignore_missing(fs::rename(path, numbered(1)))
}

/// Ignores a missing file.
fn ignore_missing(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{PermissionsExt as _, symlink};
    use test_support::Scratch;

    fn read(folder: &Scratch, name: &str) -> String {
        fs::read_to_string(folder.path().join(name)).unwrap_or_default()
    }

    fn settings(max_bytes: u64, keep: u32) -> AuditSettings {
        let mut settings = AuditSettings::default();
        (settings.max_bytes, settings.keep) = (max_bytes, keep);
        settings
    }

    #[test]
    fn full_files_are_rotated_and_the_oldest_is_removed() {
        let folder = Scratch::new("audit-turn");
        let mut log = LogFile::default();
        for number in 0..9 {
            log.append(
                &folder.path().join("audit.log"),
                &settings(8, 2),
                &format!("{number:03}\n"),
            )
            .unwrap();
            if number % 4 == 3 {
                // Also when the file is reopened in between.
                log.reopen();
            }
        }
        assert_eq!(read(&folder, "audit.log"), "008\n");
        assert_eq!(read(&folder, "audit.log.1"), "006\n007\n");
        assert_eq!(read(&folder, "audit.log.2"), "004\n005\n");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 3);
        assert_eq!(
            fs::metadata(folder.path().join("audit.log")).unwrap().permissions().mode() & 0o777,
            0o600
        );
        log.append(
            &folder.path().join("audit.log"),
            &settings(8, 0),
            "a line larger than the bound\n",
        )
        .unwrap();
        assert_eq!(read(&folder, "audit.log"), "a line larger than the bound\n");
        assert_eq!(read(&folder, "audit.log.1"), "006\n007\n");
    }

    #[test]
    fn a_moved_file_is_left_after_reopening_and_a_torn_line_is_ended() {
        let folder = Scratch::new("audit-moved");
        let mut log = LogFile::default();
        let settings = settings(1000, 5);
        log.append(&folder.path().join("audit.log"), &settings, "one\n").unwrap();
        fs::rename(folder.path().join("audit.log"), folder.path().join("elsewhere")).unwrap();
        log.append(&folder.path().join("audit.log"), &settings, "two\n").unwrap();
        log.reopen();
        fs::write(folder.path().join("audit.log"), "torn").unwrap();
        log.append(&folder.path().join("audit.log"), &settings, "three\n").unwrap();
        log.append(&folder.path().join("audit.log"), &settings, "four\n").unwrap();
        assert_eq!(read(&folder, "elsewhere"), "one\ntwo\n");
        assert_eq!(read(&folder, "audit.log"), "torn\nthree\nfour\n");
    }

    #[test]
    fn a_link_or_a_fifo_in_place_of_the_file_is_not_written() {
        let folder = Scratch::new("audit-planted");
        let target = folder.path().join("target");
        fs::write(&target, "").unwrap();
        let mut log = LogFile::default();
        symlink(&target, folder.path().join("audit.log")).unwrap();
        assert!(log.append(&folder.path().join("audit.log"), &settings(1000, 5), "x\n").is_err());
        fs::remove_file(folder.path().join("audit.log")).unwrap();
        nix::unistd::mkfifo(&folder.path().join("audit.log"), nix::sys::stat::Mode::S_IRWXU)
            .unwrap();
        assert!(log.append(&folder.path().join("audit.log"), &settings(1000, 5), "x\n").is_err());
        assert_eq!(read(&folder, "target"), "");
    }
}
