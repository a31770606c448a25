//! Swap areas: /proc/swaps (proc(5)).

use readers::escape::octal_text;
use serde::Serialize;

/// The most areas that are read; the kernel's limit is 32 or less (`MAX_SWAPFILES`).
const MAX_AREAS: usize = 64;

/// One swap area.
#[derive(Serialize, Debug, PartialEq)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Swap {
    /// The path of the file or device.
    pub(crate) path: String,
    /// The type: `partition` or `file`.
    #[serde(rename = "type")]
    pub(crate) kind: String,
    /// Size in bytes.
    pub(crate) size_bytes: u64,
    /// Bytes in use.
    pub(crate) used_bytes: u64,
    /// The priority; the highest is used first. Priorities that the kernel chose are negative.
    pub(crate) priority: i64,
}

/// Parses the areas in the kernel's order, by priority. The first line names the columns.
pub(crate) fn parse(text: &str) -> Vec<Swap> {
    let line = |line: &str| {
        // The kernel escapes these in a path, but no other white space.
        let mut words = line.split([' ', '\t']).filter(|word| !word.is_empty());
        let (path, kind) = (octal_text(words.next()?), words.next()?.to_owned());
        let mut bytes = || words.next()?.parse::<u64>().ok()?.checked_mul(1024);
        let (size_bytes, used_bytes) = (bytes()?, bytes()?);
        Some(Swap { path, kind, size_bytes, used_bytes, priority: words.next()?.parse().ok()? })
    };
    text.split('\n').skip(1).take(MAX_AREAS).filter_map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn areas_are_read() {
        let text = "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n/dev/dm-1                  partition\t\
                    999420\t\t12\t\t-2\n/my\\040swap\\040(deleted) file 8 0 5\nbroken file x 0 0\n/short file 1\n";
        let swaps = parse(text);
        assert_eq!(swaps.len(), 2);
        assert_eq!((swaps[0].path.as_str(), swaps[0].kind.as_str()), ("/dev/dm-1", "partition"));
        assert_eq!(
            (swaps[0].size_bytes, swaps[0].used_bytes, swaps[0].priority),
            (999_420 * 1024, 12 * 1024, -2)
        );
        assert_eq!((swaps[1].path.as_str(), swaps[1].priority), ("/my swap (deleted)", 5));
        assert_eq!((parse("").len(), parse("/dev/sda1 partition 1 1 1\n").len()), (0, 0));
    }
}
