//! A damaged journal file: untouched records are kept in order, and no record is invented.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::ops::Range;

use super::segment::{HEADER, frame_length, header, put_frame, read};

/// Checks a journal file. The first eight bytes say where and how it is damaged and cut; the rest
/// are its records, each after its length in one byte.
pub fn journal(bytes: &[u8]) {
    let Some((damage, rest)) = bytes.split_first_chunk::<8>() else { return };
    let records = records(rest);
    // A file's salt is random, so the author of a record cannot know it. Here it changes with every
    // byte: with a constant salt, the fuzzer learns to write records that contain a valid frame.
    let salt = salt(bytes);
    let mut file = header(salt).to_vec();
    let mut frames = Vec::new();
    for (sequence, record) in (1..).zip(&records) {
        frames.push(file.len()..file.len() + frame_length(record.len()));
        put_frame(salt, sequence, record, &mut file);
    }
    let [padding, a, b, c, d, xor, e, f] = *damage;
    file.resize(file.len() + usize::from(padding), 0);
    let damaged = HEADER + usize::from(u16::from_le_bytes([a, b])) % (file.len() - HEADER + 1);
    let length = usize::from(c % 16);
    for byte in file.iter_mut().skip(damaged).take(length) {
        *byte ^= xor;
    }
    let cut = usize::from(u16::from_le_bytes([e, f])).min(file.len());
    let cut = if d.is_multiple_of(2) { file.len() } else { cut };
    let Some(found) = read(&file[..cut]) else {
        assert!(cut < HEADER, "an untouched header is not read");
        return;
    };
    let mut left = records.iter();
    for record in &found.records {
        assert!(left.any(|known| known == record), "a record is invented or out of order");
    }
    let is_whole = |frame: &Range<usize>| {
        frame.end <= cut && (xor == 0 || frame.end <= damaged || frame.start >= damaged + length)
    };
    let mut left = found.records.iter();
    for (record, _) in records.iter().zip(&frames).filter(|(_, frame)| is_whole(frame)) {
        assert!(left.any(|known| *known == *record), "an untouched record is lost");
    }
}

fn salt(bytes: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    bytes.hash(&mut hasher);
    hasher.finish()
}

fn records(mut rest: &[u8]) -> Vec<&[u8]> {
    let mut records = Vec::new();
    while let Some((length, after)) = rest.split_first() {
        let (record, after) = after.split_at(after.len().min(usize::from(*length)));
        if !record.is_empty() {
            records.push(record);
        }
        rest = after;
    }
    records
}
