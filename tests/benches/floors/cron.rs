//! Compares the time to find the next run and to parse an expression with other crates' times.
//!
//! All crates search from the same instants of four years. Each gets them in its own type,
//! converted beforehand, and its results are added up as Unix seconds. A dash means that the crate
//! does not support the expression, or does not support zones.

use crate::sample::{Pair, take_turns};
use crate::table::{self, Bar};
use agent_cron::{Calendar, Expression, Schedule, Zone, Zones};
use chrono::{DateTime, TimeZone, Utc};
use cronexpr::MakeTimestamp;
use std::hint::black_box;
use std::str::FromStr as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Calls that are timed together.
const BATCH: usize = 256;

/// Batches of each side.
const BATCHES: usize = 100;

/// 2026-01-01 in Unix seconds, and the length of the period in seconds.
const BEGIN: i64 = 1_767_225_600;
const FOUR_YEARS: u64 = 126_230_400;

const NEW_YORK: &str = "America/New_York";

/// Expressions with the same meaning in every crate that supports them, including the bare `cron`;
/// then expressions that `cron` does not support.
const SHARED: [&str; 12] = [
    "* * * * * *",
    "*/10 * * * * *",
    "0 */5 * * * *",
    "0 0,30 8-18 * * *",
    "0 0 9-17 * * MON-FRI",
    "5,10,15 0-30/3 8,20 * 1-6 *",
    "0 0 0 * * *",
    "0 0 12 ? * SUN",
    "0 30 4 1,15 * *",
    "0 0 0 31 * ?",
    "0 0 0 1 1 *",
    "0 0 0 29 2 ?",
];
const SPARSE: [&str; 6] = [
    "0 0 0 29 2 ?",
    "0 0 0 ? * FRI#5",
    "0 0 0 L * ?",
    "0 0 0 15W * ?",
    "0 0 0 ? * FRIL",
    "0 0 0 13 * FRI",
];

/// Expressions and zones whose search takes many steps.
const AWKWARD: [&str; 10] = [
    "59 59 23 29 2 ?",
    "0 0 0 29 2 */7",
    "0 30 1 31W 1-12/5 ?",
    "0 30 2 ? 2 SUN#5",
    "30 59 1,2,3 L-30 * ?",
    "*/59 59 23 LW * MON#5",
    "0 0-59/7 0-23/5 1W,15,L-2 * SAT,FRI#5",
    "0 0 0 5C * ?",
    "0 0 2 ? * SATC",
    "59 59 23 31 12 *",
];
const HOLIDAYS: &str =
    "SAT-SUN\n01-01\n05-01\n12-25\n12-26\n2027-03-26..2027-03-29\n2028-04-14..2028-04-17\n";
const ZONES: [&str; 5] =
    ["UTC", NEW_YORK, "Africa/Casablanca", "Australia/Lord_Howe", "Pacific/Apia"];

/// Finds the next run after the instant at this index.
type Next = Box<dyn Fn(usize) -> i64>;

pub(crate) fn run() {
    println!("Next run, ns:\n");
    println!("| expression | zone | ours | cron | croner | cron-lite | saffron | cronexpr |");
    println!("|---|---|---|---|---|---|---|---|");
    let all = || SHARED.iter().chain(SPARSE.iter().filter(|text| !SHARED.contains(text)));
    for text in all() {
        for zoned in [false, true] {
            row(text, zoned);
        }
    }
    println!();
    table::ratios();
    for text in SHARED {
        for zoned in [false, true] {
            let pair =
                turns(&ours(text, zoned), &bare(text, zoned).expect("the crate supports it"));
            ratio(&format!("next of `{text}`, {} : `cron`", zone_name(zoned)), &pair, BATCH, 1.3);
        }
    }
    for text in SPARSE {
        for zoned in [false, true] {
            let pair =
                turns(&ours(text, zoned), &croner(text, zoned).expect("the crate supports it"));
            ratio(&format!("next of `{text}`, {} : `croner`", zone_name(zoned)), &pair, BATCH, 0.2);
        }
    }
    for text in all() {
        reading(text);
    }
    println!();
    table::figures();
    let never = (0..BATCH)
        .map(|_| time(|| assert!(black_box(Expression::parse("0 0 0 31 2 ?")).is_err())))
        .min();
    table::figure("\"never fires\" said", micros(never), "µs", Bar::AtMost(20.0));
    table::figure(
        "the slowest next of awkward ones, five zones, a calendar",
        slowest(),
        "µs",
        Bar::AtMost(2.0),
    );
}

