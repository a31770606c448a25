//! The slot file: one sector for each running task, in which its supervisor leaves how it ended.
//!
//! Laid out in full beforehand, so that a full disk keeps no result from being recorded. A slot is
//! taken by a lock on its bytes, through an open file of its own that the agent hands on to the
//! task's supervisor (`F_OFD_SETLK`, fcntl(2)): the lock is held without a gap from before the
//! supervisor's start to its end, whoever else dies meanwhile. So whether a task can still be
//! running is known from the slot alone.
//!
//! A slot holds up to four records at fixed places: the claim, the beginning, the output counted so
//! far, the end. Each is a run of little-endian 64-bit words: a tag with the format's version, the
//! task's number, its own fields, and a checksum; a record that is torn, or of another task, counts
//! as none. `agent_core::task` takes slots and looks at them; a supervisor writes them.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;
use std::time::Duration;

use nix::fcntl::{self, FcntlArg};

use crate::checksum::crc32;
use crate::child::Stage;
use crate::spool::Extent;

/// Bytes of a slot: a sector of every disk, so that it is written whole or not at all.
pub const STRIDE: u64 = 512;
const SLOT: usize = 512;
/// The most slots of a file.
pub const MAX_SLOTS: u32 = 65_536;

const CLAIM: Place = Place { at: 0, tag: *b"BAclaim1" };
const BEGUN: Place = Place { at: 32, tag: *b"BAbegun1" };
const TOTALS: Place = Place { at: 96, tag: *b"BAtotal1" };
const ENDED: Place = Place { at: 192, tag: *b"BAended1" };

/// How often a record that changes under the reader is read again.
const RETRIES: usize = 100;

/// Where in a slot a kind of record is, and what it begins with.
#[derive(Clone, Copy)]
struct Place {
    at: usize,
    tag: [u8; 8],
}

/// The supervisor, as it says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Begun {
    /// Its process number.
    pub pid: i32,
    /// Its start in clock ticks since boot (proc_pid_stat(5), field 22): tells it from a later
    /// process of the same number.
    pub start: u64,
    /// The beginning by the wall clock, Unix time in ms.
    pub wall_ms: u64,
}

/// What has come of the two output streams.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Totals {
    /// Standard output, with standard error in it unless that was asked for apart.
    pub stdout: Extent,
    /// Standard error, when asked for apart.
    pub stderr: Extent,
}

/// How a task ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// By itself, with this exit status.
    Exited(u8),
    /// By a signal that was not the supervisor's.
    Signaled {
        /// The signal's number.
        signal: i32,
        /// Whether it left a core dump.
        core: bool,
    },
    /// Its time was over; its tree was killed.
    TimedOut,
    /// The supervisor was told to end it, by SIGTERM; its tree was killed.
    Cancelled,
    /// It could not be started.
    NotStarted {
        /// The step that failed.
        stage: Stage,
        /// errno of the failed call.
        errno: i32,
    },
}

/// What a command and the children it waited for used (getrusage(2)).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Usage {
    /// Processor time in user mode, to the microsecond.
    pub user: Duration,
    /// Processor time in the kernel, to the microsecond.
    pub system: Duration,
    /// The largest resident size, in KiB.
    pub max_rss_kib: u64,
}

/// The end of a task: what a supervisor leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Record {
    /// How.
    pub end: End,
    /// The beginning by the wall clock, Unix time in ms.
    pub started_ms: u64,
    /// The end by the wall clock, Unix time in ms.
    pub ended_ms: u64,
    /// From beginning to end, time in suspend included.
    pub wall: Duration,
    /// What the command used; `None` when it never began, or would not die.
    pub usage: Option<Usage>,
    /// Whether killed processes were still there when the supervisor stopped waiting for them.
    pub survivors: bool,
    /// The output.
    pub totals: Totals,
}

/// What a slot says about one task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Look {
    /// Its supervisor lives, or is about to: the slot is held.
    Running {
        /// `None`: it has not come so far yet.
        begun: Option<Begun>,
        /// Its output so far.
        totals: Totals,
    },
    /// It has ended. Its supervisor may need a moment more to be gone, and holds the slot till then.
    Ended(Record),
    /// Nobody holds the slot for it, and it says nothing of an end: the supervisor was killed, or
    /// never came to be, or the machine went down.
    Lost {
        /// `None`: there is no sign that it began.
        begun: Option<Begun>,
        /// Its output up to there.
        totals: Totals,
    },
}

