//! The face that dispatch sees: tasks are taken, told about, cancelled, read and acknowledged here.

use super::record::{Accepted, Command, Due, Ended, Record, Shape};
use super::runner::{Run, Runner, wait_until};
use super::spool_dir::SpoolDir;
use super::store::Store;
use super::table::{Counts, State, Task, size_of_command};
use crate::Error;
use crate::exec::{Captured, Executor, Limits, Spec};
use agent_wire::message::Bash;
use parking_lot::{Mutex, MutexGuard};
use ring::digest::{SHA256, digest};
use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::sync::oneshot;

/// Bytes of commands that wait in memory for their turn.
const MAX_WAITING_BYTES: usize = 16 << 20;

/// Bytes and files that the disk must have free beside what is reserved already: the journal's next segment and
/// something for the rest of the host.
const MIN_FREE_BYTES: u64 = 256 << 10;
const MIN_FREE_FILES: u64 = 64;

/// Runs of one job that are kept once their results have been acknowledged.
const HISTORY: usize = 20;

/// Of results that give way, the first and then one in so many is logged.
const GIVEN_WAY_TOLD: u64 = 1000;

/// Bytes of output that one `async.output` answers at most.
const MAX_PIECE: usize = 256 << 10;

/// What an operator sets for tasks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Settings {
    /// Tasks that run at once.
    pub(crate) max_running: u32,
    /// Tasks that are known at once, ended ones included.
    pub(crate) max_kept: usize,
    /// Bytes of output on disk.
    pub(crate) max_bytes: u64,
    /// How long an ended task is kept.
    pub(crate) keep: Duration,
    /// Bytes kept of an output stream where the request does not say.
    pub(crate) max_output: u64,
}

/// A command on its way to become a task.
#[derive(Debug)]
pub(crate) struct Submission {
    command: Command,
    digest: String,
    /// The job whose run it is.
    cron: Option<Box<Due>>,
    /// Milliseconds since 1970: it may be taken shortly before, but is not started.
    not_before: u64,
}

impl Submission {
    /// Of a request's fields.
    pub(crate) fn new(bash: Bash) -> Self {
        let command = Command::new(bash);
        let digest = fingerprint(command.fields());
        Self { command, digest, cron: None, not_before: 0 }
    }

    /// The same, as a run of a job, not to be started before a moment in milliseconds since 1970.
    pub(crate) fn of_job(&self, due: Due, not_before: u64) -> Self {
        let (command, digest) = (self.command.clone(), self.digest.clone());
        Self { command, digest, cron: Some(Box::new(due)), not_before }
    }
}

/// What became of a submission.
#[derive(Debug)]
pub(crate) enum Submitted {
    /// It is on disk.
    Accepted,
    /// It was there already, the very same.
    Known(Status),
}

/// One task, as of a moment.
#[derive(Debug)]
pub(crate) struct Status {
    pub(crate) id: Arc<str>,
    pub(crate) accepted: u64,
    pub(crate) shape: Shape,
    pub(crate) state: State,
    /// The job whose run it is.
    pub(crate) cron: Option<Box<Due>>,
}

/// A result that waits for its acknowledgement.
#[derive(Debug)]
pub(crate) struct Finished {
    /// Its place among the results.
    pub(crate) order: u64,
    pub(crate) id: Arc<str>,
    pub(crate) shape: Shape,
    /// The job whose run it was.
    pub(crate) cron: Option<Box<Due>>,
    pub(crate) ended: Arc<Ended>,
    pub(crate) stdout: Captured,
    pub(crate) stderr: Captured,
}

/// A piece of a task's output.
#[derive(Debug)]
pub(crate) struct Piece {
    /// Where it begins; beyond what was asked for when that is dropped already.
    pub(crate) offset: u64,
    pub(crate) bytes: Vec<u8>,
    /// Nothing will follow it.
    pub(crate) ended: bool,
    pub(crate) base64: bool,
}

/// All tasks of this host.
pub(crate) struct Tasks {
    pub(super) store: Arc<Store>,
    runner: Arc<Runner>,
    executor: Arc<Executor>,
    spool: Arc<SpoolDir>,
    /// Results of jobs that gave way to newer ones.
    given_way: AtomicU64,
    /// Submissions whose record is not durable yet, by id.
    under_way: Mutex<HashMap<String, UnderWay>>,
}

/// A submission on its way to the disk.
struct UnderWay {
    digest: String,
    /// Those who ask for the very same meanwhile; dropped when it is over.
    others: Vec<oneshot::Sender<()>>,
}

