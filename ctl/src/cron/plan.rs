//! A schedule from the command line, with its zone, its calendar and its start, for `next` and
//! `explain`.

use super::instant;
use super::zone::Choice;
use crate::cli::CronWhen;
use crate::error::Error;
use crate::output;
use crate::terminal::caret;
use agent_cron::{Calendar, Expression, Schedule, Zone};
use std::fs::File;
use std::io::Read as _;
use std::path::Path;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

/// Bytes of a calendar that are read; more than its parser accepts.
const MAX_CALENDAR: u64 = 1 << 20;

/// A valid schedule.
pub(super) struct Plan {
    pub(super) expression: Expression,
    pub(super) zone: Zone,
    schedule: Schedule,
    from: i64,
}

/// Why a schedule is invalid, and at which byte of the expression, if the problem has a place.
pub(super) struct Refusal {
    pub(super) why: String,
    offset: Option<usize>,
}

impl Plan {
    /// Reads the schedule.
    ///
    /// # Errors
    /// [`Refusal`] for an invalid expression or zone; [`Error`] if the calendar cannot be read.
    pub(super) fn read(when: &CronWhen) -> Result<Result<Self, Refusal>, Error> {
        let calendar = when.calendar.as_deref().map(calendar).transpose()?;
        Ok(Self::with_calendar(when, calendar.as_ref()))
    }

    fn with_calendar(when: &CronWhen, calendar: Option<&Arc<Calendar>>) -> Result<Self, Refusal> {
        let expression = Expression::parse(when.expression())
            .map_err(|error| Refusal { why: error.to_string(), offset: Some(error.offset()) })?;
        let named = expression.zone_name().map(|_| 0);
        let zone = Choice::new(when.tz.as_deref())
            .of(expression.zone_name())
            .map_err(|error| Refusal { why: error.to_string(), offset: named })?;
        let schedule = Schedule::new(&expression, &zone, calendar);
        let from = when.from.map_or_else(now, |from| from.unix(&zone));
        Ok(Self { expression, zone, schedule, from })
    }

    /// Returns the next runs in Unix seconds; fewer than `count` if 2100 ends before.
    pub(super) fn next(&self, count: usize) -> Vec<i64> {
        self.schedule.after(self.from).take(count).collect()
    }

    /// Prints a warning for everything that is valid but may not be intended.
    pub(super) fn warn(&self) {
        for warning in self.expression.warnings() {
            output::error(&format_args!("warning: {warning}"));
        }
    }
}

impl Refusal {
    /// Prints the reason on standard error, and marks the place.
    pub(super) fn print(&self, expression: &str) {
        output::error(&self.why);
        if let Some(offset) = self.offset {
            output::error_lines(&caret::mark(expression, offset));
        }
    }
}

/// Reads a calendar file.
///
/// # Errors
/// [`Error::Failed`] with its path.
pub(super) fn calendar(path: &Path) -> Result<Arc<Calendar>, Error> {
    let mut text = String::new();
    let read = File::open(path).and_then(|file| file.take(MAX_CALENDAR).read_to_string(&mut text));
    let shown = || path.display().to_string();
    read.map_err(|error| Error::failed_by(shown(), error))?;
    Calendar::parse(&text).map(Arc::new).map_err(|error| Error::failed_by(shown(), error))
}

/// Returns times in UTC, for programs.
pub(super) fn utc_texts(times: &[i64]) -> Vec<String> {
    times.iter().map(|&at| instant::utc(at)).collect()
}

/// Returns the current second.
pub(super) fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}
