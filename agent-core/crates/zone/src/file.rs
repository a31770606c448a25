//! A zone's file (TZif, RFC 9636, versions 1 to 4).

use crate::{Error, LocalTime, Rule};
use std::ops::RangeInclusive;
use std::str;

/// The longest file that is read; the longest of the tz database has 4 kB.
pub const MAX_BYTES: usize = 64 << 10;

/// The longest abbreviation that is kept, in bytes; real ones have 3 to 6.
const MAX_ABBREVIATION: usize = 64;

/// The offsets that the RFC allows, in seconds (section 3.2).
pub(crate) const OFFSETS: RangeInclusive<i32> = -(25 * 3600 - 1)..=26 * 3600 - 1;

/// A zone's file as read: its transitions, and the rule for the time after the last one.
#[derive(Clone, Debug)]
pub struct ZoneFile {
    /// The local times that transitions refer to; the first applies before all transitions.
    local_times: Vec<LocalTime>,
    /// In ascending order: from which instant which local time applies.
    transitions: Vec<(i64, usize)>,
    rule: Option<Rule>,
    has_leap_seconds: bool,
}

impl ZoneFile {
    /// Reads a file.
    ///
    /// # Errors
    /// [`Error`] names the first damaged part.
    pub fn parse(bytes: &[u8]) -> Result<Self, Error> {
        if bytes.len() > MAX_BYTES {
            return Err(Error::TooLong);
        }
        let (header, rest) = Header::read(bytes)?;
        if header.version < b'2' {
            return Ok(header.data::<4>(rest)?.0);
        }
        // The same data follow once more, with times of 64 bits.
        let (_, rest) = rest.split_at_checked(header.length(4)).ok_or(Error::Truncated)?;
        let (header, rest) = Header::read(rest)?;
        let (mut file, footer) = header.data::<8>(rest)?;
        let rule =
            footer.strip_prefix(b"\n").and_then(|rest| rest.split(|&byte| byte == b'\n').next());
        let rule = rule.and_then(|rule| str::from_utf8(rule).ok()).ok_or(Error::NoFooter)?;
        if !rule.is_empty() {
            file.rule = Some(Rule::parse(rule).ok_or(Error::BadRule)?);
        }
        Ok(file)
    }

    /// Returns whether the file counts leap seconds, which Unix time does not have.
    pub fn has_leap_seconds(&self) -> bool {
        self.has_leap_seconds
    }

    /// Returns the local time at an instant given in Unix seconds.
    pub fn at(&self, unix: i64) -> &LocalTime {
        let passed = self.transitions.partition_point(|&(start, _)| start <= unix);
        match &self.rule {
            Some(rule) if passed == self.transitions.len() => rule.at(unix),
            Some(_) | None => {
                let index = passed.checked_sub(1).map_or(0, |last| self.transitions[last].1);
                &self.local_times[index]
            }
        }
    }

    /// Returns from which instant which offset (seconds east of UTC) applies, in ascending order,
    /// with the transitions of the rule up to the end of `last_year`. The first entry starts at
    /// [`i64::MIN`].
    pub fn offsets(&self, last_year: i32) -> Vec<(i64, i32)> {
        let offset = |index: usize| self.local_times[index].offset;
        let mut offsets = Vec::with_capacity(1 + self.transitions.len());
        offsets.push((i64::MIN, offset(0)));
        offsets.extend(self.transitions.iter().map(|&(start, index)| (start, offset(index))));
        if let Some(rule) = &self.rule {
            rule.extend(&mut offsets, last_year);
        }
        offsets
    }
}

/// What each of a file's two blocks begins with (section 3.1).
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
    fn read(bytes: &[u8]) -> Result<(Self, &[u8]), Error> {
        let Some((b"TZif", rest)) = bytes.split_first_chunk() else { return Err(Error::NotTzif) };
        let (&[version, ..], rest) = rest.split_first_chunk::<16>().ok_or(Error::Truncated)?;
        let (counts, rest) = rest.split_first_chunk::<24>().ok_or(Error::Truncated)?;
        let mut counts = counts.chunks_exact(4).map(|count| {
            let count = count.iter().fold(0_usize, |number, &byte| number << 8 | usize::from(byte));
            // A larger count is too large anyway, and sums of these cannot overflow.
            count.min(MAX_BYTES)
        });
        let mut count = || counts.next().ok_or(Error::Truncated);
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

    /// Returns the length of the data that follow, whose times have `time` bytes.
    fn length(&self, time: usize) -> usize {
        self.times * (time + 1)
            + self.kinds * 6
            + self.letters
            + self.leaps * (time + 4)
            + self.standard_marks
            + self.utc_marks
    }

    /// Reads the data (section 3.2), and returns them with the bytes that follow them.
    fn data<'a, const TIME: usize>(&self, bytes: &'a [u8]) -> Result<(ZoneFile, &'a [u8]), Error> {
        let (data, footer) = bytes.split_at_checked(self.length(TIME)).ok_or(Error::Truncated)?;
        let (times, data) = data.split_at(self.times * TIME);
        let (kind_of, data) = data.split_at(self.times);
        let (kinds, data) = data.split_at(self.kinds * 6);
        let letters = &data[..self.letters];
        let local_times = kinds
            .chunks_exact(6)
            .map(|kind| local_time([kind[0], kind[1], kind[2], kind[3]], kind[4], letters, kind[5]))
            .collect::<Result<Vec<_>, _>>()?;
        if local_times.is_empty() {
            return Err(Error::NoOffset);
        }
        let mut transitions: Vec<(i64, usize)> = Vec::with_capacity(self.times);
        for (time, &kind) in times.chunks_exact(TIME).zip(kind_of) {
            // The sign is in the first byte.
            let sign = i64::from(time[0].cast_signed() >> 7);
            let start = time.iter().fold(sign, |number, &byte| number << 8 | i64::from(byte));
            if transitions.last().is_some_and(|&(last, _)| start <= last) {
                return Err(Error::OutOfOrder);
            }
            if usize::from(kind) >= local_times.len() {
                return Err(Error::BadReference);
            }
            transitions.push((start, kind.into()));
        }
        let file =
            ZoneFile { local_times, transitions, rule: None, has_leap_seconds: self.leaps > 0 };
        Ok((file, footer))
    }
}

fn local_time(offset: [u8; 4], is_dst: u8, letters: &[u8], at: u8) -> Result<LocalTime, Error> {
    let offset = i32::from_be_bytes(offset);
    if !OFFSETS.contains(&offset) {
        return Err(Error::OffsetOutOfRange);
    }
    let name = letters.get(usize::from(at)..).ok_or(Error::BadReference)?;
    let name = name.split(|&byte| byte == 0).next().unwrap_or_default();
    let name = &name[..name.len().min(MAX_ABBREVIATION)];
    let abbreviation = String::from_utf8_lossy(name).into_owned();
    Ok(LocalTime { offset, abbreviation, is_dst: is_dst != 0 })
}

#[cfg(test)]
pub(crate) mod tests;
