//! The file of slots: taking one, writing into it, looking at it.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;

use nix::fcntl::{self, FcntlArg};

use super::record::{BEGUN, Begun, CLAIM, ENDED, Place, Record, TOTALS, Totals, seal, unseal};

/// Bytes of a slot: a sector of every disk, so that it is written whole or not at all.
pub const STRIDE: u64 = 512;
const SLOT: usize = 512;
/// The most slots of a file.
pub const MAX_SLOTS: u32 = 65_536;

/// How often a record that changes under the reader is read again.
const RETRIES: usize = 100;

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
        let ended = |slot: &[u8]| Record::read(slot, n).map(Look::Ended);
        // The last word, whoever holds it.
        if let Some(ended) = ended(&self.read(index)?) {
            return Ok(ended);
        }
        // The lock first: once it is free, nothing of this task is written any more, so what is
        // read then is the last word. The other way round, an end could come between.
        let held = self.is_held(index)?;
        let slot = self.read(index)?;
        if let Some(ended) = ended(&slot) {
            return Ok(ended);
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
        self.write(BEGUN, &seal::<3, 48>(BEGUN, self.n, [pid, begun.ticks, begun.wall_ms]))
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
    use crate::child::{Stage, StartFailure};
    use crate::end::{End, Usage};
    use crate::slot::Rest;
    use crate::spool::Extent;
    use std::path::PathBuf;
    use std::time::Duration;

    fn path(name: &str) -> PathBuf {
        let path = std::env::temp_dir().join(format!("basicagent-slots-{name}.{}", std::process::id()));
        let _ = std::fs::remove_file(&path);
        path
    }

    fn record(end: Result<End, StartFailure>) -> Record {
        let usage =
            Usage { user: Duration::from_micros(7), system: Duration::from_secs(3), max_rss_kib: 4096 };
        let stdout = Extent { total: u64::MAX, written: 5, tail: 2, stopped: true };
        let totals = Totals { stdout, stderr: Extent { total: 1, ..Extent::default() } };
        let wall = Duration::from_secs(30 * 86_400);
        Record { end, started_ms: 1, ended_ms: 2, wall, usage: Some(usage), rest: Rest::Survivors, totals }
    }

    #[test]
    fn every_end_comes_back_as_it_was_written_and_no_torn_one() {
        let path = path("ends");
        let slots = Slots::open(&path, 3).unwrap();
        let ends = [
            Ok(End::Exited(0)),
            Ok(End::Exited(255)),
            Ok(End::Signaled { signal: 11, core: true }),
            Ok(End::Signaled { signal: 9, core: false }),
            Ok(End::TimedOut),
            Ok(End::Cancelled),
            Err(StartFailure { stage: Stage::Exec, errno: libc::ENOENT }),
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
        let begun = Begun { pid: 4, ticks: 5, wall_ms: 6 };
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
        Slots::open(&path, 1).unwrap().take(0, 1).unwrap().end(&record(Ok(End::TimedOut))).unwrap();
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
