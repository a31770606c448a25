//! Compares the crate with brute force: random expressions, zones, calendars and instants.
//!
//! `make cron-soak` runs it at length. `BASICAGENT_CRON_SOAK_TRIPLES` says how many (expression,
//! zone, instant) triples, `BASICAGENT_CRON_SOAK_SEED` repeats a run, whatever the number of
//! processors.

#[allow(dead_code, unused_imports, reason = "each test uses a part")]
mod oracle;

use agent_cron::{Calendar, Date, Expression, Schedule, Zone};
use oracle::{Changes, Oracle, Random, civil, every_zone, next, prev, tzif};
use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Instant, SystemTime, UNIX_EPOCH};
use std::{env, thread};

/// Triples of an ordinary test run: a few seconds without optimization.
const TRIPLES: u64 = 30_000;
/// Triples for each expression.
const OF_ONE: u64 = 8;
/// Expressions drawn from one seed.
const CHUNK: u64 = 250;
/// Differences that are printed; later ones are only counted.
const MAX_PRINTED: u64 = 20;

/// The inputs that all threads share.
struct World {
    zones: Vec<(&'static str, Changes, Zone)>,
    calendars: Vec<(Vec<i64>, Arc<Calendar>)>,
    seed: u64,
    triples: AtomicU64,
    texts: AtomicU64,
    refused: AtomicU64,
    differences: AtomicU64,
}

#[test]
#[expect(clippy::print_stdout, reason = "the purpose of a soak")]
fn next_and_prev_equal_brute_force() {
    let setting = |name: &str| env::var(name).ok().filter(|value| !value.is_empty());
    let number = |name: &str| {
        setting(name).map(|value| value.parse().unwrap_or_else(|_| panic!("{name}: a number")))
    };
    let wanted: u64 = number("BASICAGENT_CRON_SOAK_TRIPLES").unwrap_or(TRIPLES);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("the clock is set");
    let seed: u64 = number("BASICAGENT_CRON_SOAK_SEED")
        .unwrap_or_else(|| Random::new(now.as_secs()).bits() >> 32);
    let world = World::new(seed);
    let chunks = wanted.div_ceil(CHUNK * OF_ONE);
    let taken = AtomicU64::new(0);
    let start = Instant::now();
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                loop {
                    let chunk = taken.fetch_add(1, Ordering::Relaxed);
                    if chunk >= chunks {
                        break;
                    }
                    world.chunk(chunk);
                }
            });
        }
    });
    let (triples, seconds) = (world.triples.into_inner(), start.elapsed().as_secs_f64());
    let differences = world.differences.into_inner();
    println!(
        "{triples} triples of {} texts ({} refused by both), {} zones, {} calendars, seed {seed}: \
         {differences} differences, {seconds:.1} s, {:.0} triples/s",
        world.texts.into_inner(),
        world.refused.into_inner(),
        world.zones.len(),
        world.calendars.len(),
        f64::from(u32::try_from(triples).expect("some millions")) / seconds,
    );
    assert_eq!(differences, 0, "seed {seed}");
}

impl World {
    fn new(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let zone = |name| {
            let bytes = tzif(name).expect("a zone that was listed");
            (
                name,
                Changes::read(name, bytes),
                Zone::from_tzif(name, bytes).expect("the crate reads the zone"),
            )
        };
        let calendar = |days: Vec<i64>| {
            let calendar = Calendar::of_dates(days.iter().map(|&day| date(day)));
            (days, Arc::new(calendar))
        };
        Self {
            zones: every_zone().into_iter().map(zone).collect(),
            calendars: (0..24).map(|_| calendar(random.calendar())).collect(),
            seed,
            triples: AtomicU64::new(0),
            texts: AtomicU64::new(0),
            refused: AtomicU64::new(0),
            differences: AtomicU64::new(0),
        }
    }

    fn chunk(&self, chunk: u64) {
        let mut random = Random::new(Random::new(self.seed ^ chunk.rotate_left(32)).bits());
        let mut taken = 0;
        while taken < CHUNK {
            let broken = random.one_in(3);
            let text = if broken { random.nearly_an_expression() } else { random.expression() };
            self.texts.fetch_add(1, Ordering::Relaxed);
            match (Oracle::parse(&text), Expression::parse(&text)) {
                (Some(oracle), Ok(expression)) => {
                    taken += 1;
                    self.times(&text, &oracle, &expression, &mut random);
                }
                (None, Err(_)) => {
                    self.refused.fetch_add(1, Ordering::Relaxed);
                }
                (wanted, found) => {
                    taken += 1;
                    self.differ(&format!(
                        "{text:?}: oracle: {}; crate: {}",
                        if wanted.is_some() { "an expression" } else { "not an expression" },
                        found.err().map_or_else(|| "taken".to_owned(), |error| error.to_string()),
                    ));
                }
            }
        }
    }

    fn times(&self, text: &str, oracle: &Oracle, expression: &Expression, random: &mut Random) {
        let canonical = expression.to_string();
        let printed = Expression::parse(&canonical);
        if printed.as_ref().map(ToString::to_string).ok().as_ref() != Some(&canonical) {
            self.differ(&format!("{text:?}: its canonical text {canonical:?} does not read back"));
        }
        let printed = printed.as_ref().unwrap_or(expression);
        for turn in 0..OF_ONE {
            let (name, changes, zone) = random.pick(&self.zones);
            let with_calendar = random.one_in(2);
            let (days, calendar) = random.pick(&self.calendars);
            let (days, calendar) =
                if with_calendar { (&days[..], Some(calendar)) } else { (&[][..], None) };
            let instant = random.instant(changes);
            // The canonical text means the same: the two take turns.
            let asked = if turn % 2 == 0 { expression } else { printed };
            let schedule = Schedule::new(asked, zone, calendar);
            let wanted =
                (next(oracle, changes, days, instant), prev(oracle, changes, days, instant));
            let found = (schedule.next(instant), schedule.prev(instant));
            self.triples.fetch_add(1, Ordering::Relaxed);
            if wanted != found {
                let mut difference =
                    format!("{text:?} ({canonical:?}) {name} from {instant}: next, prev: ");
                let _ = write!(difference, "oracle {wanted:?}, crate {found:?}");
                if with_calendar {
                    let near: Vec<_> = days
                        .iter()
                        .filter(|&&day| (day - instant / 86_400).abs() < 40)
                        .map(|&day| civil(day))
                        .collect();
                    let _ = write!(difference, ", excluded near it {near:?}");
                }
                self.differ(&difference);
            }
            if turn == 0 {
                let several: Vec<i64> = schedule.after(instant).take(4).collect();
                let mut last = instant;
                let chain = || {
                    last = next(oracle, changes, days, last)?;
                    Some(last)
                };
                let wanted: Vec<i64> = std::iter::from_fn(chain).take(4).collect();
                if several != wanted {
                    self.differ(&format!(
                        "{text:?} {name} after {instant}: oracle {wanted:?}, crate {several:?}"
                    ));
                }
            }
        }
    }

    #[expect(clippy::print_stdout, reason = "for the person who repeats the run")]
    fn differ(&self, difference: &str) {
        if self.differences.fetch_add(1, Ordering::Relaxed) < MAX_PRINTED {
            println!("{difference}");
        }
    }
}

fn date(days: i64) -> Date {
    let (year, month, day) = civil(days);
    let small = |number: i64| u8::try_from(number).expect("a month or a day");
    Date::new(i32::try_from(year).expect("a year"), small(month), small(day)).expect("a date")
}
