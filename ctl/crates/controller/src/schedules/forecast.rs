//! Collects the jobs of hosts for a forecast: those of the schedules, and the hosts' own.
//!
//! Connected hosts are asked for their jobs, their crontabs and their zone, a few at a time. Of the
//! others, the schedules alone are known; where a schedule names no zone, UTC stands in.

use super::ask;
use super::catalog::Catalog;
use super::change::zones;
use super::{AT_ONCE, Schedules};
use crate::agents::Reach;
use crate::store::{HostQuery, HostRow, StateName, StoreError, plain_labels};
use agent_cron::Zone;
use agent_wire::reply::JobStatus;
use fleet::schedule::forecast::{Forecast, JobOnHost, Summary};
use fleet::schedule::job_name;
use fleet::schedule::reconcile::is_the_controllers;
use fleet::{Labels, Selector};
use serde::Deserialize;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Mutex, mpsc};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};

/// The time for all hosts to answer.
const MAX_TIME: Duration = Duration::from_secs(20);

/// Hosts that are read at once.
const PAGE: usize = 1000;

/// Hosts whose jobs wait to be counted.
const MAX_WAITING: usize = 128;

/// Makes forecasts, one at a time.
#[derive(Debug, Default)]
pub(crate) struct Forecaster(Mutex<()>);

/// How much of the fleet a forecast knows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Coverage {
    /// Hosts whose own jobs are in it.
    pub(crate) asked: u64,
    /// Hosts that are offline.
    pub(crate) offline: u64,
    /// Hosts that did not answer in time, or were not asked.
    pub(crate) silent: u64,
}

/// A host's jobs, on their way to be counted.
struct Known {
    host: String,
    jobs: Vec<Job>,
    /// The zone of jobs that name none.
    zone: String,
}

struct Job {
    name: String,
    label: String,
    is_fleet: bool,
    expression: String,
    zone: Option<String>,
    jitter: u64,
    enabled: bool,
}

#[derive(Deserialize)]
struct Crontabs {
    entries: Vec<CrontabEntry>,
}

#[derive(Deserialize)]
struct CrontabEntry {
    kind: String,
    file: String,
    line: Option<u64>,
    schedule: String,
    #[serde(default)]
    environment: Vec<String>,
}

#[derive(Deserialize)]
struct Clock {
    zone: Option<ClockZone>,
}

#[derive(Deserialize)]
struct ClockZone {
    name: Option<String>,
}

impl Forecaster {
    /// Makes a forecast over the hosts that the selector matches. `now` is in seconds since 1970;
    /// `ask` is whether hosts are asked for their own jobs, `sees` which hosts the caller may see.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub(crate) async fn run(
        &self,
        schedules: &Schedules,
        selector: Option<Selector>,
        now: i64,
        hours: u32,
        ask: bool,
        sees: impl Fn(&str, &Labels) -> bool,
    ) -> Result<(Summary, Coverage), StoreError> {
        let _one = self.0.lock().await;
        let catalog = schedules.catalog();
        let (sender, receiver) = mpsc::channel(MAX_WAITING);
        let counting = tokio::task::spawn_blocking(move || count(receiver, now, hours));
        let coverage = collect(schedules, &catalog, selector, ask, sees, &sender).await;
        drop(sender);
        let summary = counting.await.map_err(StoreError::reading("a forecast"))?;
        Ok((summary, coverage?))
    }
}

/// Counts the runs of hosts as they come.
fn count(mut hosts: mpsc::Receiver<Known>, now: i64, hours: u32) -> Summary {
    let mut forecast = Forecast::new(now, hours);
    let mut known: HashMap<String, Zone> = HashMap::new();
    let mut zone = move |name: &str| -> Zone {
        if let Some(zone) = known.get(name) {
            return zone.clone();
        }
        let zone = zones().load(name).unwrap_or_else(|_| Zone::utc());
        known.insert(name.to_owned(), zone.clone());
        zone
    };
    while let Some(Known { host, jobs, zone: own }) = hosts.blocking_recv() {
        let in_zones: Vec<(Job, Zone)> = jobs
            .into_iter()
            .map(|job| {
                let zone = zone(job.zone.as_deref().unwrap_or(&own));
                (job, zone)
            })
            .collect();
        let jobs: Vec<JobOnHost<'_>> = in_zones
            .iter()
            .map(|(job, zone)| JobOnHost {
                name: &job.name,
                label: &job.label,
                is_fleet: job.is_fleet,
                expression: &job.expression,
                zone,
                jitter: job.jitter,
                enabled: job.enabled,
            })
            .collect();
        forecast.add(&host, &jobs);
    }
    forecast.finish()
}

