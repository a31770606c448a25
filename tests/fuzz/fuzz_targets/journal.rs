//! A journal's file, damaged → its records: what was not touched is kept, in order, and nothing is invented.
//!
//! The first bytes say where and how it is damaged and cut; the rest are the records, each behind its length.
#![no_main]

#[path = "../../../agent-core/src/task/journal/segment.rs"]
#[allow(dead_code, reason = "a part of it is for the writer")]
mod segment;

use segment::{HEADER, frame_length, header, put_frame, read};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Some((how, mut rest)) = bytes.split_first_chunk::<8>() else { return };
    let mut records = Vec::new();
    while let Some((length, behind)) = rest.split_first() {
        let (record, behind) = behind.split_at(behind.len().min(usize::from(*length)));
        if !record.is_empty() {
            records.push(record);
        }
        rest = behind;
    }
    let mut file = header(9).to_vec();
    let mut frames = Vec::new();
    for (index, record) in records.iter().enumerate() {
        frames.push(file.len()..file.len() + frame_length(record.len()));
        put_frame(9, index as u64 + 1, record, &mut file);
    }
    file.resize(file.len() + usize::from(how[0]), 0);
    let [_, a, b, c, d, xor, e, f] = *how;
    let damaged = HEADER + usize::from(u16::from_le_bytes([a, b])) % (file.len() - HEADER + 1);
    let length = usize::from(c % 16);
    for byte in file.iter_mut().skip(damaged).take(length) {
        *byte ^= xor;
    }
    let cut = if d % 2 == 0 { file.len() } else { usize::from(u16::from_le_bytes([e, f])).min(file.len()) };
    let Some(found) = read(&file[..cut]) else {
        assert!(cut < HEADER, "a header that was not touched is read");
        return;
    };
    let mut left = records.iter();
    for record in &found.records {
        assert!(left.any(|known| known == record), "invented, or out of order");
    }
    let whole = |frame: &std::ops::Range<usize>| {
        frame.end <= cut && (xor == 0 || frame.end <= damaged || frame.start >= damaged + length)
    };
    let mut left = found.records.iter();
    for (record, _) in records.iter().zip(&frames).filter(|(_, frame)| whole(frame)) {
        assert!(left.any(|known| *known == *record), "a record that was not touched is lost");
    }
});
