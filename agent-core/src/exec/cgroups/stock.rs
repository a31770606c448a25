//! Leaves of one kind, kept open to be used again once empty.
//!
//! Making a leaf costs about a quarter of a millisecond, a fair part of a short command. A leaf in
//! which a background process lives on is put aside and looked at again later; it is never handed
//! out while it has a process. A leaf that was killed is not used again at all: Linux 6.18 also
//! kills processes born there afterwards (it compares the kill count of the leaf with that of the
//! parent's cgroup).

use std::collections::VecDeque;
use std::fs::{self, File};
use std::io;
use std::mem;
use std::path::PathBuf;

use agent_sys::cgroup;

/// Leaves looked at for an empty one before a new one is made.
const LOOKS: usize = 4;

/// The leaves of one kind, `PREFIX` and a number in the agent's directory of cgroups.
#[derive(Debug)]
pub(crate) struct Stock {
    root: PathBuf,
    prefix: &'static str,
    max_idle: usize,
    /// Handed out to nobody; some may have background processes.
    idle: VecDeque<Leaf>,
    /// The numbers of leaves that are not used again and had processes when last looked at.
    condemned: Vec<u64>,
    /// The numbers to use again; `None`: a number never comes again.
    free: Option<Vec<u64>>,
}

/// One leaf, open.
#[derive(Debug)]
pub(crate) struct Leaf {
    pub(crate) number: u64,
    pub(crate) dir: File,
    events: File,
    /// Whether its last user left it empty for sure.
    known_empty: bool,
}

/// The condition in which the last user left a leaf.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Condition {
    /// No process is left in it.
    Empty,
    /// Background processes may live on in it.
    Unknown,
    /// It was killed, or may have been, or has limits: it is not reused.
    Spent,
}

impl Stock {
    pub(crate) fn new(
        root: PathBuf,
        prefix: &'static str,
        max_idle: usize,
        reuses_numbers: bool,
    ) -> Self {
        let free = reuses_numbers.then(Vec::new);
        Self { root, prefix, max_idle, idle: VecDeque::new(), condemned: Vec::new(), free }
    }

    /// Takes an empty leaf; `None` when the first ones looked at are all in use.
    pub(crate) fn take(&mut self) -> Option<Leaf> {
        for _ in 0..LOOKS {
            let leaf = self.idle.pop_front()?;
            let empty = if leaf.known_empty { Ok(true) } else { cgroup::is_empty(&leaf.events) };
            match empty {
                Ok(true) if cgroup::takes_processes(&leaf.dir).unwrap_or(false) => {
                    return Some(leaf);
                }
                Ok(false) => self.idle.push_back(leaf),
                // Somebody removed it, or made it one that takes no process.
                Ok(true) | Err(_) => self.remove(leaf.number),
            }
        }
        None
    }

    /// Makes the leaf of this number: its directory, and the file that tells whether it is empty.
    pub(crate) fn make(&self, number: u64) -> io::Result<Leaf> {
        let path = self.path(number);
        match fs::create_dir(&path) {
            // Made before by an attempt that came to nothing.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            made => made?,
        }
        let dir = File::open(&path)?;
        if !cgroup::takes_processes(&dir)? {
            cgroup::remove(&path);
            let why = "its type is not \"domain\": somebody enabled a controller in a cgroup above \
                       that has processes";
            return Err(io::Error::new(io::ErrorKind::Unsupported, why));
        }
        let events = cgroup::events(&dir)?;
        Ok(Leaf { number, dir, events, known_empty: true })
    }

    /// Takes a leaf back.
    pub(crate) fn give_back(&mut self, mut leaf: Leaf, condition: Condition) {
        if condition == Condition::Spent || self.idle.len() >= self.max_idle {
            return self.remove(leaf.number);
        }
        leaf.known_empty = condition == Condition::Empty;
        // To the front: the leaf used last is in the processor's cache.
        self.idle.push_front(leaf);
    }

    /// Removes the condemned leaves that are empty by now.
    pub(crate) fn sweep(&mut self) {
        for number in mem::take(&mut self.condemned) {
            self.remove(number);
        }
    }

    /// Returns a number to use again; it is free until [`Stock::take_number`].
    pub(crate) fn free_number(&self) -> Option<u64> {
        self.free.as_ref()?.last().copied()
    }

    /// Takes the number that [`Stock::free_number`] returned.
    pub(crate) fn take_number(&mut self) -> Option<u64> {
        self.free.as_mut()?.pop()
    }

    pub(crate) fn path(&self, number: u64) -> PathBuf {
        self.root.join(format!("{}{number}", self.prefix))
    }

    /// Removes a leaf from the host, now or at a later [`Stock::sweep`].
    pub(crate) fn remove(&mut self, number: u64) {
        let path = self.path(number);
        cgroup::remove(&path);
        if path.exists() {
            self.condemned.push(number);
        } else if let Some(free) = &mut self.free {
            free.push(number);
        }
    }
}
