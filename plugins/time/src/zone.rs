//! Which offset holds in the local zone: /etc/localtime, a file of tzfile(5) (RFC 8536).

use std::fs;
use std::path::Path;

use serde::Serialize;

use crate::{file, rule};

/// The largest of tzdata has 4 KiB.
const MAX_BYTES: usize = 256 * 1024;

/// The `zone` object of the answer.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Zone {
    /// Its name, `Europe/Berlin`: where /etc/localtime points to, else what /etc/timezone says.
    pub(crate) name: Option<String>,
    /// `CET`, `CEST`; null where /etc/localtime can't be read.
    pub(crate) abbreviation: Option<String>,
    /// How far local time is ahead of UTC now; 0 where there is no /etc/localtime, as in libc.
    pub(crate) utc_offset_seconds: Option<i64>,
    /// Whether daylight saving time holds now.
    pub(crate) dst: Option<bool>,
}

/// What holds at some time.
#[derive(Debug, PartialEq, Clone)]
pub(crate) struct Offset {
    pub(crate) seconds: i64,
    pub(crate) abbreviation: String,
    pub(crate) is_dst: bool,
}

/// Of the system whose root folder is `root`, at `epoch`.
pub(crate) fn read(root: &Path, epoch: i64) -> Zone {
    let path = root.join("etc/localtime");
    let offset = match file::bytes(&path, MAX_BYTES) {
        Some(bytes) => parse(&bytes, epoch),
        // libc's own choice where there is no file at all.
        None if fs::symlink_metadata(&path).is_err() => {
            Some(Offset { seconds: 0, abbreviation: "UTC".to_owned(), is_dst: false })
        }
        None => None,
    };
    Zone {
        name: linked_name(&path).or_else(|| file::line(&root.join("etc/timezone"))),
        utc_offset_seconds: offset.as_ref().map(|offset| offset.seconds),
        dst: offset.as_ref().map(|offset| offset.is_dst),
        abbreviation: offset.map(|offset| offset.abbreviation),
    }
}

/// What follows `zoneinfo/` in the link's target.
fn linked_name(path: &Path) -> Option<String> {
    let target = fs::read_link(path).ok()?;
    let target = target.to_string_lossy();
    let (_, name) = target.split_once("zoneinfo/")?;
    let name = name.strip_prefix("posix/").or_else(|| name.strip_prefix("right/")).unwrap_or(name);
    (!name.is_empty()).then(|| name.to_owned())
}

/// The counts of a header.
struct Header {
    version: u8,
    utc_flags: usize,
    standard_flags: usize,
    leaps: usize,
    times: usize,
    types: usize,
    chars: usize,
}

/// A part of the file that is not yet looked at.
struct Rest<'a>(&'a [u8]);

impl<'a> Rest<'a> {
    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    /// `TZif`, the version, 15 bytes of nothing, and six counts.
    fn header(&mut self) -> Option<Header> {
        let bytes = self.take(44)?;
        if !bytes.starts_with(b"TZif") {
            return None;
        }
        let mut counts = bytes[20..].chunks_exact(4).map(|bytes| usize::try_from(number(bytes)).ok());
        let mut next = || counts.next().flatten();
        Some(Header {
            version: bytes[4],
            utc_flags: next()?,
            standard_flags: next()?,
            leaps: next()?,
            times: next()?,
            types: next()?,
            chars: next()?,
        })
    }
}

/// Big-endian and signed, of four or eight bytes.
fn number(bytes: &[u8]) -> i64 {
    let start = if bytes.first().is_some_and(|byte| *byte >= 0x80) { -1 } else { 0 };
    bytes.iter().fold(start, |number, byte| number << 8 | i64::from(*byte))
}

