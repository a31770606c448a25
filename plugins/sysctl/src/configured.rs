//! The configured values: sysctl.d(5). A file hides files of the same name in later folders; files
//! are read in the order of their names, whatever their folder, and the last assignment of a key
//! counts. /etc/sysctl.conf comes last, as in sysctl(8) (systemd-sysctl(8) reads it only through a
//! link in /etc/sysctl.d).

use std::fs;
use std::path::{Path, PathBuf};

use readers::{folder, regular};
use serde::Serialize;

use crate::{name, running};

/// The folders, by priority.
const FOLDERS: [&str; 5] =
    ["etc/sysctl.d", "run/sysctl.d", "usr/local/lib/sysctl.d", "usr/lib/sysctl.d", "lib/sysctl.d"];
/// The file of sysctl(8).
const OWN_FILE: &str = "etc/sysctl.conf";
/// The most files, bytes of each, and assignments of all files that are read.
const MAX_FILES: usize = 500;
const MAX_BYTES: usize = 256 << 10;
const MAX_ENTRIES: usize = 5000;

/// A configured key.
#[derive(Serialize, Debug, PartialEq)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Entry {
    /// The key; with `*` or `?`, all matching keys.
    pub(crate) name: String,
    /// The configured value.
    pub(crate) value: String,
    /// The file whose assignment counts.
    pub(crate) file: String,
    /// The number of the line in that file.
    pub(crate) line: usize,
    /// Whether a failure to set it is ignored (`-` before the key).
    pub(crate) optional: bool,
    /// The value in the kernel; null for a pattern or a key that cannot be read.
    pub(crate) running: Option<String>,
    /// Whether the kernel's value differs from the configured one; null if unknown.
    pub(crate) differs: Option<bool>,
}

/// Returns the entries whose key is requested, sorted by name.
pub(crate) fn read(root: &Path, is_requested: impl Fn(&str) -> bool) -> Vec<Entry> {
    let mut entries: Vec<(String, Entry)> = Vec::new();
    for path in files(root) {
        let Ok(text) = regular::text(&root.join(&path), MAX_BYTES) else { continue };
        for (index, line) in text.lines().enumerate() {
            let Some((path_of_key, mut entry)) = parse(line).filter(|(key, _)| is_requested(key))
            else {
                continue;
            };
            entry.file = format!("/{}", path.display());
            entry.line = index + 1;
            let place = entries.partition_point(|(known, _)| *known < path_of_key);
            if let Some((_, known)) =
                entries.get_mut(place).filter(|(known, _)| *known == path_of_key)
            {
                *known = entry;
            } else if entries.len() < MAX_ENTRIES {
                entries.insert(place, (path_of_key, entry));
            }
        }
    }
    let sys = root.join("proc/sys");
    let with_running = |(path, mut entry): (String, Entry)| {
        entry.running = running::value(&sys, &path);
        entry.differs = entry.running.as_ref().map(|running| !is_same(running, &entry.value));
        entry
    };
    entries.into_iter().map(with_running).collect()
}

/// In the order they are read in.
fn files(root: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = Vec::new();
    for folder in FOLDERS.map(Path::new) {
        for name in folder::names(&root.join(folder), MAX_FILES) {
            let path = folder.join(name);
            let is_hidden = files.iter().any(|known| known.file_name() == path.file_name());
            if path.extension().is_some_and(|extension| extension == "conf") && !is_hidden {
                files.push(path);
            }
        }
    }
    files.sort_unstable_by(|a, b| a.file_name().cmp(&b.file_name()));
    // Debian's 99-sysctl.conf is a link to it.
    let real = |path: &Path| fs::canonicalize(root.join(path)).ok();
    let own = PathBuf::from(OWN_FILE);
    let is_linked = real(&own)
        .is_some_and(|target| files.iter().any(|path| real(path).as_ref() == Some(&target)));
    if !is_linked {
        files.push(own);
    }
    files
}

