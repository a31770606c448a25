//! The load of the coming hours: every run of every job on every host, by the minute.
//!
//! A [`Forecast`] takes one host after the other with its jobs: those of schedules and the host's
//! own. The times of an expression in a zone are found once, however many hosts share them; a job's
//! jitter is added as the agent does, so a spread is seen as such.

use agent_cron::{Expression, Schedule, Zone};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// The most hours of a forecast: a week.
pub const MAX_HOURS: u32 = 168;

/// Runs of all expressions that are kept: an expression of every second has 86,400 a day.
const MAX_KEPT_RUNS: usize = 32 << 20;

/// Distinct jobs that are summed up by name; further ones count in the load alone.
const MAX_JOBS: usize = 100_000;

/// Distinct collisions; further ones are counted only.
const MAX_COLLISIONS: usize = 10_000;

/// Jobs of one host that are told apart in collisions; further ones count as one.
const MAX_APART: usize = 64;

/// A job on a host.
#[derive(Clone, Copy, Debug)]
pub struct JobOnHost<'a> {
    /// Its name on the host, by which the agent finds its jitter.
    pub name: &'a str,
    /// Its name for people: the schedule's, or the host's own job's.
    pub label: &'a str,
    /// Whether a schedule of the controller made it.
    pub is_fleet: bool,
    /// Its cron expression.
    pub expression: &'a str,
    /// The zone that its times are in.
    pub zone: &'a Zone,
    /// The most seconds that a start is put off.
    pub jitter: u64,
    /// Whether it runs at all.
    pub enabled: bool,
}

/// A job summed up over all hosts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobSum {
    /// Its name for people.
    pub label: String,
    /// Whether a schedule of the controller made it.
    pub is_fleet: bool,
    /// The hosts that have it.
    pub hosts: u64,
    /// Its runs on all hosts.
    pub runs: u64,
    /// Its first run, in seconds since 1970.
    pub first: Option<i64>,
    /// Why it has no run.
    pub never: Option<Never>,
}

/// Why a job has no run in the time of a forecast.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Never {
    /// It is switched off.
    SwitchedOff,
    /// Its next run is later, at this second since 1970.
    Later(i64),
    /// It has no further run.
    NoMore,
    /// Its expression cannot be read.
    Unreadable,
}

/// Jobs that start in the same minute on one host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Collision {
    /// Their names for people, sorted.
    pub jobs: Vec<String>,
    /// The hosts on which they meet.
    pub hosts: u64,
    /// How often they meet, over all hosts.
    pub times: u64,
    /// The first minute in which they meet, in seconds since 1970.
    pub first: i64,
}

/// The load of some hours.
#[derive(Debug)]
pub struct Forecast {
    from: i64,
    load: Vec<u64>,
    hosts: u64,
    runs: HashMap<(String, String), Arc<Times>>,
    kept: usize,
    jobs: HashMap<(bool, String), JobSum>,
    collisions: HashMap<Vec<String>, Collision>,
    further_collisions: u64,
    /// For each minute, a bit for each job of the host in hand.
    starts: Vec<u64>,
}

/// The runs of an expression in a zone.
#[derive(Debug)]
enum Times {
    Unreadable,
    Known { offsets: Vec<u32>, later: Option<i64> },
}

/// A finished forecast.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    /// The first minute, in seconds since 1970.
    pub from: i64,
    /// Starts in each minute, over all hosts.
    pub load: Vec<u64>,
    /// The hosts.
    pub hosts: u64,
    /// The jobs: those of schedules first, then by name.
    pub jobs: Vec<JobSum>,
    /// Collisions, the most frequent first.
    pub collisions: Vec<Collision>,
    /// Collisions beyond those, counted.
    pub further_collisions: u64,
}

impl Forecast {
    /// Begins a forecast at the minute of `now`, in seconds since 1970.
    pub fn new(now: i64, hours: u32) -> Self {
        let minutes = hours.clamp(1, MAX_HOURS) as usize * 60;
        Self {
            from: now - now.rem_euclid(60),
            load: vec![0; minutes],
            hosts: 0,
            runs: HashMap::new(),
            kept: 0,
            jobs: HashMap::new(),
            collisions: HashMap::new(),
            further_collisions: 0,
            starts: vec![0; minutes],
        }
    }

