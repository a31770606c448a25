//! The load of the coming hours: starts over all hosts, jobs that meet, and jobs that never run.

use super::{address, with_query};
use crate::api::Failure;
use crate::chart::{self, Chart, Point};
use crate::form::Form;
use crate::later;
use crate::markup::Markup;
use crate::page::{Frame, html, text};
use crate::session::Session;
use crate::units::{HOUR, MINUTE, Moment, count, counted, millis, rfc3339};
use askama::Template;
use axum::extract::RawQuery;
use axum::response::Response;
use controller_api::{
    ForecastCollision, ForecastJob, ForecastQuery, MAX_FORECAST_HOURS, ScheduleForecast, path,
};
use fleet::Action;

/// The most bars of the chart.
const MAX_BARS: usize = 288;

/// The minutes of one bar: the first that leaves few enough bars.
const STEPS: [usize; 6] = [1, 5, 10, 15, 30, 60];

/// Minutes that are named as the busiest.
const PEAKS: usize = 5;

/// Rows of each table.
const ROWS: usize = 50;

/// Seconds that a forecast may be old.
const MAX_AGE: u64 = 10;

/// Jobs of a collision that are named.
const NAMED: usize = 6;

pub(super) async fn show(session: Session, RawQuery(query): RawQuery) -> Result<Response, Failure> {
    let form = Form::of_query(query.as_deref());
    let hours = form.get("hours").parse().unwrap_or(24).clamp(1, MAX_FORECAST_HOURS);
    let selector = form.get("selector").trim().to_owned();
    let may_ask = session.may(Action::FactsRead);
    let own = may_ask && form.has("own");
    let query = ForecastQuery {
        hours: Some(hours),
        selector: Some(selector.clone()).filter(|text| !text.is_empty()),
        own: Some(own),
        // A page that several operators reload is made once.
        max_age: Some(MAX_AGE),
    };
    let asked = Asked { hours, selector, own, may_ask };
    let none = ScheduleForecast::default;
    let before = text(&page(&session, asked.clone(), none(), None))?;
    let answer = async move {
        match session.api.query(path::SCHEDULES_FORECAST, &query).await {
            Ok(found) => html(&page(&session, asked, found, None)),
            Err(failure) if failure.status.as_u16() == 400 => {
                html(&page(&session, asked, none(), Some(failure.sentence())))
            }
            Err(failure) => Err(failure),
        }
    };
    later::page(before, answer).await
}

/// The query of the page.
#[derive(Clone)]
struct Asked {
    hours: u32,
    selector: String,
    own: bool,
    may_ask: bool,
}

/// Makes the page of a forecast.
fn page(
    session: &Session,
    asked: Asked,
    found: ScheduleForecast,
    problem: Option<String>,
) -> Forecast {
    let Asked { hours, selector, own, may_ask } = asked;
    let hours_text = hours.to_string();
    let link = |hours: &str, own: bool| {
        let own = if own { "1" } else { "" };
        let fields = [("hours", hours), ("selector", &selector), ("own", own)];
        with_query("/schedules/forecast", &fields)
    };
    Forecast {
        frame: session.frame("Forecast"),
        spans: ["1", "6", "24", "72", "168"]
            .into_iter()
            .map(|span| (span, link(span, own), span == hours_text))
            .collect(),
        ask_link: (may_ask && !own).then(|| link(&hours_text, true)),
        total: counted(found.load.iter().sum(), "start"),
        hosts: counted(found.hosts, "host"),
        asked: counted(found.asked, "host"),
        unasked: unasked(&found, own),
        chart: (problem.is_none() && !found.load.is_empty()).then(|| draw(&found, hours)),
        step: step(found.load.len()),
        peaks: peaks(&found),
        more_jobs: found.jobs.len().saturating_sub(ROWS),
        more_never: found.never.len().saturating_sub(ROWS),
        more_collisions: found.collisions.len().saturating_sub(ROWS),
        jobs: found.jobs.into_iter().take(ROWS).map(Job::of).collect(),
        never: found
            .never
            .into_iter()
            .take(ROWS)
            .map(|it| (it.schedule.then(|| address(&it.name)), it.name, it.why))
            .collect(),
        collisions: found.collisions.into_iter().take(ROWS).map(Collision::of).collect(),
        hours,
        selector,
        own,
        may_ask,
        problem,
    }
}

/// Returns the minutes of one bar.
fn step(minutes: usize) -> usize {
    STEPS.into_iter().find(|step| minutes.div_ceil(*step) <= MAX_BARS).unwrap_or(60)
}

fn draw(found: &ScheduleForecast, hours: u32) -> Markup {
    let from = millis(&found.from).unwrap_or_default();
    let step = step(found.load.len());
    let points: Vec<Point> = found
        .load
        .chunks(step)
        .zip(0_i64..)
        .map(|(minutes, at)| Point {
            label: clock(from + at * MINUTE * i64::try_from(step).unwrap_or(1), hours > 24),
            value: minutes.iter().sum(),
        })
        .collect();
    // Seven words at even distances fit on a phone.
    let ticks: Vec<String> =
        (0..=6).map(|at| clock(from + i64::from(hours) * HOUR * at / 6, hours > 24)).collect();
    let busiest = peaks(found).into_iter().next();
    let hours_to_come = counted(u64::from(hours), "hour");
    let summary = match busiest {
        Some(peak) => format!(
            "Starts in the next {hours_to_come}; the busiest minute is {} with {}",
            peak.clock, peak.starts
        ),
        None => format!("No starts in the next {hours_to_come}"),
    };
    let unit = if step == 1 { "starts in this minute" } else { "starts from then on" };
    let chart = Chart { summary: &summary, unit, points: &points };
    chart::load(&chart, &ticks)
}

