//! The records of a slot, and their bytes.
//!
//! Each is a sequence of little-endian 64-bit words at a fixed place: a tag with the format's
//! version, the task's number, its own fields, and a checksum (CRC-32). A record that is torn or
//! belongs to another task does not count. Pure: [`super::Slots`] does the I/O.

use std::time::Duration;

use crate::child::{Stage, StartFailure};
use crate::end::{CommandEnd, Usage};
use crate::spool::Extent;

pub(super) const CLAIM: RecordLayout = RecordLayout { at: 0, tag: *b"BAclaim1" };
pub(super) const BEGUN: RecordLayout = RecordLayout { at: 32, tag: *b"BAbegun1" };
pub(super) const TOTALS: RecordLayout = RecordLayout { at: 96, tag: *b"BAtotal1" };
pub(super) const ENDED: RecordLayout = RecordLayout { at: 192, tag: *b"BAended1" };

/// The place of a kind of record in a slot, and its tag.
#[derive(Clone, Copy)]
pub(super) struct RecordLayout {
    pub(super) at: usize,
    pub(super) tag: [u8; 8],
}

/// A supervisor's record of its own start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Begun {
    /// Its process number.
    pub pid: i32,
    /// When it wrote this, in clock ticks since boot: a process of this number that started later
    /// (proc_pid_stat(5), field 22) is another one.
    pub ticks: u64,
    /// The beginning by the wall clock, Unix time in ms.
    pub wall_ms: u64,
}

/// The extents of the two output streams.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Totals {
    /// Standard output, with standard error in it unless the request separates them.
    pub stdout: Extent,
    /// Standard error, when the request separates it.
    pub stderr: Extent,
}

/// The processes of a task's tree that are left when its supervisor ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Leftovers {
    /// No process.
    Nothing,
    /// Perhaps background processes, which were not killed.
    Background,
    /// Processes that were killed and still existed when the supervisor stopped waiting.
    Survivors,
}

/// The record of a task's end, which its supervisor leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Record {
    /// How it ended, or why it could not be started.
    pub end: Result<CommandEnd, StartFailure>,
    /// The beginning by the wall clock, Unix time in ms.
    pub started_ms: u64,
    /// The end by the wall clock, Unix time in ms.
    pub ended_ms: u64,
    /// From beginning to end, time in suspend included.
    pub wall: Duration,
    /// The resources the command used; `None` when it never began, or did not die.
    pub usage: Option<Usage>,
    /// The processes left of its tree.
    pub leftovers: Leftovers,
    /// The output.
    pub totals: Totals,
}

impl Begun {
    pub(super) fn read(slot: &[u8], n: u64) -> Option<Self> {
        let [pid, ticks, wall_ms] = unseal(BEGUN, slot, n)?;
        Some(Self { pid: i32::try_from(pid).ok()?, ticks, wall_ms })
    }
}

impl Totals {
    pub(super) fn words(&self) -> [u64; 8] {
        let [a, b, c, d] = self.stdout.words();
        let [e, f, g, h] = self.stderr.words();
        [a, b, c, d, e, f, g, h]
    }

    fn from_words([a, b, c, d, e, f, g, h]: [u64; 8]) -> Self {
        Self { stdout: Extent::from_words([a, b, c, d]), stderr: Extent::from_words([e, f, g, h]) }
    }

    pub(super) fn read(slot: &[u8], n: u64) -> Option<Self> {
        unseal(TOTALS, slot, n).map(Self::from_words)
    }
}

impl Record {
    const HAS_USAGE: u64 = 1;
    const SURVIVORS: u64 = 2;
    const NOTHING_LEFT: u64 = 4;

    /// Returns whether nothing of the task's tree was killed.
    #[must_use]
    pub fn is_by_itself(&self) -> bool {
        self.end.is_ok_and(CommandEnd::is_by_itself) || self.end.is_err()
    }

    pub(super) fn seal(&self, n: u64) -> [u8; 168] {
        let (kind, a, b) = match self.end {
            Ok(CommandEnd::Exited(status)) => (0, u64::from(status), 0),
            Ok(CommandEnd::Signaled { signal, core }) => {
                (1, u64::from(signal.unsigned_abs()), u64::from(core))
            }
            Ok(CommandEnd::TimedOut) => (2, 0, 0),
            Ok(CommandEnd::Cancelled) => (3, 0, 0),
            Err(StartFailure { stage, errno }) => {
                (4, stage as u64, u64::from(errno.unsigned_abs()))
            }
        };
        let micros = |time: Duration| u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        let (user, system, rss) = self.usage.map_or((0, 0, 0), |usage| {
            (micros(usage.user), micros(usage.system), usage.max_rss_kib)
        });
        let flags = if self.usage.is_some() { Self::HAS_USAGE } else { 0 }
            | match self.leftovers {
                Leftovers::Nothing => Self::NOTHING_LEFT,
                Leftovers::Background => 0,
                Leftovers::Survivors => Self::SURVIVORS,
            };
        let [o1, o2, o3, o4, e1, e2, e3, e4] = self.totals.words();
        let (started, ended, wall) = (self.started_ms, self.ended_ms, micros(self.wall));
        seal(
            ENDED,
            n,
            [
                kind, a, b, started, ended, wall, user, system, rss, flags, o1, o2, o3, o4, e1, e2,
                e3, e4,
            ],
        )
    }

