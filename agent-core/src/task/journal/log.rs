//! Writes a journal: one file at a time, allocated beforehand, and a new file when the old one is
//! full or cannot be trusted any more.

use super::disk::Disk;
use super::segment::{self, HEADER, MAX_RECORD, frame_length, header, put_frame};
use std::io;

/// The file in use, and the next file while it is written.
const NAME: &str = "journal";
const NEXT: &str = "journal.next";

/// Bytes of the smallest file: a journal fits on a disk of a megabyte.
const SMALLEST: u64 = 64 << 10;
/// Bytes that a file has at least beyond the known need.
const SPARE: u64 = 4 << 10;

/// Bytes of the buffer that is kept between commits.
const BUFFER: usize = 4 << 10;

/// A journal that is open for writing.
pub(crate) struct Log<D: Disk> {
    disk: D,
    file: D::File,
    salt: u64,
    sequence: u64,
    /// Where the next frame goes.
    end: u64,
    capacity: u64,
    /// The frames that are appended and not committed.
    pending: Vec<u8>,
    /// Whether a write or sync has failed. Then it is unknown which part of it is on the disk (the
    /// kernel may have dropped the pages), and nothing more is written here, see [`Log::rewrite`].
    poisoned: bool,
}

/// The content of a journal when it is opened.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Recovered {
    pub(crate) records: Vec<Vec<u8>>,
    /// Bytes between records that could not be read.
    pub(crate) damaged: usize,
    /// The new name of a file that was in the journal's place and is not a journal.
    pub(crate) set_aside: Option<String>,
}

impl<D: Disk> Log<D> {
    /// Opens the journal of a directory, or begins one. Every committed record is recovered.
    ///
    /// # Errors
    /// When it cannot be read, or there is no space to begin one.
    pub(crate) fn open(disk: D) -> io::Result<(Self, Recovered)> {
        let mut found = Recovered::default();
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
                    // Left by an interrupted rewrite; usually missing.
                    let _ = log.disk.remove(NEXT);
                    // Where this fails nothing can be committed, so nothing builds on records that
                    // may not last.
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
        let ((file, salt, end), capacity) =
            make_ample(&disk, disk.ample().max(SMALLEST), SMALLEST, &[])?;
        install(&disk)?;
        disk.sync_names()?;
        let log = Self {
            disk,
            file,
            salt,
            sequence: 0,
            end,
            capacity,
            pending: Vec::new(),
            poisoned: false,
        };
        Ok((log, found))
    }

    /// Finishes what a killed process may have left undone: its last writes and its last rename can
    /// be read, and yet a power cut could undo them. The rest of a torn commit is cleared: after a
    /// shorter frame, it could pass for the next one.
    fn settle(&self, torn: usize) -> io::Result<()> {
        if torn > 0 {
            self.disk.write(&self.file, self.end, &vec![0; torn])?;
        }
        self.disk.sync(&self.file)?;
        self.disk.sync_names()
    }

    /// Checks that the next start would find this file.
    ///
    /// # Errors
    /// It was removed, moved or replaced.
    pub(crate) fn check_name(&self) -> io::Result<()> {
        self.disk.check_name(NAME, &self.file)
    }

    /// Returns the bytes that can still be appended, frames included; 0 while the file cannot be
    /// trusted.
    pub(crate) fn room(&self) -> u64 {
        if self.poisoned {
            return 0;
        }
        // A truncated file may end before the padding of its last frame.
        self.capacity.saturating_sub(self.end).saturating_sub(self.pending.len() as u64)
    }

    /// Adds a record to the next commit.
    ///
    /// # Errors
    /// `StorageFull` without room for it; `InvalidInput` when it is empty or too long.
    pub(crate) fn append(&mut self, record: &[u8]) -> io::Result<()> {
        check(record)?;
        if frame_length(record.len()) as u64 > self.room() {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.sequence += 1;
        put_frame(self.salt, self.sequence, record, &mut self.pending);
        Ok(())
    }

    /// Discards the records that are appended and not committed.
    pub(crate) fn discard(&mut self) {
        self.pending = Vec::new();
    }

    /// Commits the appended records with one write and one sync. On failure none of them counts as
    /// written.
    ///
    /// # Errors
    /// The error of the disk. From then on there is no room, until [`Log::rewrite`].
    pub(crate) fn commit(&mut self) -> io::Result<()> {
        let frames = std::mem::take(&mut self.pending);
        if frames.is_empty() {
            return Ok(());
        }
        let written = self
            .disk
            .write(&self.file, self.end, &frames)
            .and_then(|()| self.disk.sync(&self.file));
        match written {
            Ok(()) => {
                self.end += frames.len() as u64;
                self.pending = frames;
                self.pending.clear();
                // The memory of a large commit is not kept.
                self.pending.shrink_to(BUFFER);
            }
            Err(_) => {
                self.poisoned = true;
                // Part of it may be on the disk; after a crash it must not come back as committed.
                // So it is overwritten, as far as the disk allows.
                let _ = self.disk.write(&self.file, self.end, &vec![0; frames.len()]);
                let _ = self.disk.sync(&self.file);
            }
        }
        written
    }

    /// Begins a new file with these records and at least `room` bytes for more. The old file is in
    /// use until the new one is on the disk. Records that are appended and not committed are
    /// discarded.
    ///
    /// # Errors
    /// The error of the disk; then the old file stays in use, or nothing can be written until this
    /// succeeds.
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
        // Its name may not be on the disk yet; until it is, no commit is durable.
        self.poisoned = true;
        self.disk.sync_names()?;
        self.poisoned = false;
        Ok(())
    }
}

/// Returns whether an error means that there is no space (of any kind: blocks, quota).
pub(crate) fn is_no_space(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

fn check(record: &[u8]) -> io::Result<()> {
    if record.is_empty() || record.len() > MAX_RECORD {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    Ok(())
}

/// A new file, its salt, its end.
type NewFile<F> = (F, u64, u64);

/// Writes a new file of `ample` bytes, or of `least` where there is no space for that.
fn make_ample<D: Disk>(
    disk: &D,
    ample: u64,
    least: u64,
    records: &[Vec<u8>],
) -> io::Result<(NewFile<D::File>, u64)> {
    match make(disk, ample, records) {
        Err(error) if is_no_space(&error) => Ok((make(disk, least, records)?, least)),
        made => Ok((made?, ample)),
    }
}

/// Writes and syncs a new file under the temporary name.
fn make<D: Disk>(disk: &D, capacity: u64, records: &[Vec<u8>]) -> io::Result<NewFile<D::File>> {
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
