//! The file of slots: takes, writes and reads them.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;

use nix::fcntl::{self, FcntlArg};

use super::record::{
    BEGUN, Begun, CLAIM, ENDED, Record, RecordLayout, TOTALS, Totals, seal, unseal,
};

/// Bytes of a slot: one disk sector, so that it is written completely or not at all.
pub const STRIDE: u64 = 512;
const SLOT: usize = 512;
/// The most slots of a file.
pub const MAX_SLOTS: u32 = 65_536;

/// How often a record that changes during the reading is read again.
const RETRIES: usize = 100;

/// The state of one task, as its slot shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SlotState {
    /// Its supervisor runs, or is about to start: the slot is held.
    Running {
        /// `None`: it has not recorded its start yet.
        begun: Option<Begun>,
        /// Its output so far.
        totals: Totals,
    },
    /// It ended. Its supervisor may exist, and hold the slot, for a moment more.
    Ended(Record),
    /// Nobody holds the slot, and it has no record of an end: the supervisor was killed or never
    /// started, or the machine went down.
    Lost {
        /// `None`: nothing shows that it began.
        begun: Option<Begun>,
        /// Its output until then.
        totals: Totals,
    },
}

/// The file of all slots.
#[derive(Debug)]
pub struct Slots {
    file: File,
    count: u32,
}

/// A slot that was taken: locked as long as this, or a copy of its descriptor anywhere, is open.
#[derive(Debug)]
pub struct Claim {
    file: File,
    index: u32,
    n: u64,
}

impl Slots {
    /// Opens the file; creates it (mode 0600) or extends it to at least `count` slots, and keeps
    /// the slots it has. New slots are on the disk when this returns.
    ///
    /// # Errors
    /// No space; or the file cannot be opened, or is a symbolic link.
    pub fn open(path: &Path, count: u32) -> io::Result<Self> {
        let count = count.min(MAX_SLOTS);
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        let file = options.mode(0o600).custom_flags(libc::O_NOFOLLOW).open(path)?;
        let whole = file.metadata()?.len() / STRIDE;
        for index in whole..u64::from(count) {
            // Written zeros, not a hole: so the blocks are allocated.
            file.write_all_at(&[0; SLOT], index * STRIDE)?;
        }
        // Always: an earlier agent may have extended it without getting this far.
        file.sync_all()?;
        if let Some(parent) = path.parent() {
            File::open(parent)?.sync_all()?;
        }
        let count = u32::try_from(whole).unwrap_or(MAX_SLOTS).max(count).min(MAX_SLOTS);
        Ok(Self { file, count })
    }

    /// Returns the number of slots: as requested, or more when the file was longer.
    #[must_use]
    pub fn count(&self) -> u32 {
        self.count
    }

    /// Takes a slot for task `n` and clears it.
    ///
    /// # Errors
    /// `WouldBlock`: it is held. `InvalidInput`: there is no such slot.
    pub fn take(&self, index: u32, n: u64) -> io::Result<Claim> {
        if index >= self.count {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        // Another open file of the same inode, even if its name is gone.
        let path = format!("/proc/self/fd/{}", self.file.as_raw_fd());
        let file = OpenOptions::new().read(true).write(true).open(path)?;
        fcntl::fcntl(&file, FcntlArg::F_OFD_SETLK(&range(index)?)).map_err(
            |errno| match errno {
                // POSIX allows either.
                nix::errno::Errno::EACCES => io::ErrorKind::WouldBlock.into(),
                errno => io::Error::from(errno),
            },
        )?;
        let claim = Claim { file, index, n };
        let mut slot = [0; SLOT];
        let record = seal::<0, 24>(CLAIM, n, []);
        slot.iter_mut().zip(record).for_each(|(byte, new)| *byte = new);
        claim.file.write_all_at(&slot, u64::from(index) * STRIDE)?;
        Ok(claim)
    }

    /// Returns whether a slot is held, for whatever task.
    ///
    /// # Errors
    /// `InvalidInput`: there is no such slot.
    pub fn is_held(&self, index: u32) -> io::Result<bool> {
        let mut range = range(index)?;
        fcntl::fcntl(&self.file, FcntlArg::F_OFD_GETLK(&mut range))?;
        Ok(i32::from(range.l_type) != libc::F_UNLCK)
    }

    /// Returns the state of task `n` as its slot shows it.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn state(&self, index: u32, n: u64) -> io::Result<SlotState> {
        let ended = |slot: &[u8]| Record::read(slot, n).map(SlotState::Ended);
        // Final, even while the slot is held.
        if let Some(ended) = ended(&self.read(index)?) {
            return Ok(ended);
        }
        // The lock first: once it is free, nobody writes for this task any more, so a later reading
        // is final. In the other order, an end could come in between.
        let held = self.is_held(index)?;
        let slot = self.read(index)?;
        if let Some(ended) = ended(&slot) {
            return Ok(ended);
        }
        let begun = Begun::read(&slot, n);
        let totals = self.totals(index, n)?.unwrap_or_default();
        let held = held && unseal::<0>(CLAIM, &slot, n).is_some();
        Ok(if held {
            SlotState::Running { begun, totals }
        } else {
            SlotState::Lost { begun, totals }
        })
    }

    /// Returns the output of task `n` so far; `None` when the slot has none recorded. Cheap enough
    /// to call for each piece of output.
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
            // No record, unless it was being written during the reading.
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
    /// Takes over the claim that came with a launch.
    pub(crate) fn received(file: OwnedFd, index: u32, n: u64) -> Self {
        Self { file: File::from(file), index, n }
    }

    /// Returns the slot's number.
    #[must_use]
    pub fn index(&self) -> u32 {
        self.index
    }

    /// Returns the task's number.
    #[must_use]
    pub fn n(&self) -> u64 {
        self.n
    }

    /// Records which process supervises the task from now on.
    pub(crate) fn begin(&self, begun: &Begun) -> io::Result<()> {
        let pid = u64::from(begun.pid.unsigned_abs());
        self.write(BEGUN, &seal::<3, 48>(BEGUN, self.n, [pid, begun.ticks, begun.wall_ms]))
    }

    /// Records the output so far. Not synced, since nobody waits for it.
    pub(crate) fn count(&self, totals: &Totals) -> io::Result<()> {
        self.write(TOTALS, &seal::<8, 88>(TOTALS, self.n, totals.words()))
    }

    /// Records how the task ended; on the disk when this returns.
    pub(crate) fn end(&self, record: &Record) -> io::Result<()> {
        self.write(ENDED, &record.seal(self.n))?;
        self.file.sync_data()
    }

    fn write(&self, place: RecordLayout, record: &[u8]) -> io::Result<()> {
        self.file.write_all_at(record, u64::from(self.index) * STRIDE + place.at as u64)
    }
}

impl AsFd for Claim {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

/// Returns the lock on a slot's bytes that shows others that it is taken.
fn range(index: u32) -> io::Result<libc::flock> {
    let number = |value: u64| libc::off_t::try_from(value).map_err(|_| io::ErrorKind::InvalidInput);
    let short =
        |value: i32| libc::c_short::try_from(value).map_err(|_| io::ErrorKind::InvalidInput);
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
mod tests;
