//! One pass over one host: compares its jobs with what there should be, sets and removes what
//! differs, and stores what that came to.
//!
//! What is stored is written after the host has answered. If either end dies in between, the next
//! pass finds by the revisions what the host has.

use super::Shared;
use super::ask::{self, Failure};
use super::catalog::{Authored, Catalog};
use crate::agents::Reach;
use crate::audit;
use crate::auth::HeldRoles;
use crate::store::{ScheduleHost, ScheduleNote, StateName, StoreError, plain_labels};
use agent_wire::reply::JobStatus;
use fleet::schedule::reconcile::{Cause, Step, Wanted, reconcile};
use fleet::schedule::standing::Outcome;
use fleet::schedule::{Definition, schedule_name};
use fleet::{Action, Labels};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use tokio::task::JoinSet;

/// Schedules of one host; any further one is not set.
pub(super) const MAX_PER_HOST: usize = 1000;

/// Changes of jobs that wait for one host's replies at a time.
const IN_FLIGHT: usize = 16;

/// The longest sentence of an agent that is stored, in bytes.
const MAX_WHY: usize = 1000;

/// What comes after a pass.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Outlook {
    /// Jobs that had been removed or changed on the host.
    pub(super) drifted: usize,
    /// Whether another try may succeed without any event.
    pub(super) again: bool,
}

/// What a step on the host came to, by schedule.
type Outcomes = BTreeMap<String, (Option<Cause>, Result<(), Failure>)>;

/// Makes one pass over a host that is connected.
pub(super) async fn run(shared: &Shared, host: &str) -> Outlook {
    let Some(session) = shared.registry.find(host) else { return Outlook::default() };
    if session.restriction().is_some() {
        // The end of the restriction puts the host into the queue.
        return Outlook::default();
    }
    match look(shared, host, &Reach::Here(session)).await {
        Ok(outlook) => outlook,
        Err(error) => {
            log::warn!("{host}: its schedules are looked at again later: {error}");
            Outlook { again: true, ..Outlook::default() }
        }
    }
}

async fn look(shared: &Shared, host: &str, reach: &Reach) -> Result<Outlook, StoreError> {
    let catalog = Arc::clone(&shared.catalog.read());
    if catalog.generation == 0 {
        // A controller that has never had a schedule removes none that another one set.
        return Ok(Outlook::default());
    }
    let Some(row) = shared.store.host(host).await? else { return Ok(Outlook::default()) };
    if StateName::of(&row.identity.state) != StateName::Active {
        return Ok(Outlook::default());
    }
    let labels = plain_labels(&row);
    let stored = shared.store.schedules_of_host(host).await?;
    let plan = plan(shared, &catalog, host, &labels).await?;
    let found = match ask::list(reach).await {
        Ok(found) => found,
        Err(failure) => return Ok(Outlook { again: may_pass(&failure), ..Outlook::default() }),
    };
    let applied = stored
        .iter()
        .filter_map(|row| Some((row.schedule.clone(), row.applied.clone()?)))
        .collect();
    let steps = reconcile(&plan.wanted, &found, &applied);
    let outcomes = take(reach, &steps).await;
    let drifted = outcomes
        .values()
        .filter(|(cause, _)| matches!(cause, Some(Cause::Removed | Cause::Changed)))
        .count();
    let again = outcomes.values().any(|(_, outcome)| outcome.as_ref().is_err_and(may_pass));
    let notes = notes(&plan, &found, &stored, &outcomes);
    if !outcomes.is_empty() {
        log::info!("{host}: {} changes of jobs by schedules", outcomes.len());
    }
    if !notes.is_empty() {
        shared.store.note_schedules(host, notes, audit::now()).await?;
    }
    Ok(Outlook { drifted, again })
}

/// What a host should have.
struct Plan<'a> {
    wanted: Wanted<'a>,
    /// Schedules that are not pushed, and why.
    withheld: BTreeMap<&'a str, (&'a Definition, String)>,
}

