//! Starts tasks whose turn it is, finds those again that ran when the last agent ended, and records their ends.
//!
//! The order that makes "at most once" true: the intent, with this boot's id, is durable before the supervisor
//! is asked for; a task with an intent is never started again. Whether it runs is then known by its slot alone,
//! what came of it by what its supervisor left there.

mod ending;
mod follow;
mod output;
mod start;

pub(crate) use start::{Run, wait_until};

use super::record::{Begun, Shape};
use super::retention;
use super::spool_dir::SpoolDir;
use super::store::Store;
use super::supervisors::Supervisors;
use super::table::{State, Table};
use crate::config::TaskSettings;
use crate::Error;
use crate::exec::Executor;
use crate::shutdown::{Work, boxed};
use agent_sys::slot::Slots;
use agent_wire::message::Bash;
use parking_lot::{Mutex, MutexGuard};
use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;
use tokio::time;

/// The most slots there can be.
const MAX_RUNNING: u32 = 4096;

/// What starts and watches.
pub(crate) struct Runner {
    store: Arc<Store>,
    executor: Arc<Executor>,
    spool: Arc<SpoolDir>,
    slots: Slots,
    boot: String,
    settings: Mutex<TaskSettings>,
    /// Tasks that something is being done with, by number.
    live: Mutex<HashMap<u64, Live>>,
    /// The rest of those that were started when they were taken.
    started: Mutex<Vec<Work>>,
    supervisors: Supervisors,
    wake: Notify,
    over: watch::Sender<bool>,
}

/// A task between its turn and its end.
#[derive(Debug, Default)]
struct Live {
    /// `None`: it is only being cancelled.
    slot: Option<u32>,
    cancelled: bool,
}

impl Runner {
    /// Goes on with what the store holds.
    ///
    /// # Errors
    /// [`Error::File`]: the slots can't be had.
    pub(crate) fn start(
        directory: &Path,
        settings: TaskSettings,
        executor: Arc<Executor>,
        store: Arc<Store>,
        spool: Arc<SpoolDir>,
    ) -> Result<Arc<Self>, Error> {
        let path = directory.join("slots");
        let slots = Slots::open(&path, settings.max_running.min(MAX_RUNNING))
            .map_err(|source| Error::File { path, source })?;
        let boot = boot_id()?;
        let runner = Arc::new(Self {
            store,
            executor,
            spool,
            slots,
            boot,
            settings: Mutex::new(settings),
            live: Mutex::default(),
            started: Mutex::default(),
            supervisors: Supervisors::new()
                .map_err(|source| Error::System { call: "epoll_create1", source })?,
            wake: Notify::new(),
            over: watch::Sender::new(false),
        });
        let mut work = JoinSet::new();
        let begun: Vec<(Begun, Shape, bool)> = {
            let table = runner.store.table();
            table.running().map(|(task, begun)| (begun.clone(), task.shape, task.cancelled)).collect()
        };
        for (begun, shape, cancelled) in begun {
            let live = Live { slot: Some(begun.slot), cancelled };
            runner.live().insert(begun.n, live);
            work.spawn(boxed(runner.clone().find_again(begun, shape)));
        }
        tokio::spawn(boxed(runner.clone().serve(work)));
        Ok(runner)
    }

    pub(crate) fn reconfigure(&self, settings: TaskSettings) {
        *self.settings.lock() = settings;
        self.wake();
    }

    /// There may be something to start or to forget.
    pub(crate) fn wake(&self) {
        self.wake.notify_one();
    }

    /// Ends every watch; supervisors and their tasks go on.
    pub(crate) async fn shutdown(&self) {
        self.over.send_replace(true);
        // `serve` drops the receiver when it is through.
        self.over.closed().await;
    }

    fn live(&self) -> MutexGuard<'_, HashMap<u64, Live>> {
        self.live.lock()
    }

    /// Those in force.
    pub(crate) fn settings(&self) -> TaskSettings {
        *self.settings.lock()
    }

    /// Owns every task's watch, until shutdown.
    async fn serve(self: Arc<Self>, mut work: JoinSet<()>) {
        let mut over = self.over.subscribe();
        let runner = self.clone();
        work.spawn(boxed(async move {
            let Err(error) = runner.supervisors.serve().await;
            log::error!("tasks: no end is noticed any more: {error}");
        }));
        loop {
            while let Some((n, bash, shape, slot)) = self.next() {
                work.spawn(boxed(self.clone().run(n, bash, shape, slot)));
            }
            for rest in std::mem::take(&mut *self.started()) {
                work.spawn(rest);
            }
            let next = retention::forget(&self.store, &self.spool, self.settings().keep).await;
            tokio::select! {
                _ = over.wait_for(|over| *over) => return,
                () = self.wake.notified() => {}
                () = time::sleep(next) => {}
                Some(ended) = work.join_next() => {
                    if let Err(error) = ended {
                        log::error!("tasks: {error}");
                    }
                }
            }
        }
    }

    /// The next task to start, with the slot it gets, if it is anyone's turn.
    fn next(&self) -> Option<(u64, Arc<Bash>, Shape, u32)> {
        let mut live = self.live();
        let table = self.store.table();
        let task = table.next_waiting(|n| live.contains_key(&n))?;
        let State::Waiting(command) = &task.state else { return None };
        let slot = self.place(&live, &table, task.shape)?;
        let next = (task.n, command.bash().clone(), task.shape, slot);
        live.insert(task.n, Live { slot: Some(slot), cancelled: task.cancelled });
        Some(next)
    }

    /// A free slot, if there is room for the output of one more.
    fn place(&self, live: &HashMap<u64, Live>, table: &Table, shape: Shape) -> Option<u32> {
        let settings = self.settings();
        if table.counts().bytes.saturating_add(shape.most_bytes()) > settings.max_bytes {
            // Until results are acknowledged, or have been kept long enough.
            return None;
        }
        let most = settings.max_running.min(self.slots.count());
        let mut taken = vec![false; most as usize];
        for slot in live.values().filter_map(|live| live.slot) {
            if let Some(taken) = taken.get_mut(slot as usize) {
                *taken = true;
            }
        }
        // One that is held without being ours is another's that hangs; it is left alone.
        let is_free = |slot: &u32| matches!(self.slots.is_held(*slot), Ok(false));
        (0..most).zip(taken).filter(|(_, taken)| !taken).map(|(slot, _)| slot).find(is_free)
    }

    fn started(&self) -> MutexGuard<'_, Vec<Work>> {
        self.started.lock()
    }
}

pub(crate) fn boot_id() -> Result<String, Error> {
    let path = Path::new("/proc/sys/kernel/random/boot_id");
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(text.trim().to_owned()),
        Err(source) => Err(Error::File { path: path.to_owned(), source }),
    }
}
