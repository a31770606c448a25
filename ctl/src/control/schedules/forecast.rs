//! `schedule forecast`: the load of the coming hours as a chart of text.

use super::super::parsed;
use crate::cli::ScheduleForecast as Flags;
use crate::client::Controller;
use crate::clock;
use crate::error::Error;
use crate::print::{document, table};
use crate::terminal::safe;
use controller_api::path::segment;
use controller_api::{ScheduleForecast, path};
use std::fmt::Write as _;

/// Characters of the longest bar.
const BAR: u64 = 50;

/// Lines of the chart, at most.
const LINES: usize = 48;

/// Rows of each table.
const ROWS: usize = 20;

/// Shows the forecast.
///
/// # Errors
/// Any [`Error`].
pub(super) fn run(controller: &Controller, flags: &Flags) -> Result<(), Error> {
    let mut query = format!("{}?hours={}", path::SCHEDULES_FORECAST, flags.hours);
    if let Some(selector) = &flags.selector {
        let _ = write!(query, "&selector={}", segment(selector));
    }
    if flags.schedules_only {
        query.push_str("&own=false");
    }
    let text = controller.read(&query)?;
    document(&text, flags.output.format(), || Ok(shown(&parsed(&text)?)))
}

fn shown(forecast: &ScheduleForecast) -> String {
    let mut text = chart(forecast);
    let peak = forecast.load.iter().enumerate().max_by_key(|(at, load)| (**load, usize::MAX - at));
    let runs: u64 = forecast.load.iter().sum();
    let _ = writeln!(
        text,
        "\n{runs} starts on {} hosts ({} asked for their own jobs, {} offline, {} not asked)",
        forecast.hosts, forecast.asked, forecast.offline, forecast.silent
    );
    if let Some((minute, load)) = peak.filter(|(_, load)| **load > 0) {
        let _ = writeln!(text, "the busiest minute is {} with {load}", at(forecast, minute));
    }
    let jobs: Vec<[String; 4]> = forecast
        .jobs
        .iter()
        .take(ROWS)
        .map(|job| {
            let kind = if job.schedule { "schedule" } else { "host's own" };
            [safe(&job.name), kind.to_owned(), job.hosts.to_string(), job.runs.to_string()]
        })
        .collect();
    part(&mut text, &table::text(["JOB", "KIND", "HOSTS", "RUNS"], &jobs), forecast.jobs.len());
    if !forecast.collisions.is_empty() {
        text.push_str("\nJobs that start in the same minute on one host:\n");
        let rows: Vec<[String; 4]> = forecast
            .collisions
            .iter()
            .take(ROWS)
            .map(|met| {
                let first = clock::shown(&met.first, &clock::here());
                let jobs = safe(&met.jobs.join(" + "));
                [jobs, met.hosts.to_string(), met.times.to_string(), first]
            })
            .collect();
        let rows = table::text(["JOBS", "HOSTS", "TIMES", "FIRST"], &rows);
        part(&mut text, &rows, forecast.collisions.len());
    }
    if !forecast.never.is_empty() {
        text.push_str("\nJobs without a run in this time:\n");
        let rows: Vec<[String; 2]> = forecast
            .never
            .iter()
            .take(ROWS)
            .map(|never| [safe(&never.name), safe(&never.why)])
            .collect();
        part(&mut text, &table::text(["JOB", "WHY"], &rows), forecast.never.len());
    }
    text
}

/// Draws a bar for each span of minutes: as high as its busiest minute.
fn chart(forecast: &ScheduleForecast) -> String {
    let span = forecast.load.len().div_ceil(LINES).max(1);
    let most = forecast.load.iter().copied().max().unwrap_or_default().max(1);
    let mut text = format!("starts in the busiest minute of each {span} minutes\n");
    for (place, minutes) in forecast.load.chunks(span).enumerate() {
        let load = minutes.iter().copied().max().unwrap_or_default();
        let length = usize::try_from((load * BAR).div_ceil(most)).unwrap_or_default();
        let bar = "█".repeat(length);
        let _ = writeln!(text, "{}  {load:>6} {bar}", at(forecast, place * span));
    }
    text
}

fn at(forecast: &ScheduleForecast, minute: usize) -> String {
    let zone = clock::here();
    let seconds = i64::try_from(minute).unwrap_or_default() * 60;
    match clock::unix(&forecast.from) {
        Some(from) => crate::cron::local(from + seconds, &zone),
        None => format!("+{minute} min"),
    }
}

fn part(text: &mut String, rows: &str, all: usize) {
    text.push('\n');
    text.push_str(rows);
    if all > ROWS {
        let _ = writeln!(text, "… and {} more (-o json)", all - ROWS);
    }
}