/// `key = value`, a `-` before it if it may fail. The key's path, and an entry whose place is still
/// to be said.
fn parse(line: &str) -> Option<(String, Entry)> {
    let line = line.trim();
    if line.starts_with(['#', ';']) {
        return None;
    }
    let (key, value) = line.split_once('=')?;
    let optional = key.starts_with('-');
    let path = name::to_path(key.trim_start_matches('-').trim())?;
    let entry = Entry {
        name: name::from_path(&path),
        value: value.trim().to_owned(),
        file: String::new(),
        line: 0,
        optional,
        running: None,
        differs: None,
    };
    Some((path, entry))
}

/// The kernel writes tabs between numbers.
fn is_same(running: &str, value: &str) -> bool {
    running.split_ascii_whitespace().eq(value.split_ascii_whitespace())
}

#[cfg(test)]
mod tests {
    use super::*;
    use nix::sys::stat::Mode;
    use nix::unistd::mkfifo;
    use std::os::unix::fs::symlink;
    use test_support::Scratch;

    fn tree(name: &str, files: &[(&str, &str)]) -> Scratch {
        let root = Scratch::new(&format!("sysctl-{name}"));
        for (path, content) in files {
            root.write(path, content);
        }
        root
    }

    #[test]
    fn the_last_name_counts_and_the_first_folder_hides() {
        let root = tree(
            "precedence",
            &[
                ("etc/sysctl.d/50-a.conf", "kernel.a = 1\nkernel.b=1\n"),
                ("usr/lib/sysctl.d/50-a.conf", "kernel.hidden = 1\n"),
                ("usr/lib/sysctl.d/60-b.conf", "kernel/a = 2\n# kernel.a = 3\n; kernel.a = 3\n"),
                (
                    "run/sysctl.d/10-c.conf",
                    "kernel.a = 4\nkernel.ports = 1  2\nnet.ipv4.conf.*.rp_filter = 2\n",
                ),
                ("etc/sysctl.d/README", "kernel.readme = 1\n"),
                ("etc/sysctl.conf", "-kernel.c = last word\nkernel.d\nkernel.. = 1\n"),
                ("proc/sys/kernel/a", "2\n"),
                ("proc/sys/kernel/b", "0\n"),
                ("proc/sys/kernel/ports", "1\t2\n"),
            ],
        );
        let entries = read(root.path(), |_| true);
        let only = read(root.path(), |key| key == "kernel/b");
        let found: Vec<_> = entries
            .iter()
            .map(|entry| {
                (
                    entry.name.as_str(),
                    entry.value.as_str(),
                    entry.file.as_str(),
                    entry.line,
                    entry.differs,
                )
            })
            .collect();
        let want = [
            ("kernel.a", "2", "/usr/lib/sysctl.d/60-b.conf", 1, Some(false)),
            ("kernel.b", "1", "/etc/sysctl.d/50-a.conf", 2, Some(true)),
            ("kernel.c", "last word", "/etc/sysctl.conf", 1, None),
            ("kernel.ports", "1  2", "/run/sysctl.d/10-c.conf", 2, Some(false)),
            ("net.ipv4.conf.*.rp_filter", "2", "/run/sysctl.d/10-c.conf", 3, None),
        ];
        assert_eq!(found, want);
        assert!(entries[2].optional && !entries[0].optional);
        assert_eq!((only.len(), only[0].running.as_deref()), (1, Some("0")));
    }

    #[test]
    fn a_linked_file_is_read_once_and_a_pipe_is_not_waited_for() {
        let root = tree(
            "links",
            &[
                ("etc/sysctl.conf", "kernel.a = 1\n"),
                ("etc/sysctl.d/99-z.conf", "kernel.a = 2\n"),
                ("usr/lib/sysctl.d/10-off.conf", "kernel.off = 1\n"),
                ("run/sysctl.d/README", "kernel.readme = 1\n"),
            ],
        );
        symlink("../sysctl.conf", root.file("etc/sysctl.d/98-sysctl.conf")).unwrap();
        // An empty file of the same name turns a file off.
        symlink("/dev/null", root.file("etc/sysctl.d/10-off.conf")).unwrap();
        mkfifo(&root.file("run/sysctl.d/20-pipe.conf"), Mode::S_IRWXU).unwrap();
        let entries = read(root.path(), |_| true);
        let found: Vec<_> =
            entries.iter().map(|entry| (entry.name.as_str(), entry.value.as_str())).collect();
        assert_eq!(found, [("kernel.a", "2")]);
    }
}