/// Judges the schedules of a host: each author must still be allowed to run the command there.
async fn plan<'a>(
    shared: &Shared,
    catalog: &'a Catalog,
    host: &str,
    labels: &Labels,
) -> Result<Plan<'a>, StoreError> {
    let mut plan = Plan { wanted: Wanted::default(), withheld: BTreeMap::new() };
    plan.wanted.kept.extend(catalog.unreadable().iter().map(String::as_str));
    for schedule in catalog.for_host(host, labels) {
        let Authored { definition, author } = schedule;
        let roles = shared.authors.roles(&shared.authenticator, author).await?;
        let verdict = if plan.wanted.schedules.len() >= MAX_PER_HOST {
            Err(format!("the host has {MAX_PER_HOST} schedules already"))
        } else {
            judge(roles.as_deref(), definition, host, labels)
                .map_err(|why| format!("{author}: {why}"))
        };
        match verdict {
            Ok(()) => plan.wanted.schedules.push(definition),
            Err(why) => {
                plan.wanted.kept.insert(definition.name());
                plan.withheld.insert(definition.name(), (definition, why));
            }
        }
    }
    Ok(plan)
}

/// Judges whether roles allow a schedule's command on a host.
fn judge(
    roles: Option<&HeldRoles>,
    definition: &Definition,
    host: &str,
    labels: &Labels,
) -> Result<(), String> {
    let Some(roles) = roles else {
        return Err("there is no such operator anymore, or they are disabled".to_owned());
    };
    let (user, group) = definition.account();
    let command = definition.command(user.as_deref(), group.as_deref());
    roles
        .may_on(Action::CommandsRun, host, labels, Some(command))
        .map_err(|denied| denied.to_string())
}

