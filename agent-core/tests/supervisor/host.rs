//! An executor with slots and a directory for tasks, and the tasks begun on it.

use crate::support::{BOTH, eventually, is_root, start};
use agent_core::exec::{
    Captured, CommandEnd, ExecSettings, Executor, Lodging, Spec, StartError, Trees,
};
use agent_sys::StartFailure;
use agent_sys::pidfd::PidFd;
use agent_sys::slot::{Begun, Leftovers, Record, SlotState, Slots, Totals};
use agent_sys::spool::{Part, Source, Stream};
use agent_sys::supervisor;
use nix::sys::signal::Signal;
use std::cell::Cell;
use std::fs::{self, File};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use test_support::Scratch;

const SLOTS: u32 = 256;

/// The slots and output files of tasks.
pub(crate) struct TaskFiles {
    path: PathBuf,
    pub(crate) slots: Slots,
    pub(crate) dir: File,
    /// Removes the folder when dropped; `None`: the folder belongs to another process.
    _scratch: Option<Scratch>,
}

impl TaskFiles {
    pub(crate) fn new() -> Self {
        let scratch = Scratch::new("tasks");
        let files = Self::open(scratch.path());
        Self { _scratch: Some(scratch), ..files }
    }

    /// Opens the slots and files of another process.
    pub(crate) fn open(path: &Path) -> Self {
        let slots = Slots::open(&path.join("slots"), SLOTS).unwrap();
        Self { path: path.to_owned(), slots, dir: File::open(path).unwrap(), _scratch: None }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn slot(&self, n: u64) -> SlotState {
        self.slots.state(index(n), n).unwrap()
    }

    pub(crate) fn begun(&self, n: u64) -> Option<Begun> {
        match self.slot(n) {
            SlotState::Running { begun, .. } => begun,
            _ => None,
        }
    }

    pub(crate) fn totals(&self, n: u64) -> Totals {
        self.slots.totals(index(n), n).unwrap().unwrap_or_default()
    }

    pub(crate) fn is_held(&self, n: u64) -> bool {
        self.slots.is_held(index(n)).unwrap()
    }

    fn source(&self, n: u64, stream: Stream, max: u64) -> Source<'_> {
        Source { dir: self.dir.as_fd(), n, stream, max }
    }

    /// Waits until the slot is free and returns the record of the task.
    pub(crate) async fn record(&self, n: u64) -> Record {
        eventually("the slot is free", || !self.is_held(n)).await;
        match self.slot(n) {
            SlotState::Ended(record) => record,
            other => panic!("no record of {n}: {other:?}"),
        }
    }
}

fn index(n: u64) -> u32 {
    u32::try_from(n % u64::from(SLOTS)).unwrap()
}

pub(crate) struct Host {
    pub(crate) trees: Trees,
    pub(crate) executor: Executor,
    pub(crate) files: TaskFiles,
    next: Cell<u64>,
}

/// Starts a host for each way to hold a tree that this user can use.
pub(crate) fn hosts(settings: &ExecSettings) -> impl Iterator<Item = Host> + use<> {
    let settings = settings.clone();
    let ways = BOTH.into_iter().filter(|trees| is_root() || *trees == Trees::Keeper);
    ways.map(move |trees| Host::start(trees, settings.clone(), TaskFiles::new()))
}

impl Host {
    pub(crate) fn start(trees: Trees, settings: ExecSettings, files: TaskFiles) -> Self {
        Self { trees, executor: start(trees, settings), files, next: Cell::new(1) }
    }

