//! Simulates thirty days of the [`super::plan`], many times: clocks are set, daylight saving
//! changes both ways, the agent is killed and stalls. The plan must start exactly what a check of
//! every job in every second would start, with a list of all times that is made by brute force.
//!
//! One file above 400 lines: the world, the plan's run and the brute-force model only make sense
//! together.

mod cron;

use super::plan::{Fate, GRACE, Jobs, Past, Plan, Times};
use super::step::{CORRECTION, ClockWatch, Step};
use super::timer::Moment;
use agent_cron::{Expression, Schedule, Zone, Zones};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

const DAY: i64 = 86_400;
const DAYS: i64 = 30;

/// All times of these jobs, and all changes of offset, are multiples of it.
const GRAIN: i64 = 30;

/// Rounds, each with different troubles.
const ROUNDS: u64 = 2;

/// A zone, and a first day (2026) 15 days before its clocks are changed, twice.
const ZONES: [(&str, [i64; 2]); 5] = [
    ("Europe/Berlin", [1_773_446_400, 1_791_763_200]),
    ("America/New_York", [1_771_632_000, 1_792_368_000]),
    ("Australia/Lord_Howe", [1_773_964_800, 1_789_776_000]),
    ("Africa/Casablanca", [1_769_817_600, 1_772_928_000]),
    ("America/Santiago", [1_773_964_800, 1_787_443_200]),
];

/// The time that a wall clock shows.
#[derive(Clone, Copy)]
struct Wall {
    hour: i64,
    minute: i64,
    second: i64,
    /// Sunday is 0.
    weekday: i64,
}

impl Wall {
    fn of(local: i64) -> Self {
        let (day, rest) = (local.div_euclid(DAY), local.rem_euclid(DAY));
        Self {
            hour: rest / 3600,
            minute: rest / 60 % 60,
            second: rest % 60,
            weekday: (day + 4).rem_euclid(7),
        }
    }
}

/// A job of the simulation, described twice: for the engine, and for the brute-force model.
struct Kind {
    expression: &'static str,
    is_wild: bool,
    matches: fn(Wall) -> bool,
    jitter: i64,
    horizon: Option<i64>,
}

const KINDS: [Kind; 8] = [
    Kind {
        expression: "0 */10 * * * *",
        is_wild: true,
        matches: |wall| wall.minute % 10 == 0 && wall.second == 0,
        jitter: 0,
        horizon: None,
    },
    Kind {
        expression: "30 */7 1-3 * * *",
        is_wild: true,
        matches: |wall| wall.minute % 7 == 0 && wall.second == 30 && (1..=3).contains(&wall.hour),
        jitter: 0,
        horizon: Some(1800),
    },
    Kind {
        expression: "0 30 2 * * *",
        is_wild: false,
        matches: |wall| (wall.hour, wall.minute, wall.second) == (2, 30, 0),
        jitter: 0,
        horizon: None,
    },
    Kind {
        expression: "0 15,45 0,1,2 * * *",
        is_wild: false,
        matches: |wall| wall.hour <= 2 && matches!(wall.minute, 15 | 45) && wall.second == 0,
        jitter: 0,
        horizon: Some(6 * 3600),
    },
    Kind {
        expression: "0 5 * * * *",
        is_wild: true,
        matches: |wall| wall.minute == 5 && wall.second == 0,
        jitter: 77,
        horizon: None,
    },
    Kind {
        expression: "0 0 */2 * * *",
        is_wild: true,
        matches: |wall| wall.hour % 2 == 0 && (wall.minute, wall.second) == (0, 0),
        jitter: 600,
        horizon: Some(3600),
    },
    Kind {
        expression: "0 0 9 ? * MON-FRI",
        is_wild: false,
        matches: |wall| {
            (wall.hour, wall.minute, wall.second) == (9, 0, 0) && (1..=5).contains(&wall.weekday)
        },
        jitter: 3,
        horizon: Some(DAY),
    },
    Kind {
        expression: "0 0 0 ? * SUN",
        is_wild: false,
        matches: |wall| wall.weekday == 0 && (wall.hour, wall.minute, wall.second) == (0, 0, 0),
        jitter: 0,
        horizon: None,
    },
];

