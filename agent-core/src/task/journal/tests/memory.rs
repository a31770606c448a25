//! A disk in memory that can fail, fill up and lose power.

use super::super::disk::Disk;
use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard};

/// Bytes that a disk writes whole or not at all.
pub(super) const SECTOR: usize = 512;

/// A repeatable random sequence (xorshift64*).
pub(super) struct Random(pub(super) u64);

impl Random {
    pub(super) fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) as usize % bound
    }
}

/// A file: its durable bytes, and the bytes that the kernel has.
#[derive(Clone, Default)]
pub(super) struct Inode {
    pub(super) durable: Vec<u8>,
    pub(super) current: Vec<u8>,
    pub(super) unsynced: Vec<(usize, Vec<u8>)>,
}

impl Inode {
    /// Returns the durable bytes with a random choice of the sectors written since.
    pub(super) fn cut(&self, random: &mut Random) -> Vec<u8> {
        let mut bytes = self.durable.clone();
        for (at, written) in &self.unsynced {
            for (index, sector) in written.chunks(SECTOR).enumerate() {
                if random.below(2) == 0 {
                    let from = at + index * SECTOR;
                    bytes.resize(bytes.len().max(from + sector.len()), 0);
                    bytes[from..from + sector.len()].copy_from_slice(sector);
                }
            }
        }
        bytes
    }
}

#[derive(Clone, Default)]
pub(super) struct MemoryState {
    pub(super) inodes: Vec<Inode>,
    pub(super) durable_names: BTreeMap<String, usize>,
    /// Every set of names since the last sync.
    pub(super) names: Vec<BTreeMap<String, usize>>,
    pub(super) operations: usize,
    /// The operation that fails, its error, and whether all later ones fail too.
    pub(super) fail: Option<(usize, io::ErrorKind, bool)>,
    pub(super) space: Option<usize>,
    pub(super) syncs: usize,
}

/// A disk in memory that can fail and lose power.
#[derive(Clone, Default)]
pub(super) struct Memory(Arc<Mutex<MemoryState>>);

impl MemoryState {
    fn now(&mut self) -> &mut BTreeMap<String, usize> {
        if self.names.is_empty() {
            self.names.push(self.durable_names.clone());
        }
        let last = self.names.last().unwrap().clone();
        self.names.push(last);
        self.names.last_mut().unwrap()
    }

    pub(super) fn names(&self) -> &BTreeMap<String, usize> {
        self.names.last().unwrap_or(&self.durable_names)
    }

    fn operate(&mut self) -> io::Result<()> {
        self.operations += 1;
        match self.fail {
            Some((at, kind, lasting))
                if self.operations == at || (lasting && self.operations > at) =>
            {
                Err(kind.into())
            }
            _ => Ok(()),
        }
    }

    fn used(&self) -> usize {
        self.names().values().map(|inode| self.inodes[*inode].current.len()).sum()
    }
}

impl Memory {
    pub(super) fn state(&self) -> MutexGuard<'_, MemoryState> {
        self.0.lock().unwrap()
    }

    /// Returns the disk after a power cut: any part of the unsynced writes may be there.
    pub(super) fn cut(&self, random: &mut Random) -> Self {
        let state = self.state().clone();
        let names = match random.below(state.names.len() + 1) {
            0 => state.durable_names.clone(),
            some => state.names[some - 1].clone(),
        };
        let inodes = state
            .inodes
            .iter()
            .map(|inode| {
                let bytes = inode.cut(random);
                Inode { durable: bytes.clone(), current: bytes, unsynced: Vec::new() }
            })
            .collect();
        let state = MemoryState { inodes, durable_names: names, ..MemoryState::default() };
        Self(Arc::new(Mutex::new(state)))
    }

    /// Returns the disk after the process was killed: all writes are there.
    pub(super) fn killed(&self) -> Self {
        let mut state = self.state().clone();
        (state.fail, state.space) = (None, None);
        Self(Arc::new(Mutex::new(state)))
    }
}

impl Disk for Memory {
    type File = usize;

    fn ample(&self) -> u64 {
        // Small: the tests copy thousands of these disks.
        64 << 10
    }

    fn read(&self, name: &str) -> io::Result<Option<Vec<u8>>> {
        let state = self.state();
        Ok(state.names().get(name).map(|inode| state.inodes[*inode].current.clone()))
    }

    fn open(&self, name: &str) -> io::Result<usize> {
        self.state().names().get(name).copied().ok_or(io::ErrorKind::NotFound.into())
    }

    fn create(&self, name: &str, length: u64) -> io::Result<usize> {
        let mut state = self.state();
        state.operate()?;
        let length = usize::try_from(length).unwrap();
        let gone = state.names().get(name).map_or(0, |inode| state.inodes[*inode].current.len());
        if state.space.is_some_and(|space| state.used() - gone + length > space) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        let zeros = vec![0; length];
        let inode =
            Inode { durable: Vec::new(), current: zeros.clone(), unsynced: vec![(0, zeros)] };
        state.inodes.push(inode);
        let number = state.inodes.len() - 1;
        state.now().insert(name.to_owned(), number);
        Ok(number)
    }

    fn check_name(&self, _name: &str, _file: &usize) -> io::Result<()> {
        Ok(())
    }

    fn write(&self, file: &usize, at: u64, bytes: &[u8]) -> io::Result<()> {
        let mut state = self.state();
        let failed = state.operate();
        // A write that fails may have written a part.
        let bytes = if failed.is_err() { &bytes[..bytes.len() / 2] } else { bytes };
        let at = usize::try_from(at).unwrap();
        let inode = &mut state.inodes[*file];
        assert!(at + bytes.len() <= inode.current.len(), "beyond the allocated space");
        inode.current[at..at + bytes.len()].copy_from_slice(bytes);
        // In whole sectors, as a disk writes them.
        let from = at / SECTOR * SECTOR;
        let to = (at + bytes.len()).next_multiple_of(SECTOR).min(inode.current.len());
        let sectors = inode.current[from..to].to_vec();
        inode.unsynced.push((from, sectors));
        failed
    }

    fn sync(&self, file: &usize) -> io::Result<()> {
        let mut state = self.state();
        if let Err(error) = state.operate() {
            // No later sync writes what this one has not: the kernel takes the pages for clean.
            let mut random = Random(state.operations as u64 | 1);
            let inode = &mut state.inodes[*file];
            inode.durable = inode.cut(&mut random);
            inode.unsynced.clear();
            return Err(error);
        }
        state.syncs += 1;
        let inode = &mut state.inodes[*file];
        inode.durable = inode.current.clone();
        inode.unsynced.clear();
        Ok(())
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let mut state = self.state();
        state.operate()?;
        let names = state.now();
        let inode = names.remove(from).ok_or(io::ErrorKind::NotFound)?;
        names.insert(to.to_owned(), inode);
        Ok(())
    }

    fn sync_names(&self) -> io::Result<()> {
        let mut state = self.state();
        state.operate()?;
        state.durable_names = state.names().clone();
        state.names.clear();
        Ok(())
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        match self.state().now().remove(name) {
            Some(_) => Ok(()),
            None => Err(io::ErrorKind::NotFound.into()),
        }
    }
}