    pub(crate) async fn begin(&self, spec: Spec) -> Task<'_> {
        self.attempt(spec).await.unwrap()
    }

    pub(crate) async fn attempt(&self, spec: Spec) -> Result<Task<'_>, StartError> {
        self.attempt_at(spec, 0).await
    }

    /// Begins a task that must not start before a moment, in milliseconds since 1970.
    pub(crate) async fn attempt_at(
        &self,
        spec: Spec,
        not_before: u64,
    ) -> Result<Task<'_>, StartError> {
        let n = self.next.replace(self.next.get() + 1);
        let prepared = self.executor.prepare(&spec, n).await?;
        let leaf = prepared.leaf();
        assert_eq!(leaf.is_some(), self.trees == Trees::Cgroup);
        let max = prepared.max_output(&spec);
        let claim = self.files.slots.take(index(n), n).unwrap();
        let (supervisor, lodging) = self
            .executor
            .supervise(prepared, &spec, claim, self.files.dir.as_fd(), not_before)
            .await?;
        let lodging = Cell::new(Some(lodging));
        Ok(Task { host: self, n, supervisor, max, leaf, lodging })
    }

    /// Runs a task to its end.
    pub(crate) async fn run(&self, spec: Spec) -> (Record, Task<'_>) {
        let task = self.begin(spec).await;
        (task.record().await, task)
    }

    pub(crate) async fn end(&self, spec: Spec) -> Result<CommandEnd, StartFailure> {
        self.run(spec).await.0.end
    }
}

pub(crate) struct Task<'a> {
    host: &'a Host,
    pub(crate) n: u64,
    supervisor: PidFd,
    pub(crate) max: u64,
    pub(crate) leaf: Option<PathBuf>,
    lodging: Cell<Option<Lodging>>,
}

impl Task<'_> {
    /// Waits for the supervisor's end, takes its record, and gives back the task's lodging.
    pub(crate) async fn record(&self) -> Record {
        self.reaped().await;
        let record = self.host.files.record(self.n).await;
        self.give_back(record.is_by_itself().then_some(record.leftovers));
        if let Some(leaf) = &self.leaf {
            let in_use = record.is_by_itself() || has_processes(leaf);
            assert!(!leaf.exists() || in_use, "an empty leaf is left");
        }
        record
    }

    pub(crate) async fn reaped(&self) {
        eventually("the supervisor ends", || self.supervisor.reap().unwrap().is_some()).await;
    }

    /// Gives back the lodging, as the agent does when a task is over.
    pub(crate) fn give_back(&self, left: Option<Leftovers>) {
        if let Some(lodging) = self.lodging.take() {
            lodging.give_back(left);
        }
    }

    pub(crate) fn pidfd(&self) -> &PidFd {
        &self.supervisor
    }

    pub(crate) async fn begun(&self) -> Begun {
        eventually("it has begun", || self.host.files.begun(self.n).is_some()).await;
        self.host.files.begun(self.n).unwrap()
    }

    pub(crate) fn cancel(&self) {
        self.supervisor.signal(Signal::SIGTERM).unwrap();
    }

    pub(crate) fn read(&self, stream: Stream, offset: u64) -> Part {
        let files = &self.host.files;
        let extent = || {
            let totals = files.totals(self.n);
            Ok(if stream == Stream::Stdout { totals.stdout } else { totals.stderr })
        };
        files.source(self.n, stream, self.max).read(extent, offset, 1 << 20).unwrap()
    }

    /// Returns everything stored of a stream of a finished task.
    pub(crate) fn stored(&self, stream: Stream) -> Captured {
        let SlotState::Ended(record) = self.host.files.slot(self.n) else {
            panic!("it is not over")
        };
        let extent =
            if stream == Stream::Stdout { record.totals.stdout } else { record.totals.stderr };
        self.host.files.source(self.n, stream, self.max).stored(extent).unwrap().into()
    }

    pub(crate) fn stdout(&self) -> String {
        String::from_utf8(self.stored(Stream::Stdout).bytes).unwrap()
    }

    pub(crate) fn find(&self, begun: &Begun) -> Option<PidFd> {
        supervisor::find(begun).unwrap()
    }
}

/// Returns whether a cgroup has processes: for a moment longer than /proc shows them.
pub(crate) fn has_processes(leaf: &Path) -> bool {
    fs::read_to_string(leaf.join("cgroup.events")).is_ok_and(|text| text.contains("populated 1"))
}