    pub(super) fn read(slot: &[u8], n: u64) -> Option<Self> {
        let [kind, a, b, started_ms, ended_ms, wall, user, system, max_rss_kib, flags, totals @ ..] =
            unseal::<18>(ENDED, slot, n)?;
        let end = match kind {
            0 => Ok(CommandEnd::Exited(u8::try_from(a).ok()?)),
            1 => Ok(CommandEnd::Signaled { signal: i32::try_from(a).ok()?, core: b == 1 }),
            2 => Ok(CommandEnd::TimedOut),
            3 => Ok(CommandEnd::Cancelled),
            4 => Err(StartFailure {
                stage: Stage::from_number(u32::try_from(a).ok()?)?,
                errno: i32::try_from(b).ok()?,
            }),
            _ => return None,
        };
        let usage = Usage {
            user: Duration::from_micros(user),
            system: Duration::from_micros(system),
            max_rss_kib,
        };
        Some(Self {
            end,
            started_ms,
            ended_ms,
            wall: Duration::from_micros(wall),
            usage: (flags & Self::HAS_USAGE != 0).then_some(usage),
            leftovers: match flags & (Self::SURVIVORS | Self::NOTHING_LEFT) {
                0 => Leftovers::Background,
                Self::NOTHING_LEFT => Leftovers::Nothing,
                _ => Leftovers::Survivors,
            },
            totals: Totals::from_words(totals),
        })
    }
}

/// Returns the bytes of a record with `FIELDS` words, which has three words more.
pub(super) fn seal<const FIELDS: usize, const BYTES: usize>(
    place: RecordLayout,
    n: u64,
    fields: [u64; FIELDS],
) -> [u8; BYTES] {
    const { assert!(BYTES == (FIELDS + 3) * 8) };
    let mut bytes = [0; BYTES];
    let words = [u64::from_le_bytes(place.tag), n].into_iter().chain(fields);
    for (slot, word) in bytes.chunks_exact_mut(8).zip(words) {
        slot.copy_from_slice(&word.to_le_bytes());
    }
    let (body, sum) = bytes.split_at_mut(BYTES - 8);
    sum.copy_from_slice(&u64::from(crc32fast::hash(body)).to_le_bytes());
    bytes
}

/// Returns the fields of a record if it is intact and belongs to task `n`.
pub(super) fn unseal<const FIELDS: usize>(
    place: RecordLayout,
    slot: &[u8],
    n: u64,
) -> Option<[u64; FIELDS]> {
    let record = slot.get(place.at..place.at + (FIELDS + 3) * 8)?;
    let (body, sum) = record.split_last_chunk::<8>()?;
    let (tag, body_after_tag) = body.split_first_chunk::<8>()?;
    if *tag != place.tag || u64::from_le_bytes(*sum) != u64::from(crc32fast::hash(body)) {
        return None;
    }
    let mut words =
        body_after_tag.chunks_exact(8).map(|word| word.try_into().map_or(0, u64::from_le_bytes));
    if words.next() != Some(n) {
        return None;
    }
    let mut fields = [0; FIELDS];
    fields.iter_mut().zip(words).for_each(|(field, word)| *field = word);
    Some(fields)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A later agent must be able to read the slots of an earlier one: CRC-32 as zlib computes it.
    #[test]
    fn the_bytes_of_a_record_never_change() {
        let bytes: [u8; 48] = seal(BEGUN, 7, [4242, 99, 1_800_000_000_123]);
        let words: Vec<u64> = bytes
            .chunks_exact(8)
            .map(|word| u64::from_le_bytes(word.try_into().unwrap()))
            .collect();
        assert_eq!(bytes[..8], *b"BAbegun1");
        assert_eq!(words[1..], [7, 4242, 99, 1_800_000_000_123, 0xa5d4_ef36]);
        assert_eq!(crc32fast::hash(b"123456789"), 0xcbf4_3926);
    }
}