impl Tasks {
    /// Opens the store below the state directory, finds again what still runs, and goes on with what waits.
    ///
    /// # Errors
    /// [`Error::File`]: the store can't be read or made.
    pub(crate) fn open(state_dir: &Path, settings: Settings, executor: Arc<Executor>) -> Result<Self, Error> {
        let directory = state_dir.join("tasks");
        let spool = Arc::new(SpoolDir::open(&directory)?);
        let store = Store::open(&directory)?;
        spool.sweep(|n| {
            let table = store.table();
            table.task(n).is_some_and(|task| !matches!(task.state, State::Ended { acked: true, .. }))
        });
        let runner = Runner::start(&directory, settings, executor.clone(), store.clone(), spool.clone())?;
        let given_way = AtomicU64::new(0);
        Ok(Self { store, runner, executor, spool, given_way, under_way: Mutex::default() })
    }

    /// New settings, from now on.
    pub(crate) fn reconfigure(&self, settings: Settings) {
        self.runner.reconfigure(settings);
    }

    /// Takes a task: it is durable when this comes back. The same again is told what it is at.
    ///
    /// # Errors
    /// [`Error::TaskDiffers`]; those of [`Executor::check`]; [`Error::NoSpace`], [`Error::TasksBusy`], [`Error::Journal`],
    /// [`Error::ShuttingDown`].
    pub(crate) async fn submit(&self, id: &str, submission: Submission) -> Result<Submitted, Error> {
        let Submission { command, digest, cron, not_before } = submission;
        if let Some(status) = self.known(id, &digest)? {
            return Ok(Submitted::Known(status));
        }
        if let Some(over) = self.claim(id, &digest)? {
            // The same task is being taken for another request: what becomes of that is the answer here too.
            let _ = over.await;
            return match self.known(id, &digest)? {
                Some(status) => Ok(Submitted::Known(status)),
                None => Err(Error::TasksBusy("it has just been refused to another request".to_owned())),
            };
        }
        let taken = self.check_and_take(id, command, digest, cron, not_before).await;
        lock(&self.under_way).remove(id);
        taken.map(|()| Submitted::Accepted)
    }

    /// Claims an id. What is returned ends when the same task, just being taken, is.
    fn claim(&self, id: &str, digest: &str) -> Result<Option<oneshot::Receiver<()>>, Error> {
        let mut under_way = lock(&self.under_way);
        match under_way.get_mut(id) {
            Some(other) if other.digest == digest => {
                let (over, ended) = oneshot::channel();
                other.others.push(over);
                Ok(Some(ended))
            }
            Some(_) => Err(Error::TaskDiffers(id.to_owned())),
            None => {
                let submission = UnderWay { digest: digest.to_owned(), others: Vec::new() };
                under_way.insert(id.to_owned(), submission);
                Ok(None)
            }
        }
    }

    async fn check_and_take(
        &self,
        id: &str,
        command: Command,
        digest: String,
        cron: Option<Box<Due>>,
        not_before: u64,
    ) -> Result<(), Error> {
        match cron {
            None => self.check(command.bash()).await?,
            // Whether a job's command can be started is looked at when it is, and told as its result.
            Some(_) => Spec::from(&**command.bash()).check()?,
        }
        let bash = command.bash().clone();
        let due = cron.clone();
        let settings = self.runner.settings();
        let shape = Shape::of(command.bash(), settings.max_output);
        let job = cron.as_deref().map(|due| due.job.as_str());
        let forgotten =
            self.make_room(&settings, shape.most_bytes(), size_of_command(command.bash()), job)?;
        let mut records: Vec<Record> = forgotten.iter().map(|n| Record::Forgotten(*n)).collect();
        let (n, with_files) = {
            let mut table = self.store.table();
            let has_files = |n: &u64| table.task(*n).is_some_and(Task::may_have_files);
            let with_files: Vec<u64> = forgotten.into_iter().filter(has_files).collect();
            (table.take_number(), with_files)
        };
        let accepted = Accepted { n, id: id.to_owned(), at: now(), digest, shape, bash: Some(command), cron };
        records.push(Record::Accepted(accepted));
        let left = match due {
            // In a box: tasks that are no job's need not carry it.
            Some(due) => {
                let run = Run { n, bash: &bash, shape, due: &due, not_before };
                let left = Box::pin(self.runner.start_now(records, &run)).await?;
                if left.is_some() {
                    // From then on it may be started at any time.
                    wait_until(not_before).await;
                }
                left
            }
            None => Some(records),
        };
        if let Some(records) = left {
            self.store.record(records).await?;
            self.runner.wake();
        }
        with_files.into_iter().for_each(|n| self.spool.remove(n));
        Ok(())
    }

