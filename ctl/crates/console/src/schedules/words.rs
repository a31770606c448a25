//! What an expression means, and when it runs next: by the rules of the agents.

use crate::api::sentence;
use crate::units::{Moment, now, rfc3339};
use agent_cron::{Date, Expression, Schedule, Zone, Zones};
use std::sync::LazyLock;

/// Zones are read once.
static ZONES: LazyLock<Zones> = LazyLock::new(Zones::system_or_bundled);

const DAYS: [&str; 7] = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];

/// An expression, explained.
#[derive(Debug)]
pub(crate) struct Words {
    /// A sentence.
    pub(crate) meaning: String,
    /// Parts that may not mean what they seem to.
    pub(crate) warnings: Vec<String>,
    /// The zone that it names; none where each host has its own.
    pub(crate) zone: Option<String>,
    /// Whether days of a calendar on the hosts decide too.
    pub(crate) calendar: bool,
    /// The next runs; without a zone, those of a host whose clock shows UTC.
    pub(crate) runs: Vec<Run>,
}

/// A run to come.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) moment: Moment,
    /// What a clock in the zone shows.
    pub(crate) clock: String,
}

/// Why an expression cannot be explained.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mistake {
    /// The field that is wrong.
    pub(crate) field: &'static str,
    pub(crate) why: String,
}

/// Explains an expression and finds its next runs. `zone` is that of the schedule's own field.
pub(crate) fn explain(text: &str, zone: Option<&str>, runs: usize) -> Result<Words, Mistake> {
    let expression = Expression::parse(text)
        .map_err(|error| Mistake { field: "schedule", why: sentence(&error.to_string()) })?;
    let name = expression.zone_name().or(zone);
    let found = match name {
        None => Zone::utc(),
        Some(name) => ZONES
            .load(name)
            .map_err(|error| Mistake { field: "timezone", why: sentence(&error.to_string()) })?,
    };
    let schedule = Schedule::new(&expression, &found, None);
    let runs = schedule.after(now() / 1000).take(runs).filter_map(|at| {
        let moment = Moment::of(&rfc3339(at.saturating_mul(1000)))?;
        Some(Run { moment, clock: clock(at, &found)? })
    });
    Ok(Words {
        meaning: sentence(&expression.explain()),
        warnings: expression.warnings().iter().map(|it| sentence(&it.to_string())).collect(),
        zone: name.map(str::to_owned),
        calendar: expression.has_calendar_days(),
        runs: runs.collect(),
    })
}

/// Returns what a clock in a zone shows at an instant.
fn clock(at: i64, zone: &Zone) -> Option<String> {
    let local = at + i64::from(zone.offset_at(at));
    let date = Date::of_days(i32::try_from(local.div_euclid(86_400)).ok()?)?;
    let second = local.rem_euclid(86_400);
    Some(format!(
        "{} {}-{:02}-{:02} {:02}:{:02}:{:02}",
        DAYS.get(usize::from(date.weekday()))?,
        date.year(),
        date.month(),
        date.day(),
        second / 3600,
        second / 60 % 60,
        second % 60
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_expression_is_told_in_words_with_its_next_runs_by_the_clock_of_its_zone() {
        let words = explain("0 30 2 * * MON", Some("Asia/Tokyo"), 3).unwrap();
        assert!(words.meaning.contains("02:30") && words.meaning.ends_with('.'), "{words:?}");
        assert_eq!(words.zone.as_deref(), Some("Asia/Tokyo"));
        let clocks: Vec<_> = words.runs.iter().map(|run| run.clock.as_str()).collect();
        assert_eq!(clocks.len(), 3);
        assert!(clocks.iter().all(|it| it.starts_with("Mon ") && it.ends_with(" 02:30:00")));
        // Tokyo is nine hours ahead, and has no summer time.
        assert!(words.runs.iter().all(|run| run.moment.title.ends_with(" 17:30:00 UTC")));
    }

    #[test]
    fn a_mistake_names_its_field() {
        assert_eq!(explain("0 99 * * * *", None, 1).unwrap_err().field, "schedule");
        assert_eq!(explain("0 0 * * * *", Some("Mars/Base"), 1).unwrap_err().field, "timezone");
        assert_eq!(
            explain("0 0 * * * *", Some("../../etc/passwd"), 1).unwrap_err().field,
            "timezone"
        );
    }

    #[test]
    fn an_instant_is_shown_by_the_clock() {
        let shown = |at| clock(at, &Zone::utc()).unwrap();
        assert_eq!(shown(0), "Thu 1970-01-01 00:00:00");
        assert_eq!(shown(1_767_346_200), "Fri 2026-01-02 09:30:00");
        assert_eq!(shown(951_782_399), "Mon 2000-02-28 23:59:59");
    }
}
