//! The face that dispatch sees, and the loop that starts what is due.

mod reconcile;

use super::definition::{Parsed, REBOOT, Reader, parts};
use super::plan::{Fate, Jobs, LARGEST_STEP, Plan, Times, base, is_ahead};
use super::timer::{Moment, Timer};
use crate::Error;
use crate::exec::{Executor, Spec};
use crate::shutdown::boxed;
use crate::task::{Due, Job, JobStatus, Skipped, Status, Submission, Tasks, wait_until};
use agent_wire::message::{CronSet, Overlap};
use parking_lot::{Mutex, MutexGuard};
use serde_json::value::RawValue;
use std::collections::HashMap;
use std::path::PathBuf;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::sync::{Notify, watch};
use tokio::task::{JoinSet, yield_now};

/// Runs of one job that wait for each other (`overlap: queue`); one more is skipped.
const MAX_QUEUED: usize = 8;

/// Runs that are being handed over to the tasks at once.
const MAX_STARTING: usize = 256;

/// Jobs that are kept as they were read, because they are due often.
const MAX_READ: usize = 256;

/// Jobs that are looked at before everything else has its turn.
const BATCH: usize = 128;

/// Jobs that are made durable together.
const COMMIT: usize = 500;

/// Times that an answer tells in advance.
pub(crate) const FORESEEN: usize = 5;

/// What an operator sets for schedules; empty where it is not set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Settings {
    /// The directory of crontab files.
    pub(crate) dir: PathBuf,
    /// IANA name of the zone that schedules are in which name none; empty: the system's.
    pub(crate) timezone: String,
    /// Path of the calendar for `C` of jobs that name none.
    pub(crate) calendar: String,
}

/// What a job that is set comes to.
#[derive(Debug)]
pub(crate) struct Set {
    pub(crate) canonical: String,
    pub(crate) warnings: Vec<String>,
    /// Seconds since 1970.
    pub(crate) next: Vec<i64>,
}

/// One job, as `cron.list` tells it.
#[derive(Debug)]
pub(crate) struct Listed {
    pub(crate) set: CronSet,
    /// The schedule in its canonical form, or as it was given where it can't be read any more.
    pub(crate) canonical: String,
    /// The zone it is in.
    pub(crate) zone: Option<String>,
    /// The crontab that has it.
    pub(crate) file: Option<Arc<str>>,
    /// Seconds since 1970; none where it is switched off.
    pub(crate) next: Vec<i64>,
    /// Runs that wait or run.
    pub(crate) open: usize,
    pub(crate) last: Option<Status>,
    /// The last run that was due and was not started, and why.
    pub(crate) skipped: Option<(i64, String)>,
}

/// All scheduled jobs of this host.
pub(crate) struct Scheduler {
    tasks: Arc<Tasks>,
    executor: Arc<Executor>,
    reader: Reader,
    boot: String,
    plan: Mutex<Plan>,
    /// Those that were due lately.
    read_jobs: Mutex<HashMap<Arc<str>, Arc<ReadJob>>>,
    /// Runs of each job that are on their way to the store, by their instants.
    starting: Mutex<HashMap<Arc<str>, Vec<i64>>>,
    /// The plan has changed.
    changed: Notify,
    /// The directory of crontabs; told anew when its files are to be read again.
    dir: watch::Sender<PathBuf>,
    /// What is wrong with them.
    problems: Mutex<Arc<[String]>>,
    over: watch::Sender<bool>,
}

/// Looks jobs up for the plan.
struct Stored<'a>(&'a Scheduler);

impl Jobs for Stored<'_> {
    fn times(&self, job: &str) -> Option<Times> {
        self.0.read_job(job)?.times.clone()
    }
}

/// A job as it was read when it was last due.
struct ReadJob {
    /// What it was read from.
    fields: Box<RawValue>,
    overlap: Overlap,
    times: Option<Times>,
    command: Submission,
}

/// A run on its way to the store, where nobody sees it yet.
struct Starting {
    scheduler: Arc<Scheduler>,
    job: Arc<str>,
    at: i64,
}

impl Starting {
    /// `None`: it is already on its way, and the job was planned anew meanwhile.
    fn new(scheduler: &Arc<Scheduler>, job: Arc<str>, at: i64) -> Option<Self> {
        let mut starting = scheduler.starting();
        let instants = starting.entry(job.clone()).or_default();
        if instants.contains(&at) {
            return None;
        }
        instants.push(at);
        drop(starting);
        Some(Self { scheduler: scheduler.clone(), job, at })
    }
}

