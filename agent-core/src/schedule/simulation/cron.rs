//! The main loop of cron(8), Vixie's and Debian's 3.0pl1, written down from its source: what it
//! starts while the clock is set this way and that, the plan starts too (docs/schedules.md rule
//! 31).

use super::{CORRECTION, DAY, DAYS, Kind, Random, Run, Wall, World, planned};
use agent_cron::Zone;
use std::collections::{BTreeMap, BTreeSet};

const HOUR: i64 = 3600;

/// Jobs of the classic five fields; no two times of a fixed job are less than three hours apart.
const KINDS: [Kind; 6] = [
    Kind { expression: "* * * * *", is_wild: true, matches: |_| true, jitter: 0, horizon: None },
    Kind {
        expression: "*/10 * * * *",
        is_wild: true,
        matches: |wall| wall.minute % 10 == 0,
        jitter: 0,
        horizon: None,
    },
    Kind {
        expression: "7 */2 * * *",
        is_wild: true,
        matches: |wall| wall.hour % 2 == 0 && wall.minute == 7,
        jitter: 0,
        horizon: None,
    },
    Kind {
        expression: "30 2,9,17 * * *",
        is_wild: false,
        matches: |wall| matches!(wall.hour, 2 | 9 | 17) && wall.minute == 30,
        jitter: 0,
        horizon: None,
    },
    Kind {
        expression: "0 12 * * *",
        is_wild: false,
        matches: |wall| (wall.hour, wall.minute) == (12, 0),
        jitter: 0,
        horizon: None,
    },
    Kind {
        expression: "59 23 * * SUN",
        is_wild: false,
        matches: |wall| (wall.hour, wall.minute, wall.weekday) == (23, 59, 0),
        jitter: 0,
        horizon: Some(DAY),
    },
];

/// Makes a world whose clock is set by whole minutes, half a minute after a minute.
fn walk(random: &mut Random) -> World {
    let (mut offsets, mut at, mut offset) = (BTreeMap::new(), 30, 0);
    // The latest time shown since the last correction, and the first.
    let (mut latest, mut first) = (0, 0);
    loop {
        at += 60 * (1 + random.below(12 * 60));
        if at >= DAYS * DAY {
            break;
        }
        latest = latest.max(at + offset);
        let by = 60
            * match random.below(8) {
                0 => random.below(11) - 5,
                1..=3 => -random.below(180),
                4..=6 => random.below(180),
                _ if offset > 0 => -180 - random.below(1200),
                _ => 180 + random.below(1200),
            };
        let now = at + offset + by;
        let is_correction = (latest - now).abs() >= CORRECTION;
        // Three hours back to the minute are a correction for us and none for cron(8). And cron(8)
        // does not run a fixed job at a time that it has not run it for, where a correction had
        // passed over that time.
        if by == 0 || latest - now == CORRECTION || !is_correction && now < first {
            continue;
        }
        offset += by;
        offsets.insert(at, offset);
        if is_correction {
            (latest, first) = (now, now);
        }
    }
    let zone = Zone::utc();
    World { zone, begin: 1_773_446_400, offsets, outages: BTreeMap::new(), luck: 0 }
}

/// Returns what cron(8) starts. Its clocks count minutes.
///
/// One difference is left out: after a jump of up to five minutes it starts wild jobs for each
/// minute of it, where rule 28 lets only the newest minute count.
fn cron(world: &World) -> Vec<Run> {
    let mut runs = Vec::new();
    let mut virtual_time = world.begin / 60;
    for passed in (60..DAYS * DAY).step_by(60) {
        let time_running = world.now(passed) / 60;
        let mut find_jobs = |minute: i64, wild: bool, fixed: bool| {
            for (job, kind) in KINDS.iter().enumerate() {
                let is_asked = if kind.is_wild { wild } else { fixed };
                if is_asked && (kind.matches)(Wall::of(minute * 60)) {
                    runs.push((passed, job, minute * 60));
                }
            }
        };
        match time_running - virtual_time {
            1 => {
                virtual_time = time_running;
                find_jobs(virtual_time, true, true);
            }
            2..=180 => {
                find_jobs(time_running, true, false);
                while virtual_time < time_running {
                    virtual_time += 1;
                    find_jobs(virtual_time, false, true);
                }
            }
            -179..=0 => find_jobs(time_running, true, false),
            _ => {
                virtual_time = time_running;
                find_jobs(virtual_time, true, true);
            }
        }
    }
    runs
}

#[test]
fn over_random_clock_steps_the_plan_starts_what_cron_8_starts() {
    for seed in 1..=6 {
        let world = walk(&mut Random(seed * 7919));
        let (ours, theirs) = (planned(&world, &KINDS), cron(&world));
        let wild = |runs: &[Run]| -> BTreeSet<Run> {
            // A run that is late by less than a minute because of a step counts as on time.
            let on_time = |run: &&Run| KINDS[run.1].is_wild && run.0 % 60 == 0;
            runs.iter().filter(on_time).copied().collect()
        };
        let (found, wanted) = (wild(&ours), wild(&theirs));
        let differs = found.symmetric_difference(&wanted).next();
        assert_eq!(differs, None, "seed {seed}: {:?}", world.offsets);
        let fixed = |runs: &[Run]| -> Vec<Run> {
            runs.iter().filter(|run| !KINDS[run.1].is_wild).copied().collect()
        };
        let (found, wanted) = (fixed(&ours), fixed(&theirs));
        for (ours, theirs) in found.iter().zip(&wanted) {
            assert_eq!((ours.1, ours.2), (theirs.1, theirs.2), "seed {seed}: {:?}", world.offsets);
            // cron(8) looks at the clock once a minute, the agent when it is set.
            assert!((0..60).contains(&(theirs.0 - ours.0)), "seed {seed}: {ours:?} {theirs:?}");
        }
        assert_eq!(found.len(), wanted.len(), "seed {seed}: {:?}", world.offsets);
        assert!(wanted.len() > 80 && world.offsets.len() > 50, "seed {seed}: too few");
    }
}

#[test]
fn a_step_of_an_hour_back_and_forth_shows_both_rules() {
    let noon = 12 * HOUR;
    let offsets = BTreeMap::from([(noon + 90, -HOUR), (noon + 5430, 0), (DAY + noon - 1770, HOUR)]);
    let zone = Zone::utc();
    let world = World { zone, begin: 1_773_446_400, offsets, outages: BTreeMap::new(), luck: 0 };
    let ours = planned(&world, &KINDS);
    let begin = world.begin;
    let noons: Vec<i64> =
        ours.iter().filter(|run| run.1 == 4 && run.2 < begin + 2 * DAY).map(|run| run.0).collect();
    assert_eq!(noons, [noon, DAY + noon - 1770], "once a day, at once where it was skipped");
    let repeated = ours.iter().filter(|run| run.1 == 0 && run.2 == begin + noon).count();
    assert_eq!(repeated, 2, "a job of every minute runs in both passes");
}
