//! The chart of the last day: hosts online and away, and failures, drawn as SVG paths.
//!
//! The plot is stretched to the width of its card, so words stand outside of it, in HTML.

use crate::units;
use controller_api::Trend;
use std::fmt::Write as _;

/// The plot's width and height, and the height of the bars of failures below it.
const WIDTH: f64 = 960.0;
const HEIGHT: f64 = 120.0;
const BARS: f64 = 28.0;

/// Samples that make a chart: fewer are a speck at its edge.
const FEW: i64 = 6;

/// Labels below the plot.
const LABELS: i64 = 5;

/// What the template draws.
pub(super) struct Chart {
    pub(super) runs: Vec<Run>,
    /// Times in which the controller was down: left edge and width.
    pub(super) gaps: Vec<(String, String)>,
    /// The time before the first sample, where there is room to say so: its width, and when it ended.
    pub(super) before: Option<(String, String)>,
    /// Failures: left edge, top, width and height.
    pub(super) bars: Vec<(String, String, String, String)>,
    /// The most hosts of the plot.
    pub(super) top: String,
    /// The most failures of a bar, for people; empty where no run failed.
    pub(super) most_failures: String,
    pub(super) labels: Vec<String>,
    /// All of it in a sentence.
    pub(super) summary: String,
}

/// Samples without a gap.
pub(super) struct Run {
    /// The area of all hosts, of those online, and the line above the latter.
    pub(super) all: String,
    pub(super) online: String,
    pub(super) line: String,
}

/// A sample as the chart needs it: when, and how many.
#[derive(Clone, Copy)]
struct Point {
    at: i64,
    online: u64,
    all: u64,
    failures: u64,
}

/// Draws the samples and, as the last one, the numbers of now; `None` while there are few samples.
pub(super) fn draw(trend: &Trend, online: u64, away: u64) -> Option<Chart> {
    let (from, to) = (units::millis(&trend.from)?, units::millis(&trend.to)?);
    let mut points: Vec<Point> = trend
        .samples
        .iter()
        .filter_map(|sample| {
            let (online, all) = (sample.online, sample.online + sample.away);
            Some(Point { at: units::millis(&sample.at)?, online, all, failures: sample.failures })
        })
        .collect();
    let every = i64::from(trend.every_seconds) * 1000;
    let first = points.first()?.at;
    if to <= from || to - first < FEW * every {
        return None;
    }
    points.push(Point { at: to, online, all: online + away, failures: 0 });
    let top = points.iter().map(|point| point.all).max().unwrap_or_default().max(1);
    let most = points.iter().map(|point| point.failures).max().unwrap_or_default();
    let scale = Scale { from, to, top, most, every };
    let runs: Vec<&[Point]> =
        points.chunk_by(|before, after| after.at - before.at <= 2 * every).collect();
    let mut gaps = Vec::new();
    for pair in runs.windows(2) {
        if let ([.., last], [first, ..]) = (pair[0], pair[1]) {
            let (left, right) = (scale.x(last.at), scale.x(first.at));
            gaps.push((number(left), number(right - left)));
        }
    }
    let failures: u64 = points.iter().map(|point| point.failures).sum();
    let lowest = points.iter().map(|point| point.online).min().unwrap_or_default();
    let down = if gaps.is_empty() { "" } else { " The controller was down for a part of it." };
    Some(Chart {
        runs: runs.iter().map(|run| scale.run(run)).collect(),
        gaps,
        before: (first - from > (to - from) / 4).then(|| (number(scale.x(first)), clock(first))),
        bars: points.iter().filter(|point| point.failures > 0).map(|p| scale.bar(p)).collect(),
        top: units::count(top),
        most_failures: if most > 0 { units::count(most) } else { String::new() },
        labels: (0..LABELS).map(|step| label(from, to, step)).collect(),
        summary: format!(
            "The last 24 hours: at least {} online, {} online and {} away now, {} of runs.{down}",
            units::counted(lowest, "host"),
            units::count(online),
            units::count(away),
            units::counted(failures, "failure"),
        ),
    })
}

fn label(from: i64, to: i64, step: i64) -> String {
    if step == LABELS - 1 {
        return "now".to_owned();
    }
    clock(from + (to - from) * step / (LABELS - 1))
}

