//! The format of a journal's file.
//!
//! A header, then frames, each at a multiple of 8 bytes:
//!
//! | header | bytes | | frame | bytes |
//! |---|---|---|---|---|
//! | magic and version | 8 | | length of the record | 4 |
//! | salt | 8 | | checksum | 4 |
//! | checksum of both | 4 | | sequence number | 8 |
//! | zeros | 4 | | the record, then zeros | |
//!
//! Numbers are little-endian. A frame's checksum covers the file's random salt and the frame's own
//! sequence number, so that neither bytes of another file nor the content of a record can pass for
//! a frame.

use crc32fast::hash as crc32;

const MAGIC: [u8; 8] = *b"BAjrnl\0\x01";

/// Bytes of the header.
pub(crate) const HEADER: usize = 24;
/// Bytes of a frame before its record.
const FRAME: usize = 16;
/// The longest record.
pub(crate) const MAX_RECORD: usize = 4 << 20;

/// Returns the bytes that a record of this length takes.
pub(crate) fn frame_length(record: usize) -> usize {
    (FRAME + record).next_multiple_of(8)
}

/// Returns the header of a file with this salt.
pub(crate) fn header(salt: u64) -> [u8; HEADER] {
    let mut bytes = [0; HEADER];
    let (magic, rest) = bytes.split_at_mut(8);
    let (salted, check) = rest.split_at_mut(8);
    magic.copy_from_slice(&MAGIC);
    salted.copy_from_slice(&salt.to_le_bytes());
    let sum = crc32(&[MAGIC, salt.to_le_bytes()].concat());
    check.copy_from_slice(&u64::from(sum).to_le_bytes());
    bytes
}

/// Appends a frame. The caller checks that the record is not empty and at most [`MAX_RECORD`] long.
pub(crate) fn put_frame(salt: u64, sequence: u64, record: &[u8], out: &mut Vec<u8>) {
    let length = u32::try_from(record.len()).unwrap_or(u32::MAX);
    let start = out.len();
    out.extend_from_slice(&length.to_le_bytes());
    out.extend_from_slice(&checksum(salt, sequence, record).to_le_bytes());
    out.extend_from_slice(&sequence.to_le_bytes());
    out.extend_from_slice(record);
    out.resize(start + frame_length(record.len()), 0);
}

/// Returns one checksum over everything: nested checksums of the same polynomial would cancel each
/// other out.
fn checksum(salt: u64, sequence: u64, record: &[u8]) -> u32 {
    let length = record.len() as u64;
    crc32(
        &[&salt.to_le_bytes()[..], &sequence.to_le_bytes(), &length.to_le_bytes(), record].concat(),
    )
}

/// The content of a file.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Read<'a> {
    pub(crate) salt: u64,
    /// The records, in the order they were written.
    pub(crate) records: Vec<&'a [u8]>,
    /// The sequence number of the last one.
    pub(crate) sequence: u64,
    /// Where the next frame goes.
    pub(crate) end: usize,
    /// Bytes between records that cannot be read.
    pub(crate) damaged: usize,
    /// Bytes after the end up to the last that is not zero: the rest of a torn commit.
    pub(crate) torn: usize,
}

/// Reads a file; `None` when it has no valid header.
pub(crate) fn read(bytes: &[u8]) -> Option<Read<'_>> {
    let (magic, rest) = bytes.split_first_chunk::<8>()?;
    let salt = u64::from_le_bytes(*rest.first_chunk()?);
    if *magic != MAGIC || bytes.get(..HEADER)? != header(salt) {
        return None;
    }
    let mut found =
        Read { salt, records: Vec::new(), sequence: 0, end: HEADER, damaged: 0, torn: 0 };
    let mut at = HEADER;
    while at < bytes.len() {
        match frame(bytes, at, salt, found.sequence) {
            Some((sequence, record)) => {
                found.damaged += at - found.end;
                found.sequence = sequence;
                found.records.push(record);
                at += frame_length(record.len());
                found.end = at;
            }
            // Frames start at multiples of 8, so the next one after damage is found there.
            None => at += 8,
        }
    }
    let rest = bytes.get(found.end..).unwrap_or_default();
    found.torn = rest.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    Some(found)
}

/// Returns the frame at an offset, if there is one with a later sequence number.
fn frame(bytes: &[u8], at: usize, salt: u64, after: u64) -> Option<(u64, &[u8])> {
    let (head, rest) = bytes.get(at..)?.split_first_chunk::<FRAME>()?;
    let length = usize::try_from(u32::from_le_bytes(*head.first_chunk()?)).ok()?;
    if length == 0 || length > MAX_RECORD {
        return None;
    }
    let check = u32::from_le_bytes(*head.get(4..)?.first_chunk()?);
    let sequence = u64::from_le_bytes(*head.get(8..)?.first_chunk()?);
    let record = rest.get(..length)?;
    (sequence > after && check == checksum(salt, sequence, record)).then_some((sequence, record))
}