/// Prints the times of all crates for one expression.
fn row(text: &str, zoned: bool) {
    let mine = ours(text, zoned);
    let others = [
        bare(text, zoned),
        croner(text, zoned),
        cron_lite(text, zoned),
        saffron(text, zoned),
        cronexpr(text, zoned),
    ];
    let mut cells = Vec::new();
    let mut of_ours = Duration::MAX;
    for other in others {
        cells.push(other.map_or_else(
            || "–".to_owned(),
            |other| {
                let (ours, other) = turns(&mine, &other).at(50);
                of_ours = of_ours.min(ours);
                nanos(other)
            },
        ));
    }
    println!("| `{text}` | {} | {} | {} |", zone_name(zoned), nanos(of_ours), cells.join(" | "));
}

fn turns(ours: &Next, other: &Next) -> Pair {
    let batch =
        |next: &Next| black_box((0..BATCH).map(|place| next(black_box(place))).sum::<i64>());
    take_turns(
        BATCHES,
        || {
            batch(ours);
        },
        || {
            batch(other);
        },
    )
}

fn ratio(what: &str, pair: &Pair, calls: usize, bar: f64) {
    let (ours, other) = pair.at(50);
    let each = |time: Duration| format!("{:.0} ns", time.as_secs_f64() * 1e9 / calls as f64);
    table::ratio(what, &each(ours), &each(other), &pair.ratio(50), Bar::AtMost(bar));
}

/// Compares the time from text to a schedule that can search with croner's time for the same.
fn reading(text: &str) {
    const READINGS: usize = 32;
    let utc = Zone::utc();
    let repeat = |read: &dyn Fn()| (0..READINGS).for_each(|_| read());
    let pair = take_turns(
        BATCHES,
        || {
            repeat(&|| {
                let expression = Expression::parse(black_box(text)).expect("an expression");
                black_box(Schedule::new(&expression, &utc, None));
            });
        },
        || {
            repeat(&|| {
                black_box(croner_of(black_box(text)).expect("the crate supports it"));
            });
        },
    );
    ratio(&format!("reading `{text}` : `croner`"), &pair, READINGS, 1.0);
}

/// Returns the least time of the slowest call, in microseconds.
fn slowest() -> f64 {
    let zones = Zones::system();
    let calendar = Arc::new(Calendar::parse(HOLIDAYS).expect("a calendar"));
    let mut worst = Duration::ZERO;
    for name in ZONES {
        let zone = zones.load(name).expect("a zone of this host");
        for text in AWKWARD.iter().chain(&SHARED).chain(&SPARSE) {
            let schedule = Schedule::new(
                &Expression::parse(text).expect("an expression"),
                &zone,
                Some(&calendar),
            );
            for place in 0..2_000 {
                let instant = instant(place) * 3 / 2 - BEGIN / 2;
                let least = (0..7).map(|_| time(|| schedule.next(black_box(instant)))).min();
                worst = worst.max(least.unwrap_or_default());
            }
        }
    }
    micros(Some(worst))
}

fn time<T>(action: impl Fn() -> T) -> Duration {
    let start = Instant::now();
    black_box(action());
    start.elapsed()
}

fn micros(time: Option<Duration>) -> f64 {
    (time.unwrap_or_default().as_secs_f64() * 1e8).round() / 100.0
}

fn nanos(batch: Duration) -> String {
    format!("{:.0}", batch.as_secs_f64() * 1e9 / BATCH as f64)
}

fn zone_name(zoned: bool) -> &'static str {
    if zoned { "New York" } else { "UTC" }
}

