//! The cgroups that commands run in: a leaf each, used again once empty.
//!
//! Making one costs about a quarter of a millisecond, a fair part of a short command, so they are
//! kept. A leaf in which a background child of an ended command lives on is put aside and looked
//! at again later; it is never given to another command while it has a process. A leaf that was
//! killed is not used again at all: Linux 6.18 also kills what is born there afterwards (it
//! compares the kill count of the leaf with that of the parent's cgroup).

use parking_lot::Mutex;
use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::mem;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use agent_sys::running::Running;
use agent_sys::{cgroup, readiness};
use tokio::io::Interest;

use super::root::{Root, make_leaf};

/// The most leaves, two descriptors each. A command beyond them gets a keeper.
pub(crate) const MAX_LEAVES: usize = 1024;
/// Leaves looked at for an empty one before a new one is made.
const LOOKS: usize = 4;

/// The leaves of one agent.
#[derive(Debug)]
pub(crate) struct Pool {
    pub(crate) root: Root,
    running: Arc<Running>,
    leaves: Mutex<Leaves>,
}

#[derive(Debug, Default)]
struct Leaves {
    /// Not in a command's hands; some may have background processes.
    idle: VecDeque<Leaf>,
    /// Not to be used again, and not empty yet when last looked at.
    condemned: Vec<Leaf>,
    /// Numbers of leaves that are removed.
    free: Vec<usize>,
    made: usize,
}

#[derive(Debug)]
struct Leaf {
    number: usize,
    path: PathBuf,
    dir: File,
    events: File,
}

/// A leaf in a command's hands: marked as running, and back in the pool when dropped.
#[derive(Debug)]
pub(crate) struct Held {
    leaf: Option<Leaf>,
    condemned: AtomicBool,
    pool: Arc<Pool>,
}

impl Pool {
    pub(crate) fn new(root: Root, running: Arc<Running>) -> Arc<Self> {
        Arc::new(Self { root, running, leaves: Mutex::default() })
    }

    /// An empty leaf; `None` when there are [`MAX_LEAVES`] and the ones looked at are all in use.
    pub(crate) fn take(self: &Arc<Self>) -> io::Result<Option<Held>> {
        let mut leaves = self.leaves.lock();
        let mut found = None;
        for _ in 0..LOOKS {
            let Some(leaf) = leaves.idle.pop_front() else { break };
            match cgroup::is_empty(&leaf.events) {
                Ok(true) => {
                    found = Some(leaf);
                    break;
                }
                Ok(false) => leaves.idle.push_back(leaf),
                // Somebody removed it.
                Err(_) => leaves.remove(leaf),
            }
        }
        if found.is_none() {
            for leaf in mem::take(&mut leaves.condemned) {
                leaves.remove(leaf);
            }
            let number = leaves.free.last().copied().unwrap_or(leaves.made);
            if number < MAX_LEAVES {
                found = Some(self.make(number)?);
                if leaves.free.pop().is_none() {
                    leaves.made += 1;
                }
            }
        }
        Ok(found.map(|leaf| {
            self.running.set(leaf.number, true);
            Held { leaf: Some(leaf), condemned: AtomicBool::new(false), pool: Arc::clone(self) }
        }))
    }

    /// A new leaf with limits, which `write` puts into its directory. It is never used again.
    pub(crate) fn take_limited(
        self: &Arc<Self>,
        write: impl FnOnce(&Path) -> io::Result<()>,
    ) -> io::Result<Held> {
        let mut leaves = self.leaves.lock();
        let number = leaves.free.last().copied().unwrap_or(leaves.made);
        if number >= MAX_LEAVES {
            return Err(io::Error::other(format!("all {MAX_LEAVES} cgroups are in use")));
        }
        let leaf = self.make(number)?;
        if let Err(error) = write(&leaf.path) {
            cgroup::remove(&leaf.path);
            return Err(error);
        }
        if leaves.free.pop().is_none() {
            leaves.made += 1;
        }
        self.running.set(leaf.number, true);
        Ok(Held { leaf: Some(leaf), condemned: AtomicBool::new(true), pool: Arc::clone(self) })
    }

    fn make(&self, number: usize) -> io::Result<Leaf> {
        let path = self.root.path.join(number.to_string());
        let (dir, events) = make_leaf(&path)?;
        Ok(Leaf { number, path, dir, events })
    }
}

impl Leaves {
    /// Removes a leaf from the host, now or when it is looked at again.
    fn remove(&mut self, leaf: Leaf) {
        cgroup::remove(&leaf.path);
        if leaf.path.exists() { self.condemned.push(leaf) } else { self.free.push(leaf.number) }
    }
}

impl Held {
    /// Where the kernel keeps it.
    pub(crate) fn path(&self) -> &Path {
        &self.leaf().path
    }

    /// For `CLONE_INTO_CGROUP`.
    pub(crate) fn dir(&self) -> BorrowedFd<'_> {
        self.leaf().dir.as_fd()
    }

    /// Asks every process of the leaf to end.
    pub(crate) fn terminate(&self) -> io::Result<()> {
        cgroup::terminate(&self.leaf().dir)
    }

    /// Kills every process in the leaf and below, also those that fork meanwhile.
    pub(crate) fn kill(&self) -> io::Result<()> {
        self.condemned.store(true, Ordering::Relaxed);
        cgroup::kill(&self.leaf().dir)
    }

    /// Comes back when no process is left in the leaf.
    pub(crate) async fn empty(&self) -> io::Result<()> {
        let events = cgroup::events(&self.leaf().dir)?;
        let events = readiness::watch(events, Interest::PRIORITY)?;
        // Each reading arms the next notice (kernfs: poll reports what came after the last read).
        while !cgroup::is_empty(events.get_ref())? {
            events.ready(Interest::PRIORITY).await?.clear_ready();
        }
        Ok(())
    }

    fn leaf(&self) -> &Leaf {
        self.leaf.as_ref().expect("taken in drop alone")
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if let Some(leaf) = self.leaf.take() {
            self.pool.running.set(leaf.number, false);
            let mut leaves = self.pool.leaves.lock();
            if self.condemned.load(Ordering::Relaxed) {
                leaves.remove(leaf);
            } else {
                // To the front: the one used last is in the processor's cache.
                leaves.idle.push_front(leaf);
            }
        }
    }
}
