//! A zone's file (TZif, RFC 9636) → from which instant which offset holds.
//!
//! No crate: tz-rs refuses version 4 and keeps the days of its rules to itself, and jiff is a whole library of
//! time. The bytes may be anything: what is made of them is bounded by their length, and by 2100 for the rule.

use super::rule::Rule;
use std::ops::RangeInclusive;
use std::str;

/// A longer file is none: the longest of the database has 4 kB.
pub(super) const MAX_BYTES: usize = 64 << 10;

/// In seconds, by the RFC (section 3.2).
pub(super) const OFFSETS: RangeInclusive<i32> = -(25 * 3600 - 1)..=26 * 3600 - 1;

/// From which instant which offset holds, seconds east of UTC.
pub(super) type Changes = Vec<(i64, i32)>;

/// Why the bytes are no zone.
pub(super) type Flaw = &'static str;

const TOO_SHORT: Flaw = "its file ends too early";

/// Reads a file. The result is sorted; its first offset holds since ever.
pub(super) fn read(bytes: &[u8]) -> Result<Changes, Flaw> {
    if bytes.len() > MAX_BYTES {
        return Err("its file is longer than any zone's");
    }
    let (header, rest) = Header::read(bytes)?;
    if header.version < b'2' {
        return Ok(header.changes::<4>(rest)?.0);
    }
    // The same again follows, with times of 64 bits.
    let (_, rest) = rest.split_at_checked(header.length(4)).ok_or(TOO_SHORT)?;
    let (header, rest) = Header::read(rest)?;
    let (mut changes, footer) = header.changes::<8>(rest)?;
    let rule = footer.strip_prefix(b"\n").and_then(|rest| rest.split(|&byte| byte == b'\n').next());
    let rule = rule.and_then(|rule| str::from_utf8(rule).ok()).ok_or("its file has no footer")?;
    if !rule.is_empty() {
        Rule::parse(rule).ok_or("the footer of its file is no rule")?.extend(&mut changes);
    }
    Ok(changes)
}

/// What each of the two blocks begins with (section 3.1).
struct Header {
    version: u8,
    utc_marks: usize,
    standard_marks: usize,
    leaps: usize,
    times: usize,
    kinds: usize,
    letters: usize,
}

impl Header {
    fn read(bytes: &[u8]) -> Result<(Self, &[u8]), Flaw> {
        let Some((b"TZif", rest)) = bytes.split_first_chunk() else { return Err("its file is no zone's") };
        let (&[version, ..], rest) = rest.split_first_chunk::<16>().ok_or(TOO_SHORT)?;
        let (counts, rest) = rest.split_first_chunk::<24>().ok_or(TOO_SHORT)?;
        let mut counts = counts.chunks_exact(4).map(|count| {
            let count = count.iter().fold(0_usize, |number, &byte| number << 8 | usize::from(byte));
            count.min(MAX_BYTES)
        });
        let mut count = || counts.next().ok_or(TOO_SHORT);
        let header = Self {
            version,
            utc_marks: count()?,
            standard_marks: count()?,
            leaps: count()?,
            times: count()?,
            kinds: count()?,
            letters: count()?,
        };
        Ok((header, rest))
    }

    /// Of the data that follow, whose times have `time` bytes.
    fn length(&self, time: usize) -> usize {
        self.times * (time + 1)
            + self.kinds * 6
            + self.letters
            + self.leaps * (time + 4)
            + self.standard_marks
            + self.utc_marks
    }

    /// The data (section 3.2), and what follows them.
    fn changes<'a, const TIME: usize>(&self, bytes: &'a [u8]) -> Result<(Changes, &'a [u8]), Flaw> {
        let (data, footer) = bytes.split_at_checked(self.length(TIME)).ok_or(TOO_SHORT)?;
        if self.leaps > 0 {
            return Err("it counts leap seconds, which Unix time does not");
        }
        let (times, data) = data.split_at(self.times * TIME);
        let (kind_of, data) = data.split_at(self.times);
        let kinds = data[..self.kinds * 6].chunks_exact(6);
        let offsets: Vec<i32> =
            kinds.map(|kind| i32::from_be_bytes([kind[0], kind[1], kind[2], kind[3]])).collect();
        if !offsets.iter().all(|offset| OFFSETS.contains(offset)) {
            return Err("an offset of its file is longer than a day");
        }
        let first = *offsets.first().ok_or("its file has no offset")?;
        let mut changes = Vec::with_capacity(1 + self.times);
        changes.push((i64::MIN, first));
        let mut last = None;
        for (time, &kind) in times.chunks_exact(TIME).zip(kind_of) {
            // The sign is in the first byte.
            let sign = i64::from(time[0].cast_signed() >> 7);
            let time = time.iter().fold(sign, |number, &byte| number << 8 | i64::from(byte));
            if last.is_some_and(|last| time <= last) {
                return Err("the times of its file are out of order");
            }
            last = Some(time);
            let offset = *offsets.get(usize::from(kind)).ok_or("an offset of its file is missing")?;
            changes.push((time, offset));
        }
        Ok((changes, footer))
    }
}
