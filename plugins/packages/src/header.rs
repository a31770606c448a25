//! An rpm header as the rpm database keeps it (rpm's docs/manual/format_header.md, without the
//! leading magic).

use readers::integer::{be_u32, be_u64};
use readers::utc::iso_utc;

use crate::package::Package;

const NAME: u32 = 1000;
const VERSION: u32 = 1001;
const RELEASE: u32 = 1002;
const EPOCH: u32 = 1003;
const SUMMARY: u32 = 1004;
const INSTALLTIME: u32 = 1008;
const SIZE: u32 = 1009;
const VENDOR: u32 = 1011;
const ARCH: u32 = 1022;
const SOURCERPM: u32 = 1044;
const LONGSIZE: u32 = 5009;

const INT32: u32 = 4;
const INT64: u32 = 5;
const STRING: u32 = 6;
const STRING_ARRAY: u32 = 8;
/// The first of its texts is the one without a locale.
const I18N_STRING: u32 = 9;

/// A header: an index, then data, whose lengths the first two words give.
struct Header<'a> {
    index: &'a [u8],
    data: &'a [u8],
}

/// Reads the package that a header describes; `None` if it is not a header, or has no name.
pub(crate) fn parse(blob: &[u8]) -> Option<Package> {
    let length = |at| usize::try_from(be_u32(blob, at)?).ok();
    let (entries, data_length) = (length(0)?, length(4)?);
    let index_end = entries.checked_mul(16)?.checked_add(8)?;
    let header = Header {
        index: blob.get(8..index_end)?,
        data: blob.get(index_end..index_end.checked_add(data_length)?)?,
    };
    let name = header.text(NAME)?;
    let mut version = header.text(VERSION)?;
    if let Some(release) = header.text(RELEASE) {
        version = format!("{version}-{release}");
    }
    if let Some(epoch) = header.number(EPOCH) {
        version = format!("{epoch}:{version}");
    }
    let installed_epoch = header.number(INSTALLTIME);
    Some(Package {
        manager: "rpm",
        name,
        version,
        architecture: header.text(ARCH),
        status: "installed".to_owned(),
        size_bytes: header.number(LONGSIZE).or_else(|| header.number(SIZE)),
        installed: installed_epoch.and_then(iso_utc),
        installed_epoch,
        source: header.text(SOURCERPM),
        maintainer: header.text(VENDOR),
        summary: header.text(SUMMARY),
    })
}

impl Header<'_> {
    /// Finds a tag: the type of its value, and the data from the value on.
    fn find(&self, tag: u32) -> Option<(u32, &[u8])> {
        let entry = self.index.chunks_exact(16).find(|entry| be_u32(entry, 0) == Some(tag))?;
        let offset = usize::try_from(be_u32(entry, 8)?).ok()?;
        Some((be_u32(entry, 4)?, self.data.get(offset..)?))
    }

    fn text(&self, tag: u32) -> Option<String> {
        let (kind, data) = self.find(tag)?;
        if !matches!(kind, STRING | STRING_ARRAY | I18N_STRING) {
            return None;
        }
        let end = data.iter().position(|byte| *byte == 0)?;
        Some(String::from_utf8_lossy(&data[..end]).into_owned())
    }

    fn number(&self, tag: u32) -> Option<u64> {
        match self.find(tag)? {
            (INT32, data) => be_u32(data, 0).map(u64::from),
            (INT64, data) => be_u64(data, 0),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Builds a header from tags: tag, type, and the value as it stands in the data.
    fn blob(tags: &[(u32, u32, &[u8])]) -> Vec<u8> {
        let (mut index, mut data) = (Vec::new(), Vec::new());
        for (tag, kind, value) in tags {
            let offset = u32::try_from(data.len()).unwrap();
            [*tag, *kind, offset, 1]
                .iter()
                .for_each(|word| index.extend_from_slice(&word.to_be_bytes()));
            data.extend_from_slice(value);
        }
        let lengths = [u32::try_from(tags.len()).unwrap(), u32::try_from(data.len()).unwrap()];
        [lengths[0].to_be_bytes().to_vec(), lengths[1].to_be_bytes().to_vec(), index, data].concat()
    }

    #[test]
    fn tags_become_a_package() {
        let blob = blob(&[
            (63, 7, &[0; 16]),
            (NAME, STRING, b"bash\0"),
            (VERSION, STRING, b"5.2\0"),
            (RELEASE, STRING, b"1.el9\0"),
            (EPOCH, INT32, &[0, 0, 0, 2]),
            (SUMMARY, I18N_STRING, b"The shell\0Die Schale\0"),
            (INSTALLTIME, INT32, &1_700_000_000_u32.to_be_bytes()),
            (SIZE, INT32, &[0, 0, 1, 0]),
            (LONGSIZE, INT64, &[0, 0, 1, 0, 0, 0, 0, 0]),
        ]);
        let package = parse(&blob).unwrap();
        assert_eq!((package.name.as_str(), package.version.as_str()), ("bash", "2:5.2-1.el9"));
        assert_eq!(
            (package.summary.as_deref(), package.size_bytes),
            (Some("The shell"), Some(1 << 40))
        );
        assert_eq!(package.installed.as_deref(), Some("2023-11-14T22:13:20Z"));
        for end in 0..blob.len() {
            assert_eq!(parse(&blob[..end]), None, "{end}");
        }
    }

    #[test]
    fn lengths_and_offsets_beyond_the_end_are_rejected() {
        assert_eq!(parse(&[0xff; 64]), None);
        assert_eq!(parse(&[0; 64]), None);
        let mut odd = blob(&[
            (NAME, STRING, b"a\0"),
            (VERSION, STRING, b"1\0"),
            (SIZE, INT32, &[0, 0, 0, 1]),
        ]);
        // The offset of SIZE.
        odd[8 + 32 + 8..8 + 32 + 12].copy_from_slice(&[0xff; 4]);
        assert_eq!(parse(&odd).unwrap().size_bytes, None);
        odd[8 + 4..8 + 8].copy_from_slice(&[0, 0, 0, 4]);
        assert_eq!(parse(&odd), None, "a name that is a number");
    }
}
