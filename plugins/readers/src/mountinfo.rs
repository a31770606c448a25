//! /proc/self/mountinfo (proc_pid_mountinfo(5)), one mount per line. Paths are bytes: they need not
//! be UTF-8.

use std::io;
use std::path::Path;

use crate::escape::octal;
use crate::file;
use crate::text::lossy;

/// The most that is read of the file; hosts of thousands of containers have some MiB.
pub const MAX_BYTES: usize = 16 << 20;
/// The most mounts that are read.
pub const MAX_MOUNTS: usize = 20_000;

/// One line, its fields decoded: a mount.
#[derive(Debug, PartialEq, Clone)]
pub struct Line {
    /// The mount's number.
    pub id: u64,
    /// The number of the mount that it is mounted on.
    pub parent: u64,
    /// Major and minor number of the device, `254:0`.
    pub device: String,
    /// The folder of the file system that is mounted.
    pub root: Vec<u8>,
    /// The path it is mounted at.
    pub mountpoint: Vec<u8>,
    /// Options of this mount.
    pub options: Vec<String>,
    /// Optional fields, such as `shared:1`.
    pub tags: Vec<String>,
    /// The type of the file system.
    pub kind: String,
    /// The device, server or name that is mounted.
    pub source: Vec<u8>,
    /// Options of the file system, which all its mounts share.
    pub super_options: Vec<String>,
}

/// Reads the mounts in the kernel's order, the first [`MAX_MOUNTS`] in the first [`MAX_BYTES`].
///
/// # Errors
/// The file can't be read.
pub fn read(path: &Path) -> io::Result<Vec<Line>> {
    file::bytes(path, MAX_BYTES).map(|bytes| parse(&bytes))
}

/// Parses the content of such a file. Lines that aren't a mount are skipped.
#[must_use]
pub fn parse(content: &[u8]) -> Vec<Line> {
    content.split(|byte| *byte == b'\n').filter_map(line).take(MAX_MOUNTS).collect()
}

/// `36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue`, with any
/// number of tags before `-`.
fn line(line: &[u8]) -> Option<Line> {
    let mut fields = line.split(|byte| *byte == b' ');
    let (id, parent) = (number(fields.next()?)?, number(fields.next()?)?);
    let device = text(fields.next()?);
    let (root, mountpoint) = (octal(fields.next()?), octal(fields.next()?));
    let options = options(fields.next()?);
    let mut tags = Vec::new();
    loop {
        match fields.next()? {
            b"-" => break,
            tag => tags.push(text(tag)),
        }
    }
    let (kind, source) = (lossy(octal(fields.next()?)), octal(fields.next()?));
    let super_options = self::options(fields.next().unwrap_or_default());
    Some(Line { id, parent, device, root, mountpoint, options, tags, kind, source, super_options })
}

fn number(field: &[u8]) -> Option<u64> {
    str::from_utf8(field).ok()?.parse().ok()
}

fn text(field: &[u8]) -> String {
    String::from_utf8_lossy(field).into_owned()
}

/// Splits at commas; an option that holds a comma (SELinux's contexts) is in quotes.
fn options(field: &[u8]) -> Vec<String> {
    let mut options = Vec::new();
    let mut option = Vec::new();
    let mut is_quoted = false;
    for byte in field {
        is_quoted ^= *byte == b'"';
        if *byte == b',' && !is_quoted {
            options.push(lossy(octal(&option)));
            option.clear();
        } else {
            option.push(*byte);
        }
    }
    if !option.is_empty() {
        options.push(lossy(octal(&option)));
    }
    options
}

#[cfg(test)]
mod tests;