impl Drop for Starting {
    fn drop(&mut self) {
        let mut starting = self.scheduler.starting();
        if let Some(instants) = starting.get_mut(&self.job) {
            instants.retain(|at| *at != self.at);
            if instants.is_empty() {
                starting.remove(&self.job);
            }
        }
    }
}

impl Scheduler {
    /// A scheduler over the jobs in the store; `boot` is the kernel's boot id.
    pub(crate) fn new(
        host: &str,
        boot: String,
        settings: &Settings,
        tasks: Arc<Tasks>,
        executor: Arc<Executor>,
    ) -> Arc<Self> {
        Arc::new(Self {
            tasks,
            executor,
            reader: Reader::new(host, &settings.timezone, &settings.calendar),
            boot,
            plan: Mutex::default(),
            read_jobs: Mutex::default(),
            starting: Mutex::default(),
            changed: Notify::new(),
            dir: watch::Sender::new(settings.dir.clone()),
            problems: Mutex::default(),
            over: watch::Sender::new(false),
        })
    }

    /// Sets a job: it is durable when this comes back. The very same again changes nothing.
    ///
    /// # Errors
    /// [`Error::Schedule`], [`Error::JobOfFile`]; those of [`Executor::check`]; [`Error::NoSpace`], [`Error::TasksBusy`],
    /// [`Error::Journal`].
    pub(crate) async fn set(&self, set: CronSet) -> Result<Set, Error> {
        let Parsed { expression, schedule, .. } = self.reader.read(&set)?;
        let spec = Spec::from(parts(&set)?.1);
        self.executor.check(&spec).await?;
        let fields = set.to_fields();
        let known = self.tasks.job(&set.name, |job| (job.file.clone(), job.fields.get() == fields.get()));
        match known {
            Some((Some(file), _)) => {
                return Err(Error::JobOfFile { job: set.name, file: file.to_string() });
            }
            Some((None, true)) => {}
            Some((None, false)) | None => {
                let job =
                    Job { name: set.name.clone(), at: now_ms(), file: None, fields, last: None, boot: None };
                self.tasks.set_jobs(vec![job]).await?;
                self.replan(&set.name);
            }
        }
        Ok(Set {
            canonical: expression.to_string(),
            warnings: expression.warnings().iter().map(ToString::to_string).collect(),
            next: schedule.after(now()).take(FORESEEN).collect(),
        })
    }

    /// Removes a job; its runs go on. One that is not there is removed already.
    ///
    /// # Errors
    /// [`Error::JobOfFile`], [`Error::Journal`].
    pub(crate) async fn remove(&self, name: &str) -> Result<(), Error> {
        match self.tasks.job(name, |job| job.file.clone()) {
            None => Ok(()),
            Some(Some(file)) => Err(Error::JobOfFile { job: name.to_owned(), file: file.to_string() }),
            Some(None) => {
                self.tasks.unset_jobs(vec![name.to_owned()]).await?;
                self.plan().remove(name);
                Ok(())
            }
        }
    }

    /// Jobs by name, those after one.
    pub(crate) fn list(&self, after: Option<&str>, limit: usize) -> Vec<Listed> {
        self.tasks.jobs(after, limit).into_iter().filter_map(|status| self.listed(status)).collect()
    }

    fn listed(&self, status: JobStatus) -> Option<Listed> {
        let JobStatus { name, job, open, last } = status;
        let set = read(&name, job.fields.get())?;
        let (canonical, zone, next) = match self.reader.read(&set) {
            Ok(Parsed { expression, zone, schedule }) => {
                let foreseen = if set.enabled { FORESEEN } else { 0 };
                let next = schedule.after(now()).take(foreseen).collect();
                (expression.to_string(), Some(zone.name().to_owned()), next)
            }
            Err(_) => (parts(&set).ok()?.0.to_owned(), None, Vec::new()),
        };
        let skipped = job.skipped.map(|skipped| *skipped);
        Some(Listed { set, canonical, zone, file: job.file, next, open, last, skipped })
    }

