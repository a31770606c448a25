//! /proc/self/mountinfo (proc_pid_mountinfo(5)), one mount a line. Paths are bytes: they need not be UTF-8.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

/// Hosts of thousands of containers have some MiB; what is beyond is not looked at.
const MAX_BYTES: u64 = 16 << 20;
/// Mounts looked at.
pub(crate) const MAX_MOUNTS: usize = 20_000;

/// One line, decoded.
#[derive(Debug, PartialEq, Clone)]
pub(crate) struct Line {
    pub(crate) id: u64,
    pub(crate) parent: u64,
    pub(crate) device: String,
    pub(crate) root: Vec<u8>,
    pub(crate) mountpoint: Vec<u8>,
    pub(crate) options: Vec<String>,
    pub(crate) tags: Vec<String>,
    pub(crate) kind: String,
    pub(crate) source: Vec<u8>,
    pub(crate) super_options: Vec<String>,
}

/// Those of this process's namespace; none where there is no such file.
pub(crate) fn read(path: &Path) -> Option<Vec<Line>> {
    let mut bytes = Vec::with_capacity(64 * 1024);
    File::open(path).ok()?.take(MAX_BYTES).read_to_end(&mut bytes).ok()?;
    Some(parse(&bytes))
}

pub(crate) fn parse(text: &[u8]) -> Vec<Line> {
    text.split(|byte| *byte == b'\n').filter_map(line).take(MAX_MOUNTS).collect()
}

/// `36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue`, any number of tags before `-`.
fn line(line: &[u8]) -> Option<Line> {
    let mut fields = line.split(|byte| *byte == b' ');
    let (id, parent) = (number(fields.next()?)?, number(fields.next()?)?);
    let device = text(fields.next()?);
    let (root, mountpoint) = (unescape(fields.next()?), unescape(fields.next()?));
    let options = list(fields.next()?);
    let mut tags = Vec::new();
    loop {
        match fields.next()? {
            b"-" => break,
            tag => tags.push(text(tag)),
        }
    }
    let (kind, source) = (text(&unescape(fields.next()?)), unescape(fields.next()?));
    let super_options = list(fields.next().unwrap_or_default());
    Some(Line { id, parent, device, root, mountpoint, options, tags, kind, source, super_options })
}

fn number(field: &[u8]) -> Option<u64> {
    str::from_utf8(field).ok()?.parse().ok()
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Options between commas; one that holds a comma (SELinux's contexts) is in quotes.
fn list(field: &[u8]) -> Vec<String> {
    let mut options = Vec::new();
    let mut option = Vec::new();
    let mut is_quoted = false;
    for byte in field {
        is_quoted ^= *byte == b'"';
        if *byte == b',' && !is_quoted {
            options.push(text(&unescape(&option)));
            option.clear();
        } else {
            option.push(*byte);
        }
    }
    if !option.is_empty() {
        options.push(text(&unescape(&option)));
    }
    options
}

/// Blanks, tabs, line ends and backslashes stand as `\040`.
fn unescape(field: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(field.len());
    let mut rest = field;
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        match after {
            [a @ b'0'..=b'3', b @ b'0'..=b'7', c @ b'0'..=b'7', after @ ..] if *first == b'\\' => {
                bytes.push((a - b'0') << 6 | (b - b'0') << 3 | (c - b'0'));
                rest = after;
            }
            _ => bytes.push(*first),
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_decoded() {
        let lines = parse(
            b"36 35 98:0 /mnt1 /mnt\\0402 rw,noatime master:1 shared:7 - ext3 /dev/root rw,errors=continue\n\
              40 36 0:5 / /a\\134b\xff rw - fuse.sshfs me@host:/x\\011y rw,context=\"a:s0:c1,c2\",user_id=0\n\
              41 36 0:6 / /empty rw -  none \n\
              42 36 0:7 / /short rw - tmpfs none",
        );
        assert_eq!(lines.len(), 4);
        assert_eq!((lines[0].id, lines[0].parent, lines[0].device.as_str()), (36, 35, "98:0"));
        assert_eq!(
            (lines[0].root.as_slice(), lines[0].mountpoint.as_slice()),
            (&b"/mnt1"[..], &b"/mnt 2"[..])
        );
        assert_eq!(
            (lines[0].tags.as_slice(), lines[0].kind.as_str()),
            (&["master:1".to_owned(), "shared:7".to_owned()][..], "ext3")
        );
        assert_eq!(lines[0].super_options, ["rw", "errors=continue"]);
        assert_eq!(
            (lines[1].mountpoint.as_slice(), lines[1].source.as_slice()),
            (&b"/a\\b\xff"[..], &b"me@host:/x\ty"[..])
        );
        assert_eq!(lines[1].super_options, ["rw", "context=\"a:s0:c1,c2\"", "user_id=0"]);
        assert_eq!((lines[2].kind.as_str(), lines[2].source.as_slice()), ("", &b"none"[..]));
        assert!(lines[3].super_options.is_empty());
    }

    #[test]
    fn what_is_no_mount_is_passed_over() {
        for text in [
            &b""[..],
            b"\n\n",
            b"36 35 98:0 / /mnt rw master:1",
            b"36 35 98:0 / /mnt rw -",
            b"36 35 98:0 / /mnt rw - ext4",
            b"x 35 98:0 / /mnt rw - ext4 none rw",
            b"99999999999999999999 35 98:0 / /mnt rw - ext4 none rw",
            b"\xff\xfe",
        ] {
            assert_eq!(parse(text), [], "{text:?}");
        }
    }
}
