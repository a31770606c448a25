//! When an expression runs: instants, in a zone whose clocks are put forward and back (rules 21 to 25).
//!
//! Who calls it: the scheduler, for the next run of a job, and `cron next`. A [`Schedule`] is cheap to make and
//! larger than an [`Expression`]: made when a job's next run is asked for, not kept for each job.

mod engine;
mod month;
mod wall;

use crate::calendar::Calendar;
use crate::expression::Expression;
use crate::zone::Zone;
use std::iter;
use std::sync::Arc;
use wall::{DAY, LAST_DAY, Wall};

/// No clock shows the first or the last day of all runs before or after these.
const FIRST: i64 = -2 * DAY;
const END: i64 = (LAST_DAY as i64 + 3) * DAY;

/// An expression in a zone, with a calendar.
#[derive(Clone, Debug)]
pub struct Schedule {
    wall: Wall,
    zone: Zone,
    /// Every instant whose wall time matches counts (rule 25); else only the first of each wall time (rule 24).
    wild: bool,
}

impl Schedule {
    /// An expression's times in a zone; without a calendar no day is excluded. The zone is the one to use:
    /// [`Expression::zone_name`] is the caller's to look up.
    pub fn new(expression: &Expression, zone: &Zone, calendar: Option<&Arc<Calendar>>) -> Self {
        Self { wall: Wall::new(expression, calendar), zone: zone.clone(), wild: expression.is_wild() }
    }

    /// The first run later than `after`, in Unix seconds; `None` after the last of 2100.
    pub fn next(&self, after: i64) -> Option<i64> {
        if after >= END {
            return None;
        }
        let from = after.saturating_add(1).max(FIRST);
        // The last search: there is no match from `asked` until `found`.
        let (mut asked, mut found) = (i64::MAX, i64::MIN);
        for (span, end) in self.zone.spans_from(from) {
            let floor = span.floor(self.wild);
            let low = if from <= span.start { floor } else { floor.max(from + span.offset()) };
            if low < asked || found < low {
                (asked, found) = (low, self.wall.at_or_after(low));
            }
            // A skipped time comes at the first instant after the gap.
            let instant = (found - span.offset()).max(span.start);
            if instant < end.min(END) {
                return Some(instant);
            }
        }
        None
    }

    /// The last run earlier than `before`, in Unix seconds; `None` before the first of 1970.
    pub fn prev(&self, before: i64) -> Option<i64> {
        let before = before.min(END);
        if before <= FIRST {
            return None;
        }
        for (span, end) in self.zone.spans_back_from(before - 1) {
            let high = before.min(end).saturating_add(span.offset());
            if let Some(found) = self.wall.before(high).filter(|&found| found >= span.floor(self.wild)) {
                return Some((found - span.offset()).max(span.start));
            }
        }
        None
    }

    /// The runs later than `from`, in order.
    pub fn after(&self, from: i64) -> impl Iterator<Item = i64> {
        iter::successors(self.next(from), |&last| self.next(last))
    }
}
