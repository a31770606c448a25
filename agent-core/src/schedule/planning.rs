//! Reads jobs from the store and plans them.

use super::plan::{Times, base};
use super::scheduler::{Scheduler, now_ms, seconds};
use crate::task::Submission;
use agent_wire::message::{JobDefinition, Overlap};
use parking_lot::MutexGuard;
use serde_json::value::RawValue;
use std::collections::HashMap;
use std::sync::Arc;
use tokio::task::yield_now;

/// Jobs that are kept as they were read, because they are due often.
const MAX_READ: usize = 256;

/// Jobs that are looked at before everything else has its turn.
pub(super) const BATCH: usize = 128;

/// Jobs that are made durable together.
pub(super) const COMMIT: usize = 500;

/// A job as it was read when it was last due.
pub(super) struct ReadJob {
    /// What it was read from.
    fields: Box<RawValue>,
    pub(super) overlap: Overlap,
    pub(super) times: Option<Times>,
    pub(super) command: Submission,
}

impl Scheduler {
    pub(super) async fn names(&self) -> Vec<Arc<str>> {
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
    pub(super) async fn begin_anew(&self, now: i64) {
        if let Err(error) = self.tasks.set_clock(now_ms()).await {
            log::error!("schedules: that the clock was set can't be kept: {error}");
        }
        self.plan_all(|_| now).await;
    }

    /// Plans all jobs anew, each from what `from` makes of the instant after which its times count.
    pub(super) async fn plan_all(&self, from: impl Fn(i64) -> i64) {
        for (count, name) in self.names().await.into_iter().enumerate() {
            self.plan_from(&name, &from);
            if count % BATCH == BATCH - 1 {
                yield_now().await;
            }
        }
    }

    /// Plans a job by what the store says of it.
    pub(super) fn replan(&self, name: &str) {
        self.plan_from(name, |base| base);
    }

    fn plan_from(&self, name: &str, from: impl Fn(i64) -> i64) {
        let known = self.tasks.planned(name);
        let times = self.definition(name).and_then(|definition| self.times(&definition));
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

    fn times(&self, definition: &JobDefinition) -> Option<Times> {
        let times = self.reader.times(definition);
        times.inspect_err(|error| log::error!("job {} is not planned: {error}", definition.name)).ok()?
    }

    /// A job that is due. One that is due often need not be read each time.
    pub(super) fn read_job(&self, name: &str) -> Option<Arc<ReadJob>> {
        let mut read_jobs = self.read_jobs();
        let known = read_jobs.get(name);
        let fields = match self.tasks.job(name, |job| match known {
            Some(known) if known.fields.get() == job.fields.get() => Ok(known.clone()),
            _ => Err(job.fields.clone()),
        })? {
            Ok(known) => return Some(known),
            Err(fields) => fields,
        };
        let definition = read(name, fields.get())?;
        let (overlap, times) = (definition.options.overlap, self.times(&definition));
        let job = Arc::new(ReadJob { fields, overlap, times, command: Submission::new(*definition.bash) });
        if read_jobs.len() >= MAX_READ {
            read_jobs.clear();
        }
        read_jobs.insert(name.into(), job.clone());
        Some(job)
    }

    pub(super) fn read_jobs(&self) -> MutexGuard<'_, HashMap<Arc<str>, Arc<ReadJob>>> {
        self.read_jobs.lock()
    }

    pub(super) fn definition(&self, name: &str) -> Option<JobDefinition> {
        self.tasks.job(name, |job| job.fields.clone()).and_then(|fields| read(name, fields.get()))
    }
}

pub(super) fn read(name: &str, fields: &str) -> Option<JobDefinition> {
    match JobDefinition::from_fields(fields) {
        Ok(definition) => Some(definition),
        Err(error) => {
            // Of a later version.
            log::error!("job {name} can't be read: {error}");
            None
        }
    }
}