    /// Whether a command could be started.
    async fn check(&self, bash: &Bash) -> Result<(), Error> {
        let spec = Spec::from(bash);
        if spec.user.is_some() || spec.group.is_some() || spec.limits != Limits::default() {
            // In a box: a look-up has a large state, which a thousand tasks without one need not carry.
            let check = async move { self.executor.check(&spec).await };
            Box::pin(check).await
        } else {
            // The agent's own account is there: nobody has to be asked.
            spec.check()
        }
    }

    fn known(&self, id: &str, digest: &str) -> Result<Option<Status>, Error> {
        match self.store.table().find(id) {
            Some(task) if task.digest == digest => Ok(Some(status(task))),
            Some(_) => Err(Error::TaskDiffers(id.to_owned())),
            None => Ok(None),
        }
    }

    /// Checks every bound for one more task. What has to be forgotten for it comes back.
    ///
    /// A job goes on when nobody takes its results: then the oldest result of any job gives way, but never that of a
    /// task somebody has asked for.
    fn make_room(
        &self,
        settings: &Settings,
        bytes: u64,
        in_memory: usize,
        job: Option<&str>,
    ) -> Result<Vec<u64>, Error> {
        let free = self.spool.free_space()?;
        if free.bytes < MIN_FREE_BYTES || free.files < MIN_FREE_FILES {
            return Err(Error::NoSpace(format!(
                "{}: {} KiB and {} files free",
                self.spool.path().display(),
                free.bytes >> 10,
                free.files
            )));
        }
        let table = self.store.table();
        let counts = table.counts();
        if counts.waiting_bytes.saturating_add(in_memory) > MAX_WAITING_BYTES {
            return Err(Error::TasksBusy(format!(
                "{} tasks with {} bytes of commands wait",
                counts.waiting, counts.waiting_bytes
            )));
        }
        let mut forgotten = Vec::new();
        let mut held = counts.bytes.saturating_add(bytes);
        let mut results = table.undelivered().filter(|task| task.cron.is_some());
        while held > settings.max_bytes {
            let Some(oldest) = results.next().filter(|_| job.is_some()) else {
                return Err(Error::NoSpace(format!(
                    "the output of tasks that run or are not acknowledged may come to {} bytes, and tasks.max_bytes is {}",
                    counts.bytes, settings.max_bytes
                )));
            };
            held -= oldest.stored();
            forgotten.push(oldest.n);
            self.gives_way(oldest);
        }
        if let Some(job) = job {
            // Those of the job itself that have been told, beyond its history.
            let told = |task: &&Task| matches!(task.state, State::Ended { acked: true, .. });
            let beyond = (table.runs(job).count() + 1).saturating_sub(HISTORY);
            forgotten.extend(table.runs(job).take(beyond).filter(told).map(|task| task.n));
        }
        // Those under way are not in the table yet.
        let kept = counts.kept + lock(&self.under_way).len();
        if kept.saturating_sub(forgotten.len()) > settings.max_kept {
            let gives_way = table.delivered().find(|task| !forgotten.contains(&task.n));
            let untold = || results.next().filter(|_| job.is_some()).inspect(|task| self.gives_way(task));
            match gives_way.or_else(untold) {
                Some(task) => forgotten.push(task.n),
                None => {
                    return Err(Error::NoSpace(format!(
                        "{} tasks wait, run or have results that are not acknowledged, and tasks.max_kept is {}",
                        counts.kept, settings.max_kept
                    )));
                }
            }
        }
        Ok(forgotten)
    }

    fn gives_way(&self, task: &Task) {
        let count = self.given_way.fetch_add(1, Ordering::Relaxed) + 1;
        if count % GIVEN_WAY_TOLD == 1 {
            let id = agent_wire::json::quote(&task.id);
            log::warn!(
                "task {id}: its result was never acknowledged and gives way to a newer run ({count} by now)"
            );
        }
    }

    /// Results of jobs that gave way to newer ones since the agent started.
    pub(crate) fn given_way(&self) -> u64 {
        self.given_way.load(Ordering::Relaxed)
    }

    /// How far a task is.
    ///
    /// # Errors
    /// [`Error::NoSuchTask`].
    pub(crate) fn status(&self, id: &str) -> Result<Status, Error> {
        self.store.table().find(id).map(status).ok_or_else(|| Error::NoSuchTask(id.to_owned()))
    }

    /// The tasks that were taken after another, oldest first.
    ///
    /// # Errors
    /// [`Error::NoSuchTask`]: there is no such other task.
    pub(crate) fn list(&self, after: Option<&str>, limit: usize) -> Result<Vec<Status>, Error> {
        let table = self.store.table();
        let after = match after {
            None => 0,
            Some(id) => table.find(id).ok_or_else(|| Error::NoSuchTask(id.to_owned()))?.n,
        };
        Ok(table.after(after).take(limit).map(status).collect())
    }

