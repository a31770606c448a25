//! Starts tasks whose turn it is, finds those again that ran when the last agent ended, and records their ends.
//!
//! The order that makes "at most once" true: the intent, with this boot's id, is durable before the supervisor
//! is asked for; a task with an intent is never started again. Whether it runs is then known by its slot alone,
//! what came of it by what its supervisor left there.

use super::record::{Begun, Due, Ended, How, Kept, Record, Shape, Took};
use super::retention;
use super::spool_dir::SpoolDir;
use super::store::Store;
use super::supervisors::Supervisors;
use super::table::{State, Table};
use super::tasks::{Piece, Settings, now};
use crate::exec::{Executor, Lodging, Prepared, Spec};
use crate::shutdown::{Work, boxed};
use crate::{Error, exec};
use agent_sys::pidfd::PidFd;
use agent_sys::slot::{self, Claim, Look, Slots};
use agent_sys::supervisor;
use agent_wire::Retcode;
use agent_wire::message::Bash;
use parking_lot::{Mutex, MutexGuard};
use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;
use tokio::time;

/// While an end can't be made durable (no space, a broken disk) it is tried again, at first after this…
const RETRY: Duration = Duration::from_secs(1);
/// …and at most this late.
const MAX_RETRY: Duration = Duration::from_secs(30);

/// A supervisor that was ordered through a zygote that has died may still be on its way: its slot is held, but nobody
/// has signed it. No event tells when it does, so it is looked at after so long…
const ARRIVING: Duration = Duration::from_millis(10);
/// …then twice as long, and so on up to this. As long as the slot is held the task may begin, so this has no end.
const MAX_ARRIVING: Duration = Duration::from_secs(1);

/// The longest wait for the moment at which a run that was taken beforehand is due.
const MAX_WAIT: Duration = Duration::from_secs(1);

/// Characters of a reason that are kept: the end of every task has to fit the room that the journal reserves for it.
const MAX_WHY: usize = 200;

/// The most slots there can be.
pub(crate) const MAX_RUNNING: u32 = 4096;

/// What starts and watches.
pub(crate) struct Runner {
    store: Arc<Store>,
    executor: Arc<Executor>,
    spool: Arc<SpoolDir>,
    slots: Slots,
    boot: String,
    settings: Mutex<Settings>,
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

/// A task whose intent may become durable.
struct Ready {
    prepared: Prepared,
    claim: Claim,
}

/// A job's run that is being taken.
pub(crate) struct Run<'a> {
    pub(crate) n: u64,
    pub(crate) bash: &'a Bash,
    pub(crate) shape: Shape,
    pub(crate) due: &'a Due,
    /// Milliseconds since 1970, soon to come: its command is not started before.
    pub(crate) not_before: u64,
}

/// The supervisor of a task, and what the task keeps of the executor's until it is over.
type Started = (PidFd, Lodging);

/// How the start of a task failed.
enum NotBegun {
    /// For good.
    Failed(Error),
    /// It was cancelled first.
    Cancelled,
    /// The intent could not be made durable: it still waits.
    Later(Error),
}

