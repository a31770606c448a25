//! A calendar of excluded days, for the items `nC` of an expression: holidays, weekends, closures.
//!
//! The scheduler reads the file of a job's `calendar` setting with it, so does `cron next
//! --calendar`; the engine asks it for one day after another. It opens no file. It rejects a file
//! with any invalid line, because a job would run on a holiday that was skipped.
//!
//! ```text
//! # comments and empty lines
//! 2026-12-25                 a day
//! 2026-12-24..2026-12-31     the days from one to the other, both included
//! 12-25                      that day of every year; 02-29 in leap years
//! SAT                        every Saturday
//! SAT-SUN                    from one weekday to the other; may wrap: FRI-MON
//! 2026-05-01  # Labour Day   a comment may follow
//! ```
//!
//! A day is excluded if any line says so. Years have four digits, months and days two; weekdays are
//! SUN, MON, TUE, WED, THU, FRI, SAT in any case.

use crate::blanks::BLANKS;
use crate::date::Date;
use crate::error::{Error, quoted};
use agent_zone::civil::{self, month_length};
use std::fmt;

/// The longest text of a calendar, in bytes: some 20,000 lines.
const MAX_BYTES: usize = 256 << 10;

const WEEKDAYS: [&str; 7] = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];

/// A set of excluded days. A calendar's text has at most 256 kB, some 20,000 lines; each date or
/// range takes 8 bytes.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Calendar {
    /// Bit 0: Sundays.
    weekdays: u8,
    /// For each month, bit `d` for day `d` of every year.
    yearly: [u32; 12],
    /// First and last day of each stretch, in days since 1970-01-01; sorted, none touches the next.
    spans: Box<[(i32, i32)]>,
}

impl Calendar {
    /// Reads a calendar's text.
    ///
    /// # Errors
    /// [`Error::Calendar`] with the line and column of the first invalid rule.
    pub fn parse(text: &str) -> Result<Self, Error> {
        if text.len() > MAX_BYTES {
            return Err(flaw(1, 0, format!("the calendar is longer than {MAX_BYTES} bytes")));
        }
        let mut calendar = Self::default();
        let mut spans = Vec::new();
        for (index, line) in text.lines().enumerate() {
            let content = line.split('#').next().unwrap_or_default();
            let rule = content.trim_matches(BLANKS);
            if !rule.is_empty() {
                let start = content.len() - content.trim_start_matches(BLANKS).len();
                calendar
                    .add(rule, &mut spans)
                    .map_err(|(offset, message)| flaw(index + 1, start + offset, message))?;
            }
        }
        calendar.spans = merged(spans);
        Ok(calendar)
    }

    /// Returns a calendar of these days.
    pub fn of_dates(dates: impl IntoIterator<Item = Date>) -> Self {
        let spans = dates.into_iter().map(|date| (date.days(), date.days())).collect();
        Self { spans: merged(spans), ..Self::default() }
    }

    /// Returns whether the day is excluded.
    pub fn excludes(&self, date: Date) -> bool {
        let days = date.days();
        let next = self.spans.partition_point(|&(first, _)| first <= days);
        (self.weekdays >> date.weekday()) & 1 != 0
            || (self.yearly[usize::from(date.month()) - 1] >> date.day()) & 1 != 0
            || next.checked_sub(1).is_some_and(|index| days <= self.spans[index].1)
    }

    /// Returns which of the 64 days from `from` on (days since 1970-01-01) are excluded: bit 0 for
    /// the first.
    pub(crate) fn excluded_from(&self, from: i32) -> u64 {
        // Bit 0 for the weekday of the first day, then week after week.
        let weekdays = u64::from(self.weekdays);
        let week = ((weekdays | weekdays << 7) >> civil::weekday(from)) & 0x7f;
        let mut excluded = (0..64).step_by(7).fold(0, |days, week_begin| days | week << week_begin);
        let next = self.spans.partition_point(|&(_, last)| last < from);
        for &(first, last) in self.spans[next..].iter().take_while(|&&(first, _)| first - from < 64)
        {
            excluded |=
                u64::MAX << (first - from).max(0) & u64::MAX >> (63 - (last - from).min(63));
        }
        if self.yearly != [0; 12] {
            let (mut year, mut month, day) = civil::date(from);
            // The position of the month's day 0; days before `from` are shifted out.
            let mut zero = -i32::from(day);
            while zero < 63 {
                let days = u64::from(self.yearly[usize::from(month) - 1]);
                // February 29 is not a date of this year.
                let days = days & !(u64::MAX << (month_length(year, month) + 1));
                excluded |= if zero < 0 { days >> -zero } else { days << zero };
                zero += i32::from(month_length(year, month));
                (year, month) = if month == 12 { (year + 1, 1) } else { (year, month + 1) };
            }
        }
        excluded
    }

