//! I/O counters of a device: /sys/block/*/stat (Documentation/block/stat.rst).

use readers::decimal::Decimal;
use serde::Serialize;

/// The unit of sectors in the file, whatever the device's own is.
const SECTOR_BYTES: u64 = 512;

/// The `io` object of a device. A field is null if the kernel does not count it.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Io {
    /// Completed reads.
    pub(crate) reads: Option<u64>,
    /// Reads merged with others before they were issued.
    pub(crate) reads_merged: Option<u64>,
    /// Bytes read.
    pub(crate) read_bytes: Option<u64>,
    /// Total time of all reads.
    pub(crate) read_seconds: Option<Decimal>,
    /// Completed writes.
    pub(crate) writes: Option<u64>,
    /// Writes merged with others before they were issued.
    pub(crate) writes_merged: Option<u64>,
    /// Bytes written.
    pub(crate) written_bytes: Option<u64>,
    /// Total time of all writes.
    pub(crate) write_seconds: Option<Decimal>,
    /// Requests that the device is processing now.
    pub(crate) in_flight: Option<u64>,
    /// Time in which the device had at least one request.
    pub(crate) busy_seconds: Option<Decimal>,
    /// Total time of all requests.
    pub(crate) weighted_seconds: Option<Decimal>,
    /// Completed discards.
    pub(crate) discards: Option<u64>,
    /// Bytes discarded.
    pub(crate) discarded_bytes: Option<u64>,
    /// Total time of all discards.
    pub(crate) discard_seconds: Option<Decimal>,
    /// Completed flushes.
    pub(crate) flushes: Option<u64>,
    /// Total time of all flushes.
    pub(crate) flush_seconds: Option<Decimal>,
}

/// Parses 11 numbers; 15 since Linux 4.18, 17 since 5.5.
pub(crate) fn parse(text: &str) -> Option<Io> {
    let numbers: Vec<u64> =
        text.split_ascii_whitespace().map_while(|word| word.parse().ok()).take(17).collect();
    if numbers.len() < 11 {
        return None;
    }
    let count = |at: usize| numbers.get(at).copied();
    let bytes = |at: usize| count(at)?.checked_mul(SECTOR_BYTES);
    // The kernel counts milliseconds.
    let seconds = |at: usize| Decimal::fraction(count(at)?, 1000);
    Some(Io {
        reads: count(0),
        reads_merged: count(1),
        read_bytes: bytes(2),
        read_seconds: seconds(3),
        writes: count(4),
        writes_merged: count(5),
        written_bytes: bytes(6),
        write_seconds: seconds(7),
        in_flight: count(8),
        busy_seconds: seconds(9),
        weighted_seconds: seconds(10),
        discards: count(11),
        discarded_bytes: bytes(13),
        discard_seconds: seconds(14),
        flushes: count(15),
        flush_seconds: seconds(16),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_and_new_kernels_are_read() {
        let new =
            parse("  10 1 100 2500  20 2 200 1  3 593556 10099775  7 1 8 9  11 12\n").unwrap();
        assert_eq!(
            (new.reads, new.read_bytes, new.written_bytes),
            (Some(10), Some(51_200), Some(102_400))
        );
        assert_eq!(new.read_seconds.as_ref().map(Decimal::text), Some("2.5"));
        assert_eq!(
            (new.in_flight, new.discarded_bytes, new.flushes),
            (Some(3), Some(4096), Some(11))
        );
        let old = parse("1 2 3 4 5 6 7 8 9 10 11").unwrap();
        assert_eq!((old.in_flight, old.discards, old.flushes), (Some(9), None, None));
        for text in
            ["", "1 2 3", "1 2 3 4 5 6 7 8 9 10 x", "99999999999999999999 1 1 1 1 1 1 1 1 1 1"]
        {
            assert!(parse(text).is_none(), "{text:?}");
        }
    }
}