impl Runner {
    /// Goes on with what the store holds.
    ///
    /// # Errors
    /// [`Error::File`]: the slots can't be had.
    pub(crate) fn start(
        directory: &Path,
        settings: Settings,
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

    pub(crate) fn reconfigure(&self, settings: Settings) {
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
    pub(crate) fn settings(&self) -> Settings {
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

    /// Takes a job's run and starts it in the same breath, if nobody waits for a place: `taken`, the records that it
    /// was taken, and its intent go to the disk together. Gives them back where its turn has not come.
    ///
    /// # Errors
    /// Those of [`Store::record`]: it was not taken.
    pub(crate) async fn start_now(
        self: &Arc<Self>,
        mut taken: Vec<Record>,
        run: &Run<'_>,
    ) -> Result<Option<Vec<Record>>, Error> {
        let &Run { n, bash, shape, due, not_before } = run;
        let slot = {
            let mut live = self.live();
            let table = self.store.table();
            let must_wait = table.next_waiting(|n| live.contains_key(&n)).is_some()
                || due.queue && table.runs(&due.job).any(|run| !run.is_over());
            let slot = if must_wait { None } else { self.place(&live, &table, shape) };
            let Some(slot) = slot else { return Ok(Some(taken)) };
            live.insert(n, Live { slot: Some(slot), ..Live::default() });
            slot
        };
        let spec = spec(bash, shape);
        let (begun, ready) = match self.prepare(n, &spec, slot).await {
            Ok(ready) => ready,
            Err(NotBegun::Failed(error)) => {
                taken.push(Record::Ended(ended(n, not_started(&error))));
                let recorded = self.store.record(taken).await;
                self.live().remove(&n);
                return recorded.map(|()| None);
            }
            Err(NotBegun::Cancelled | NotBegun::Later(_)) => {
                self.live().remove(&n);
                return Ok(Some(taken));
            }
        };
        taken.push(begun);
        if let Err(error) = self.store.record(taken).await {
            self.live().remove(&n);
            return Err(error);
        }
        let begun = self.launch(n, &spec, slot, ready, not_before).await;
        let runner = self.clone();
        let rest = boxed(async move { runner.follow(n, slot, shape, &spec, begun).await });
        self.started().push(rest);
        self.wake();
        Ok(None)
    }

    fn started(&self) -> MutexGuard<'_, Vec<Work>> {
        self.started.lock()
    }

    async fn run(self: Arc<Self>, n: u64, bash: Arc<Bash>, shape: Shape, slot: u32) {
        if bash.cmd.is_empty() {
            // None that is accepted is: the journal says that it had begun, and no more.
            return self
                .over(ended(n, How::Interrupted("its record in the journal is damaged".to_owned())))
                .await;
        }
        let spec = spec(&bash, shape);
        let begun = self.begin(n, &spec, slot).await;
        self.follow(n, slot, shape, &spec, begun).await;
    }

    /// What comes after the start, or instead of it, to the end.
    async fn follow(
        &self,
        n: u64,
        slot: u32,
        shape: Shape,
        spec: &Spec,
        begun: Result<Option<Started>, NotBegun>,
    ) {
        let end = match begun {
            Ok(started) => self.watch(n, slot, shape, started, spec).await,
            Err(NotBegun::Cancelled) => ended(n, How::Cancelled),
            Err(NotBegun::Failed(error)) => ended(n, not_started(&error)),
            Err(NotBegun::Later(error)) => {
                log::error!("task {n} waits: {error}");
                time::sleep(RETRY).await;
                self.live().remove(&n);
                return self.wake();
            }
        };
        self.over(end).await;
    }

    /// Intent, then start.
    async fn begin(&self, n: u64, spec: &Spec, slot: u32) -> Result<Option<Started>, NotBegun> {
        let (begun, ready) = self.prepare(n, spec, slot).await?;
        self.store.record(vec![begun]).await.map_err(NotBegun::Later)?;
        self.launch(n, spec, slot, ready, 0).await
    }

    /// All that comes before the intent, and the intent.
    async fn prepare(&self, n: u64, spec: &Spec, slot: u32) -> Result<(Record, Ready), NotBegun> {
        let prepared = self.executor.prepare(spec, n).await.map_err(NotBegun::Failed)?;
        if self.live().get(&n).is_some_and(|live| live.cancelled) {
            return Err(NotBegun::Cancelled);
        }
        let claim = self.slots.take(slot, n).map_err(|source| {
            let path = self.spool.path().join("slots");
            NotBegun::Later(Error::File { path, source })
        })?;
        let cgroup = prepared.leaf().map(|path| path.display().to_string());
        let begun = Begun { n, at: now(), boot: self.boot.clone(), slot, cgroup };
        Ok((Record::Begun(begun), Ready { prepared, claim }))
    }

    /// The start, once the intent is durable.
    async fn launch(
        &self,
        n: u64,
        spec: &Spec,
        slot: u32,
        ready: Ready,
        not_before: u64,
    ) -> Result<Option<Started>, NotBegun> {
        let Ready { prepared, claim } = ready;
        match self.executor.supervise(prepared, spec, claim, self.spool.fd(), not_before).await {
            Ok(started) => Ok(Some(started)),
            Err(error) => {
                // The zygote may have died over it, before or after the supervisor came to be: the slot tells.
                match self.slots.look(slot, n) {
                    Ok(Look::Running { .. } | Look::Ended(_)) => Ok(None),
                    Ok(Look::Lost { begun: None, .. }) | Err(_) => Err(NotBegun::Failed(error)),
                    Ok(Look::Lost { begun: Some(_), .. }) => Ok(None),
                }
            }
        }
    }

    /// A task that had begun under an earlier agent.
    async fn find_again(self: Arc<Self>, begun: Begun, shape: Shape) {
        let end = if begun.boot == self.boot {
            self.watch(begun.n, begun.slot, shape, None, &Spec::default()).await
        } else {
            // Nothing of it runs any more, but it may have ended, and its supervisor have said so, before.
            match self.slots.look(begun.slot, begun.n) {
                Ok(Look::Ended(record)) => self.told_by(begun.n, shape, &record, &Spec::default()),
                Ok(Look::Lost { begun: signed, totals } | Look::Running { begun: signed, totals }) => {
                    lost(begun.n, shape, signed, totals, "the machine went down while it ran")
                }
                Err(error) => ended(begun.n, How::Interrupted(format!("its slot can't be read: {error}"))),
            }
        };
        self.over(end).await;
    }

    /// Waits for the end of a task's supervisor, ours or an adopted one, and tells what it left.
    async fn watch(&self, n: u64, slot: u32, shape: Shape, started: Option<Started>, spec: &Spec) -> Ended {
        let (supervisor, lodging) = match started {
            Some((supervisor, lodging)) => (Some(supervisor), lodging),
            None => (self.arrived(n, slot).await, Lodging::default()),
        };
        let is_run = self.store.table().task(n).is_some_and(|task| task.cron.is_some());
        if let Some(supervisor) = supervisor
            && let Ok(ended) = self.supervisors.add(n, supervisor, !is_run)
        {
            if self.live().get(&n).is_some_and(|live| live.cancelled) {
                self.supervisors.cancel(n);
            }
            // Never lost: what tells it ends with this.
            let _ = ended.await;
        }
        let last = self.slots.look(slot, n);
        let end = match &last {
            Ok(Look::Ended(record)) => self.told_by(n, shape, record, spec),
            Ok(Look::Lost { begun, totals } | Look::Running { begun, totals }) => {
                let cgroup = {
                    let table = self.store.table();
                    table.task(n).and_then(|task| match &task.state {
                        State::Running(begun) => begun.cgroup.clone(),
                        State::Waiting(_) | State::Ended { .. } => None,
                    })
                };
                if let Some(cgroup) = cgroup
                    && let Err(error) = exec::kill_leaf(Path::new(&cgroup)).await
                {
                    log::error!("task {n}: {error}");
                }
                let why = match begun {
                    Some(_) => "its supervisor was killed, and its processes after it",
                    None => "the agent went down before it began",
                };
                lost(n, shape, *begun, *totals, why)
            }
            Err(error) => ended(n, How::Interrupted(format!("its slot can't be read: {error}"))),
        };
        lodging.give_back(match last {
            Ok(Look::Ended(record)) if record.end.is_by_itself() => Some(record.rest),
            _ => None,
        });
        end
    }

    /// What a supervisor has left, as the journal tells it.
    fn told_by(&self, n: u64, shape: Shape, record: &slot::Record, spec: &Spec) -> Ended {
        let micros = |time: Duration| u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        let how = match record.end {
            slot::End::Exited(status) => How::Exited(status),
            slot::End::Signaled { signal, core } => How::Signaled { signal, core },
            slot::End::TimedOut => How::TimedOut,
            slot::End::Cancelled if self.live().get(&n).is_some_and(|live| live.cancelled) => How::Cancelled,
            // As when the host shuts down, which asks every process to end.
            slot::End::Cancelled => {
                How::Interrupted("its supervisor was told to end, and not by the agent".to_owned())
            }
            slot::End::NotStarted { stage, errno } => not_started(&self.executor.explain(stage, errno, spec)),
        };
        if record.rest == slot::Rest::Survivors {
            log::error!("task {n}: some of its killed processes are still there");
        }
        Ended {
            n,
            started: Some(record.started_ms),
            at: record.ended_ms,
            how,
            took: record.usage.map(|usage| Took {
                user_us: micros(usage.user),
                sys_us: micros(usage.system),
                wall_us: micros(record.wall),
                max_rss_kib: usage.max_rss_kib,
            }),
            stdout: Kept::of(&record.totals.stdout, shape.max_output),
            stderr: Kept::of(&record.totals.stderr, shape.max_output),
        }
    }

    /// The supervisor that holds a slot, once it has signed it; `None` when none holds it.
    async fn arrived(&self, n: u64, slot: u32) -> Option<PidFd> {
        let mut wait = ARRIVING;
        loop {
            match self.slots.look(slot, n) {
                Ok(Look::Running { begun: Some(begun), .. }) => {
                    // Gone in this moment, or not to be had: then the next look tells.
                    if let Ok(Some(supervisor)) = supervisor::find(&begun) {
                        return Some(supervisor);
                    }
                }
                Ok(Look::Running { begun: None, .. }) => {}
                // It may not have let go of the slot, but what it says is its last word.
                Ok(Look::Ended(_) | Look::Lost { .. }) | Err(_) => return None,
            }
            time::sleep(wait).await;
            if wait < MAX_ARRIVING && wait * 2 >= MAX_ARRIVING {
                log::warn!("task {n}: slot {slot} is held, but its supervisor is not to be found yet");
            }
            wait = (wait * 2).min(MAX_ARRIVING);
        }
    }

    /// Makes an end durable, however long that takes.
    async fn over(&self, end: Ended) {
        let n = end.n;
        let mut wait = RETRY;
        while let Err(error) = self.store.record(vec![Record::Ended(end.clone())]).await {
            log::error!(
                "the end of task {n} can't be recorded, tried again in {} s: {error}",
                wait.as_secs()
            );
            time::sleep(wait).await;
            wait = (wait * 2).min(MAX_RETRY);
        }
        let idle = {
            let mut live = self.live();
            live.remove(&n);
            live.is_empty()
        };
        if idle {
            // A good moment to look for cgroups that background processes had kept.
            self.executor.sweep_leaves(|n| self.live().contains_key(&n));
        }
        self.wake();
    }

    /// Ends a task, if it has not ended.
    ///
    /// # Errors
    /// [`Error::Journal`], [`Error::NoSpace`]: the wish can't be made durable.
    pub(crate) async fn cancel(&self, n: u64) -> Result<(), Error> {
        let has_its_turn = {
            let mut live = self.live();
            let has_its_turn = live.contains_key(&n);
            let waits = match self.store.table().task(n) {
                Some(task) => matches!(task.state, State::Waiting(_)),
                None => false,
            };
            if !has_its_turn && !waits {
                return Ok(());
            }
            live.entry(n).or_default().cancelled = true;
            has_its_turn
        };
        if has_its_turn {
            // Before anything is signalled, so that the wish is kept whoever is killed in between.
            self.store.record(vec![Record::Cancelled(n)]).await?;
            self.supervisors.cancel(n);
            return Ok(());
        }
        let recorded = self.store.record(vec![Record::Ended(ended(n, How::Cancelled))]).await;
        self.live().remove(&n);
        recorded
    }

    /// What a task has printed from `offset` on.
    ///
    /// # Errors
    /// [`Error::File`]: its output can't be read.
    pub(crate) fn output(
        &self,
        n: u64,
        shape: Shape,
        state: &State,
        offset: u64,
        stderr: bool,
        most: usize,
    ) -> Result<Piece, Error> {
        let slot = match state {
            State::Running(begun) => Some(begun.slot),
            State::Waiting(_) | State::Ended { .. } => None,
        };
        let extent = |stream: &slot::Totals| if stderr { stream.stderr } else { stream.stdout };
        let current = || match state {
            State::Waiting(_) => None,
            State::Running(_) => self.slots.totals(slot?, n).ok()?.map(|totals| extent(&totals)),
            State::Ended { ended, .. } => {
                let kept = if stderr { ended.stderr } else { ended.stdout };
                kept.map(|kept| kept.extent())
            }
        };
        let ended = matches!(state, State::Ended { .. });
        let (offset, bytes) = self.spool.piece(n, stderr, shape, offset, most, current)?;
        let at_end = current().is_none_or(|extent| offset + bytes.len() as u64 >= extent.total);
        Ok(Piece { offset, bytes, ended: ended && at_end, base64: shape.base64 })
    }
}

/// A command as it is started. What was said when it was accepted holds, whatever the settings are by now.
fn spec(bash: &Bash, shape: Shape) -> Spec {
    Spec { max_output: usize::try_from(shape.max_output).ok(), ..Spec::from(bash) }
}

/// Comes back at a moment in milliseconds since 1970 that is soon to come, or has come.
pub(crate) async fn wait_until(moment: u64) {
    let left = (UNIX_EPOCH + Duration::from_millis(moment)).duration_since(SystemTime::now());
    time::sleep(left.unwrap_or_default().min(MAX_WAIT)).await;
}

pub(crate) fn boot_id() -> Result<String, Error> {
    let path = Path::new("/proc/sys/kernel/random/boot_id");
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(text.trim().to_owned()),
        Err(source) => Err(Error::File { path: path.to_owned(), source }),
    }
}

/// The end of a task that never began.
fn ended(n: u64, how: How) -> Ended {
    Ended { n, started: None, at: now(), how, took: None, stdout: None, stderr: None }
}

fn not_started(error: &Error) -> How {
    let (retcode, why) = match error {
        Error::NoSuchUser(user) => (Retcode::NoSuchUser, format!("user {user}")),
        Error::NoSuchGroup(group) => (Retcode::NoSuchUser, format!("group {group}")),
        Error::InvalidCommand { .. } => (Retcode::InvalidParams, error.to_string()),
        Error::NotStarted { stage, why } => (Retcode::NotStarted, format!("{stage}: {why}")),
        other => (Retcode::NotStarted, other.to_string()),
    };
    How::NotStarted { retcode: retcode.number(), why: why.chars().take(MAX_WHY).collect() }
}

fn lost(n: u64, shape: Shape, begun: Option<slot::Begun>, totals: slot::Totals, why: &str) -> Ended {
    Ended {
        started: begun.map(|begun| begun.wall_ms),
        stdout: Kept::of(&totals.stdout, shape.max_output),
        stderr: Kept::of(&totals.stderr, shape.max_output),
        ..ended(n, How::Interrupted(why.to_owned()))
    }
}
