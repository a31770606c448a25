//! The table of tasks: no record of the journal breaks it, and its snapshot is equal to it.

use super::record::Record;
use super::table::Table;

pub use super::journal::fuzzing::journal;

/// Checks the journal's records, one per line.
pub fn tasks(bytes: &[u8]) {
    let mut table = Table::default();
    for line in bytes.split(|byte| *byte == b'\n') {
        let Some(record) = Record::from_bytes(line) else { continue };
        assert_eq!(Record::from_bytes(&record.to_bytes()).as_ref(), Some(&record));
        table.apply(record);
    }
    let mut again = Table::default();
    let snapshot = table.snapshot();
    for record in &snapshot {
        again.apply(Record::from_bytes(&record.to_bytes()).expect("our own record is a record"));
    }
    assert_eq!(snapshot, again.snapshot());
    assert_eq!(table.counts(), again.counts());
}
