//! The scheduled jobs of this host, as dispatch uses them.

use super::Error;
use super::definition::{Parsed, Reader};
use super::plan::Plan;
use super::planning::{ParsedJob, parse};
use super::timer::{Moment, Timer};
use crate::clock;
use crate::config::CronSettings;
use crate::exec::{Executor, Spec};
use crate::shutdown::boxed;
use crate::task::{self, Job, JobRun, JobStatus, MAX_COMMAND, Status, Submission, Tasks};
use agent_cron::Schedule;
use agent_wire::message::{AccountId, Bash, JobDefinition};
use parking_lot::{Mutex, MutexGuard};
use serde_json::value::RawValue;
use std::collections::{HashMap, HashSet};
use std::path::PathBuf;
use std::sync::Arc;
use tokio::sync::{Notify, watch};

/// Times in advance that a reply contains.
const FORESEEN: usize = 5;

/// A job that was set.
#[derive(Debug)]
pub(crate) struct SetJob {
    /// The schedule in its canonical form.
    pub(crate) canonical: String,
    pub(crate) warnings: Vec<String>,
    /// Its next times, in seconds since 1970.
    pub(crate) next: Vec<i64>,
}

/// The change of a job that a `cron.set` makes.
#[derive(Clone, Copy)]
enum Change {
    /// None.
    Nothing,
    /// Another revision of the same definition: its due times go on from when it was set.
    Revision { set_at: u64 },
    /// Anything else: its due times count from now on.
    Definition,
}

/// One job of `cron.list`.
#[derive(Debug)]
pub(crate) struct JobListing {
    pub(crate) definition: JobDefinition,
    /// The schedule in its canonical form, or as it was given where it can no longer be read.
    pub(crate) canonical: String,
    /// The name of its time zone.
    pub(crate) zone: Option<String>,
    /// The crontab file that defines it.
    pub(crate) file: Option<Arc<str>>,
    /// Its next times, in seconds since 1970; empty where it is switched off.
    pub(crate) next: Vec<i64>,
    /// How many of its runs wait or run.
    pub(crate) open: usize,
    pub(crate) last: Option<Status>,
    /// The last run that was due and was skipped, and why.
    pub(crate) skipped: Option<(i64, String)>,
}

/// All scheduled jobs of this host.
pub(crate) struct Scheduler {
    pub(super) tasks: Arc<Tasks>,
    pub(super) executor: Arc<Executor>,
    pub(super) reader: Reader,
    pub(super) boot: String,
    pub(super) plan: Mutex<Plan>,
    /// The jobs that were due lately.
    pub(super) parsed_jobs: Mutex<HashMap<Arc<str>, Arc<ParsedJob>>>,
    /// The runs of each job that are on their way to the store, by their instants.
    pub(super) starting: Mutex<HashMap<Arc<str>, Vec<i64>>>,
    /// Notified when the plan has changed.
    pub(super) changed: Notify,
    /// Notified when jobs were planned: they may name other zones and calendars.
    pub(super) planned: Notify,
    pub(super) settings: Mutex<CronSettings>,
    /// The directory of crontab files; sent again when its files are to be read again.
    pub(super) dir: watch::Sender<PathBuf>,
    /// The users of jobs in them that did not exist when they were read.
    pub(super) unknown_users: Mutex<HashSet<AccountId>>,
    /// The problems in them.
    pub(super) problems: Mutex<Arc<[String]>>,
    shutdown: watch::Sender<bool>,
}