/// What holds at `epoch`; none where this is no such file.
fn parse(bytes: &[u8], epoch: i64) -> Option<Offset> {
    let mut rest = Rest(bytes);
    let mut header = rest.header()?;
    let mut size = 4;
    if header.version >= b'2' {
        // The first part is for old readers: times of four bytes.
        let Header { utc_flags, standard_flags, leaps, times, types, chars, .. } = header;
        let length = times.checked_mul(5)?.checked_add(types.checked_mul(6)?)?.checked_add(chars)?;
        rest.take(
            length.checked_add(leaps.checked_mul(8)?)?.checked_add(utc_flags)?.checked_add(standard_flags)?,
        )?;
        header = rest.header()?;
        size = 8;
    }
    let times = rest.take(header.times.checked_mul(size)?)?;
    let kinds = rest.take(header.times)?;
    let types = rest.take(header.types.checked_mul(6)?)?;
    let names = rest.take(header.chars)?;
    rest.take(header.leaps.checked_mul(size + 4)?)?;
    rest.take(header.standard_flags.checked_add(header.utc_flags)?)?;
    let passed = times.chunks_exact(size).take_while(|time| number(time) <= epoch).count();
    if passed == header.times && size == 8 {
        let footer = rest.0.strip_prefix(b"\n").and_then(|footer| footer.split(|byte| *byte == b'\n').next());
        let text = footer.and_then(|footer| str::from_utf8(footer).ok()).unwrap_or_default();
        if let Some(offset) = rule::offset(text, epoch) {
            return Some(offset);
        }
    }
    // Before the first change the first type holds.
    let kind = passed.checked_sub(1).map_or(0, |last| usize::from(kinds[last]));
    let found = types.chunks_exact(6).nth(kind)?;
    let name = names.get(usize::from(found[5])..)?.split(|byte| *byte == 0).next()?;
    Some(Offset {
        seconds: number(&found[..4]),
        abbreviation: String::from_utf8_lossy(name).into_owned(),
        is_dst: found[4] != 0,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::PathBuf;

    /// All zones of this machine's tzdata.
    fn zones(folder: &Path, zones: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            match entry.file_name().to_str() {
                // Leap seconds, and what stands twice.
                Some("right" | "posix" | "localtime" | "posixrules") => {}
                _ if path.is_dir() => self::zones(&path, zones),
                _ if fs::read(&path).is_ok_and(|bytes| bytes.starts_with(b"TZif")) => zones.push(path),
                _ => {}
            }
        }
    }

    #[test]
    #[expect(clippy::disallowed_methods, reason = "date(1) reads the same files by libc")]
    fn every_zone_is_read_as_libc_reads_it() {
        let mut all = Vec::new();
        zones(Path::new("/usr/share/zoneinfo"), &mut all);
        let epochs: Vec<i64> = vec![
            0,
            86_400_000,
            500_000_000,
            1_000_000_000,
            1_300_000_000,
            1_711_846_799,
            1_711_846_800,
            1_720_000_000,
            1_730_000_000,
            1_795_000_000,
            2_000_000_000,
            2_200_000_000,
            2_540_000_000,
            3_000_000_000,
            4_102_444_800,
            4_118_000_000,
        ];
        let input: String = epochs.iter().map(|epoch| format!("@{epoch}\n")).collect();
        let file = std::env::temp_dir().join(format!("getinfo-time-zone-{}", std::process::id()));
        fs::write(&file, input).unwrap();
        for zone in &all {
            let bytes = fs::read(zone).unwrap();
            let output = std::process::Command::new("date")
                .args(["+%::z %Z", "-f"])
                .arg(&file)
                .env("TZ", format!(":{}", zone.display()))
                .output()
                .unwrap();
            for (epoch, want) in epochs.iter().zip(String::from_utf8_lossy(&output.stdout).lines()) {
                let found = parse(&bytes, *epoch).unwrap();
                let (sign, size) =
                    if found.seconds < 0 { ('-', -found.seconds) } else { ('+', found.seconds) };
                let (hour, minute, second) = (size / 3600, size / 60 % 60, size % 60);
                let ours = format!("{sign}{hour:02}:{minute:02}:{second:02} {}", found.abbreviation);
                // date writes no offset at all as -00:00 where the abbreviation begins so.
                assert_eq!(ours, want.replace("-00:00:00", "+00:00:00"), "{} {epoch}", zone.display());
            }
        }
        fs::remove_file(&file).unwrap();
    }

    #[test]
    fn a_broken_file_is_none() {
        for zone in ["Europe/Berlin", "America/New_York", "Etc/UTC"] {
            let Ok(bytes) = fs::read(Path::new("/usr/share/zoneinfo").join(zone)) else { continue };
            for length in 0..bytes.len() {
                let _ = parse(&bytes[..length], 1_700_000_000);
            }
            assert!(parse(&bytes[..43], 0).is_none());
            let mut bad = bytes.clone();
            for at in 20..44 {
                bad[at] = 0xff;
                let _ = parse(&bad, 1_700_000_000);
            }
        }
        assert!(parse(b"", 0).is_none() && parse(b"TZif", 0).is_none() && parse(&[b'T'; 100], 0).is_none());
    }

    #[test]
    fn the_name_is_that_of_the_link_or_the_file() {
        let root = std::env::temp_dir().join(format!("getinfo-time-name-{}", std::process::id()));
        fs::create_dir_all(root.join("etc")).unwrap();
        fs::write(root.join("etc/timezone"), "Asia/Tokyo\n").unwrap();
        let without = read(&root, 0);
        std::os::unix::fs::symlink(
            "../usr/share/zoneinfo/America/Argentina/Ushuaia",
            root.join("etc/localtime"),
        )
        .unwrap();
        let dangling = read(&root, 0);
        fs::remove_dir_all(&root).unwrap();
        assert_eq!((without.name.as_deref(), without.utc_offset_seconds), (Some("Asia/Tokyo"), Some(0)));
        assert_eq!(
            (dangling.name.as_deref(), dangling.utc_offset_seconds),
            (Some("America/Argentina/Ushuaia"), None)
        );
    }
}