/// The file of all slots.
#[derive(Debug)]
pub struct Slots {
    file: File,
    count: u32,
}

/// A slot in one's hands: locked as long as this, or a copy of its descriptor anywhere, is open.
#[derive(Debug)]
pub struct Claim {
    file: File,
    index: u32,
    n: u64,
}

impl Slots {
    /// Opens the file, making it (mode 0600) or making it longer as needed, so that it has room for
    /// at least `count` slots; what is in it stays. What is new is on the disk when this returns.
    ///
    /// # Errors
    /// No space; or the file cannot be opened, and a symbolic link is refused.
    pub fn open(path: &Path, count: u32) -> io::Result<Self> {
        let count = count.min(MAX_SLOTS);
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        let file = options.mode(0o600).custom_flags(libc::O_NOFOLLOW).open(path)?;
        let whole = file.metadata()?.len() / STRIDE;
        for index in whole..u64::from(count) {
            // Zeros written, not a hole: the blocks are then there.
            file.write_all_at(&[0; SLOT], index * STRIDE)?;
        }
        // Always: what made it longer before may not have come so far.
        file.sync_all()?;
        if let Some(parent) = path.parent() {
            File::open(parent)?.sync_all()?;
        }
        let count = u32::try_from(whole).unwrap_or(MAX_SLOTS).max(count).min(MAX_SLOTS);
        Ok(Self { file, count })
    }

    /// How many there are: those asked for, or more when the file was longer.
    #[must_use]
    pub fn count(&self) -> u32 {
        self.count
    }

    /// Takes a slot for task `n` and clears it.
    ///
    /// # Errors
    /// `WouldBlock`: somebody holds it. `InvalidInput`: there is no such slot.
    pub fn take(&self, index: u32, n: u64) -> io::Result<Claim> {
        if index >= self.count {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        // Another open file of the same inode, whatever has become of its name.
        let path = format!("/proc/self/fd/{}", self.file.as_raw_fd());
        let file = OpenOptions::new().read(true).write(true).open(path)?;
        fcntl::fcntl(&file, FcntlArg::F_OFD_SETLK(&range(index)?)).map_err(|errno| match errno {
            // Either, says POSIX.
            nix::errno::Errno::EACCES => io::ErrorKind::WouldBlock.into(),
            errno => io::Error::from(errno),
        })?;
        let claim = Claim { file, index, n };
        let mut slot = [0; SLOT];
        let record = seal::<0, 24>(CLAIM, n, []);
        slot.iter_mut().zip(record).for_each(|(byte, new)| *byte = new);
        claim.file.write_all_at(&slot, u64::from(index) * STRIDE)?;
        Ok(claim)
    }

    /// Whether somebody holds a slot, for whatever task.
    ///
    /// # Errors
    /// `InvalidInput`: there is no such slot.
    pub fn is_held(&self, index: u32) -> io::Result<bool> {
        let mut range = range(index)?;
        fcntl::fcntl(&self.file, FcntlArg::F_OFD_GETLK(&mut range))?;
        Ok(i32::from(range.l_type) != libc::F_UNLCK)
    }

    /// What a slot says about task `n`.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn look(&self, index: u32, n: u64) -> io::Result<Look> {
        // The lock first: once it is free, nothing of this task is written any more, so what is
        // read then is the last word. The other way round, an end could come between.
        let held = self.is_held(index)?;
        let slot = self.read(index)?;
        if let Some(record) = Record::read(&slot, n) {
            return Ok(Look::Ended(record));
        }
        let begun = Begun::read(&slot, n);
        let totals = self.totals(index, n)?.unwrap_or_default();
        let held = held && unseal::<0>(CLAIM, &slot, n).is_some();
        Ok(if held { Look::Running { begun, totals } } else { Look::Lost { begun, totals } })
    }