    fn add(&mut self, rule: &str, spans: &mut Vec<(i32, i32)>) -> Result<(), Flaw> {
        if let Some((first, last)) = rule.split_once("..") {
            let (from, to) = (date(first, 0)?, date(last, first.len() + 2)?);
            if from > to {
                return Err((0, format!("{last} is before {first}: the earlier day comes first")));
            }
            spans.push((from, to));
        } else if let Some((first, last)) = rule.split_once('-')
            && let (Some(from), Some(to)) = (weekday(first), weekday(last))
        {
            for day in from..=(if to < from { to + 7 } else { to }) {
                self.weekdays |= 1 << (day % 7);
            }
        } else if let Some(day) = weekday(rule) {
            self.weekdays |= 1 << day;
        } else if rule.len() == 5 {
            let (month, day) = month_and_day(rule, 0, 2000)?;
            self.yearly[usize::from(month) - 1] |= 1 << day;
        } else {
            let day = date(rule, 0)?;
            spans.push((day, day));
        }
        Ok(())
    }
}

/// Prints only counts: years of holidays do not fit a log line.
impl fmt::Debug for Calendar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Calendar")
            .field("weekdays", &self.weekdays.count_ones())
            .field("yearly", &self.yearly.iter().map(|days| days.count_ones()).sum::<u32>())
            .field("spans", &self.spans.len())
            .finish()
    }
}

/// The invalid byte of a rule, and the reason.
type Flaw = (usize, String);

fn flaw(line: usize, offset: usize, message: String) -> Error {
    Error::Calendar { line, column: offset + 1, message }
}

/// Sorts stretches and joins adjacent ones.
fn merged(mut spans: Vec<(i32, i32)>) -> Box<[(i32, i32)]> {
    spans.sort_unstable();
    spans.dedup_by(|later, earlier| {
        let touches = later.0 <= earlier.1.saturating_add(1);
        if touches {
            earlier.1 = earlier.1.max(later.1);
        }
        touches
    });
    spans.into()
}

/// Reads `2026-12-25` as days since 1970-01-01. `offset` is the text's place in its rule.
fn date(text: &str, offset: usize) -> Result<i32, Flaw> {
    if let Some((year, rest)) = text.split_once('-')
        && let Some(year) = digits::<4>(year)
    {
        let (month, day) = month_and_day(rest, offset + 5, i32::from(year))?;
        let date = Date::new(i32::from(year), month, day).expect("the day has been checked");
        return Ok(date.days());
    }
    let expected = "expected 2026-12-25, 2026-12-24..2026-12-31, 12-25, SAT or SAT-SUN";
    Err((offset, format!("\"{}\" is not a day: {expected}", quoted(text))))
}

/// Reads `12-25`; the year decides the length of February.
fn month_and_day(text: &str, offset: usize, year: i32) -> Result<(u8, u8), Flaw> {
    let small = |text| digits::<2>(text).and_then(|number| u8::try_from(number).ok());
    let parts = text.split_once('-').and_then(|(month, day)| Some((small(month)?, small(day)?)));
    let Some((month, day)) = parts else {
        return Err((offset, format!("\"{}\" is not a month and day such as 12-25", quoted(text))));
    };
    if !(1..=12).contains(&month) {
        return Err((offset, format!("\"{month:02}\": months are 01 to 12")));
    }
    let last = month_length(year, month);
    if !(1..=last).contains(&day) {
        return Err((offset + 3, format!("\"{day:02}\": the days of that month are 01 to {last}")));
    }
    Ok((month, day))
}

/// Reads exactly `N` digits.
fn digits<const N: usize>(text: &str) -> Option<u16> {
    let fits = text.len() == N && text.bytes().all(|byte| byte.is_ascii_digit());
    if fits { text.parse().ok() } else { None }
}