    /// Starts a run now, besides those that are due, and tells the task's id. The same request again is the same run.
    ///
    /// # Errors
    /// [`Error::NoSuchJob`]; those of [`Tasks::submit`].
    pub(crate) async fn run(&self, name: &str, request: &str) -> Result<String, Error> {
        let Some(set) = self.definition(name) else { return Err(Error::NoSuchJob(name.to_owned())) };
        let id = format!("cron:{name}:run:{request}");
        let due =
            Due { job: name.to_owned(), at: None, queue: false, boot: None, orphan: false, ahead: false };
        self.tasks.submit(&id, Submission::new(parts(&set)?.1.clone()).of_job(due, 0)).await?;
        Ok(id)
    }

    /// A job's runs that are known, newest first.
    ///
    /// # Errors
    /// [`Error::NoSuchJob`].
    pub(crate) fn history(&self, name: &str, limit: usize) -> Result<Vec<Status>, Error> {
        self.tasks.runs(name, limit)
    }

    /// What is wrong with the crontabs, as of the last look at them.
    pub(crate) fn problems(&self) -> Arc<[String]> {
        self.problems.lock().clone()
    }

    /// New settings, and a look at the system's zone, all calendars and all crontabs: every job is planned anew.
    pub(crate) async fn reconfigure(&self, settings: &Settings) {
        let changed = self.reader.reload(&settings.timezone, &settings.calendar);
        self.read_jobs().clear();
        if changed {
            // What was due by other rules is not made up for; what is due in this second is.
            let now = now();
            self.plan_all(|base| base.max(now - 1)).await;
        } else {
            self.plan_all(|base| base).await;
        }
        self.dir.send_replace(settings.dir.clone());
    }

    /// Starts what is due, until shutdown.
    ///
    /// # Errors
    /// [`Error::System`]: no timer can be had.
    pub(crate) fn start(self: &Arc<Self>) -> Result<(), Error> {
        let timer = Timer::new()?;
        let moment = Moment::now()?;
        // Owned by `over`: shutdown waits until its receiver is gone.
        tokio::spawn(boxed(self.clone().serve(timer, moment, self.over.subscribe())));
        Ok(())
    }

    /// Ends the loop; runs that were handed over are tasks by then.
    pub(crate) async fn shutdown(&self) {
        self.over.send_replace(true);
        self.over.closed().await;
    }

    async fn serve(self: Arc<Self>, timer: Timer, mut last: Moment, mut over: watch::Receiver<bool>) {
        let mut starting = JoinSet::new();
        // Before its first reading, so that no change is missed.
        let dir = self.dir.borrow().clone();
        let watch = reconcile::watched(&dir);
        self.load(&dir, true).await;
        let now = last.now;
        if self.tasks.any_job(|at, last| is_ahead(now, seconds(at), last)) {
            log::warn!("the clock was set back while the agent was down: all jobs are planned anew from now");
            self.begin_anew(now).await;
        } else {
            self.plan_all(|base| base).await;
        }
        self.after_boot(&mut starting).await;
        // Owned by `over`, as this is.
        tokio::spawn(boxed(self.clone().keep_crontabs(watch, self.dir.subscribe(), over.clone())));
        loop {
            let moment = match Moment::now() {
                Ok(moment) => moment,
                Err(error) => return log::error!("schedules: {error}; no job is started any more"),
            };
            let step = moment.set_since(last);
            last = moment;
            if step.abs() > LARGEST_STEP {
                log::warn!("the clock was set by {step} s: all jobs are planned anew from now");
                self.begin_anew(moment.now).await;
            }
            self.start_due(moment.soon, &mut starting).await;
            let wake_at = self.plan().wake_at();
            match timer.set(wake_at) {
                Ok(true) => {}
                Ok(false) => continue,
                Err(error) => return log::error!("schedules: {error}; no job is started any more"),
            }
            let woken = async {
                tokio::select! {
                    () = self.changed.notified() => {}
                    () = timer.expired() => {}
                }
            };
            let mut woken = pin!(woken);
            let ended = loop {
                tokio::select! {
                    _ = over.wait_for(|over| *over) => break true,
                    () = &mut woken => break false,
                    // A run that was handed over changes nothing here.
                    Some(_) = starting.join_next() => {}
                }
            };
            if ended {
                break;
            }
        }
        while starting.join_next().await.is_some() {}
    }

