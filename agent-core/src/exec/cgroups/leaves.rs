//! The cgroups that tasks run in: a leaf each, used again once empty.
//!
//! Apart from those of commands ([`super::pool`]): a task outlives the agent, and the journal keeps the path of its leaf,
//! by which a later agent may have to kill it. So a leaf is called after the first task it was made for, `task.N`, a name
//! that never comes again. Who removes it: the agent; where that is gone, the supervisor.

use parking_lot::{Mutex, MutexGuard};
use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::mem;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use agent_sys::cgroup;
use agent_sys::slot::Rest;

use super::root::make_leaf;

/// A task's leaf is `task.N` in the agent's directory of cgroups.
pub(crate) const PREFIX: &str = "task.";
/// The most leaves that are kept for other tasks, two descriptors each: as many as run at once by default.
pub(crate) const MAX_IDLE: usize = 128;
/// Leaves looked at for an empty one before a new one is made.
const LOOKS: usize = 4;

/// The leaves of one agent.
#[derive(Debug)]
pub(crate) struct Leaves {
    root: PathBuf,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// In no task's hands; some may have background processes.
    idle: VecDeque<Open>,
    /// Numbers of those that are not to be used again and were not empty when last looked at.
    left: Vec<u64>,
}

#[derive(Debug)]
struct Open {
    number: u64,
    dir: File,
    events: File,
    /// Its last task has left nothing in it.
    empty: bool,
}

impl Open {
    fn is_empty(&self) -> io::Result<bool> {
        if self.empty { Ok(true) } else { cgroup::is_empty(&self.events) }
    }
}

/// A leaf in a task's hands. Dropped, it is removed if nothing was started in it, and else stays as it is: the task may
/// outlive the agent.
#[derive(Debug)]
pub(crate) struct Leaf {
    leaves: Arc<Leaves>,
    open: Option<Open>,
    used: bool,
}

impl Leaves {
    pub(crate) fn new(root: PathBuf) -> Arc<Self> {
        Arc::new(Self { root, state: Mutex::default() })
    }

    /// An empty leaf, for task `n`.
    pub(crate) fn take(self: &Arc<Self>, n: u64) -> io::Result<Leaf> {
        let mut state = self.state();
        for _ in 0..LOOKS {
            let Some(open) = state.idle.pop_front() else { break };
            match open.is_empty() {
                Ok(true) => return Ok(self.hand_out(open)),
                Ok(false) => state.idle.push_back(open),
                // Somebody removed it.
                Err(_) => self.remove(&mut state, open.number),
            }
        }
        drop(state);
        self.make(n)
    }

    /// A new one, for a task that sets limits there.
    pub(crate) fn make(self: &Arc<Self>, n: u64) -> io::Result<Leaf> {
        let (dir, events) = make_leaf(&self.path(n))?;
        Ok(self.hand_out(Open { number: n, dir, events, empty: true }))
    }

    fn hand_out(self: &Arc<Self>, open: Open) -> Leaf {
        Leaf { leaves: self.clone(), open: Some(open), used: false }
    }

    /// Removes those whose background processes, for which they had stayed, are gone.
    pub(crate) fn sweep(&self) {
        let mut state = self.state();
        for number in mem::take(&mut state.left) {
            self.remove(&mut state, number);
        }
    }

    fn path(&self, number: u64) -> PathBuf {
        self.root.join(format!("{PREFIX}{number}"))
    }

    fn remove(&self, state: &mut State, number: u64) {
        let path = self.path(number);
        cgroup::remove(&path);
        if path.exists() {
            state.left.push(number);
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // What is under the lock changes by calls that don't panic half-way.
        self.state.lock()
    }
}

impl Leaf {
    pub(crate) fn path(&self) -> PathBuf {
        self.leaves.path(self.open().number)
    }

    /// For `CLONE_INTO_CGROUP`: something may be started in it from now on.
    pub(crate) fn lend(&mut self) -> BorrowedFd<'_> {
        self.used = true;
        self.open().dir.as_fd()
    }

    /// Its task is over. `None`: it was killed there, or may have been, or has limits; such a leaf is not used
    /// again ([`super::pool`]) and is removed, now or by a [sweep](Leaves::sweep).
    pub(crate) fn give_back(mut self, left: Option<Rest>) {
        let Some(mut open) = self.open.take() else { return };
        let mut state = self.leaves.state();
        match left {
            Some(left) if state.idle.len() < MAX_IDLE => {
                open.empty = left == Rest::Nothing;
                // To the front: the one used last is in the processor's cache.
                state.idle.push_front(open);
            }
            _ => self.leaves.remove(&mut state, open.number),
        }
    }

    fn open(&self) -> &Open {
        self.open.as_ref().expect("taken by give_back alone, which ends it")
    }
}

impl Drop for Leaf {
    fn drop(&mut self) {
        if let Some(open) = self.open.take_if(|_| !self.used) {
            self.leaves.remove(&mut self.leaves.state(), open.number);
        }
    }
}

/// The number of a task's leaf, or of the directory that keeps its limits.
pub(crate) fn number(path: &Path) -> Option<u64> {
    path.file_name()?.to_str()?.strip_prefix(PREFIX)?.parse().ok()
}