    /// Adds a host with all its jobs.
    pub fn add(&mut self, host: &str, jobs: &[JobOnHost<'_>]) {
        self.hosts += 1;
        self.starts.fill(0);
        for (place, job) in jobs.iter().enumerate() {
            let times = self.times(job);
            let shift = jitter(host, job.name, job.jitter);
            let bit = 1_u64 << place.min(MAX_APART - 1);
            let (mut runs, mut first) = (0, None);
            if let (Times::Known { offsets, .. }, true) = (&*times, job.enabled) {
                for offset in offsets {
                    let at = u64::from(*offset) + shift;
                    let minute = usize::try_from(at / 60).unwrap_or(usize::MAX);
                    let Some(load) = self.load.get_mut(minute) else { break };
                    *load += 1;
                    runs += 1;
                    first.get_or_insert(self.from.saturating_add_unsigned(at));
                    if let Some(starts) = self.starts.get_mut(minute) {
                        *starts |= bit;
                    }
                }
            }
            self.sum(job, &times, runs, first);
        }
        self.collide(jobs);
    }

    /// Ends the forecast.
    pub fn finish(self) -> Summary {
        let mut jobs: Vec<JobSum> = self.jobs.into_values().collect();
        for job in &mut jobs {
            if job.runs > 0 {
                job.never = None;
            }
        }
        jobs.sort_unstable_by(|a, b| (!a.is_fleet, &a.label).cmp(&(!b.is_fleet, &b.label)));
        let mut collisions: Vec<Collision> = self.collisions.into_values().collect();
        collisions.sort_unstable_by(|a, b| (b.times, &a.jobs).cmp(&(a.times, &b.jobs)));
        Summary {
            from: self.from,
            load: self.load,
            hosts: self.hosts,
            jobs,
            collisions,
            further_collisions: self.further_collisions,
        }
    }

    fn times(&mut self, job: &JobOnHost<'_>) -> Arc<Times> {
        let key = (job.expression.to_owned(), job.zone.name().to_owned());
        if let Some(known) = self.runs.get(&key) {
            return Arc::clone(known);
        }
        let end = self.from.saturating_add(self.load.len().cast_signed() as i64 * 60);
        let times = Arc::new(match Expression::parse(job.expression) {
            Err(_) => Times::Unreadable,
            Ok(expression) => {
                known_times(&Schedule::new(&expression, job.zone, None), self.from, end)
            }
        });
        if let Times::Known { offsets, .. } = &*times
            && self.kept + offsets.len() <= MAX_KEPT_RUNS
        {
            self.kept += offsets.len();
            self.runs.insert(key, Arc::clone(&times));
        }
        times
    }

    fn sum(&mut self, job: &JobOnHost<'_>, times: &Times, runs: u64, first: Option<i64>) {
        let key = (job.is_fleet, job.label.to_owned());
        if self.jobs.len() >= MAX_JOBS && !self.jobs.contains_key(&key) {
            return;
        }
        let never = match times {
            _ if !job.enabled => Never::SwitchedOff,
            Times::Unreadable => Never::Unreadable,
            Times::Known { later, .. } => later.map_or(Never::NoMore, Never::Later),
        };
        let sum = self.jobs.entry(key).or_insert_with(|| JobSum {
            label: job.label.to_owned(),
            is_fleet: job.is_fleet,
            hosts: 0,
            runs: 0,
            first: None,
            never: Some(never),
        });
        sum.hosts += 1;
        sum.runs += runs;
        sum.first = match (sum.first, first) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
        if let (Some(Never::Later(known)), Never::Later(at)) = (&mut sum.never, never) {
            *known = (*known).min(at);
        }
    }

    /// Takes the minutes in which several jobs of the host in hand start.
    fn collide(&mut self, jobs: &[JobOnHost<'_>]) {
        let mut found: BTreeMap<u64, (u64, usize)> = BTreeMap::new();
        for (minute, starts) in self.starts.iter().enumerate() {
            if starts.count_ones() > 1 {
                found.entry(*starts).or_insert((0, minute)).0 += 1;
            }
        }
        for (set, (times, minute)) in found {
            let met = jobs.iter().take(MAX_APART).enumerate();
            let met = met.filter(|(place, _)| set >> place & 1 == 1);
            let mut names: Vec<String> = met.map(|(_, job)| job.label.to_owned()).collect();
            names.sort_unstable();
            let first = self.from.saturating_add(minute as i64 * 60);
            if let Some(known) = self.collisions.get_mut(&names) {
                known.hosts += 1;
                known.times += times;
                known.first = known.first.min(first);
            } else if self.collisions.len() < MAX_COLLISIONS {
                let collision = Collision { jobs: names.clone(), hosts: 1, times, first };
                self.collisions.insert(names, collision);
            } else {
                self.further_collisions += times;
            }
        }
    }
}

/// Finds the runs from `from` on and before `end`.
fn known_times(schedule: &Schedule, from: i64, end: i64) -> Times {
    let mut offsets = Vec::new();
    for at in schedule.after(from - 1) {
        if at >= end {
            return Times::Known { offsets, later: Some(at) };
        }
        offsets.push(u32::try_from(at - from).unwrap_or(u32::MAX));
    }
    Times::Known { offsets, later: None }
}

/// Returns the seconds by which a job's starts are delayed on a host, as its agent finds them.
fn jitter(host: &str, job: &str, most: u64) -> u64 {
    if most == 0 {
        return 0;
    }
    u64::from(crc32fast::hash(format!("{host}\n{job}").as_bytes())) % most.saturating_add(1)
}