    /// Ends a task: one that waits never begins, one that runs is killed with its whole tree, one that has
    /// ended stays as it is.
    ///
    /// # Errors
    /// [`Error::NoSuchTask`], [`Error::Journal`].
    pub(crate) async fn cancel(&self, id: &str) -> Result<Status, Error> {
        let n = self.number(id)?;
        self.runner.cancel(n).await?;
        self.status(id)
    }

    /// The controller has a task's result: its output goes, its id is kept for a while.
    ///
    /// # Errors
    /// [`Error::NoSuchTask`], [`Error::TaskRuns`], [`Error::Journal`].
    pub(crate) async fn acknowledge(&self, id: &str) -> Result<(), Error> {
        let (n, has_files, is_run) = match self.store.table().find(id) {
            None => return Err(Error::NoSuchTask(id.to_owned())),
            Some(task @ Task { state: State::Ended { acked: false, .. }, .. }) => {
                (task.n, task.may_have_files(), task.cron.is_some())
            }
            Some(Task { state: State::Ended { acked: true, .. }, .. }) => return Ok(()),
            Some(_) => return Err(Error::TaskRuns(id.to_owned())),
        };
        let acked = vec![Record::Acked(n)];
        if is_run {
            // Jobs are due in crowds, and nobody waits for the answer to this.
            self.store.record_patiently(acked).await?;
        } else {
            self.store.record(acked).await?;
        }
        if has_files {
            self.spool.remove(n);
        }
        self.runner.wake();
        Ok(())
    }

    /// What a task has printed from `offset` on, at most 256 KiB of it.
    ///
    /// # Errors
    /// [`Error::NoSuchTask`], or [`Error::File`] when its output can't be read.
    pub(crate) fn output(&self, id: &str, offset: u64, stderr: bool) -> Result<Piece, Error> {
        let (n, shape, state) = {
            let table = self.store.table();
            let task = table.find(id).ok_or_else(|| Error::NoSuchTask(id.to_owned()))?;
            (task.n, task.shape, task.state.clone())
        };
        if let State::Ended { acked: true, .. } = state {
            return Ok(Piece { offset, bytes: Vec::new(), ended: true, base64: shape.base64 });
        }
        self.runner.output(n, shape, &state, offset, stderr, MAX_PIECE)
    }

    /// The first result behind `order` that is not acknowledged; waits until there is one.
    pub(crate) async fn next_result(&self, order: u64) -> Finished {
        let mut news = self.store.news();
        loop {
            if let Some(mut finished) = self.result_after(order) {
                let Finished { ended, shape, .. } = &finished;
                [finished.stdout, finished.stderr] = self.spool.whole(ended.n, ended, *shape).await;
                return finished;
            }
            if news.changed().await.is_err() {
                // The store is gone: the agent is ending.
                std::future::pending::<()>().await;
            }
        }
    }

    /// The same, if there is one and it has no output that would have to be read.
    pub(crate) fn result_at_hand(&self, order: u64) -> Option<Finished> {
        self.result_after(order)
            .filter(|finished| finished.ended.stdout.is_none() && finished.ended.stderr.is_none())
    }

    /// Without its output.
    fn result_after(&self, order: u64) -> Option<Finished> {
        let table = self.store.table();
        let (order, task) = table.next_undelivered(order)?;
        let State::Ended { ended, .. } = &task.state else { return None };
        Some(Finished {
            order,
            id: task.id.clone(),
            shape: task.shape,
            cron: task.cron.clone(),
            ended: ended.clone(),
            stdout: Captured::default(),
            stderr: Captured::default(),
        })
    }

    /// How many tasks there are of each kind.
    pub(crate) fn counts(&self) -> Counts {
        self.store.table().counts()
    }

    /// Stops starting and watching; what runs goes on without the agent.
    pub(crate) async fn shutdown(&self) {
        self.runner.shutdown().await;
        self.store.close();
    }

    fn number(&self, id: &str) -> Result<u64, Error> {
        self.store.table().find(id).map(|task| task.n).ok_or_else(|| Error::NoSuchTask(id.to_owned()))
    }
}

pub(super) fn status(task: &Task) -> Status {
    let (shape, cron) = (task.shape, task.cron.clone());
    Status { id: task.id.clone(), accepted: task.accepted, shape, state: task.state.clone(), cron }
}

/// SHA-256 in hex.
fn fingerprint(fields: &str) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let sum = digest(&SHA256, fields.as_bytes());
    let mut text = Vec::with_capacity(2 * sum.as_ref().len());
    for byte in sum.as_ref() {
        text.extend([DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]);
    }
    String::from_utf8(text).expect("digits")
}

/// Milliseconds since 1970; 0 before that.
pub(super) fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // What is under these locks changes by one call: whole, whatever panicked.
    mutex.lock()
}
