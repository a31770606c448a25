//! The checks that the fuzz targets in tests/fuzz run.

use crate::utmp;

/// Reads a file of utmp's records, of either layout.
///
/// # Panics
/// The check fails.
pub fn utmp(bytes: &[u8]) {
    let head = &bytes[..bytes.len().min(8192)];
    let record = utmp::record_length(bytes.len() as u64, head);
    let records: Vec<_> = bytes.chunks_exact(record).filter_map(utmp::parse).collect();
    assert!(records.len() <= bytes.len() / record);
    for record in records {
        // U+FFFD is three bytes.
        assert!(record.line.len() <= 3 * 32 && record.user.len() <= 3 * 32);
        assert!(record.host.len() <= 3 * 256);
    }
}

#[cfg(test)]
mod tests {
    use test_support::check_corpus;

    #[test]
    fn kept_inputs_pass() {
        check_corpus("utmp", 3, super::utmp);
    }
}