impl Kind {
    /// Returns every time from `from` on, by brute force (docs/schedules.md rules 24 and 25).
    fn all(&self, zone: &Zone, from: i64, to: i64) -> Vec<i64> {
        let mut times = Vec::new();
        let mut offset = i64::from(zone.offset_at(from - GRAIN));
        let mut latest = i64::MIN;
        for at in (from..to).step_by(usize::try_from(GRAIN).unwrap()) {
            let before = std::mem::replace(&mut offset, i64::from(zone.offset_at(at)));
            let mut skipped = (at + before..at + offset).step_by(usize::try_from(GRAIN).unwrap());
            let local = at + offset;
            let is_first_pass = local > latest;
            latest = latest.max(local);
            let is_due = if self.is_wild {
                (self.matches)(Wall::of(local))
            } else {
                is_first_pass && (self.matches)(Wall::of(local))
                    || skipped.any(|local| (self.matches)(Wall::of(local)))
            };
            if is_due {
                times.push(at);
            }
        }
        times
    }
}

/// A repeatable random sequence (xorshift64*).
struct Random(u64);

impl Random {
    fn below(&mut self, bound: i64) -> i64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let word = self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33;
        i64::try_from(word).unwrap() % bound
    }
}

/// Seconds in which the agent does not run: stopped, suspended with its host, or dead.
#[derive(Clone, Copy, Debug)]
struct Outage {
    /// The first second in which it runs again.
    until: i64,
    /// Whether it was killed: then it knows only what was durable.
    killed: bool,
}

/// The events that happen to the agent and its clock, by the seconds that have really passed.
#[derive(Debug)]
struct World {
    zone: Zone,
    begin: i64,
    /// When the clock is set, and how many seconds it is ahead of the first clock from then on.
    offsets: BTreeMap<i64, i64>,
    /// By the last second in which the agent runs.
    outages: BTreeMap<i64, Outage>,
    /// Decides which runs of a second were durable when the agent was killed in it.
    luck: i64,
}

impl World {
    fn new(zone: &Zone, begin: i64, random: &mut Random) -> Self {
        let (mut offsets, mut outages) = (BTreeMap::new(), BTreeMap::<i64, Outage>::new());
        let (mut at, mut offset) = (0, 0);
        while at < DAYS * DAY {
            // In a second in which most jobs are due, or in any.
            at += random.below(DAY / 2) + 1;
            if random.below(2) == 0 {
                at += 600 - (at + offset).rem_euclid(600);
            }
            let far = random.below(20 * 3600) + CORRECTION;
            let (long, killed) = match random.below(10) {
                kind @ 0..=2 => {
                    offset += match kind {
                        0 => random.below(120) - 60,
                        1 => random.below(2 * CORRECTION) - CORRECTION,
                        _ => {
                            if offset > 0 {
                                -far
                            } else {
                                far
                            }
                        }
                    };
                    offsets.insert(at, offset);
                    continue;
                }
                3 | 4 => (random.below(5) + 1, true),
                5 => (random.below(2 * GRACE) + 1, true),
                6 => (random.below(12 * 3600) + 1, true),
                7 => (random.below(2 * GRACE) + 1, false),
                8 => (random.below(12 * 3600) + 1, false),
                _ => (random.below(DAY / 2) + 1, random.below(2) == 0),
            };
            if outages.last_key_value().is_none_or(|(_, last)| last.until < at) {
                outages.insert(at, Outage { until: at + long, killed });
            }
        }
        Self {
            zone: zone.clone(),
            begin,
            offsets,
            outages,
            luck: random.below(i64::from(u16::MAX)),
        }
    }

    /// Returns the time that the clock shows.
    fn now(&self, passed: i64) -> i64 {
        self.begin
            + passed
            + self.offsets.range(..=passed).next_back().map_or(0, |(_, offset)| *offset)
    }

