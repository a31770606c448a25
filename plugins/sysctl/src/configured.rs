//! The configured values: sysctl.d(5). A file hides files of the same name in later folders; files
//! are read in the order of their names, whatever their folder, and the last assignment of a key
//! counts. /etc/sysctl.conf comes last, as in sysctl(8) (systemd-sysctl(8) reads it only through a
//! link in /etc/sysctl.d).

use std::fs;
use std::path::{Path, PathBuf};

use readers::{folder, regular};
use serde::Serialize;

use crate::{name, pattern, running};

/// The folders, by priority.
const FOLDERS: [&str; 5] =
    ["etc/sysctl.d", "run/sysctl.d", "usr/local/lib/sysctl.d", "usr/lib/sysctl.d", "lib/sysctl.d"];
/// The file of sysctl(8).
const OWN_FILE: &str = "etc/sysctl.conf";
/// The most files, bytes of each, and assignments of all files that are read.
const MAX_FILES: usize = 500;
const MAX_BYTES: usize = 256 << 10;
const MAX_ENTRIES: usize = 5000;
/// The most patterns.
const MAX_PATTERNS: usize = 200;

/// A configured key.
#[derive(Serialize, Debug, PartialEq, Clone)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Entry {
    /// The key; with `*`, `?` or `[`, a pattern that no key matches now.
    pub(crate) name: String,
    /// The pattern in the file, if the key isn't written there but matches a pattern.
    pub(crate) pattern: Option<String>,
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

/// The configuration as it is read.
#[derive(Default)]
struct Assignments {
    /// By the path of the key, sorted; `None` for a key that a line excludes from patterns.
    keys: Vec<(String, Option<Entry>)>,
    /// In the order of the last assignment of each.
    patterns: Vec<(String, Entry)>,
    is_cut: bool,
}

/// Returns the entries whose key is requested, sorted by name, and whether there are more.
pub(crate) fn read(root: &Path, is_requested: impl Fn(&str) -> bool) -> (Vec<Entry>, bool) {
    let mut assignments = Assignments::default();
    for path in files(root) {
        let Ok(text) = regular::text(&root.join(&path), MAX_BYTES) else { continue };
        for (index, line) in text.lines().enumerate() {
            let Some((key, mut entry)) = parse(line) else { continue };
            if let Some(entry) = &mut entry {
                entry.file = format!("/{}", path.display());
                entry.line = index + 1;
            }
            assignments.add(key, entry);
        }
    }
    let sys = root.join("proc/sys");
    assignments.expand(&sys);
    let with_running = |(path, entry): (String, Option<Entry>)| {
        let mut entry = entry.filter(|_| is_requested(&path))?;
        entry.running = running::value(&sys, &path);
        entry.differs = entry.running.as_ref().map(|running| !is_same(running, &entry.value));
        Some(entry)
    };
    (assignments.keys.into_iter().filter_map(with_running).collect(), assignments.is_cut)
}

impl Assignments {
    /// Adds a line: the last one of a key counts.
    fn add(&mut self, key: String, entry: Option<Entry>) {
        if pattern::is_pattern(&key) {
            self.patterns.retain(|(known, _)| *known != key);
            match entry {
                Some(_) if self.patterns.len() >= MAX_PATTERNS => self.is_cut = true,
                Some(entry) => self.patterns.push((key, entry)),
                None => {}
            }
            return;
        }
        match self.keys.binary_search_by(|(known, _)| known.cmp(&key)) {
            Ok(place) => self.keys[place].1 = entry,
            Err(_) if self.keys.len() >= MAX_ENTRIES => self.is_cut = true,
            Err(place) => self.keys.insert(place, (key, entry)),
        }
    }

