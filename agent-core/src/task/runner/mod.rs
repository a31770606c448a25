//! Starts tasks when it is their turn, finds the tasks that outlived an earlier agent, and records
//! how each one ends.
//!
//! This order makes "at most once" true: the intent, with the current boot id, is durable before
//! the supervisor is requested, and a task with an intent is never started again. From then on, the
//! task's slot alone tells whether it runs, and what its supervisor left there tells how it ended.

mod cancel;
mod ending;
mod follow;
mod output;
mod start;

pub(crate) use start::{JobStart, wait_until};

use super::record::{Begun, Shape};
use super::retention;
use super::spool_dir::SpoolDir;
use super::store::Store;
use super::supervisors::Supervisors;
use super::table::Table;
use super::{Error, in_place};
use crate::config::TaskSettings;
use crate::exec::Executor;
use crate::shutdown::{Work, boxed};
use agent_sys::file_id::FileId;
use agent_sys::slot::Slots;
use parking_lot::{Mutex, MutexGuard};
use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;
use tokio::time;

/// The most slots that the file of slots can have.
const MAX_RUNNING: u32 = 4096;

/// Starts and follows tasks.
pub(crate) struct Runner {
    store: Arc<Store>,
    executor: Arc<Executor>,
    spool: Arc<SpoolDir>,
    slots: Slots,
    /// The file of slots that was opened.
    slots_file: FileId,
    boot: String,
    settings: Mutex<TaskSettings>,
    /// The tasks between their turn and their recorded end, by number.
    active: Mutex<HashMap<u64, ActiveTask>>,
    /// Follows the tasks that were started while they were accepted; [`Runner::serve`] owns them.
    started: Mutex<Vec<Work>>,
    supervisors: Supervisors,
    wake: Notify,
    shutdown: watch::Sender<bool>,
}

/// A task between its turn and its recorded end.
#[derive(Debug, Default)]
struct ActiveTask {
    /// `None` while a task that waits is being cancelled.
    slot: Option<u32>,
    cancelled: bool,
}

impl Runner {
    /// Continues with the tasks in the store.
    ///
    /// # Errors
    /// [`Error::File`] when the file of slots cannot be opened; [`Error::System`] without
    /// descriptors.
    pub(crate) fn start(
        directory: &Path,
        settings: TaskSettings,
        executor: Arc<Executor>,
        store: Arc<Store>,
        spool: Arc<SpoolDir>,
    ) -> Result<Arc<Self>, Error> {
        let path = directory.join("slots");
        let slots = Slots::open(&path, settings.max_running.min(MAX_RUNNING))
            .map_err(|source| Error::file(&path, source))?;
        let slots_file = FileId::at(&path).map_err(|source| Error::file(&path, source))?;
        let runner = Arc::new(Self {
            store,
            executor,
            spool,
            slots,
            slots_file,
            boot: boot_id()?,
            settings: Mutex::new(settings),
            active: Mutex::default(),
            started: Mutex::default(),
            supervisors: Supervisors::new()
                .map_err(|source| Error::System { call: "epoll_create1", source })?,
            wake: Notify::new(),
            shutdown: watch::Sender::new(false),
        });
        let mut work = JoinSet::new();
        let begun: Vec<(Begun, Shape, bool)> = {
            let table = runner.store.table();
            table
                .running()
                .map(|(task, begun)| (begun.clone(), task.shape, task.cancelled))
                .collect()
        };
        for (begun, shape, cancelled) in begun {
            runner.active().insert(begun.n, ActiveTask { slot: Some(begun.slot), cancelled });
            work.spawn(boxed(runner.clone().resume(begun, shape)));
        }
        tokio::spawn(boxed(runner.clone().serve(work)));
        Ok(runner)
    }

    /// Applies new settings.
    pub(crate) fn reconfigure(&self, settings: TaskSettings) {
        *self.settings.lock() = settings;
        self.wake();
    }

    /// Checks that the file of slots still has its name.
    ///
    /// # Errors
    /// [`Error::File`]: it was removed, moved or replaced.
    pub(crate) fn check_slots(&self) -> Result<(), Error> {
        let path = self.spool.path().join("slots");
        in_place::check(&path, self.slots_file).map_err(|source| Error::file(&path, source))
    }

    /// Makes the runner check whether there is something to start or to forget.
    pub(crate) fn wake(&self) {
        self.wake.notify_one();
    }

    /// Stops following tasks; supervisors and their tasks go on.
    pub(crate) async fn shutdown(&self) {
        self.shutdown.send_replace(true);
        // `serve` drops its receiver when it returns.
        self.shutdown.closed().await;
    }

    fn active(&self) -> MutexGuard<'_, HashMap<u64, ActiveTask>> {
        self.active.lock()
    }

    fn is_cancelled(&self, n: u64) -> bool {
        self.active().get(&n).is_some_and(|task| task.cancelled)
    }

    /// Returns the current settings.
    pub(crate) fn settings(&self) -> TaskSettings {
        *self.settings.lock()
    }

    /// Owns the work of every task, until shutdown.
    async fn serve(self: Arc<Self>, mut work: JoinSet<()>) {
        let mut shutdown = self.shutdown.subscribe();
        let runner = self.clone();
        work.spawn(boxed(async move {
            let Err(error) = runner.supervisors.serve().await;
            log::error!("can no longer detect finished tasks: {error}");
        }));
        loop {
            while let Some(turn) = self.next_turn() {
                work.spawn(boxed(self.clone().run(turn)));
            }
            for follow in std::mem::take(&mut *self.started.lock()) {
                work.spawn(follow);
            }
            let next = retention::forget(&self.store, &self.spool, self.settings().keep).await;
            tokio::select! {
                _ = shutdown.wait_for(|shutdown| *shutdown) => return,
                () = self.wake.notified() => {}
                () = time::sleep(next) => {}
                Some(finished) = work.join_next() => {
                    if let Err(error) = finished {
                        log::error!("following a task failed: {error}");
                    }
                }
            }
        }
    }

    /// Returns a free slot, if the settings allow one more task and its output.
    fn free_slot(
        &self,
        active: &HashMap<u64, ActiveTask>,
        table: &Table,
        shape: Shape,
    ) -> Option<u32> {
        let settings = self.settings();
        if table.counts().bytes.saturating_add(shape.most_bytes()) > settings.max_bytes {
            // Until results are acknowledged, or have been kept long enough.
            return None;
        }
        let most = settings.max_running.min(self.slots.count()).min(self.executor.max_tasks());
        let mut taken = vec![false; most as usize];
        for slot in active.values().filter_map(|task| task.slot) {
            if let Some(taken) = taken.get_mut(slot as usize) {
                *taken = true;
            }
        }
        // A slot that is held and not ours belongs to a process that hangs; it is left alone.
        let is_free = |slot: &u32| matches!(self.slots.is_held(*slot), Ok(false));
        (0..most).zip(taken).filter(|(_, taken)| !taken).map(|(slot, _)| slot).find(is_free)
    }
}

/// Returns the kernel's boot id.
///
/// # Errors
/// [`Error::File`]: without /proc.
pub(crate) fn boot_id() -> Result<String, Error> {
    let path = Path::new("/proc/sys/kernel/random/boot_id");
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(text.trim().to_owned()),
        Err(source) => Err(Error::file(path, source)),
    }
}