    fn is_durable(&self, job: usize, at: i64) -> bool {
        (at / GRAIN + i64::try_from(job).unwrap() * 7 + self.luck) % 2 == 0
    }
}

/// A started run: the seconds that had passed, the job, and the instant it was due.
type Run = (i64, usize, i64);

/// A job as the journal records it.
#[derive(Clone, Debug)]
struct Journaled {
    set_at: i64,
    last: Option<i64>,
    /// The instants of its runs, but of those to before which the clock was set back since.
    runs: Vec<i64>,
}

impl Journaled {
    fn new(set_at: i64) -> Self {
        Self { set_at, last: None, runs: Vec::new() }
    }

    fn past(&self) -> Past {
        Past { set_at: self.set_at, last: self.last, newest: self.runs.last().copied() }
    }

    fn start(&mut self, at: i64) {
        self.last = self.last.max(Some(at));
        self.runs.push(at);
    }

    fn step_back(&mut self, now: i64) {
        self.runs.retain(|at| *at <= now);
    }

    /// Starts over after a correction.
    fn start_over(&mut self, now: i64) {
        self.set_at = now;
        self.last = self.last.map(|last| last.min(now));
        self.step_back(now);
    }
}

struct Schedules(HashMap<String, Times>);

impl Schedules {
    fn new(zone: &Zone, kinds: &[Kind]) -> Self {
        let compile = |(job, kind): (usize, &Kind)| {
            let schedule = Schedule::new(&Expression::parse(kind.expression).unwrap(), zone, None);
            let times =
                Times { schedule: Arc::new(schedule), jitter: kind.jitter, horizon: kind.horizon };
            (job.to_string(), times)
        };
        Self(kinds.iter().enumerate().map(compile).collect())
    }
}

impl Jobs for Schedules {
    fn times(&self, job: &str) -> Option<Times> {
        self.0.get(job).cloned()
    }
}

/// The agent: the journal, and the plan that it makes of it.
struct Planner {
    jobs: Schedules,
    kept: Vec<Journaled>,
    plan: Plan,
}

impl Planner {
    fn plan_all(&mut self, now: i64, from: impl Fn(&Times, i64) -> i64) {
        for (job, kept) in self.kept.iter().enumerate() {
            let name: Arc<str> = job.to_string().into();
            let times = self.jobs.times(&name).unwrap();
            let base = kept.past().base(now, times.schedule.is_wild());
            self.plan.set(&name, &times, from(&times, base));
        }
    }

    fn start(&mut self, now: i64) {
        self.plan = Plan::default();
        if self.kept.iter().any(|kept| kept.past().is_far_ahead(now)) {
            return self.correct(now);
        }
        if self.kept.iter().any(|kept| kept.past().is_ahead(now)) {
            self.kept.iter_mut().for_each(|kept| kept.step_back(now));
        }
        self.plan_all(now, |_, base| base);
    }

    fn correct(&mut self, now: i64) {
        self.kept.iter_mut().for_each(|kept| kept.start_over(now));
        self.plan_all(now, |_, _| now);
    }

    fn step_back(&mut self, now: i64) {
        self.kept.iter_mut().for_each(|kept| kept.step_back(now));
        self.plan_all(now, |times, base| base.max(now - times.jitter));
    }
}