fn weekday(text: &str) -> Option<u8> {
    let index = WEEKDAYS.iter().position(|name| name.eq_ignore_ascii_case(text))?;
    u8::try_from(index).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn day(year: i32, month: u8, day: u8) -> Date {
        Date::new(year, month, day).unwrap()
    }

    #[test]
    fn each_kind_of_line_excludes_its_days() {
        let calendar = Calendar::parse(
            "# all kinds\r\n\n 2026-12-25\t# Christmas \n2027-03-01..2027-03-03\n2027-03-04\n05-01\n02-29\nsat-SUN\n",
        )
        .unwrap();
        // 2026-12-25 is a Friday, 2027-03-01 a Monday.
        for date in [
            day(2026, 12, 25),
            day(2027, 3, 1),
            day(2027, 3, 4),
            day(1970, 5, 1),
            day(2100, 5, 1),
            day(2028, 2, 29),
            day(2026, 12, 26),
            day(2026, 12, 27),
        ] {
            assert!(calendar.excludes(date), "{date:?}");
        }
        for date in [
            day(2026, 12, 24),
            day(2025, 12, 25),
            day(2027, 2, 26),
            day(2027, 3, 5),
            day(2027, 3, 8),
        ] {
            assert!(!calendar.excludes(date), "{date:?}");
        }
        assert_eq!(calendar.spans.len(), 2);
        assert_eq!(Calendar::parse("").unwrap(), Calendar::default());
        assert_eq!(
            Calendar::parse("FRI-MON").unwrap(),
            Calendar::parse("MON\nFRI\nSUN\nSAT").unwrap()
        );
    }

    #[test]
    fn days_looked_up_together_are_excluded_as_each_is_alone() {
        for text in [
            "",
            "SUN-SAT",
            "SAT-SUN\n02-29\n12-31\n01-01",
            "2026-01-02..2026-12-20\n2026-12-22\n2027-12-30",
            "2000-01-01..2100-12-31",
            "FRI\n03-01\n2028-02-28..2028-03-02\n2028-03-04",
        ] {
            let calendar = Calendar::parse(text).unwrap();
            for from in day(2025, 12, 1).days()..day(2029, 2, 1).days() {
                let together = calendar.excluded_from(from);
                let alone = (0..64).fold(0, |days, later| {
                    let (year, month, of_month) = civil::date(from + later);
                    days | u64::from(calendar.excludes(day(year, month, of_month))) << later
                });
                assert_eq!(together, alone, "{text:?} from {:?}", civil::date(from));
            }
        }
    }

    #[test]
    fn an_invalid_day_is_reported_with_its_place() {
        for (text, wanted) in [
            (
                "SAT\n  Saturday\n",
                "line 2, column 3: \"Saturday\" is not a day: expected 2026-12-25",
            ),
            ("2026-02-29", "line 1, column 9: \"29\": the days of that month are 01 to 28"),
            ("2026-13-01", "line 1, column 6: \"13\": months are 01 to 12"),
            ("02-30", "line 1, column 4: \"30\": the days of that month are 01 to 29"),
            ("00-01", "line 1, column 1: \"00\": months are 01 to 12"),
            ("2026-1-1", "line 1, column 6: \"1-1\" is not a month and day such as 12-25"),
            ("2026-12-24..2026-12-32", "line 1, column 21: \"32\""),
            ("2026-12-24..", "line 1, column 13: \"\" is not a day"),
            ("2026-12-31..2026-12-24", "line 1, column 1: 2026-12-24 is before 2026-12-31"),
            ("12-24..12-31", "line 1, column 1: \"12-24\" is not a day"),
            ("SAT,SUN", "line 1, column 1"),
            ("SAT SUN", "line 1, column 1"),
            ("SAT-", "line 1, column 1"),
            ("26-12-25", "line 1, column 1"),
            ("+026-12-25", "line 1, column 1"),
            ("\u{feff}SAT", "line 1, column 1: \"\\u{feff}SAT\""),
            ("é-25", "line 1, column 1"),
        ] {
            let error = Calendar::parse(text).unwrap_err().to_string();
            assert!(error.contains(wanted), "{text:?}: {error}");
        }
        assert!(Calendar::parse(&"#".repeat(MAX_BYTES)).is_ok());
        assert!(Calendar::parse(&"#".repeat(MAX_BYTES + 1)).is_err());
    }

    proptest! {
        #[test]
        fn a_day_is_excluded_if_a_line_says_so(
            dates in prop::collection::vec((2020..2024, 1_u8..13, 1_u8..29, 0_i32..40), 0..60),
            yearly in prop::collection::vec((1_u8..13, 1_u8..29), 0..5),
            weekdays in prop::collection::vec(0_usize..7, 0..2),
        ) {
            let show = |date: Date| format!("{:04}-{:02}-{:02}", date.year(), date.month(), date.day());
            let mut text = String::new();
            let mut spans = Vec::new();
            for (year, month, of_month, more) in dates {
                let first = day(year, month, of_month);
                // The last day, found by counting months' days.
                let last = (0..more).fold(first, |date, _| following(date));
                spans.push((first, last));
                text += &if more == 0 { show(first) } else { format!("{}..{}", show(first), show(last)) };
                text += "\n";
            }
            yearly.iter().for_each(|(month, day)| text += &format!("{month:02}-{day:02}\n"));
            weekdays.iter().for_each(|&day| text += &format!("{}\n", WEEKDAYS[day]));
            let calendar = Calendar::parse(&text).unwrap();
            let mut date = day(2019, 12, 25);
            // A Wednesday.
            let mut weekday = 3;
            while date < day(2024, 3, 1) {
                let wanted = spans.iter().any(|&(first, last)| (first..=last).contains(&date))
                    || yearly.contains(&(date.month(), date.day()))
                    || weekdays.contains(&weekday);
                prop_assert_eq!(calendar.excludes(date), wanted, "{:?}", date);
                (date, weekday) = (following(date), (weekday + 1) % 7);
            }
        }
    }

    fn following(date: Date) -> Date {
        let (year, month) = (date.year(), date.month());
        let next_month = || Date::new(year, month + 1, 1);
        Date::new(year, month, date.day() + 1)
            .or_else(next_month)
            .unwrap_or_else(|| day(year + 1, 1, 1))
    }
}
