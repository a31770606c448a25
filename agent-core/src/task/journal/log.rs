//! The writer of a journal: one file at a time, laid out beforehand; commits; a new file when it is full or can't be
//! trusted any more.

use super::disk::Disk;
use super::segment::{self, HEADER, MAX_RECORD, frame_length, header, put_frame};
use std::io;

/// The file in use, and the next one while it is made.
const NAME: &str = "journal";
const NEXT: &str = "journal.next";

/// Bytes of the smallest file: a journal fits a disk of a megabyte.
const SMALLEST: u64 = 64 << 10;
/// What a file has at least beyond what is known to be needed.
const SPARE: u64 = 4 << 10;

/// Bytes of the buffer that is kept between commits.
const KEPT: usize = 4 << 10;

/// A journal that is open for writing.
pub(crate) struct Log<D: Disk> {
    disk: D,
    file: D::File,
    salt: u64,
    sequence: u64,
    /// Where the next frame goes.
    end: u64,
    capacity: u64,
    /// What is appended and not committed.
    pending: Vec<u8>,
    /// A write or sync has failed, after which nobody knows what of it is on the disk (the kernel may have dropped the
    /// pages): nothing more is written here, see [`Log::rewrite`].
    poisoned: bool,
}

/// What opening a journal has found.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) records: Vec<Vec<u8>>,
    /// Bytes that could not be read between records that could.
    pub(crate) damaged: usize,
    /// The name under which a file was set aside that is no journal.
    pub(crate) set_aside: Option<String>,
}

impl<D: Disk> Log<D> {
    /// Opens the journal of a directory, or begins one. Whatever was committed is among the records found.
    ///
    /// # Errors
    /// It can't be read, or there is no space to begin one.
    pub(crate) fn open(disk: D) -> io::Result<(Self, Found)> {
        let mut found = Found::default();
        if let Some(bytes) = disk.read(NAME)? {
            match segment::read(&bytes) {
                Some(read) => {
                    found.records = read.records.iter().map(|record| record.to_vec()).collect();
                    found.damaged = read.damaged;
                    let mut log = Self {
                        file: disk.open(NAME)?,
                        disk,
                        salt: read.salt,
                        sequence: read.sequence,
                        end: read.end as u64,
                        capacity: bytes.len() as u64,
                        pending: Vec::new(),
                        poisoned: false,
                    };
                    // Left by a rewrite that was cut off; not there as a rule.
                    let _ = log.disk.remove(NEXT);
                    // Where this fails nothing can be committed, and so nothing be built on what may not last.
                    log.poisoned = log.settle(read.torn).is_err();
                    return Ok((log, found));
                }
                None => {
                    let name = format!("{NAME}.unreadable.{:08x}", random()?);
                    disk.rename(NAME, &name)?;
                    found.set_aside = Some(name);
                }
            }
        }
        let ((file, salt, end), capacity) = make_ample(&disk, disk.ample().max(SMALLEST), SMALLEST, &[])?;
        install(&disk)?;
        disk.sync_names()?;
        let log = Self { disk, file, salt, sequence: 0, end, capacity, pending: Vec::new(), poisoned: false };
        Ok((log, found))
    }

    /// Finishes what a process that was killed may have left undone: its last writes and its last change of names are
    /// there to be read, and yet a power cut could undo them. What a torn commit has left is cleared, since behind a
    /// frame that is shorter it could be taken for the next.
    fn settle(&self, torn: usize) -> io::Result<()> {
        if torn > 0 {
            self.disk.write(&self.file, self.end, &vec![0; torn])?;
        }
        self.disk.sync(&self.file)?;
        self.disk.sync_names()
    }

    /// Bytes that can still be appended, frames included; none while the file can't be trusted.
    pub(crate) fn room(&self) -> u64 {
        if self.poisoned {
            return 0;
        }
        // A file that was cut short may end before the padding of its last frame.
        self.capacity.saturating_sub(self.end).saturating_sub(self.pending.len() as u64)
    }

