//! The journal's records, a line each → the table of tasks: no record breaks it, and its snapshot says the same.
#![no_main]

#[path = "../../../agent-core/src/task/record.rs"]
#[allow(dead_code, reason = "a part of it is for the runner")]
mod record;
#[path = "../../../agent-core/src/task/table.rs"]
#[allow(dead_code, reason = "a part of it is for the runner")]
mod table;

use record::Record;
use table::Table;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let mut table = Table::default();
    for line in bytes.split(|byte| *byte == b'\n') {
        let Some(record) = Record::from_bytes(line) else { continue };
        assert_eq!(Record::from_bytes(&record.to_bytes()).as_ref(), Some(&record));
        table.apply(record);
    }
    let mut again = Table::default();
    let live = table.live();
    for record in &live {
        again.apply(Record::from_bytes(&record.to_bytes()).expect("our own"));
    }
    assert_eq!(live, again.live());
    assert_eq!(table.counts(), again.counts());
});