    /// The output of task `n` so far; `None` when the slot says nothing of it. Cheap: for readers
    /// that ask for each piece of output.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn totals(&self, index: u32, n: u64) -> io::Result<Option<Totals>> {
        for _ in 0..RETRIES {
            let slot = self.read(index)?;
            if let Some(record) = Record::read(&slot, n) {
                return Ok(Some(record.totals));
            }
            if let Some(totals) = Totals::read(&slot, n) {
                return Ok(Some(totals));
            }
            // No sign of one, or it was being written as it was read.
            if slot.get(TOTALS.at..TOTALS.at + 8) != Some(&TOTALS.tag[..]) {
                break;
            }
        }
        Ok(None)
    }

    fn read(&self, index: u32) -> io::Result<[u8; SLOT]> {
        let mut slot = [0; SLOT];
        self.file.read_exact_at(&mut slot, u64::from(index) * STRIDE)?;
        Ok(slot)
    }
}

impl Claim {
    /// What came with a launch.
    pub(crate) fn received(file: OwnedFd, index: u32, n: u64) -> Self {
        Self { file: File::from(file), index, n }
    }

    /// The slot's number.
    #[must_use]
    pub fn index(&self) -> u32 {
        self.index
    }

    /// The task's number.
    #[must_use]
    pub fn n(&self) -> u64 {
        self.n
    }

    /// Says who supervises the task from now on.
    pub(crate) fn begin(&self, begun: &Begun) -> io::Result<()> {
        let pid = u64::from(begun.pid.unsigned_abs());
        self.write(BEGUN, &seal::<3, 48>(BEGUN, self.n, [pid, begun.start, begun.wall_ms]))
    }

    /// Says what output there is. Not waited for by anyone, so not synced.
    pub(crate) fn count(&self, totals: &Totals) -> io::Result<()> {
        self.write(TOTALS, &seal::<8, 88>(TOTALS, self.n, totals.words()))
    }

    /// Says how the task ended; on the disk when this returns.
    pub(crate) fn end(&self, record: &Record) -> io::Result<()> {
        self.write(ENDED, &record.seal(self.n))?;
        self.file.sync_data()
    }

    fn write(&self, place: Place, record: &[u8]) -> io::Result<()> {
        self.file.write_all_at(record, u64::from(self.index) * STRIDE + place.at as u64)
    }
}

impl AsFd for Claim {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

impl Begun {
    fn read(slot: &[u8], n: u64) -> Option<Self> {
        let [pid, start, wall_ms] = unseal(BEGUN, slot, n)?;
        Some(Self { pid: i32::try_from(pid).ok()?, start, wall_ms })
    }
}

impl Totals {
    fn words(&self) -> [u64; 8] {
        let [a, b, c, d] = self.stdout.words();
        let [e, f, g, h] = self.stderr.words();
        [a, b, c, d, e, f, g, h]
    }

    fn from_words([a, b, c, d, e, f, g, h]: [u64; 8]) -> Self {
        Self { stdout: Extent::from_words([a, b, c, d]), stderr: Extent::from_words([e, f, g, h]) }
    }

    fn read(slot: &[u8], n: u64) -> Option<Self> {
        unseal(TOTALS, slot, n).map(Self::from_words)
    }
}

impl Record {
    const HAS_USAGE: u64 = 1;
    const SURVIVORS: u64 = 2;

    fn seal(&self, n: u64) -> [u8; 168] {
        let (kind, a, b) = match self.end {
            End::Exited(status) => (0, u64::from(status), 0),
            End::Signaled { signal, core } => (1, u64::from(signal.unsigned_abs()), u64::from(core)),
            End::TimedOut => (2, 0, 0),
            End::Cancelled => (3, 0, 0),
            End::NotStarted { stage, errno } => (4, stage as u64, u64::from(errno.unsigned_abs())),
        };
        let micros = |time: Duration| u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        let (user, system, rss) = self
            .usage
            .map_or((0, 0, 0), |usage| (micros(usage.user), micros(usage.system), usage.max_rss_kib));
        let flags = if self.usage.is_some() { Self::HAS_USAGE } else { 0 }
            | if self.survivors { Self::SURVIVORS } else { 0 };
        let [o1, o2, o3, o4, e1, e2, e3, e4] = self.totals.words();
        let (started, ended, wall) = (self.started_ms, self.ended_ms, micros(self.wall));
        seal(
            ENDED,
            n,
            [kind, a, b, started, ended, wall, user, system, rss, flags, o1, o2, o3, o4, e1, e2, e3, e4],
        )
    }