    /// Adds a record to the next commit.
    ///
    /// # Errors
    /// `StorageFull`: there is no room for it. `InvalidInput`: it is empty or too long.
    pub(crate) fn append(&mut self, record: &[u8]) -> io::Result<()> {
        check(record)?;
        if frame_length(record.len()) as u64 > self.room() {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.sequence += 1;
        put_frame(self.salt, self.sequence, record, &mut self.pending);
        Ok(())
    }

    /// Takes back what was appended and not committed.
    pub(crate) fn discard(&mut self) {
        self.pending = Vec::new();
    }

    /// Brings what was appended to the disk: one write, one sync. On failure none of it counts as written.
    ///
    /// # Errors
    /// The disk's. From then on there is no room, until [`Log::rewrite`].
    pub(crate) fn commit(&mut self) -> io::Result<()> {
        let frames = std::mem::take(&mut self.pending);
        if frames.is_empty() {
            return Ok(());
        }
        let written =
            self.disk.write(&self.file, self.end, &frames).and_then(|()| self.disk.sync(&self.file));
        match written {
            Ok(()) => {
                self.end += frames.len() as u64;
                self.pending = frames;
                self.pending.clear();
                // A large one's memory is not kept.
                self.pending.shrink_to(KEPT);
            }
            Err(_) => {
                self.poisoned = true;
                // Part of it may be there; after a crash it must not come back as accepted. As far as the disk lets us.
                let _ = self.disk.write(&self.file, self.end, &vec![0; frames.len()]);
                let _ = self.disk.sync(&self.file);
            }
        }
        written
    }

    /// Begins a new file with these records and at least `room` bytes for more. The old one is in force until the new
    /// one is on the disk. What was appended and not committed is forgotten.
    ///
    /// # Errors
    /// The disk's; then the old file is in use as before, or nothing can be written until this succeeds.
    pub(crate) fn rewrite(&mut self, records: &[Vec<u8>], room: u64) -> io::Result<()> {
        self.discard();
        let live: u64 = records.iter().map(|record| frame_length(record.len()) as u64).sum();
        let least = (HEADER as u64 + live + room).next_multiple_of(SPARE) + SPARE;
        let ample = least.saturating_mul(2).next_multiple_of(SMALLEST).max(self.disk.ample());
        let made = make_ample(&self.disk, ample, least, records);
        let ((file, salt, end), capacity) = made.inspect_err(|_| {
            let _ = self.disk.remove(NEXT);
        })?;
        install(&self.disk).inspect_err(|_| {
            let _ = self.disk.remove(NEXT);
        })?;
        (self.file, self.salt, self.end, self.capacity) = (file, salt, end, capacity);
        self.sequence = records.len() as u64;
        // Its name may not be on the disk yet: until it is, nothing may be promised.
        self.poisoned = true;
        self.disk.sync_names()?;
        self.poisoned = false;
        Ok(())
    }
}

/// Whether an error means that there is no space (of any kind: blocks, quota).
pub(crate) fn is_no_space(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

fn check(record: &[u8]) -> io::Result<()> {
    if record.is_empty() || record.len() > MAX_RECORD {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    Ok(())
}

/// A file, its salt, its end.
type Made<F> = (F, u64, u64);

/// A new file of `ample` bytes, or of `least` where there is no space for that.
fn make_ample<D: Disk>(
    disk: &D,
    ample: u64,
    least: u64,
    records: &[Vec<u8>],
) -> io::Result<(Made<D::File>, u64)> {
    match make(disk, ample, records) {
        Err(error) if is_no_space(&error) => Ok((make(disk, least, records)?, least)),
        made => Ok((made?, ample)),
    }
}

/// A new file under the temporary name, on the disk.
fn make<D: Disk>(disk: &D, capacity: u64, records: &[Vec<u8>]) -> io::Result<Made<D::File>> {
    let salt = random()?;
    let mut bytes = header(salt).to_vec();
    for (index, record) in records.iter().enumerate() {
        check(record)?;
        put_frame(salt, index as u64 + 1, record, &mut bytes);
    }
    let file = disk.create(NEXT, capacity.max(bytes.len() as u64))?;
    disk.write(&file, 0, &bytes)?;
    disk.sync(&file)?;
    Ok((file, salt, bytes.len() as u64))
}

fn install(disk: &impl Disk) -> io::Result<()> {
    disk.rename(NEXT, NAME)
}

fn random() -> io::Result<u64> {
    getrandom::u64().map_err(io::Error::other)
}
