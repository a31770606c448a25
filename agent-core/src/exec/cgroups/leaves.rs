//! The leaves of one agent: a cgroup for each command and each task, used again once empty.
//!
//! A command's leaf is named by a number below [`MAX_LEAVES`], which is also its place in the page
//! of running trees that the zygote reads. A task outlives the agent, and the journal keeps the
//! path of its leaf, by which a later agent may have to kill it: so a task's leaf is named after
//! the first task it was made for, `task.N`, a name that never comes again. The agent removes
//! leaves; where it is gone, the zygote removes those of commands and a supervisor that of its
//! task.

use parking_lot::Mutex;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use agent_sys::running::Running;
use agent_sys::slot::Leftovers;
use agent_sys::{cgroup, readiness};
use log::{info, warn};
use tokio::io::Interest;

use super::root::Root;
use super::stock::{Condition, Leaf, Stock};
use crate::exec::descriptors::Descriptors;

/// The most leaves of commands, two descriptors each. A command beyond them gets a keeper.
pub(crate) const MAX_LEAVES: usize = 1024;
/// The most leaves kept for other tasks, two descriptors each: as many as tasks run at once by
/// default.
pub(crate) const MAX_IDLE_TASK_LEAVES: usize = 128;
/// A task's leaf is `task.N` in the agent's directory of cgroups.
pub(crate) const TASK_PREFIX: &str = "task.";

/// The leaves of one agent.
#[derive(Debug)]
pub(crate) struct Leaves {
    pub(crate) root: Root,
    running: Arc<Running>,
    commands: Mutex<CommandStock>,
    tasks: Mutex<Stock>,
    /// Whether the last attempt to take a leaf failed.
    is_failing: AtomicBool,
}

#[derive(Debug)]
struct CommandStock {
    stock: Stock,
    /// How many numbers have been given out.
    made: u64,
}

/// A command's leaf: marked as running, and given back when dropped.
#[derive(Debug)]
pub(crate) struct CommandLeaf {
    leaf: Option<Leaf>,
    is_spent: AtomicBool,
    leaves: Arc<Leaves>,
}

/// A task's leaf. Dropped, it is removed if nothing was started in it; otherwise it stays as it is,
/// since the task may outlive the agent.
#[derive(Debug)]
pub(crate) struct TaskLeaf {
    leaf: Option<Leaf>,
    is_used: bool,
    leaves: Arc<Leaves>,
}

impl Leaves {
    pub(crate) fn new(root: Root, running: Arc<Running>, descriptors: Descriptors) -> Arc<Self> {
        let idle = |wanted| descriptors.idle_leaves(wanted);
        let commands = Stock::new(root.path.clone(), "", idle(MAX_LEAVES), true);
        let idle_tasks = idle(MAX_IDLE_TASK_LEAVES);
        let tasks = Stock::new(root.path.clone(), TASK_PREFIX, idle_tasks, false);
        let commands = Mutex::new(CommandStock { stock: commands, made: 0 });
        let (tasks, is_failing) = (Mutex::new(tasks), AtomicBool::new(false));
        Arc::new(Self { root, running, commands, tasks, is_failing })
    }

    /// Logs that leaves can be had no longer, or again.
    pub(crate) fn report(&self, taken: Result<(), &io::Error>) {
        let was_failing = self.is_failing.swap(taken.is_err(), Ordering::Relaxed);
        match taken {
            Err(error) if !was_failing => warn!(
                "no cgroup in {}: {error}; processes hold commands and tasks together instead",
                self.root.path.display()
            ),
            Ok(()) if was_failing => info!("cgroups hold commands and tasks together again"),
            Ok(()) | Err(_) => {}
        }
    }

    /// Takes an empty leaf for a command; `None` when there are [`MAX_LEAVES`] and the ones looked
    /// at are all in use.
    pub(crate) fn take_for_command(self: &Arc<Self>) -> io::Result<Option<CommandLeaf>> {
        let mut commands = self.commands.lock();
        let leaf = match commands.stock.take() {
            Some(leaf) => Some(leaf),
            None => {
                commands.stock.sweep();
                commands.make(|_| Ok(()))?
            }
        };
        Ok(leaf.map(|leaf| self.hand_out(leaf, false)))
    }

    /// Makes a leaf for a command with limits, which `write` puts into its directory. It is not
    /// used again.
    pub(crate) fn make_for_command(
        self: &Arc<Self>,
        write: impl FnOnce(&Path) -> io::Result<()>,
    ) -> io::Result<CommandLeaf> {
        let leaf = self.commands.lock().make(write)?;
        let leaf = leaf.ok_or_else(|| {
            io::Error::other(format!("all {MAX_LEAVES} cgroups for commands are in use"))
        })?;
        Ok(self.hand_out(leaf, true))
    }

    fn hand_out(self: &Arc<Self>, leaf: Leaf, is_spent: bool) -> CommandLeaf {
        self.running.set(index(&leaf), true);
        let is_spent = AtomicBool::new(is_spent);
        CommandLeaf { leaf: Some(leaf), is_spent, leaves: Arc::clone(self) }
    }

