//! Compares the crate and its oracle with the times that independent implementations give (Quartz,
//! croniter, cron-parser) or that were worked out by hand (vectors.jsonl).

#[allow(dead_code, unused_imports, reason = "each test uses a part")]
mod oracle;

use agent_cron::{Calendar, Date, Expression, Schedule, Zone};
use oracle::{Changes, Oracle, Random, days_of, every_zone, next, prev, tzif};
use serde_json::Value;
use std::fs;
use std::path::Path;
use std::sync::Arc;

const VECTORS: &str = include_str!("vectors.jsonl");

fn text<'a>(vector: &'a Value, name: &str) -> &'a str {
    vector[name].as_str().unwrap_or_else(|| panic!("{name} of {vector}"))
}

fn instant(text: &str) -> i64 {
    text.parse::<jiff::Timestamp>().expect("a time in UTC").as_second()
}

fn dates(vector: &Value) -> Vec<Date> {
    let list = vector["calendar"].as_array().map_or(&[][..], Vec::as_slice);
    list.iter()
        .map(|date| {
            let parts: Vec<i32> = date
                .as_str()
                .expect("a date")
                .split('-')
                .map(|part| part.parse().expect("a date"))
                .collect();
            Date::new(
                parts[0],
                parts[1].try_into().expect("a date"),
                parts[2].try_into().expect("a date"),
            )
            .expect("a date")
        })
        .collect()
}

/// Returns the zone of a schedule; `None` if the zone does not exist.
fn zone_of<'a>(prefix: Option<&'a str>, vector: &'a Value) -> Option<(&'a str, &'static [u8])> {
    let name = prefix.or(vector["tz"].as_str()).unwrap_or("UTC");
    tzif(name).map(|bytes| (name, bytes))
}

/// Returns the times found for one vector, or `None` for an error.
type Answer = fn(&Value, i64, usize) -> Option<Vec<i64>>;

fn by_the_crate(vector: &Value, from: i64, count: usize) -> Option<Vec<i64>> {
    let expression = Expression::parse(text(vector, "expr")).ok()?;
    let (name, bytes) = zone_of(expression.zone_name(), vector)?;
    let zone = Zone::from_tzif(name, bytes).expect("a zone of the database");
    let calendar = Arc::new(Calendar::of_dates(dates(vector)));
    let schedule = Schedule::new(&expression, &zone, Some(&calendar));
    let times: Vec<i64> = schedule.after(from).take(count).collect();
    for pair in times.windows(2) {
        assert_eq!(schedule.prev(pair[1]), Some(pair[0]), "{vector}");
    }
    Some(times)
}

fn by_the_oracle(vector: &Value, from: i64, count: usize) -> Option<Vec<i64>> {
    let oracle = Oracle::parse(text(vector, "expr"))?;
    let (name, bytes) = zone_of(oracle.zone.as_deref(), vector)?;
    let changes = Changes::read(name, bytes);
    let mut days: Vec<i64> = dates(vector)
        .iter()
        .map(|date| days_of(date.year().into(), date.month().into(), date.day().into()))
        .collect();
    days.sort_unstable();
    let mut times = Vec::new();
    let mut last = from;
    while times.len() < count
        && let Some(time) = next(&oracle, &changes, &days, last)
    {
        if let Some(&before) = times.last() {
            assert_eq!(prev(&oracle, &changes, &days, time), Some(before), "{vector}");
        }
        times.push(time);
        last = time;
    }
    Some(times)
}

fn check(answer: Answer) {
    let mut wrong = Vec::new();
    for line in VECTORS.lines() {
        let vector: Value = serde_json::from_str(line).expect("a vector is JSON");
        let wanted: Option<Vec<i64>> = vector["next"]
            .as_array()
            .map(|list| list.iter().map(|time| instant(time.as_str().expect("a time"))).collect());
        let from = vector["from"].as_str().map_or(0, instant);
        let found = answer(&vector, from, 5);
        if found != wanted {
            let (expr, why, tz) = (&vector["expr"], &vector["why"], &vector["tz"]);
            wrong.push(format!("{expr} {tz} from {from} ({why}): {found:?}, not {wanted:?}"));
        }
    }
    assert!(wrong.is_empty(), "{} vectors differ:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn the_crate_agrees_with_other_implementations() {
    check(by_the_crate);
}

#[test]
fn the_oracle_agrees_with_other_implementations() {
    check(by_the_oracle);
}

/// Compares one zone's offsets with those of the other reader, around each change and between.
fn same_offsets(name: &str, bytes: &[u8], random: &mut Random) {
    let changes = Changes::read(name, bytes);
    let zone = Zone::from_tzif(name, bytes).unwrap_or_else(|error| panic!("{name}: {error}"));
    let same =
        |at: i64| assert_eq!(i64::from(zone.offset_at(at)), changes.offset(at), "{name} at {at}");
    for &(start, _) in &changes.0[1..] {
        [-1, 0, 1].into_iter().for_each(|beside| same(start + beside));
    }
    for _ in 0..50 {
        same(random.between(days_of(1850, 1, 1) * 86_400, days_of(2100, 12, 31) * 86_400));
    }
}

#[test]
fn offsets_agree_with_another_reader_of_zone_files() {
    let mut random = Random::new(1);
    for name in every_zone() {
        same_offsets(name, tzif(name).expect("a zone that was listed"), &mut random);
    }
}

/// Most files of a host list all changes instead of giving a rule for them.
#[test]
fn offsets_of_this_hosts_zone_files_agree_too() {
    let mut random = Random::new(2);
    for name in every_zone() {
        if let Ok(bytes) = fs::read(Path::new("/usr/share/zoneinfo").join(name)) {
            same_offsets(name, &bytes, &mut random);
        }
    }
}