/// Runs the plan, which only wakes when it wants to, or when the clock is set.
fn planned(world: &World, kinds: &[Kind]) -> Vec<Run> {
    let kept = vec![Journaled::new(world.begin); kinds.len()];
    let jobs = Schedules::new(&world.zone, kinds);
    let mut planner = Planner { jobs, kept, plan: Plan::default() };
    let moment =
        |passed: i64| Moment { wall: world.now(passed) * 1000, uptime: (passed + 7) * 1000 };
    let mut runs = Vec::new();
    let mut passed = 0;
    planner.start(world.now(0));
    let mut clock = ClockWatch::new(moment(0));
    while passed < DAYS * DAY {
        let now = world.now(passed);
        let mut skipped = None;
        match clock.look(moment(passed)).0 {
            Step::None => {}
            Step::Forward { from } => skipped = Some(from),
            Step::Back => planner.step_back(now),
            Step::Correction => planner.correct(now),
        }
        let outage = world.outages.get(&passed);
        let killed = outage.is_some_and(|outage| outage.killed);
        while let Some((name, fate)) = planner.plan.next_due(now, skipped, &planner.jobs) {
            let job: usize = name.parse().unwrap();
            if let Fate::Due(at) = fate
                && (!killed || world.is_durable(job, at))
            {
                planner.kept[job].start(at);
                runs.push((passed, job, at));
            }
        }
        if let Some(outage) = outage {
            passed = outage.until;
            if killed {
                planner.start(world.now(passed));
                clock = ClockWatch::new(moment(passed));
            }
            continue;
        }
        let wake = planner.plan.wake_at().map(|at| passed + at - now);
        let set = world.offsets.range(passed + 1..).next().map(|(at, _)| *at);
        let outage = world.outages.range(passed + 1..).next().map(|(at, _)| *at);
        passed = [wake, set, outage].into_iter().flatten().min().unwrap_or(i64::MAX);
    }
    runs
}

/// What the brute force knows of a job.
#[derive(Clone)]
struct Judged {
    /// The instant after which its times count, and the first start after it.
    after: i64,
    start: i64,
    /// The same as far as a kill preserves it: when it was set, and its runs.
    set_at: i64,
    last: i64,
    runs: Vec<i64>,
}

impl Judged {
    /// Returns the instant after which times count, where the clock may have been set back.
    fn base(&self, now: i64, is_wild: bool) -> i64 {
        match self.set_at.max(self.last) {
            latest if latest <= now + 1 => latest,
            _ if is_wild => self.runs.last().map_or(now, |run| *run.min(&now)),
            _ => self.set_at.min(now).max(self.last),
        }
    }

    fn start_over(&mut self, now: i64) {
        self.runs.retain(|run| *run <= now);
        let last = self.last.min(now);
        *self =
            Self { after: now, start: 0, set_at: now, last, runs: std::mem::take(&mut self.runs) };
    }
}