    /// Takes an empty leaf for task `n`.
    pub(crate) fn take_for_task(self: &Arc<Self>, n: u64) -> io::Result<TaskLeaf> {
        let mut tasks = self.tasks.lock();
        let leaf = match tasks.take() {
            Some(leaf) => leaf,
            None => tasks.make(n)?,
        };
        Ok(TaskLeaf { leaf: Some(leaf), is_used: false, leaves: Arc::clone(self) })
    }

    /// Makes a leaf for task `n`, which sets limits there.
    pub(crate) fn make_for_task(self: &Arc<Self>, n: u64) -> io::Result<TaskLeaf> {
        let leaf = self.tasks.lock().make(n)?;
        Ok(TaskLeaf { leaf: Some(leaf), is_used: false, leaves: Arc::clone(self) })
    }

    /// Removes the tasks' leaves that stayed for background processes which are gone by now.
    pub(crate) fn sweep_tasks(&self) {
        self.tasks.lock().sweep();
    }
}

impl CommandStock {
    fn make(&mut self, write: impl FnOnce(&Path) -> io::Result<()>) -> io::Result<Option<Leaf>> {
        let number = self.stock.free_number().unwrap_or(self.made);
        if number >= MAX_LEAVES as u64 {
            return Ok(None);
        }
        let leaf = self.stock.make(number)?;
        let path = self.stock.path(number);
        if let Err(error) = write(&path) {
            cgroup::remove(&path);
            return Err(error);
        }
        if self.stock.take_number().is_none() {
            self.made += 1;
        }
        Ok(Some(leaf))
    }
}

impl CommandLeaf {
    /// Returns the leaf's directory.
    pub(crate) fn path(&self) -> PathBuf {
        self.leaves.commands.lock().stock.path(self.leaf().number)
    }

    /// Returns the descriptor for `CLONE_INTO_CGROUP`.
    pub(crate) fn dir(&self) -> BorrowedFd<'_> {
        self.leaf().dir.as_fd()
    }

    /// Sends SIGTERM to every process of the leaf.
    pub(crate) fn terminate(&self) -> io::Result<()> {
        cgroup::terminate(&self.leaf().dir)
    }

    /// Kills every process in the leaf and below, including processes that fork meanwhile.
    pub(crate) fn kill(&self) -> io::Result<()> {
        self.is_spent.store(true, Ordering::Relaxed);
        cgroup::kill(&self.leaf().dir)
    }

    /// Returns when no process is left in the leaf.
    pub(crate) async fn empty(&self) -> io::Result<()> {
        let events = cgroup::events(&self.leaf().dir)?;
        let events = readiness::watch(events, Interest::PRIORITY)?;
        // Each reading arms the next notice (kernfs: poll reports changes after the last read).
        while !cgroup::is_empty(events.get_ref())? {
            events.ready(Interest::PRIORITY).await?.clear_ready();
        }
        Ok(())
    }

    fn leaf(&self) -> &Leaf {
        self.leaf.as_ref().expect("taken in drop alone")
    }
}

impl Drop for CommandLeaf {
    fn drop(&mut self) {
        if let Some(leaf) = self.leaf.take() {
            self.leaves.running.set(index(&leaf), false);
            let is_spent = self.is_spent.load(Ordering::Relaxed);
            let condition = if is_spent { Condition::Spent } else { Condition::Unknown };
            self.leaves.commands.lock().stock.give_back(leaf, condition);
        }
    }
}

impl TaskLeaf {
    /// Returns the leaf's directory.
    pub(crate) fn path(&self) -> PathBuf {
        self.leaves.tasks.lock().path(self.leaf().number)
    }

    /// Returns the descriptor for `CLONE_INTO_CGROUP`: something may be started in the leaf from
    /// now on.
    pub(crate) fn lend(&mut self) -> BorrowedFd<'_> {
        self.is_used = true;
        self.leaf().dir.as_fd()
    }

    /// Gives the leaf back when its task is over, with the processes left of the task; `None`: some
    /// of them were killed, or may have been, or the leaf has limits. Such a leaf is removed, now
    /// or by a [sweep](Leaves::sweep_tasks).
    pub(crate) fn give_back(mut self, leftovers: Option<Leftovers>) {
        let Some(leaf) = self.leaf.take() else { return };
        let condition = match leftovers {
            Some(Leftovers::Nothing) => Condition::Empty,
            Some(Leftovers::Background | Leftovers::Survivors) => Condition::Unknown,
            None => Condition::Spent,
        };
        self.leaves.tasks.lock().give_back(leaf, condition);
    }

    fn leaf(&self) -> &Leaf {
        self.leaf.as_ref().expect("taken by give_back alone, which ends it")
    }
}

impl Drop for TaskLeaf {
    fn drop(&mut self) {
        if let Some(leaf) = self.leaf.take_if(|_| !self.is_used) {
            self.leaves.tasks.lock().remove(leaf.number);
        }
    }
}

/// Returns the number of a task's leaf, or of the directory that keeps its limits.
pub(crate) fn task_number(path: &Path) -> Option<u64> {
    path.file_name()?.to_str()?.strip_prefix(TASK_PREFIX)?.parse().ok()
}

/// Returns a command leaf's place in the page of running trees.
fn index(leaf: &Leaf) -> usize {
    usize::try_from(leaf.number).unwrap_or(usize::MAX)
}