    async fn start_due(self: &Arc<Self>, now: i64, starting: &mut JoinSet<()>) {
        for count in 1_usize.. {
            let next = self.plan().next_due(now, &Stored(self));
            let Some((name, fate)) = next else { return };
            while starting.len() >= MAX_STARTING {
                starting.join_next().await;
            }
            match fate {
                Fate::Due(at) => {
                    if let Some(run) = Starting::new(self, name, at) {
                        starting
                            .spawn(boxed(async move { run.scheduler.start_run(&run.job, at, now).await }));
                    }
                }
                Fate::Missed(at) => {
                    log::info!("job {name}: what was due until {} was missed and is left out", told(at));
                }
            }
            if count.is_multiple_of(BATCH) {
                yield_now().await;
            }
        }
    }

    /// One run, of the instant `at`, that is to start when it is `when`: in a moment, or now.
    async fn start_run(&self, name: &str, at: i64, when: i64) {
        let Some(job) = self.read_job(name) else { return };
        let when = u64::try_from(when).unwrap_or(0).saturating_mul(1000);
        let open = || {
            // But this one.
            let starting = self.starting().get(name).map_or(0, |instants| instants.len() - 1);
            self.tasks.open_runs(name) + starting
        };
        let most = match job.overlap {
            Overlap::Skip => 1,
            Overlap::Queue => 1 + MAX_QUEUED,
            Overlap::Allow => usize::MAX,
        };
        if open() >= most {
            // It may be over in time.
            wait_until(when).await;
        }
        let open = open();
        if open >= most {
            let why = match job.overlap {
                Overlap::Queue => format!("{open} runs of it run or wait"),
                Overlap::Skip | Overlap::Allow => "the run before it is not over".to_owned(),
            };
            return self.skip(name, at, why).await;
        }
        let queue = job.overlap == Overlap::Queue;
        let due = Due { job: name.to_owned(), at: Some(at), queue, boot: None, orphan: false, ahead: false };
        self.hand_over(name, at, &self.id_of_run(name, at), job.command.of_job(due, when)).await;
    }

    /// The id of the run of an instant. Another one where the clock was set back so far that this instant comes again:
    /// then the job counts as not started for it, and yet its run of then is known.
    fn id_of_run(&self, name: &str, at: i64) -> String {
        let id = format!("cron:{name}:{}", told(at));
        let is_started = self.tasks.job(name, |job| job.last >= Some(at)).unwrap_or(true);
        if is_started || !self.tasks.is_known(&id) {
            return id;
        }
        let again = |pass: u32| format!("{id}:{pass}");
        (2..).map(again).find(|id| !self.tasks.is_known(id)).unwrap_or(id.clone())
    }

    async fn hand_over(&self, name: &str, at: i64, id: &str, run: Submission) {
        if let Err(error) = self.tasks.submit(id, run).await {
            log::error!("job {name}: its run of {} is not started: {error}", told(at));
            self.skip(name, at, error.to_string()).await;
        }
    }

    async fn skip(&self, name: &str, at: i64, why: String) {
        log::info!("job {name}: its run of {} is skipped: {why}", told(at));
        let skipped = Skipped { job: name.to_owned(), at, why };
        if let Err(error) = self.tasks.skip(skipped).await {
            log::error!("job {name}: that its run was skipped can't be kept: {error}");
        }
    }

    /// Jobs that run once after each start of the host.
    async fn after_boot(self: &Arc<Self>, starting: &mut JoinSet<()>) {
        for name in self.names().await {
            let Some(set) = self.definition(&name) else { continue };
            let ran = self.tasks.job(&name, |job| job.boot.as_deref() == Some(self.boot.as_str()));
            if ran != Some(false) || !set.enabled || parts(&set).map(|parts| parts.0).ok() != Some(REBOOT) {
                continue;
            }
            let scheduler = self.clone();
            starting.spawn(boxed(async move {
                let (at, boot) = (now(), Some(scheduler.boot.clone()));
                let due = Due {
                    job: name.to_string(),
                    at: Some(at),
                    queue: false,
                    boot,
                    orphan: false,
                    ahead: false,
                };
                let id = format!("cron:{name}:{}", told(at));
                if let Some(job) = scheduler.read_job(&name) {
                    scheduler.hand_over(&name, at, &id, job.command.of_job(due, 0)).await;
                }
            }));
            while starting.len() >= MAX_STARTING {
                starting.join_next().await;
            }
        }
    }