    fn read(slot: &[u8], n: u64) -> Option<Self> {
        let [kind, a, b, started_ms, ended_ms, wall, user, system, max_rss_kib, flags, totals @ ..] =
            unseal::<18>(ENDED, slot, n)?;
        let end = match kind {
            0 => End::Exited(u8::try_from(a).ok()?),
            1 => End::Signaled { signal: i32::try_from(a).ok()?, core: b == 1 },
            2 => End::TimedOut,
            3 => End::Cancelled,
            4 => End::NotStarted {
                stage: Stage::from_number(u32::try_from(a).ok()?)?,
                errno: i32::try_from(b).ok()?,
            },
            _ => return None,
        };
        let usage =
            Usage { user: Duration::from_micros(user), system: Duration::from_micros(system), max_rss_kib };
        Some(Self {
            end,
            started_ms,
            ended_ms,
            wall: Duration::from_micros(wall),
            usage: (flags & Self::HAS_USAGE != 0).then_some(usage),
            survivors: flags & Self::SURVIVORS != 0,
            totals: Totals::from_words(totals),
        })
    }
}

/// A record of `FIELDS` words: its bytes, of which there are three words more.
fn seal<const FIELDS: usize, const BYTES: usize>(place: Place, n: u64, fields: [u64; FIELDS]) -> [u8; BYTES] {
    const { assert!(BYTES == (FIELDS + 3) * 8) };
    let mut bytes = [0; BYTES];
    let words = [u64::from_le_bytes(place.tag), n].into_iter().chain(fields);
    for (slot, word) in bytes.chunks_exact_mut(8).zip(words) {
        slot.copy_from_slice(&word.to_le_bytes());
    }
    let (body, sum) = bytes.split_at_mut(BYTES - 8);
    sum.copy_from_slice(&u64::from(crc32(body)).to_le_bytes());
    bytes
}

/// The fields of a record that is whole and of task `n`.
fn unseal<const FIELDS: usize>(place: Place, slot: &[u8], n: u64) -> Option<[u64; FIELDS]> {
    let record = slot.get(place.at..place.at + (FIELDS + 3) * 8)?;
    let (body, sum) = record.split_last_chunk::<8>()?;
    let (tag, body_after_tag) = body.split_first_chunk::<8>()?;
    if *tag != place.tag || u64::from_le_bytes(*sum) != u64::from(crc32(body)) {
        return None;
    }
    let mut words = body_after_tag.chunks_exact(8).map(|word| word.try_into().map_or(0, u64::from_le_bytes));
    if words.next() != Some(n) {
        return None;
    }
    let mut fields = [0; FIELDS];
    fields.iter_mut().zip(words).for_each(|(field, word)| *field = word);
    Some(fields)
}

/// A slot's bytes, for a lock by which others see that it is taken.
fn range(index: u32) -> io::Result<libc::flock> {
    let number = |value: u64| libc::off_t::try_from(value).map_err(|_| io::ErrorKind::InvalidInput);
    let short = |value: i32| libc::c_short::try_from(value).map_err(|_| io::ErrorKind::InvalidInput);
    Ok(libc::flock {
        l_type: short(libc::F_WRLCK)?,
        l_whence: short(libc::SEEK_SET)?,
        l_start: number(u64::from(index) * STRIDE)?,
        l_len: number(STRIDE)?,
        // Must be 0 for a lock of an open file.
        l_pid: 0,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::PathBuf;

    fn path(name: &str) -> PathBuf {
        let path = std::env::temp_dir().join(format!("basicagent-slots-{name}.{}", std::process::id()));
        let _ = std::fs::remove_file(&path);
        path
    }

    fn record(end: End) -> Record {
        let usage =
            Usage { user: Duration::from_micros(7), system: Duration::from_secs(3), max_rss_kib: 4096 };
        let stdout = Extent { total: u64::MAX, written: 5, tail: 2, stopped: true };
        let totals = Totals { stdout, stderr: Extent { total: 1, ..Extent::default() } };
        let wall = Duration::from_secs(30 * 86_400);
        Record { end, started_ms: 1, ended_ms: 2, wall, usage: Some(usage), survivors: true, totals }
    }

    #[test]
    fn every_end_comes_back_as_it_was_written_and_no_torn_one() {
        let path = path("ends");
        let slots = Slots::open(&path, 3).unwrap();
        let ends = [
            End::Exited(0),
            End::Exited(255),
            End::Signaled { signal: 11, core: true },
            End::Signaled { signal: 9, core: false },
            End::TimedOut,
            End::Cancelled,
            End::NotStarted { stage: Stage::Exec, errno: libc::ENOENT },
        ];
        for (end, n) in ends.into_iter().zip(1..) {
            let written = record(end);
            let claim = slots.take(1, n).unwrap();
            claim.end(&written).unwrap();
            assert_eq!(slots.look(1, n).unwrap(), Look::Ended(written));
            assert_eq!(slots.look(1, n + 1).unwrap(), Look::Lost { begun: None, totals: Totals::default() });
            let whole = slots.read(1).unwrap();
            for at in ENDED.at..ENDED.at + 168 {
                let mut torn = whole;
                torn[at..ENDED.at + 168].fill(0);
                assert!(torn == whole || Record::read(&torn, n).is_none(), "torn at {at}");
                let mut flipped = whole;
                flipped[at] ^= 0x10;
                assert_eq!(Record::read(&flipped, n), None, "flipped at {at}");
            }
        }
        std::fs::remove_file(path).unwrap();
    }

    #[test]
    fn a_slot_is_held_until_the_last_copy_of_its_claim_is_closed() {
        let path = path("held");
        let slots = Slots::open(&path, 2).unwrap();
        let claim = slots.take(0, 7).unwrap();
        assert_eq!(slots.take(0, 8).unwrap_err().kind(), io::ErrorKind::WouldBlock);
        let begun = Begun { pid: 4, start: 5, wall_ms: 6 };
        assert_eq!(slots.look(0, 7).unwrap(), Look::Running { begun: None, totals: Totals::default() });
        claim.begin(&begun).unwrap();
        let copy = claim.as_fd().try_clone_to_owned().unwrap();
        drop(claim);
        let totals = Totals { stdout: Extent { total: 9, ..Extent::default() }, ..Totals::default() };
        Claim::received(copy.try_clone().unwrap(), 0, 7).count(&totals).unwrap();
        let others = Slots::open(&path, 1).unwrap();
        assert_eq!((others.count(), others.is_held(1).unwrap()), (2, false));
        assert_eq!(others.look(0, 7).unwrap(), Look::Running { begun: Some(begun), totals });
        assert_eq!(others.look(0, 6).unwrap(), Look::Lost { begun: None, totals: Totals::default() });
        drop(copy);
        assert_eq!(others.look(0, 7).unwrap(), Look::Lost { begun: Some(begun), totals });
        assert_eq!(others.take(0, 8).unwrap().n(), 8);
        assert_eq!(others.look(0, 7).unwrap(), Look::Lost { begun: None, totals: Totals::default() });
        std::fs::remove_file(path).unwrap();
    }

    #[test]
    fn a_longer_file_keeps_what_was_in_it() {
        let path = path("longer");
        Slots::open(&path, 1).unwrap().take(0, 1).unwrap().end(&record(End::TimedOut)).unwrap();
        // Torn while it was made longer.
        File::options().append(true).open(&path).unwrap().set_len(STRIDE + 100).unwrap();
        let slots = Slots::open(&path, 4).unwrap();
        assert_eq!(slots.count(), 4);
        assert!(matches!(slots.look(0, 1).unwrap(), Look::Ended(_)));
        assert!(slots.take(4, 2).is_err());
        assert_eq!(slots.take(3, 2).unwrap().index(), 3);
        std::fs::remove_file(path).unwrap();
    }
}
