//! The directory of crontab files, read whole: what its files say, and what is wrong with them.
//!
//! Files as Debian's cron takes them: names of letters, digits, `-` and `_` only, so that what editors and dpkg leave
//! beside is left alone; of the agent's own user and writable by nobody else, since whoever writes them is root here.
//! A symbolic link to such a file is one. Whether a user exists is asked by the [`super::Scheduler`].

use super::definition::REBOOT;
use agent_cron::crontab::{self, Entry, Form, When};
use agent_wire::message::{Bash, JobDefinition, JobOptions, Overlap};
use crc32fast::hash as crc32;
use nix::libc;
use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::{self, Read as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

/// Files of the directory that are read; one more is a problem.
const MAX_FILES: usize = 1024;

/// Bytes of a file's name: it stands in its jobs' names.
const MAX_FILE_NAME: usize = 64;

/// What the directory holds.
#[derive(Debug, Default)]
pub(crate) struct Crontabs {
    /// Jobs, each with its place.
    pub(crate) jobs: Vec<FileJob>,
    /// What is left out, and where: `FILE: …`, `FILE:LINE:COLUMN: …`.
    pub(crate) problems: Vec<String>,
    /// What is taken and may not mean what was meant, likewise.
    pub(crate) warnings: Vec<String>,
    /// Files, or the directory, that are there and that the system would not give: what they say is not known.
    pub(crate) unread: Vec<PathBuf>,
}

/// A job of a file.
#[derive(Debug)]
pub(crate) struct FileJob {
    pub(crate) definition: JobDefinition,
    pub(crate) file: PathBuf,
    pub(crate) line: usize,
}

impl Crontabs {
    /// Reads the directory; one that is not there has no files.
    pub(crate) fn read(dir: &Path) -> Self {
        let mut crontabs = Self::default();
        let names = match list(dir) {
            Ok(names) => names,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return crontabs,
            Err(error) => {
                crontabs.failed(dir, &error);
                return crontabs;
            }
        };
        for name in names.iter().take(MAX_FILES) {
            let path = dir.join(name);
            match content(&path) {
                Ok(bytes) => crontabs.add(name, &path, &bytes),
                // Gone since the directory was read.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => crontabs.failed(&path, &error),
            }
        }
        if names.len() > MAX_FILES {
            let left = names.len() - MAX_FILES;
            crontabs
                .problems
                .push(format!("{}: {left} files beyond the first {MAX_FILES} are left out", dir.display()));
        }
        crontabs
    }

    fn failed(&mut self, path: &Path, error: &io::Error) {
        self.problems.push(format!("{}: {error}", path.display()));
        // Ours have no number.
        if error.raw_os_error().is_some() {
            self.unread.push(path.to_owned());
        }
    }

    fn add(&mut self, file: &str, path: &Path, bytes: &[u8]) {
        let crontab = crontab::parse(bytes, Form::System);
        let placed = |problem: &crontab::Problem| {
            format!("{}:{}:{}: {}", path.display(), problem.line, problem.column, problem.message)
        };
        self.problems.extend(crontab.problems.iter().map(placed));
        self.warnings.extend(crontab.warnings.iter().map(placed));
        let mut alike: HashMap<String, usize> = HashMap::new();
        for entry in &crontab.entries {
            let mut job = job(entry);
            let name = format!("{file}:{}:{:08x}", entry.user, crc32(job.to_fields().get().as_bytes()));
            let count = alike.entry(name.clone()).and_modify(|count| *count += 1).or_insert(1);
            job.name = if *count == 1 { name } else { format!("{name}-{count}") };
            // What the agent could not read back it must not keep.
            match JobDefinition::from_fields(job.to_fields().get()) {
                Ok(_) => self.jobs.push(FileJob { definition: job, file: path.to_owned(), line: entry.line }),
                Err(error) => self.problems.push(format!("{}:{}: {error}", path.display(), entry.line)),
            }
        }
    }
}

/// The names of files that are crontabs, in order.
fn list(dir: &Path) -> io::Result<Vec<String>> {
    let meta = std::fs::metadata(dir)?;
    trusted(&meta)?;
    let mut names = Vec::new();
    for entry in std::fs::read_dir(dir)? {
        let Ok(name) = entry?.file_name().into_string() else { continue };
        let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        if name.chars().all(is_plain) && name.len() <= MAX_FILE_NAME {
            names.push(name);
        } else {
            log::debug!("{}/{}: not a crontab's name", dir.display(), name.escape_debug());
        }
    }
    names.sort_unstable();
    Ok(names)
}

fn content(path: &Path) -> io::Result<Vec<u8>> {
    // O_NONBLOCK: a FIFO in its place must not hold the agent up.
    let file: File = OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK).open(path)?;
    let meta = file.metadata()?;
    if !meta.is_file() {
        return Err(io::Error::other("not a regular file"));
    }
    trusted(&meta)?;
    let mut bytes = Vec::new();
    // One byte more than is taken is enough to refuse it.
    file.take(crontab::MAX_BYTES as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn trusted(meta: &std::fs::Metadata) -> io::Result<()> {
    let own = nix::unistd::geteuid().as_raw();
    if meta.uid() != own {
        return Err(io::Error::other(format!("belongs to uid {}, not to uid {own}: not taken", meta.uid())));
    }
    if meta.mode() & 0o022 != 0 {
        let mode = meta.mode() & 0o7777;
        return Err(io::Error::other(format!(
            "can be written by others than its owner (mode {mode:04o}): not taken"
        )));
    }
    Ok(())
}

/// A job without its name.
fn job(entry: &Entry) -> JobDefinition {
    let schedule = match &entry.when {
        When::At(expression) => expression.to_string(),
        When::Reboot => REBOOT.to_owned(),
    };
    let timezone = match &entry.when {
        When::At(expression) if expression.zone_name().is_none() => entry.zone_name().map(str::to_owned),
        When::At(_) | When::Reboot => None,
    };
    let environment = &entry.environment;
    // The shell of the file runs the command; the agent's own starts it.
    let cmd = match environment.value("SHELL") {
        Some(shell) => format!("exec {} -c {}", quoted(shell), quoted(&entry.command)),
        None => entry.command.clone(),
    };
    let env = environment.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    let bash = Bash { cmd, user: Some(entry.user.clone()), env, ..Bash::default() };
    let options = JobOptions { timezone, overlap: Overlap::Allow, ..JobOptions::default() };
    JobDefinition { name: "crontab".to_owned(), schedule, bash: Box::new(bash), options }
}

/// A text as one word of a shell.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str) -> Self {
            let path =
                std::env::temp_dir().join(format!("basicagent-crontabs-{}-{name}", std::process::id()));
            std::fs::create_dir_all(&path).unwrap();
            Self(path)
        }

        fn write(&self, name: &str, text: &str, mode: u32) {
            let path = self.0.join(name);
            std::fs::write(&path, text).unwrap();
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn a_broken_line_is_told_with_its_place_and_the_others_are_jobs() {
        let folder = Folder::new("lines");
        folder.write(
            "a",
            "SHELL=/bin/sh\n0 0 * * * * root echo 'hi'\n61 * * * * * root x\n@reboot root y\n",
            0o644,
        );
        let read = Crontabs::read(&folder.0);
        assert_eq!(read.jobs.len(), 2, "{read:?}");
        let FileJob { definition: job, file: path, .. } = &read.jobs[0];
        assert_eq!(*path, folder.0.join("a"));
        assert_eq!(
            (job.schedule.as_str(), job.bash.cmd.as_str()),
            ("0 0 * * * *", r"exec '/bin/sh' -c 'echo '\''hi'\'''")
        );
        assert!(job.name.starts_with("a:root:"), "{}", job.name);
        assert!(matches!(&read.problems[..], [one] if one.contains("/a:3:")), "{:?}", read.problems);
    }

    #[test]
    fn a_name_stays_when_lines_move_and_twins_have_two() {
        let folder = Folder::new("names");
        folder.write("a", "@daily root x\n@hourly root x\n", 0o644);
        let names = || -> Vec<String> {
            let mut names: Vec<_> =
                Crontabs::read(&folder.0).jobs.into_iter().map(|job| job.definition.name).collect();
            names.sort();
            names
        };
        let before = names();
        folder.write("a", "# moved\n@hourly root x\n\n@daily root x\n", 0o644);
        assert_eq!(names(), before);
        folder.write("a", "@daily root x\n@daily root x\n", 0o644);
        assert!(names()[1].ends_with("-2"), "{:?}", names());
    }

    #[test]
    fn files_that_others_may_write_or_that_are_no_crontabs_are_left_out() {
        let folder = Folder::new("files");
        folder.write("good", "@daily root x\n", 0o600);
        folder.write("shared", "@daily root x\n", 0o664);
        folder.write("good.dpkg-old", "@daily root x\n", 0o644);
        folder.write("good~", "@daily root x\n", 0o644);
        std::fs::create_dir_all(folder.0.join("folder")).unwrap();
        std::os::unix::fs::symlink(folder.0.join("good"), folder.0.join("link")).unwrap();
        nix::unistd::mkfifo(&folder.0.join("fifo"), nix::sys::stat::Mode::S_IRUSR).unwrap();
        let read = Crontabs::read(&folder.0);
        let files: Vec<&str> = read.jobs.iter().filter_map(|job| job.file.file_name()?.to_str()).collect();
        assert_eq!(files, ["good", "link"]);
        assert_eq!(read.problems.len(), 3, "{:?}", read.problems);
        assert!(Crontabs::read(&folder.0.join("none")).problems.is_empty());
    }
}