/// Returns the time of a day as UTC clocks show it, with the day where there are several.
fn clock(at: i64, with_day: bool) -> String {
    // As in 2026-01-31T09:30:00.000Z.
    let text = rfc3339(at);
    let time = text.get(11..16).unwrap_or_default();
    match text.get(5..10) {
        Some(day) if with_day => format!("{day} {time}"),
        _ => time.to_owned(),
    }
}

/// Says which hosts are only partly in the forecast.
fn unasked(found: &ScheduleForecast, own: bool) -> Option<String> {
    if !own || found.offline + found.silent == 0 {
        return None;
    }
    let are = if found.offline == 1 { "is" } else { "are" };
    Some(format!(
        "{} {are} offline and {} did not answer: of these, only the schedules are counted.",
        counted(found.offline, "host"),
        count(found.silent)
    ))
}

/// A busy minute.
struct Peak {
    moment: Option<Moment>,
    clock: String,
    starts: String,
}

/// Returns the busiest minutes, the busiest first.
fn peaks(found: &ScheduleForecast) -> Vec<Peak> {
    let from = millis(&found.from).unwrap_or_default();
    let mut busy: Vec<(u64, i64)> =
        found.load.iter().copied().zip(0_i64..).filter(|(starts, _)| *starts > 0).collect();
    busy.sort_by_key(|(starts, at)| (std::cmp::Reverse(*starts), *at));
    busy.truncate(PEAKS);
    busy.into_iter()
        .map(|(starts, at)| Peak {
            moment: Moment::to_come(&rfc3339(from + at * MINUTE)),
            clock: format!("{} UTC", clock(from + at * MINUTE, true)),
            starts: format!("{} {}", count(starts), if starts == 1 { "start" } else { "starts" }),
        })
        .collect()
}

#[derive(Template)]
#[template(path = "schedules/forecast.html")]
struct Forecast {
    frame: Frame,
    hours: u32,
    selector: String,
    own: bool,
    may_ask: bool,
    /// Hours, address, whether they are shown.
    spans: Vec<(&'static str, String, bool)>,
    ask_link: Option<String>,
    problem: Option<String>,
    total: String,
    hosts: String,
    asked: String,
    unasked: Option<String>,
    chart: Option<Markup>,
    step: usize,
    peaks: Vec<Peak>,
    jobs: Vec<Job>,
    /// Address, name, reason.
    never: Vec<(Option<String>, String, String)>,
    collisions: Vec<Collision>,
    /// Rows of the tables that are not shown.
    more_jobs: usize,
    more_never: usize,
    more_collisions: usize,
}

struct Job {
    name: String,
    address: Option<String>,
    hosts: String,
    runs: String,
    first: Option<Moment>,
}

impl Job {
    fn of(found: ForecastJob) -> Self {
        Self {
            address: found.schedule.then(|| address(&found.name)),
            name: found.name,
            hosts: count(found.hosts),
            runs: count(found.runs),
            first: found.first.as_deref().and_then(Moment::to_come),
        }
    }
}

struct Collision {
    jobs: Vec<String>,
    more: usize,
    hosts: String,
    times: String,
    first: Option<Moment>,
}

impl Collision {
    fn of(mut found: ForecastCollision) -> Self {
        let more = found.jobs.len().saturating_sub(NAMED);
        found.jobs.truncate(NAMED);
        Self {
            jobs: found.jobs,
            more,
            hosts: count(found.hosts),
            times: count(found.times),
            first: Moment::to_come(&found.first),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn forecast(load: Vec<u64>) -> ScheduleForecast {
        let from = "2026-01-31T23:30:00Z".to_owned();
        ScheduleForecast { from, load, ..ScheduleForecast::default() }
    }

    #[test]
    fn the_busiest_minutes_come_first_and_have_their_time() {
        let mut load = vec![0; 60];
        (load[7], load[40]) = (3, 12);
        let found = peaks(&forecast(load));
        let told: Vec<_> = found.iter().map(|it| (it.clock.as_str(), it.starts.as_str())).collect();
        assert_eq!(told, [("02-01 00:10 UTC", "12 starts"), ("01-31 23:37 UTC", "3 starts")]);
    }

    #[test]
    fn a_chart_has_a_bounded_number_of_bars_that_count_every_start() {
        for hours in [1, 24, 25, 168] {
            let found = forecast(vec![1; hours * 60]);
            let svg = draw(&found, u32::try_from(hours).unwrap()).to_string();
            let bars = svg.matches("class=\"hit\"").count();
            assert!((1..=MAX_BARS).contains(&bars), "{hours} h: {bars} bars");
            assert!(bars * step(hours * 60) >= hours * 60 && svg.len() < 64 << 10, "{hours} h");
        }
        assert!(!draw(&forecast(vec![0; 60]), 1).to_string().contains("class=\"hit\""));
    }
}