    /// Replaces patterns by the keys that they stand for. A key's own line takes precedence over
    /// patterns, and the last pattern over others (sysctl.d(5)). A pattern of no key stands for
    /// itself.
    fn expand(&mut self, sys: &Path) {
        for (written, entry) in std::mem::take(&mut self.patterns).into_iter().rev() {
            let found = pattern::matches(sys, &written, MAX_ENTRIES);
            let found = if found.is_empty() { vec![written] } else { found };
            for path in found {
                let Err(place) = self.keys.binary_search_by(|(known, _)| known.cmp(&path)) else {
                    continue;
                };
                if self.keys.len() >= MAX_ENTRIES {
                    self.is_cut = true;
                    return;
                }
                let pattern = Some(entry.name.clone()).filter(|_| !pattern::is_pattern(&path));
                let entry = Entry { name: name::from_path(&path), pattern, ..entry.clone() };
                self.keys.insert(place, (path, Some(entry)));
            }
        }
    }
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

/// `key = value`, a `-` before it if it may fail; or `-key`, which excludes the key from patterns.
/// The key's path, and an entry whose place is still to be said.
fn parse(line: &str) -> Option<(String, Option<Entry>)> {
    let line = line.trim();
    if line.starts_with(['#', ';']) {
        return None;
    }
    let Some((key, value)) = line.split_once('=') else {
        return Some((name::to_path(line.strip_prefix('-')?.trim())?, None));
    };
    let optional = key.starts_with('-');
    let path = name::to_path(key.trim_start_matches('-').trim())?;
    let entry = Entry {
        name: name::from_path(&path),
        pattern: None,
        value: value.trim().to_owned(),
        file: String::new(),
        line: 0,
        optional,
        running: None,
        differs: None,
    };
    Some((path, Some(entry)))
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
        let (entries, _) = read(root.path(), |_| true);
        let (only, _) = read(root.path(), |key| key == "kernel/b");
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
    fn a_pattern_stands_for_the_keys_that_match_it() {
        let key = |name: &str| format!("proc/sys/net/ipv4/conf/{name}/rp_filter");
        let files: Vec<(String, &str)> = [
            ("etc/sysctl.d/10-a.conf".to_owned(), "net.ipv4.conf.*.rp_filter = 2\n"),
            (
                "etc/sysctl.d/20-b.conf".to_owned(),
                "net.ipv4.conf.eth0.rp_filter = 0\n-net.ipv4.conf.lo.rp_filter\n\
                 net/ipv4/conf/eth[1-3]/rp_filter = 1\nnet.ipv4.conf.*.none = 1\n",
            ),
        ]
        .into_iter()
        .chain(["all", "eth0", "eth1.5", "eth2", "lo", "wlan0"].map(|name| (key(name), "2\n")))
        .collect();
        let files: Vec<(&str, &str)> =
            files.iter().map(|(path, content)| (path.as_str(), *content)).collect();
        let root = tree("patterns", &files);
        let (entries, is_cut) = read(root.path(), |_| true);
        let found: Vec<_> = entries
            .iter()
            .map(|entry| {
                (entry.name.as_str(), entry.value.as_str(), entry.pattern.as_deref(), entry.differs)
            })
            .collect();
        let all = Some("net.ipv4.conf.*.rp_filter");
        assert_eq!(
            found,
            [
                ("net.ipv4.conf.*.none", "1", None, None),
                ("net.ipv4.conf.all.rp_filter", "2", all, Some(false)),
                ("net.ipv4.conf.eth0.rp_filter", "0", None, Some(true)),
                ("net.ipv4.conf.eth1/5.rp_filter", "2", all, Some(false)),
                (
                    "net.ipv4.conf.eth2.rp_filter",
                    "1",
                    Some("net.ipv4.conf.eth[1-3].rp_filter"),
                    Some(true)
                ),
                ("net.ipv4.conf.wlan0.rp_filter", "2", all, Some(false)),
            ]
        );
        assert!(!is_cut);
        let (one, _) = read(root.path(), |key| key == "net/ipv4/conf/eth2/rp_filter");
        assert_eq!(one.len(), 1);
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
        let (entries, _) = read(root.path(), |_| true);
        let found: Vec<_> =
            entries.iter().map(|entry| (entry.name.as_str(), entry.value.as_str())).collect();
        assert_eq!(found, [("kernel.a", "2")]);
    }
}