async fn collect(
    schedules: &Schedules,
    catalog: &Arc<Catalog>,
    selector: Option<Selector>,
    ask: bool,
    sees: impl Fn(&str, &Labels) -> bool,
    sender: &mpsc::Sender<Known>,
) -> Result<Coverage, StoreError> {
    let deadline = Instant::now() + MAX_TIME;
    let mut coverage = Coverage::default();
    let mut asked = JoinSet::new();
    let mut query =
        HostQuery { selector, state: Some(StateName::Active), limit: PAGE, ..HostQuery::default() };
    loop {
        let page = schedules.0.store.hosts(query.clone()).await?;
        let is_last = page.len() < PAGE;
        if let Some(last) = page.last() {
            query.after.clone_from(&last.identity.id);
        }
        for row in page {
            if !sees(&row.identity.id, &plain_labels(&row)) {
                continue;
            }
            match schedules.0.registry.reach(&row.identity.id) {
                None => coverage.offline += 1,
                Some(_) if !ask || Instant::now() >= deadline => coverage.silent += 1,
                Some(reach) => {
                    if asked.len() >= AT_ONCE {
                        take(asked.join_next().await, &mut coverage, sender).await;
                    }
                    let catalog = Arc::clone(catalog);
                    asked.spawn(async move {
                        let own = timeout_at(deadline, own_jobs(&reach)).await;
                        let own = own.ok().flatten();
                        (own.is_some(), known(&catalog, &row, own))
                    });
                    continue;
                }
            }
            // The receiver ends after the sender.
            let _ = sender.send(known(catalog, &row, None)).await;
        }
        if is_last {
            break;
        }
    }
    while let Some(ended) = asked.join_next().await {
        take(Some(ended), &mut coverage, sender).await;
    }
    Ok(coverage)
}

async fn take(
    ended: Option<Result<(bool, Known), tokio::task::JoinError>>,
    coverage: &mut Coverage,
    sender: &mpsc::Sender<Known>,
) {
    let Some(Ok((answered, known))) = ended else { return };
    match answered {
        true => coverage.asked += 1,
        false => coverage.silent += 1,
    }
    // The receiver ends after the sender.
    let _ = sender.send(known).await;
}

/// A host's own jobs and its zone.
struct Own {
    jobs: Vec<JobStatus<'static>>,
    crontabs: Vec<CrontabEntry>,
    zone: Option<String>,
}

async fn own_jobs(reach: &Reach) -> Option<Own> {
    let jobs = ask::list_all(reach).await.ok()?;
    // A host without these plugins has its jobs all the same.
    let crontabs = ask::facts::<Crontabs>(reach, "getinfo.cron").await;
    let clock = ask::facts::<Clock>(reach, "getinfo.time").await;
    Some(Own {
        jobs,
        crontabs: crontabs.map(|crontabs| crontabs.entries).unwrap_or_default(),
        zone: clock.ok().and_then(|clock| clock.zone).and_then(|zone| zone.name),
    })
}

/// Gathers the known data of a host.
fn known(catalog: &Catalog, row: &HostRow, own: Option<Own>) -> Known {
    let host = row.identity.id.clone();
    let mut jobs: Vec<Job> = catalog
        .for_host(&host, &plain_labels(row))
        .map(|schedule| {
            let definition = &schedule.definition;
            Job {
                name: job_name(definition.name()),
                label: definition.name().to_owned(),
                is_fleet: true,
                expression: definition.job().schedule.clone(),
                zone: definition.zone_name().map(str::to_owned),
                jitter: definition.job().options.jitter,
                enabled: definition.job().options.enabled,
            }
        })
        .collect();
    let Some(own) = own else { return Known { host, jobs, zone: "UTC".to_owned() } };
    // A schedule without a zone runs in the agent's, which its other jobs show.
    let agents = own.jobs.iter().find(|job| is_the_controllers(job));
    let agents = agents.and_then(|job| job.timezone.as_deref()).map(str::to_owned);
    for job in own.jobs.iter().filter(|job| !is_the_controllers(job)) {
        jobs.push(Job {
            name: job.name.to_string(),
            label: job.name.to_string(),
            is_fleet: false,
            expression: job.schedule.to_string(),
            zone: job.timezone.as_deref().map(str::to_owned),
            jitter: job.jitter,
            enabled: job.enabled && *job.schedule != *"@reboot",
        });
    }
    let crontabs = own.crontabs.iter().filter(|entry| {
        matches!(&*entry.kind, "crontab" | "user_crontab") && entry.schedule != "@reboot"
    });
    for entry in crontabs {
        let line = entry.line.map(|line| format!(":{line}")).unwrap_or_default();
        let named = entry.environment.iter().rev().find_map(|line| line.strip_prefix("CRON_TZ="));
        jobs.push(Job {
            name: String::new(),
            label: format!("{}{line}", entry.file),
            is_fleet: false,
            expression: entry.schedule.clone(),
            zone: named.map(|zone| zone.trim_matches('"').to_owned()).or_else(|| own.zone.clone()),
            jitter: 0,
            enabled: true,
        });
    }
    let zone = agents.or(own.zone).unwrap_or_else(|| "UTC".to_owned());
    Known { host, jobs, zone }
}
