//! What to set and to remove on a host, so that its jobs are those of the schedules.

use super::{Definition, PREFIX};
use agent_wire::message::JobDefinition;
use agent_wire::reply::JobStatus;
use std::collections::{BTreeMap, BTreeSet};

/// A change of one job on a host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step<'a> {
    /// Set the schedule's job.
    Set {
        /// The schedule.
        definition: &'a Definition,
        /// Why it is not as it should be.
        cause: Cause,
    },
    /// Remove the job with this name.
    Remove {
        /// The job's name on the host.
        job: String,
    },
}

/// Why a job is set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// The host has never had it, or had an earlier revision.
    Due,
    /// The host had it, and somebody removed it there, or the host lost its state.
    Removed,
    /// The host had it, and somebody changed it there.
    Changed,
}

/// What there should be on a host.
#[derive(Clone, Debug, Default)]
pub struct Wanted<'a> {
    /// The schedules that are to be true there.
    pub schedules: Vec<&'a Definition>,
    /// Names of schedules whose jobs stay as they are, whether they are there or not.
    pub kept: BTreeSet<&'a str>,
}

/// Returns the steps that make the host's jobs those that are wanted, in the order of the jobs'
/// names. `found` is the host's list of jobs; `applied` are the revisions by schedule that the host
/// had when it was last looked at. Only jobs of the controller are named.
pub fn reconcile<'a>(
    wanted: &Wanted<'a>,
    found: &[JobStatus<'_>],
    applied: &BTreeMap<String, String>,
) -> Vec<Step<'a>> {
    let found: BTreeMap<&str, &JobStatus<'_>> =
        found.iter().filter(|job| is_the_controllers(job)).map(|job| (&*job.name, job)).collect();
    // An agent that knows revisions lists those of all jobs that have one.
    let lists_revisions = found.values().any(|job| job.revision.is_some());
    let schedules: BTreeMap<&str, &'a Definition> =
        wanted.schedules.iter().map(|definition| (definition.job_name(), *definition)).collect();
    let mut steps = BTreeMap::new();
    for (name, definition) in &schedules {
        let known = applied.get(definition.name()).map(String::as_str);
        let had = known == Some(definition.revision());
        let cause = match found.get(name) {
            None if had => Cause::Removed,
            None => Cause::Due,
            Some(job) => {
                let is_it = match &job.revision {
                    Some(revision) => **revision == *definition.revision(),
                    None => had && !lists_revisions,
                };
                if is_it && looks_alike(job, definition) {
                    continue;
                }
                if had { Cause::Changed } else { Cause::Due }
            }
        };
        steps.insert((*name).to_owned(), Step::Set { definition, cause });
    }
    for name in found.keys() {
        let schedule = name.strip_prefix(PREFIX).unwrap_or(name);
        if !schedules.contains_key(name) && !wanted.kept.contains(schedule) {
            steps.insert((*name).to_owned(), Step::Remove { job: (*name).to_owned() });
        }
    }
    steps.into_values().collect()
}

/// Returns whether a job on a host belongs to the controller. The jobs of a crontab file named
/// `fleet` do not, though their names begin as if they did.
pub fn is_the_controllers(job: &JobStatus<'_>) -> bool {
    job.name.starts_with(PREFIX) && job.file.is_none()
}

/// Returns whether a listed job has the fields of a schedule, as far as the list shows them.
fn looks_alike(job: &JobStatus<'_>, definition: &Definition) -> bool {
    let JobDefinition { bash, options, .. } = definition.job();
    let user = bash.user.as_ref().map(ToString::to_string);
    // An agent that finds its default user spelled out may keep the job as it was.
    let same_user = match (&job.user, &user) {
        (Some(listed), Some(wanted)) => **listed == **wanted,
        (None, _) | (_, None) => true,
    };
    let same_zone = match (&job.timezone, definition.zone_name()) {
        (Some(listed), Some(wanted)) => **listed == *wanted,
        (None, _) | (_, None) => true,
    };
    same_user
        && same_zone
        && *job.schedule == *definition.canonical()
        && *job.cmd == *bash.cmd
        && job.enabled == options.enabled
        && job.overlap == options.overlap
        && job.missed == options.missed
        && job.jitter == options.jitter
        && job.calendar.as_deref() == options.calendar.as_deref()
}