/// Takes the steps, several at a time.
async fn take(reach: &Reach, steps: &[Step<'_>]) -> Outcomes {
    let mut asked = JoinSet::new();
    let mut outcomes = Outcomes::new();
    for step in steps {
        if asked.len() >= IN_FLIGHT
            && let Some(Ok((schedule, outcome))) = asked.join_next().await
        {
            outcomes.insert(schedule, outcome);
        }
        let reach = reach.clone();
        match step {
            Step::Set { definition, cause } => {
                let (definition, cause) = (Definition::clone(definition), *cause);
                asked.spawn(async move {
                    let outcome = ask::set(&reach, &definition).await;
                    (definition.name().to_owned(), (Some(cause), outcome))
                });
            }
            Step::Remove { job } => {
                let job = job.clone();
                asked.spawn(async move {
                    let outcome = ask::remove(&reach, &job).await;
                    (schedule_name(&job).unwrap_or(&job).to_owned(), (None, outcome))
                });
            }
        }
    }
    while let Some(ended) = asked.join_next().await {
        if let Ok((schedule, outcome)) = ended {
            outcomes.insert(schedule, outcome);
        }
    }
    outcomes
}

/// Returns whether a failure may pass by itself. What a policy refuses is tried again at the next
/// connect, change or check.
fn may_pass(failure: &Failure) -> bool {
    match failure {
        Failure::Failed(_) => true,
        Failure::Refused(_) => false,
        Failure::NoReply(why) => {
            use crate::agents::NoReply;
            match why {
                NoReply::Busy | NoReply::TimedOut | NoReply::Duplicate | NoReply::Invalid(_) => {
                    true
                }
                // The next connect, or the end of the restriction, is an event.
                NoReply::Disconnected | NoReply::Withheld(_) | NoReply::Stopping => false,
            }
        }
    }
}

/// Returns the records to store: only those that differ from the stored ones.
fn notes(
    plan: &Plan<'_>,
    found: &[JobStatus<'_>],
    stored: &[ScheduleHost],
    outcomes: &Outcomes,
) -> Vec<ScheduleNote> {
    let stored: BTreeMap<&str, &ScheduleHost> =
        stored.iter().map(|row| (row.schedule.as_str(), row)).collect();
    let on_host: BTreeMap<&str, &JobStatus<'_>> =
        found.iter().filter_map(|job| Some((schedule_name(&job.name)?, job))).collect();
    let had = |name: &str| -> Option<String> {
        let job = on_host.get(name)?;
        let listed = job.revision.as_ref().map(ToString::to_string);
        listed.or_else(|| stored.get(name).and_then(|row| row.applied.clone()))
    };
    let mut notes = Vec::new();
    let mut named = BTreeSet::new();
    for definition in &plan.wanted.schedules {
        let name = definition.name();
        named.insert(name);
        let tried = definition.revision();
        let (outcome, applied, why, drift) = match outcomes.get(name) {
            None => (Outcome::Applied, Some(tried.to_owned()), None, None),
            Some((cause, Ok(()))) => {
                (Outcome::Applied, Some(tried.to_owned()), None, cause.and_then(drift))
            }
            // It stays pending: there may be an answer next time.
            Some((_, Err(Failure::NoReply(_)))) => continue,
            Some((cause, Err(Failure::Refused(why)))) => {
                (Outcome::Refused, had(name), Some(why.clone()), cause.and_then(drift))
            }
            Some((cause, Err(Failure::Failed(why)))) => {
                (Outcome::Failed, had(name), Some(why.clone()), cause.and_then(drift))
            }
        };
        notes.push((name, tried, outcome, applied, why, drift));
    }
    for (name, (definition, why)) in &plan.withheld {
        named.insert(name);
        let tried = definition.revision();
        notes.push((name, tried, Outcome::NotAllowed, had(name), Some(why.clone()), None));
    }
    let mut all: Vec<ScheduleNote> = notes
        .into_iter()
        .filter(|(name, tried, outcome, applied, why, drift)| {
            drift.is_some()
                || stored.get(name).is_none_or(|row| {
                    (&*row.tried, row.outcome, &row.applied, &row.why.as_deref().map(cut))
                        != (*tried, *outcome, applied, &why.as_deref().map(cut))
                })
        })
        .map(|(name, tried, outcome, applied, why, drift)| ScheduleNote::Tried {
            schedule: name.to_owned(),
            outcome,
            tried: tried.to_owned(),
            applied,
            why: why.as_deref().map(|why| cut(why).to_owned()),
            drift: drift.map(str::to_owned),
        })
        .collect();
    all.extend(leftovers(plan, &named, &stored, outcomes, had));
    all
}

/// Returns the records to store for schedules that no longer select the host.
fn leftovers(
    plan: &Plan<'_>,
    named: &BTreeSet<&str>,
    stored: &BTreeMap<&str, &ScheduleHost>,
    outcomes: &Outcomes,
    had: impl Fn(&str) -> Option<String>,
) -> Vec<ScheduleNote> {
    let removals = outcomes.keys().map(String::as_str);
    let rest: BTreeSet<&str> = stored
        .keys()
        .copied()
        .chain(removals)
        .filter(|name| !named.contains(name) && !plan.wanted.kept.contains(name))
        .collect();
    let note = |name: &str| {
        let (outcome, why) = match outcomes.get(name).map(|(_, outcome)| outcome) {
            None | Some(Ok(())) => return Some(ScheduleNote::Gone { schedule: name.to_owned() }),
            Some(Err(Failure::NoReply(_))) => return None,
            Some(Err(Failure::Refused(why))) => (Outcome::Refused, why),
            Some(Err(Failure::Failed(why))) => (Outcome::Failed, why),
        };
        let applied = had(name);
        Some(ScheduleNote::Tried {
            schedule: name.to_owned(),
            outcome,
            tried: stored.get(name).map(|row| row.tried.clone()).unwrap_or_default(),
            applied,
            why: Some(cut(why).to_owned()),
            drift: None,
        })
    };
    rest.into_iter().filter_map(note).collect()
}

/// Returns what a repair is called in lists.
const fn drift(cause: Cause) -> Option<&'static str> {
    match cause {
        Cause::Due => None,
        Cause::Removed => Some("removed on the host"),
        Cause::Changed => Some("changed on the host"),
    }
}

fn cut(why: &str) -> &str {
    let mut end = why.len().min(MAX_WHY);
    while !why.is_char_boundary(end) {
        end -= 1;
    }
    why.split_at(end).0
}