fn clock(at: i64) -> String {
    let minutes = at.div_euclid(60_000);
    format!("{:02}:{:02}", minutes.div_euclid(60).rem_euclid(24), minutes.rem_euclid(60))
}

struct Scale {
    from: i64,
    to: i64,
    top: u64,
    most: u64,
    every: i64,
}

impl Scale {
    fn x(&self, at: i64) -> f64 {
        share((at - self.from).unsigned_abs(), (self.to - self.from).unsigned_abs()) * WIDTH
    }

    fn y(&self, hosts: u64) -> f64 {
        // The line at the top must not be cut.
        HEIGHT - share(hosts, self.top) * (HEIGHT - 4.0)
    }

    fn run(&self, points: &[Point]) -> Run {
        let mut line = String::new();
        let mut above = String::new();
        for (place, point) in points.iter().enumerate() {
            let letter = if place == 0 { 'M' } else { 'L' };
            let x = number(self.x(point.at));
            let _ = write!(line, "{letter}{x} {}", number(self.y(point.online)));
            let _ = write!(above, "{letter}{x} {}", number(self.y(point.all)));
        }
        let (Some(first), Some(last)) = (points.first(), points.last()) else {
            return Run { all: String::new(), online: String::new(), line };
        };
        let (left, right) = (number(self.x(first.at)), number(self.x(last.at)));
        let area = |top: &str| format!("{top}L{right} {HEIGHT}L{left} {HEIGHT}Z");
        Run { all: area(&above), online: area(&line), line }
    }

    fn bar(&self, point: &Point) -> (String, String, String, String) {
        let width = (share(self.every.unsigned_abs(), (self.to - self.from).unsigned_abs())
            * WIDTH)
            .max(2.0);
        let height = (share(point.failures, self.most) * BARS).max(2.0);
        let left = (self.x(point.at) - width).max(0.0);
        (number(left), number(BARS - height), number(width), number(height))
    }
}

/// Returns `part / whole`, from 0 to 1.
fn share(part: u64, whole: u64) -> f64 {
    let thousandths = u128::from(part) * 100_000 / u128::from(whole.max(1));
    f64::from(u32::try_from(thousandths).unwrap_or(100_000).min(100_000)) / 100_000.0
}

/// Returns a coordinate with one decimal.
fn number(value: f64) -> String {
    format!("{value:.1}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use controller_api::TrendSample;

    fn trend(times: &[(&str, u64, u64)]) -> Trend {
        let sample = |(at, online, failures): &(&str, u64, u64)| TrendSample {
            at: format!("2026-01-31T{at}:00.000Z"),
            online: *online,
            away: 10 - online,
            pending: 0,
            quarantined: 0,
            failures: *failures,
        };
        Trend {
            every_seconds: 300,
            from: "2026-01-30T12:00:00.000Z".to_owned(),
            to: "2026-01-31T12:00:00.000Z".to_owned(),
            samples: times.iter().map(sample).collect(),
        }
    }

    #[test]
    fn a_time_without_samples_is_a_gap_and_not_a_line() {
        let samples = [("08:00", 10, 0), ("08:05", 5, 3), ("10:00", 10, 0), ("11:55", 10, 1)];
        let chart = draw(&trend(&samples), 9, 1).unwrap();
        assert_eq!((chart.runs.len(), chart.gaps.len(), chart.bars.len()), (3, 2, 2));
        assert!(chart.runs[0].line.starts_with("M800.0 4.0L"), "{}", chart.runs[0].line);
        assert_eq!(chart.labels, ["12:00", "18:00", "00:00", "06:00", "now"]);
        assert!(chart.summary.contains("at least 5 hosts") && chart.summary.contains("was down"));
    }

    #[test]
    fn there_is_no_chart_of_few_samples_and_a_flat_one_without_hosts() {
        assert!(draw(&trend(&[]), 1, 1).is_none());
        assert!(draw(&trend(&[("11:50", 1, 0), ("11:55", 1, 0)]), 1, 1).is_none());
        let half_an_hour = ["11:30", "11:35", "11:40", "11:45", "11:50", "11:55"];
        let chart = draw(&trend(&half_an_hour.map(|at| (at, 0, 0))), 0, 0).unwrap();
        assert_eq!(chart.before, Some(("940.0".to_owned(), "11:30".to_owned())));
        assert!(chart.runs[0].line.contains(' ') && !chart.summary.contains("was down"));
    }
}