impl Scheduler {
    /// Creates a scheduler for the jobs in the store; `boot` is the kernel's boot id.
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
            parsed_jobs: Mutex::default(),
            starting: Mutex::default(),
            changed: Notify::new(),
            planned: Notify::new(),
            settings: Mutex::new(settings.clone()),
            dir: watch::Sender::new(settings.dir.clone()),
            unknown_users: Mutex::default(),
            problems: Mutex::default(),
            shutdown: watch::Sender::new(false),
        })
    }

    /// Sets a job: it is durable when this returns. Setting the same definition again changes
    /// nothing.
    ///
    /// # Errors
    /// [`Error::Invalid`], [`Error::InFile`], [`Error::Task`].
    pub(crate) async fn set(&self, definition: JobDefinition) -> Result<SetJob, Error> {
        let Parsed { expression, schedule, .. } = self.reader.read(&definition)?;
        self.reader.check_calendar(&definition)?;
        let spec = Spec::from(&*definition.bash);
        self.executor.check(&spec).await?;
        let fields = definition.to_fields();
        let name = &definition.name;
        if fields.get().len() > MAX_COMMAND {
            return Err(task::Error::too_long(fields.get().len()).into());
        }
        let known = self.tasks.job(name, |job| (job.file.clone(), job.at, job.fields.clone()));
        let change = match known {
            Some((Some(file), ..)) => {
                return Err(Error::InFile { job: definition.name, file: file.to_string() });
            }
            Some((None, at, known)) => self.change(&definition, &fields, at, &known).await,
            None => Change::Definition,
        };
        let at = match change {
            Change::Nothing => None,
            Change::Revision { set_at } => Some(set_at),
            Change::Definition => Some(clock::now().0),
        };
        if let Some(at) = at {
            let name = name.clone();
            let job = Job { name, at, file: None, fields, last: None, boot: None };
            self.tasks.set_jobs(vec![job]).await?;
        }
        if let Change::Definition = change {
            self.replan(&definition.name);
        }
        Ok(SetJob {
            canonical: expression.to_string(),
            warnings: expression.warnings().iter().map(ToString::to_string).collect(),
            next: self.foreseen(&definition.name, &schedule),
        })
    }

    /// Returns how a definition differs from the known one, which was set at `set_at`. Spelling out
    /// the default user or group is no difference.
    async fn change(
        &self,
        new: &JobDefinition,
        fields: &RawValue,
        set_at: u64,
        known: &RawValue,
    ) -> Change {
        if fields.get() == known.get() {
            return Change::Nothing;
        }
        let Some(mut known) = parse(&new.name, known.get()) else { return Change::Definition };
        let change = match known.options.revision == new.options.revision {
            true => Change::Nothing,
            false => Change::Revision { set_at },
        };
        known.options.revision.clone_from(&new.options.revision);
        if (&new.schedule, &new.options) != (&known.schedule, &known.options) {
            return Change::Definition;
        }
        let has_account = |bash: &Bash| bash.user.is_some() || bash.group.is_some();
        if new.bash != known.bash && (has_account(&new.bash) || has_account(&known.bash)) {
            let new_bash = self.executor.without_default_account(&new.bash).await;
            if let Some(bash) = self.executor.without_default_account(&known.bash).await {
                *known.bash = bash;
            }
            let is_same = *new_bash.as_ref().unwrap_or(&new.bash) == *known.bash;
            return if is_same { change } else { Change::Definition };
        }
        if new.bash == known.bash { change } else { Change::Definition }
    }

    /// Removes a job; its runs go on. Removing a job that does not exist succeeds.
    ///
    /// # Errors
    /// [`Error::InFile`], [`Error::Task`].
    pub(crate) async fn remove(&self, name: &str) -> Result<(), Error> {
        match self.tasks.job(name, |job| job.file.clone()) {
            None => Ok(()),
            Some(Some(file)) => Err(Error::InFile { job: name.to_owned(), file: file.to_string() }),
            Some(None) => {
                self.tasks.remove_jobs(vec![name.to_owned()]).await?;
                self.plan().remove(name);
                Ok(())
            }
        }
    }

    /// Returns the jobs whose names begin with `prefix` and sort after one, at most `limit`.
    pub(crate) fn list(&self, after: Option<&str>, prefix: &str, limit: usize) -> Vec<JobListing> {
        self.tasks
            .jobs(after, prefix, limit)
            .into_iter()
            .filter_map(|status| self.listing(status))
            .collect()
    }

    /// Returns a job's next times; after a step back, without the times that are not repeated.
    fn foreseen(&self, name: &str, schedule: &Schedule) -> Vec<i64> {
        let now = now();
        let past = self.tasks.planned(name).map(|(_, past)| past.base(now, schedule.is_wild()));
        schedule.after(past.map_or(now, |past| past.max(now))).take(FORESEEN).collect()
    }

    fn listing(&self, status: JobStatus) -> Option<JobListing> {
        let JobStatus { name, job, open, last } = status;
        let definition = parse(&name, job.fields.get())?;
        let (canonical, zone, next) = match self.reader.read(&definition) {
            Ok(Parsed { expression, zone, schedule }) => {
                let next = match definition.options.enabled {
                    true => self.foreseen(&name, &schedule),
                    false => Vec::new(),
                };
                (expression.to_string(), Some(zone.name().to_owned()), next)
            }
            Err(_) => (definition.schedule.clone(), None, Vec::new()),
        };
        let skipped = job.skipped.map(|skipped| *skipped);
        Some(JobListing { definition, canonical, zone, file: job.file, next, open, last, skipped })
    }

    /// Returns the id of the task that a `cron.run` with this id starts.
    pub(crate) fn requested_run(name: &str, request: &str) -> String {
        format!("cron:{name}:run:{request}")
    }

    /// Starts a run now, besides the runs that are due, and returns the task's id. Repeating the
    /// same request starts no other run.
    ///
    /// # Errors
    /// [`Error::Task`].
    pub(crate) async fn run(&self, name: &str, request: &str) -> Result<String, Error> {
        let Some(definition) = self.definition(name) else {
            return Err(task::Error::NoSuchJob(name.to_owned()).into());
        };
        let id = Self::requested_run(name, request);
        let run = JobRun { job: name.to_owned(), ..JobRun::default() };
        self.tasks.submit(&id, Submission::new(*definition.bash).for_run(run, 0)).await?;
        Ok(id)
    }

    /// Returns a job's runs, newest first.
    ///
    /// # Errors
    /// [`Error::Task`]: no job has this name.
    pub(crate) fn history(&self, name: &str, limit: usize) -> Result<Vec<Status>, Error> {
        Ok(self.tasks.runs(name, limit)?)
    }

    /// Returns the problems in the crontab files, as of the last time they were read.
    pub(crate) fn problems(&self) -> Arc<[String]> {
        self.problems.lock().clone()
    }

    /// Applies new settings, reads the system's zone, all calendars and all crontab files again,
    /// and plans every job again.
    pub(crate) async fn reconfigure(&self, settings: &CronSettings) {
        *self.settings.lock() = settings.clone();
        if self.reader.reload(&settings.timezone, &settings.calendar) {
            self.plan_by_new_rules().await;
        } else {
            self.parsed_jobs().clear();
            self.plan_all(|_, base| base).await;
        }
        self.dir.send_replace(settings.dir.clone());
    }

    /// Starts due runs, until shutdown.
    ///
    /// # Errors
    /// [`Error::System`]: no descriptor is left for the timer.
    pub(crate) fn start(self: &Arc<Self>) -> Result<(), Error> {
        let timer = Timer::new()?;
        let moment = Moment::read()?;
        // Owned by `shutdown`, which waits until the receiver is dropped.
        tokio::spawn(boxed(self.clone().serve(timer, moment, self.shutdown.subscribe())));
        Ok(())
    }

    /// Stops the loop; the runs that it started are tasks by then.
    pub(crate) async fn shutdown(&self) {
        self.shutdown.send_replace(true);
        self.shutdown.closed().await;
    }

    pub(super) fn plan(&self) -> MutexGuard<'_, Plan> {
        self.plan.lock()
    }
}

/// Returns the present second since 1970.
pub(super) fn now() -> i64 {
    clock::now().seconds().0
}
