//! A schedule from the command line, with its zone, its calendar and the time to begin from: what `next` and
//! `explain` tell of.

use super::zone::Choice;
use super::{caret, instant};
use crate::cli::CronWhen;
use crate::error::Error;
use crate::output;
use agent_cron::{Calendar, Expression, Schedule, Zone};
use std::fmt::Display;
use std::fs::File;
use std::io::Read as _;
use std::path::Path;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

/// Bytes of a calendar that are read: more than its reader takes.
const MAX_CALENDAR: u64 = 1 << 20;

/// A schedule that has been understood.
pub(super) struct Plan {
    pub(super) expression: Expression,
    pub(super) zone: Zone,
    schedule: Schedule,
    from: i64,
}

/// Why there is none, and at which byte of the expression if it is about that.
pub(super) struct Refusal {
    pub(super) why: String,
    offset: Option<usize>,
}

impl Plan {
    /// Reads it. What is unclear but taken is told on standard error.
    ///
    /// # Errors
    /// [`Refusal`] for an expression or zone; [`Error`] when the calendar can't be read.
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

    /// The next runs, in Unix seconds; fewer than `count` where 2100 ends before.
    pub(super) fn next(&self, count: usize) -> Vec<i64> {
        self.schedule.after(self.from).take(count).collect()
    }

    /// Tells on standard error what is taken but may not be meant.
    pub(super) fn warn(&self) {
        for warning in self.expression.warnings() {
            output::error(&format_args!("warning: {warning}"));
        }
    }
}

impl Refusal {
    /// Tells it on standard error, the place marked.
    pub(super) fn tell(&self, expression: &str) {
        output::error(&self.why);
        if let Some(offset) = self.offset {
            output::error_lines(&caret::mark(expression, offset));
        }
    }
}

/// Reads a calendar's file.
///
/// # Errors
/// [`Error::Failed`] with its path.
pub(super) fn calendar(path: &Path) -> Result<Arc<Calendar>, Error> {
    let failed = |why: &dyn Display| Error::Failed(format!("{}: {why}", path.display()));
    let mut text = String::new();
    let read = File::open(path).and_then(|file| file.take(MAX_CALENDAR).read_to_string(&mut text));
    read.map_err(|error| failed(&error))?;
    Calendar::parse(&text).map(Arc::new).map_err(|error| failed(&error))
}

/// The times for machines.
pub(super) fn told(times: &[i64]) -> Vec<String> {
    times.iter().map(|&at| instant::utc(at)).collect()
}

/// This second.
pub(super) fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}
