//! The files of a process besides stat. Each is read only for a process in the reply, or to select
//! it.

use std::fs::{self, File};
use std::io::Read as _;
use std::os::unix::fs::MetadataExt as _;

/// Large enough for /proc/PID/stat.
const SMALL_FILE_BYTES: usize = 4096;
/// The most bytes of a process's arguments in the reply.
pub(crate) const CMDLINE_BYTES: usize = 4096;

/// Reads the files of processes into one buffer.
pub(crate) struct Files {
    buffer: Vec<u8>,
}

/// Effective ids of a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ids {
    pub(crate) uid: u32,
    pub(crate) gid: u32,
}

/// The arguments of a process.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Cmdline {
    pub(crate) words: Vec<String>,
    pub(crate) truncated: bool,
}

impl Files {
    pub(crate) fn new() -> Self {
        Self { buffer: vec![0; SMALL_FILE_BYTES.max(CMDLINE_BYTES) + 1] }
    }

    /// Returns the beginning of a file; `None` if the process has ended.
    pub(crate) fn read(&mut self, pid: u32, name: &str) -> Option<&[u8]> {
        let mut file = File::open(format!("/proc/{pid}/{name}")).ok()?;
        // One read: the kernel produces such a file at once, as far as the buffer allows.
        let length = file.read(&mut self.buffer).ok()?;
        self.buffer.get(..length)
    }

    pub(crate) fn cmdline(&mut self, pid: u32) -> Cmdline {
        self.read(pid, "cmdline").map(parse_cmdline).unwrap_or_default()
    }

    pub(crate) fn cgroup(&mut self, pid: u32) -> Option<String> {
        parse_cgroup(self.read(pid, "cgroup")?)
    }
}

/// Returns the effective ids, which own the folder /proc/PID. Unlike for the files in it, this
/// holds whatever the process has done (task_dump_owner in the kernel's fs/proc/base.c). Reading
/// /proc/PID/status takes five times as long.
pub(crate) fn ids(pid: u32) -> Option<Ids> {
    let folder = fs::metadata(format!("/proc/{pid}")).ok()?;
    Some(Ids { uid: folder.uid(), gid: folder.gid() })
}

/// Splits arguments. Each ends in NUL, which can be missing if the process has set its own title.
fn parse_cmdline(bytes: &[u8]) -> Cmdline {
    let truncated = bytes.len() > CMDLINE_BYTES;
    let shown = bytes.get(..CMDLINE_BYTES).unwrap_or(bytes);
    // NULs pad such a title.
    let end = shown.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    let shown = &shown[..end];
    if shown.is_empty() {
        return Cmdline::default();
    }
    let words = shown
        .split(|byte| *byte == 0)
        .map(|word| String::from_utf8_lossy(word).into_owned())
        .collect();
    Cmdline { words, truncated }
}

/// Selects one of the lines `ID:CONTROLLERS:PATH` (cgroups(7)): of the unified hierarchy, or of
/// systemd's, or the first.
fn parse_cgroup(bytes: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(bytes);
    let path = |line: &str| line.splitn(3, ':').nth(2).map(str::to_owned);
    let line = |wanted: fn(&str) -> bool| text.split('\n').find(|line| wanted(line));
    // On a hybrid system the unified hierarchy can contain nothing but its root.
    line(|line| line.starts_with("0::") && line != "0::/")
        .or_else(|| line(|line| line.contains(":name=systemd:")))
        .or_else(|| line(|line| line.starts_with("0::")))
        .or_else(|| text.split('\n').next())
        .and_then(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_split_and_bounded() {
        let words = |bytes: &[u8]| parse_cmdline(bytes).words;
        assert_eq!(words(b"sleep\x0060\0"), ["sleep", "60"]);
        assert_eq!(words(b"a\0\0b\0"), ["a", "", "b"]);
        assert_eq!(words(b"nginx: master process\0\0\0\0"), ["nginx: master process"]);
        assert_eq!(words(b"no end"), ["no end"]);
        assert_eq!(words(b"Jos\xe9\0"), ["Jos\u{fffd}"]);
        assert!(words(b"").is_empty() && words(b"\0\0").is_empty());
        let long = parse_cmdline(&[b'a'; CMDLINE_BYTES + 1]);
        assert!(long.truncated && long.words[0].len() == CMDLINE_BYTES);
        assert!(!parse_cmdline(&[b'a'; CMDLINE_BYTES]).truncated);
    }

    #[test]
    fn the_cgroup_of_each_hierarchy_is_found() {
        for (text, want) in [
            ("0::/system.slice/ssh.service\n", Some("/system.slice/ssh.service")),
            ("0::/\n", Some("/")),
            (
                "12:cpu:/a\n1:name=systemd:/system.slice/x.service\n0::/\n",
                Some("/system.slice/x.service"),
            ),
            ("4:memory:/docker/1\n3:cpu:/b\n", Some("/docker/1")),
            ("0::/with:colon\n", Some("/with:colon")),
            ("", None),
            ("nothing\n", None),
        ] {
            assert_eq!(parse_cgroup(text.as_bytes()).as_deref(), want, "{text:?}");
        }
    }
}