/// Returns an instant of a pseudo-random sequence that is the same in each run.
fn instant(place: usize) -> i64 {
    let mixed = (place as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 20;
    BEGIN + (mixed % FOUR_YEARS).cast_signed()
}

fn instants<T>(make: impl Fn(i64) -> T) -> Vec<T> {
    (0..BATCH).map(instant).map(make).collect()
}

fn ours(text: &str, zoned: bool) -> Next {
    let zone = if zoned {
        Zones::system().load(NEW_YORK).expect("a zone of this host")
    } else {
        Zone::utc()
    };
    let schedule = Schedule::new(&Expression::parse(text).expect("an expression"), &zone, None);
    let from = instants(|instant| instant);
    Box::new(move |place| schedule.next(from[place]).expect("a run"))
}

/// Wraps a schedule that searches from a chrono time in either zone.
fn by_chrono<S: 'static>(
    schedule: S,
    zoned: bool,
    utc: fn(&S, &DateTime<Utc>) -> DateTime<Utc>,
    new_york: fn(&S, &DateTime<chrono_tz::Tz>) -> DateTime<chrono_tz::Tz>,
) -> Next {
    if zoned {
        let zone = chrono_tz::America::New_York;
        let from = instants(|instant| zone.timestamp_opt(instant, 0).single().expect("an instant"));
        Box::new(move |place| new_york(&schedule, &from[place]).timestamp())
    } else {
        let from = instants(|instant| DateTime::from_timestamp(instant, 0).expect("an instant"));
        Box::new(move |place| utc(&schedule, &from[place]).timestamp())
    }
}

fn bare(text: &str, zoned: bool) -> Option<Next> {
    // This crate requires both day fields to match, and does not support special days.
    if !SHARED.contains(&text) {
        return None;
    }
    let schedule = cron::Schedule::from_str(text).ok()?;
    let next = by_chrono(
        schedule,
        zoned,
        |schedule, from| schedule.after(from).next().expect("a run"),
        |schedule, from| schedule.after(from).next().expect("a run"),
    );
    let ours = ours(text, zoned);
    assert!((0..BATCH).all(|place| next(place) == ours(place)), "{text}: the results differ");
    Some(next)
}

fn croner_of(text: &str) -> Option<croner::Cron> {
    let parser =
        croner::parser::CronParser::builder().seconds(croner::parser::Seconds::Required).build();
    parser.parse(text).ok()
}

fn croner(text: &str, zoned: bool) -> Option<Next> {
    Some(by_chrono(
        croner_of(text)?,
        zoned,
        |cron, from| cron.find_next_occurrence(from, false).expect("a run"),
        |cron, from| cron.find_next_occurrence(from, false).expect("a run"),
    ))
}

fn cron_lite(text: &str, zoned: bool) -> Option<Next> {
    // This crate includes the start itself, which takes the same time.
    Some(by_chrono(
        cron_lite::Schedule::new(text).ok()?,
        zoned,
        |schedule, from| schedule.upcoming(from).expect("a run"),
        |schedule, from| schedule.upcoming(from).expect("a run"),
    ))
}

/// Supports five fields, in UTC only.
fn saffron(text: &str, zoned: bool) -> Option<Next> {
    let cron: saffron::Cron = text.strip_prefix("0 ").filter(|_| !zoned)?.parse().ok()?;
    let from = instants(|instant| DateTime::from_timestamp(instant, 0).expect("an instant"));
    Some(Box::new(move |place| cron.next_after(from[place]).expect("a run").timestamp()))
}

/// Supports five fields and a zone, but no `?`.
fn cronexpr(text: &str, zoned: bool) -> Option<Next> {
    let fields = text.strip_prefix("0 ")?.replace('?', "*");
    let crontab =
        cronexpr::parse_crontab(&format!("{fields} {}", if zoned { NEW_YORK } else { "UTC" }))
            .ok()?;
    let from = instants(|instant| MakeTimestamp::from_second(instant).expect("an instant"));
    Some(Box::new(move |place| {
        crontab.find_next(from[place]).expect("a run").timestamp().as_second()
    }))
}
