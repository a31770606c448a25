//! The face that dispatch sees, and the loop that starts what is due.

use super::definition::{Parsed, Reader};
use super::plan::Plan;
use super::planning::{ReadJob, read};
use super::timer::{Moment, Timer};
use crate::Error;
use crate::clock::{self, Seconds};
use crate::config::CronSettings;
use crate::exec::{Executor, Spec};
use crate::shutdown::boxed;
use crate::task;
use crate::task::{JobRun, Job, JobStatus, Status, Submission, Tasks};
use agent_wire::message::JobDefinition;
use parking_lot::{Mutex, MutexGuard};
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use tokio::sync::{Notify, watch};

/// Times that an answer tells in advance.
pub(crate) const FORESEEN: usize = 5;

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
    pub(crate) definition: JobDefinition,
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
    pub(super) tasks: Arc<Tasks>,
    pub(super) executor: Arc<Executor>,
    pub(super) reader: Reader,
    pub(super) boot: String,
    pub(super) plan: Mutex<Plan>,
    /// Those that were due lately.
    pub(super) read_jobs: Mutex<HashMap<Arc<str>, Arc<ReadJob>>>,
    /// Runs of each job that are on their way to the store, by their instants.
    pub(super) starting: Mutex<HashMap<Arc<str>, Vec<i64>>>,
    /// The plan has changed.
    pub(super) changed: Notify,
    /// The directory of crontabs; told anew when its files are to be read again.
    pub(super) dir: watch::Sender<PathBuf>,
    /// What is wrong with them.
    pub(super) problems: Mutex<Arc<[String]>>,
    over: watch::Sender<bool>,
}

impl Scheduler {
    /// A scheduler over the jobs in the store; `boot` is the kernel's boot id.
    pub(crate) fn new(
        host: &str,
        boot: String,
        settings: &CronSettings,
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
    pub(crate) async fn set(&self, definition: JobDefinition) -> Result<Set, Error> {
        let Parsed { expression, schedule, .. } = self.reader.read(&definition)?;
        let spec = Spec::from(&*definition.bash);
        self.executor.check(&spec).await?;
        let fields = definition.to_fields();
        let known = self.tasks.job(&definition.name, |job| (job.file.clone(), job.fields.get() == fields.get()));
        match known {
            Some((Some(file), _)) => {
                return Err(Error::JobOfFile { job: definition.name, file: file.to_string() });
            }
            Some((None, true)) => {}
            Some((None, false)) | None => {
                let job =
                    Job { name: definition.name.clone(), at: now_ms(), file: None, fields, last: None, boot: None };
                self.tasks.set_jobs(vec![job]).await?;
                self.replan(&definition.name);
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
                self.tasks.remove_jobs(vec![name.to_owned()]).await?;
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
        let definition = read(&name, job.fields.get())?;
        let (canonical, zone, next) = match self.reader.read(&definition) {
            Ok(Parsed { expression, zone, schedule }) => {
                let foreseen = if definition.options.enabled { FORESEEN } else { 0 };
                let next = schedule.after(now()).take(foreseen).collect();
                (expression.to_string(), Some(zone.name().to_owned()), next)
            }
            Err(_) => (definition.schedule.clone(), None, Vec::new()),
        };
        let skipped = job.skipped.map(|skipped| *skipped);
        Some(Listed { definition, canonical, zone, file: job.file, next, open, last, skipped })
    }

    /// Starts a run now, besides those that are due, and tells the task's id. The same request again is the same run.
    ///
    /// # Errors
    /// [`Error::NoSuchJob`]; those of [`Tasks::submit`].
    pub(crate) async fn run(&self, name: &str, request: &str) -> Result<String, Error> {
        let Some(definition) = self.definition(name) else { return Err(task::Error::NoSuchJob(name.to_owned()).into()) };
        let id = format!("cron:{name}:run:{request}");
        let due =
            JobRun { job: name.to_owned(), at: None, queue: false, boot: None, orphan: false, ahead: false };
        self.tasks.submit(&id, Submission::new(*definition.bash).for_run(due, 0)).await?;
        Ok(id)
    }

    /// A job's runs that are known, newest first.
    ///
    /// # Errors
    /// [`Error::NoSuchJob`].
    pub(crate) fn history(&self, name: &str, limit: usize) -> Result<Vec<Status>, Error> {
        Ok(self.tasks.runs(name, limit)?)
    }

    /// What is wrong with the crontabs, as of the last look at them.
    pub(crate) fn problems(&self) -> Arc<[String]> {
        self.problems.lock().clone()
    }

    /// New settings, and a look at the system's zone, all calendars and all crontabs: every job is planned anew.
    pub(crate) async fn reconfigure(&self, settings: &CronSettings) {
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

    pub(super) fn plan(&self) -> MutexGuard<'_, Plan> {
        // What is under the lock changes by one call: whole, whatever panicked.
        self.plan.lock()
    }
}

/// An instant as ids and logs have it: RFC 3339, UTC.
pub(crate) fn told(at: i64) -> String {
    Seconds(at).to_string()
}

pub(super) fn now() -> i64 {
    clock::now().seconds().0
}

pub(super) fn seconds(ms: u64) -> i64 {
    i64::try_from(ms / 1000).unwrap_or(i64::MAX)
}

pub(super) fn now_ms() -> u64 {
    clock::now().0
}
