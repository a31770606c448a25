//! The local time zone: /etc/localtime, a file of tzfile(5).

use std::fs;
use std::path::Path;

use agent_zone::{LocalTime, MAX_BYTES, ZoneFile};
use readers::regular;
use serde::Serialize;

/// The most bytes that are read of /etc/timezone.
const MAX_NAME_FILE: usize = 4096;

/// The `zone` object of the answer.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Zone {
    /// Its name, such as `Europe/Berlin`: the target of /etc/localtime, or the content of
    /// /etc/timezone.
    pub(crate) name: Option<String>,
    /// Its abbreviation, such as `CET` or `CEST`; null if /etc/localtime cannot be read.
    pub(crate) abbreviation: Option<String>,
    /// How far local time is ahead of UTC now; 0 if there is no /etc/localtime, as in libc.
    pub(crate) utc_offset_seconds: Option<i64>,
    /// Whether daylight saving time applies now.
    pub(crate) dst: Option<bool>,
}

/// Reads the zone of the system whose root folder is `root`, as it is at `epoch`.
pub(crate) fn read(root: &Path, epoch: i64) -> Zone {
    let path = root.join("etc/localtime");
    let local = match regular::bytes(&path, MAX_BYTES + 1) {
        Ok(bytes) => ZoneFile::parse(&bytes).ok().map(|zone| zone.at(epoch).clone()),
        // As libc does, UTC where there is no file at all.
        Err(_) if fs::symlink_metadata(&path).is_err() => {
            Some(LocalTime { offset: 0, abbreviation: "UTC".to_owned(), is_dst: false })
        }
        Err(_) => None,
    };
    Zone {
        name: linked_name(&path).or_else(|| named(&root.join("etc/timezone"))),
        utc_offset_seconds: local.as_ref().map(|local| local.offset.into()),
        dst: local.as_ref().map(|local| local.is_dst),
        abbreviation: local.map(|local| local.abbreviation),
    }
}

/// Returns the zone that /etc/timezone names: its first line that is not a comment.
fn named(path: &Path) -> Option<String> {
    let text = regular::text(path, MAX_NAME_FILE).ok()?;
    let name =
        text.lines().map(str::trim).find(|line| !line.is_empty() && !line.starts_with('#'))?;
    is_zone(name).then(|| name.to_owned())
}

/// Returns whether a text may be the name of a zone: words of tzdata's letters, and slashes.
fn is_zone(name: &str) -> bool {
    let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || b"+-_.".contains(&byte);
    name.split('/').all(|part| !matches!(part, "" | "." | "..") && part.bytes().all(is_letter))
}

/// Returns the part of the link's target after `zoneinfo/`.
fn linked_name(path: &Path) -> Option<String> {
    let target = fs::read_link(path).ok()?;
    let target = target.to_string_lossy();
    let (_, name) = target.split_once("zoneinfo/")?;
    let name = name.strip_prefix("posix/").or_else(|| name.strip_prefix("right/")).unwrap_or(name);
    is_zone(name).then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;
    use test_support::Scratch;

    #[test]
    fn the_name_comes_from_the_link_or_from_etc_timezone() {
        let root = Scratch::new("time-zone-name");
        root.write("etc/timezone", "Asia/Tokyo\n");
        let without = read(root.path(), 0);
        assert_eq!(
            (without.name.as_deref(), without.utc_offset_seconds),
            (Some("Asia/Tokyo"), Some(0))
        );
        symlink("../usr/share/zoneinfo/America/Argentina/Ushuaia", root.file("etc/localtime"))
            .unwrap();
        let dangling = read(root.path(), 0);
        assert_eq!(
            (dangling.name.as_deref(), dangling.utc_offset_seconds),
            (Some("America/Argentina/Ushuaia"), None)
        );
    }

    #[test]
    fn only_names_of_zones_are_taken() {
        let root = Scratch::new("time-zone-comment");
        for (text, want) in [
            ("# local zone\n\n  Europe/Berlin \nAsia/Tokyo\n", Some("Europe/Berlin")),
            ("# only a comment\n", None),
            ("see /etc/localtime\n", None),
            ("/usr/share/zoneinfo/UTC\n", None),
            ("../../etc/passwd\n", None),
            ("Etc/GMT+5", Some("Etc/GMT+5")),
            ("", None),
        ] {
            root.write("etc/timezone", text);
            assert_eq!(read(root.path(), 0).name.as_deref(), want, "{text:?}");
        }
    }

    #[test]
    fn a_damaged_file_has_no_offset() {
        let root = Scratch::new("time-zone-damaged");
        root.write("etc/localtime", "TZif");
        let damaged = read(root.path(), 0);
        assert_eq!((damaged.utc_offset_seconds, damaged.abbreviation), (None, None));
    }
}