    async fn names(&self) -> Vec<Arc<str>> {
        let mut all: Vec<Arc<str>> = Vec::new();
        loop {
            let names = self.tasks.job_names(all.last().map(|name| &**name), COMMIT);
            if names.is_empty() {
                return all;
            }
            all.extend(names.into_iter().map(|(name, _)| name));
            yield_now().await;
        }
    }

    /// The clock was set by more than [`LARGEST_STEP`]: every job's next time is the first after `now`, whatever it was
    /// started for before.
    async fn begin_anew(&self, now: i64) {
        if let Err(error) = self.tasks.begin_anew(now_ms()).await {
            log::error!("schedules: that the clock was set can't be kept: {error}");
        }
        self.plan_all(|_| now).await;
    }

    /// Plans all jobs anew, each from what `from` makes of the instant after which its times count.
    async fn plan_all(&self, from: impl Fn(i64) -> i64) {
        for (count, name) in self.names().await.into_iter().enumerate() {
            self.plan_from(&name, &from);
            if count % BATCH == BATCH - 1 {
                yield_now().await;
            }
        }
    }

    /// Plans a job by what the store says of it.
    fn replan(&self, name: &str) {
        self.plan_from(name, |base| base);
    }

    fn plan_from(&self, name: &str, from: impl Fn(i64) -> i64) {
        let known = self.tasks.planned(name);
        let times = self.definition(name).and_then(|set| self.times(&set));
        let mut plan = self.plan();
        match (known, times) {
            (Some((name, at, last)), Some(times)) => {
                plan.set(&name, &times, from(base(seconds(at), last)));
            }
            _ => plan.remove(name),
        }
        drop(plan);
        self.changed.notify_one();
    }

    fn times(&self, set: &CronSet) -> Option<Times> {
        let times = self.reader.times(set);
        times.inspect_err(|error| log::error!("job {} is not planned: {error}", set.name)).ok()?
    }

    /// A job that is due. One that is due often need not be read each time.
    fn read_job(&self, name: &str) -> Option<Arc<ReadJob>> {
        let mut read_jobs = self.read_jobs();
        let known = read_jobs.get(name);
        let fields = match self.tasks.job(name, |job| match known {
            Some(known) if known.fields.get() == job.fields.get() => Ok(known.clone()),
            _ => Err(job.fields.clone()),
        })? {
            Ok(known) => return Some(known),
            Err(fields) => fields,
        };
        let set = read(name, fields.get())?;
        let command = Submission::new(parts(&set).ok()?.1.clone());
        let job = Arc::new(ReadJob { fields, overlap: set.overlap, times: self.times(&set), command });
        if read_jobs.len() >= MAX_READ {
            read_jobs.clear();
        }
        read_jobs.insert(name.into(), job.clone());
        Some(job)
    }

    fn read_jobs(&self) -> MutexGuard<'_, HashMap<Arc<str>, Arc<ReadJob>>> {
        self.read_jobs.lock()
    }

    fn starting(&self) -> MutexGuard<'_, HashMap<Arc<str>, Vec<i64>>> {
        self.starting.lock()
    }

    fn definition(&self, name: &str) -> Option<CronSet> {
        self.tasks.job(name, |job| job.fields.clone()).and_then(|fields| read(name, fields.get()))
    }

    fn plan(&self) -> MutexGuard<'_, Plan> {
        // What is under the lock changes by one call: whole, whatever panicked.
        self.plan.lock()
    }
}

fn read(name: &str, fields: &str) -> Option<CronSet> {
    match CronSet::from_fields(fields) {
        Ok(set) => Some(set),
        Err(error) => {
            // Of a later version.
            log::error!("job {name} can't be read: {error}");
            None
        }
    }
}

/// An instant as ids and logs have it: RFC 3339, UTC.
pub(crate) fn told(at: i64) -> String {
    /// The last that RFC 3339 can tell.
    const LAST: u64 = 253_402_300_799;
    let seconds = u64::try_from(at).unwrap_or(0).min(LAST);
    humantime::format_rfc3339_seconds(UNIX_EPOCH + Duration::from_secs(seconds)).to_string()
}

fn since_1970() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

fn now() -> i64 {
    i64::try_from(since_1970().as_secs()).unwrap_or(i64::MAX)
}

fn seconds(ms: u64) -> i64 {
    i64::try_from(ms / 1000).unwrap_or(i64::MAX)
}

fn now_ms() -> u64 {
    u64::try_from(since_1970().as_millis()).unwrap_or(u64::MAX)
}
