//! Reads jobs from the store and plans them.

use super::plan::Times;
use super::scheduler::{Scheduler, now};
use crate::clock;
use crate::task::Submission;
use agent_wire::message::{AccountId, JobDefinition, Overlap};
use parking_lot::MutexGuard;
use serde_json::value::RawValue;
use std::collections::HashMap;
use std::sync::Arc;
use tokio::task::yield_now;

/// Parsed jobs that are kept in memory, because some are due often.
const MAX_PARSED: usize = 256;

/// Jobs that are handled before other work gets its turn.
pub(super) const BATCH: usize = 128;

/// Jobs that are made durable together.
pub(super) const COMMIT: usize = 500;

/// A job as it was parsed when it was last due.
pub(super) struct ParsedJob {
    /// The stored text.
    fields: Box<RawValue>,
    pub(super) overlap: Overlap,
    pub(super) user: Option<AccountId>,
    pub(super) times: Option<Times>,
    pub(super) command: Submission,
}

impl Scheduler {
    /// Returns the names of all jobs.
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

    /// Plans all jobs for the first time.
    pub(super) async fn plan_at_start(&self, now: i64) {
        if self.tasks.any_job(|past| past.is_far_ahead(now)) {
            log::warn!(
                "the clock was set back while the agent was down: planning all jobs from now"
            );
            return self.set_clock(now).await;
        }
        if self.tasks.any_job(|past| past.is_ahead(now)) {
            self.record_step_back().await;
        }
        self.plan_all(|_, base| base).await;
    }

    /// Applies a [correction](super::step::Step::Correction): every job's next time is the first
    /// after `now`, whatever it was started for before.
    pub(super) async fn set_clock(&self, now: i64) {
        if let Err(error) = self.tasks.set_clock(clock::now().0).await {
            log::error!("cannot record that the clock was set: {error}");
        }
        self.plan_all(|_, _| now).await;
    }

    /// Applies a [step back](super::step::Step::Back): wild jobs follow the new time at once, fixed
    /// jobs are not repeated.
    pub(super) async fn step_back(&self, now: i64) {
        self.record_step_back().await;
        // What was due before is over.
        self.plan_all(|times, base| base.max(now.saturating_sub(times.jitter))).await;
    }

    async fn record_step_back(&self) {
        if let Err(error) = self.tasks.step_back(clock::now().0).await {
            log::error!("cannot record that the clock was set back: {error}");
        }
    }

    /// Plans all jobs again. `from` may change the instant after which a job's times count.
    pub(super) async fn plan_all(&self, from: impl Fn(&Times, i64) -> i64) {
        for (count, name) in self.names().await.into_iter().enumerate() {
            self.plan_from(&name, &from);
            if count % BATCH == BATCH - 1 {
                yield_now().await;
            }
        }
        self.planned.notify_one();
    }

    /// Plans a job as it is stored.
    pub(super) fn replan(&self, name: &str) {
        self.plan_from(name, |_, base| base);
        self.planned.notify_one();
    }

    fn plan_from(&self, name: &str, from: impl Fn(&Times, i64) -> i64) {
        let stored = self.tasks.planned(name);
        let times = self.definition(name).and_then(|definition| self.times(&definition));
        let mut plan = self.plan();
        match (stored, times) {
            (Some((name, past)), Some(times)) => {
                let base = past.base(now(), times.schedule.is_wild());
                plan.set(&name, &times, from(&times, base));
            }
            (Some(_) | None, _) => plan.remove(name),
        }
        drop(plan);
        self.changed.notify_one();
    }

    fn times(&self, definition: &JobDefinition) -> Option<Times> {
        let times = self.reader.times(definition);
        times
            .inspect_err(|error| log::error!("job {}: not planned: {error}", definition.name))
            .ok()?
    }

    /// Returns a job that is due. A job that is due often is not parsed each time.
    pub(super) fn parsed_job(&self, name: &str) -> Option<Arc<ParsedJob>> {
        let mut parsed_jobs = self.parsed_jobs();
        let known = parsed_jobs.get(name);
        let fields = match self.tasks.job(name, |job| match known {
            Some(known) if known.fields.get() == job.fields.get() => Ok(known.clone()),
            Some(_) | None => Err(job.fields.clone()),
        })? {
            Ok(known) => return Some(known),
            Err(fields) => fields,
        };
        let definition = parse(name, fields.get())?;
        let (overlap, times) = (definition.options.overlap, self.times(&definition));
        let user = definition.bash.user.clone();
        let command = Submission::new(*definition.bash);
        let job = Arc::new(ParsedJob { fields, overlap, user, times, command });
        if parsed_jobs.len() >= MAX_PARSED {
            parsed_jobs.clear();
        }
        parsed_jobs.insert(name.into(), job.clone());
        Some(job)
    }

    pub(super) fn parsed_jobs(&self) -> MutexGuard<'_, HashMap<Arc<str>, Arc<ParsedJob>>> {
        self.parsed_jobs.lock()
    }

    pub(super) fn definition(&self, name: &str) -> Option<JobDefinition> {
        let fields = self.tasks.job(name, |job| job.fields.clone())?;
        parse(name, fields.get())
    }
}

/// Parses the stored text of a job.
pub(super) fn parse(name: &str, fields: &str) -> Option<JobDefinition> {
    match JobDefinition::from_fields(fields) {
        Ok(definition) => Some(definition),
        Err(error) => {
            // A later version wrote it.
            log::error!("job {name}: cannot read its definition: {error}");
            None
        }
    }
}