/// Applies docs/schedules.md rules 28 and 31 by the letter: every second, every job, a list of its
/// times.
fn brute_force(world: &World) -> Vec<Run> {
    let span = (world.begin - 40 * DAY, world.begin + 80 * DAY);
    let all: Vec<Vec<i64>> =
        KINDS.iter().map(|kind| kind.all(&world.zone, span.0, span.1)).collect();
    let begin = world.begin;
    let new = Judged { after: begin, start: 0, set_at: begin, last: i64::MIN, runs: Vec::new() };
    let mut jobs = vec![new; KINDS.len()];
    let mut runs = Vec::new();
    let mut offsets = world.offsets.iter().map(|(at, offset)| (*at, *offset)).peekable();
    let mut outages = world.outages.iter().map(|(at, outage)| (*at, *outage)).peekable();
    let (mut offset, mut seen, mut outage) = (0, 0, None::<Outage>);
    let mut latest = begin;
    for passed in 0..DAYS * DAY {
        if let Some((_, set)) = offsets.next_if(|(at, _)| *at == passed) {
            offset = set;
        }
        let begun = outages.next_if(|(at, _)| *at == passed);
        if outage.is_some_and(|outage| passed < outage.until) {
            continue;
        }
        let now = begin + passed + offset;
        assert!((span.0..span.1).contains(&now));
        let by = offset - std::mem::replace(&mut seen, offset);
        let mut skipped = None;
        let restarted = outage.take().is_some_and(|outage| outage.killed);
        latest = if restarted { now } else { latest.max(now - by) };
        let is_correction = if restarted {
            jobs.iter().any(|job| job.set_at.max(job.last) >= now + CORRECTION)
        } else {
            by != 0 && (latest >= now + CORRECTION || now >= latest + CORRECTION)
        };
        if is_correction {
            latest = now;
            jobs.iter_mut().for_each(|job| job.start_over(now));
        } else if restarted || by < 0 {
            let is_back = !restarted || jobs.iter().any(|job| job.set_at.max(job.last) > now + 1);
            for (job, kind) in jobs.iter_mut().zip(&KINDS) {
                if is_back {
                    job.runs.retain(|run| *run <= now);
                }
                job.after = job.base(now, kind.is_wild);
                if !restarted {
                    job.after = job.after.max(now - kind.jitter);
                }
                job.start = 0;
            }
        } else if by > 0 {
            skipped = Some(now - by);
        }
        latest = latest.max(now);
        outage = begun.map(|(_, outage)| outage);
        for (number, (job, kind)) in jobs.iter_mut().zip(&KINDS).enumerate() {
            if job.start > now {
                continue;
            }
            let times = &all[number];
            let newest = times[times.partition_point(|at| *at <= now - kind.jitter) - 1];
            if newest > job.after {
                job.after = newest;
                let start = newest + kind.jitter;
                let is_skipped = !kind.is_wild && skipped.is_some_and(|from| start > from);
                let late = now - start;
                let is_due = is_skipped
                    || late <= GRACE
                    || kind.horizon.is_some_and(|horizon| late <= horizon);
                if is_due
                    && (!outage.is_some_and(|outage| outage.killed)
                        || world.is_durable(number, newest))
                {
                    job.last = job.last.max(newest);
                    job.runs.push(newest);
                    runs.push((passed, number, newest));
                }
            }
            let next = times.partition_point(|at| *at <= job.after);
            job.start = times.get(next).map_or(i64::MAX, |at| at + kind.jitter);
        }
    }
    runs
}

#[test]
fn thirty_days_start_the_runs_of_the_rules() {
    let zones = Zones::system();
    for (name, begins) in ZONES {
        let zone = zones.load(name).unwrap();
        for begin in begins {
            let changes = (0..DAYS * DAY).step_by(1800).map(|at| zone.offset_at(begin + at));
            let offsets: BTreeSet<i32> = changes.collect();
            assert_eq!(offsets.len(), 2, "{name}: the clocks change in the 30 days from {begin}");
            for seed in 1..=ROUNDS {
                let world = World::new(&zone, begin, &mut Random(seed));
                let (mut ours, mut wanted) = (planned(&world, &KINDS), brute_force(&world));
                // The runs of one second, in any order.
                ours.sort_unstable();
                wanted.sort_unstable();
                let differs = ours.iter().zip(&wanted).find(|(ours, wanted)| ours != wanted);
                assert_eq!(differs, None, "{name} from {begin}, seed {seed}: {world:?}");
                assert_eq!(ours.len(), wanted.len(), "{name} from {begin}, seed {seed}");
                assert!(ours.len() > 1000, "{name} from {begin}, seed {seed}: {} runs", ours.len());
            }
        }
    }
}

#[test]
fn without_trouble_every_run_starts_in_its_second() {
    let zones = Zones::system();
    for (name, begins) in ZONES {
        let zone = zones.load(name).unwrap();
        for begin in begins {
            let world = World {
                zone: zone.clone(),
                begin,
                offsets: BTreeMap::new(),
                outages: BTreeMap::new(),
                luck: 0,
            };
            let mut wanted: Vec<Run> = Vec::new();
            for (job, kind) in KINDS.iter().enumerate() {
                let starts = kind
                    .all(&zone, begin, begin + DAYS * DAY)
                    .into_iter()
                    .skip_while(|at| *at == begin);
                let starts = starts.map(|at| (at + kind.jitter - begin, job, at));
                wanted.extend(starts.filter(|(passed, ..)| *passed < DAYS * DAY));
            }
            let mut ours = planned(&world, &KINDS);
            ours.sort_unstable();
            wanted.sort_unstable();
            assert_eq!(ours, wanted, "{name} from {begin}");
        }
    }
}
