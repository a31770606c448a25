//! The audit log's file: appended to, turned over by size, opened again when it has been moved.
//!
//! Each line is one write(2) to a file opened for appending, so that a line is whole or not there whenever the agent is
//! killed. What a full disk cuts short is taken away again.

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
    /// The file ends in the middle of a line, which is not ours to go on with.
    is_torn: bool,
}

impl LogFile {
    /// Lets go of the file; the next line goes to what the path names then.
    pub(super) fn reopen(&mut self) {
        self.open = None;
    }

    /// Appends one line.
    pub(super) fn append(&mut self, path: &Path, settings: &AuditSettings, line: &str) -> io::Result<()> {
        let size = line.len() as u64;
        if let Some(open) = &self.open
            && open.length > 0
            && open.length.saturating_add(size) > settings.max_bytes
        {
            self.open = None;
            turn_over(path, settings.keep)?;
        }
        let open = match &mut self.open {
            Some(open) => open,
            None => {
                let mut open = Open::at(path)?;
                if open.length > 0 && open.length.saturating_add(size) > settings.max_bytes {
                    turn_over(path, settings.keep)?;
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
        // O_NONBLOCK: a FIFO in its place must not hold the agent up.
        let flags = nix::libc::O_NOFOLLOW | nix::libc::O_NONBLOCK;
        let mut options = OpenOptions::new();
        let mut file =
            options.read(true).append(true).create(true).mode(0o600).custom_flags(flags).open(path)?;
        let data = file.metadata()?;
        if !data.is_file() {
            return Err(io::Error::other("not a regular file"));
        }
        if data.uid() != nix::unistd::Uid::effective().as_raw() {
            return Err(io::Error::other(format!("belongs to uid {}, not to us", data.uid())));
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
            // Nothing but the agent writes here, so what lies beyond is the piece. Should this fail, the next opening
            // finds the line torn.
            let _ = self.file.set_len(self.length);
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.length += bytes.len() as u64;
        Ok(())
    }
}

/// `FILE` becomes `FILE.1`, that `FILE.2`, and so on; the oldest goes.
fn turn_over(path: &Path, keep: u32) -> io::Result<()> {
    let numbered = |number: u32| {
        let mut name = path.as_os_str().to_owned();
        name.push(format!(".{number}"));
        PathBuf::from(name)
    };
    if keep == 0 {
        return present(fs::remove_file(path));
    }
    for number in (1..keep).rev() {
        present(fs::rename(numbered(number), numbered(number + 1)))?;
    }
    present(fs::rename(path, numbered(1)))
}

/// A file that is not there needs no moving.
fn present(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str) -> Self {
            let path = std::env::temp_dir().join(format!("basicagent-audit-{name}-{}", std::process::id()));
            let _ = fs::remove_dir_all(&path);
            fs::create_dir(&path).unwrap();
            Self(path)
        }

        fn log(&self) -> PathBuf {
            self.0.join("audit.log")
        }

        fn read(&self, name: &str) -> String {
            fs::read_to_string(self.0.join(name)).unwrap_or_default()
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    fn settings(max_bytes: u64, keep: u32) -> AuditSettings {
        let mut settings = AuditSettings::default();
        (settings.max_bytes, settings.keep) = (max_bytes, keep);
        settings
    }

    #[test]
    fn full_files_move_up_and_the_oldest_goes() {
        let folder = Folder::new("turn");
        let mut log = LogFile::default();
        for number in 0..9 {
            log.append(&folder.log(), &settings(8, 2), &format!("{number:03}\n")).unwrap();
            if number % 4 == 3 {
                // Also when the file is opened anew between.
                log.reopen();
            }
        }
        assert_eq!(folder.read("audit.log"), "008\n");
        assert_eq!(folder.read("audit.log.1"), "006\n007\n");
        assert_eq!(folder.read("audit.log.2"), "004\n005\n");
        assert_eq!(fs::read_dir(&folder.0).unwrap().count(), 3);
        assert_eq!(fs::metadata(folder.log()).unwrap().permissions().mode() & 0o777, 0o600);
        log.append(&folder.log(), &settings(8, 0), "a line larger than the bound\n").unwrap();
        assert_eq!(folder.read("audit.log"), "a line larger than the bound\n");
        assert_eq!(folder.read("audit.log.1"), "006\n007\n");
    }

    #[test]
    fn a_moved_file_is_left_once_opened_again_and_a_torn_line_is_ended() {
        let folder = Folder::new("moved");
        let mut log = LogFile::default();
        let settings = settings(1000, 5);
        log.append(&folder.log(), &settings, "one\n").unwrap();
        fs::rename(folder.log(), folder.0.join("elsewhere")).unwrap();
        log.append(&folder.log(), &settings, "two\n").unwrap();
        log.reopen();
        fs::write(folder.log(), "torn").unwrap();
        log.append(&folder.log(), &settings, "three\n").unwrap();
        log.append(&folder.log(), &settings, "four\n").unwrap();
        assert_eq!(folder.read("elsewhere"), "one\ntwo\n");
        assert_eq!(folder.read("audit.log"), "torn\nthree\nfour\n");
    }

    #[test]
    fn what_is_no_file_of_ours_is_not_written() {
        let folder = Folder::new("planted");
        let target = folder.0.join("target");
        fs::write(&target, "").unwrap();
        let mut log = LogFile::default();
        symlink(&target, folder.log()).unwrap();
        assert!(log.append(&folder.log(), &settings(1000, 5), "x\n").is_err());
        fs::remove_file(folder.log()).unwrap();
        nix::unistd::mkfifo(&folder.log(), nix::sys::stat::Mode::S_IRWXU).unwrap();
        assert!(log.append(&folder.log(), &settings(1000, 5), "x\n").is_err());
        assert_eq!(folder.read("target"), "");
    }
}
