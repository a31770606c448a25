//! The rule for the years after a file's last change: its footer, POSIX `TZ` with the extensions of RFC 9636
//! (section 3.3.1), such as `EST5EDT,M3.2.0,M11.1.0`.

use super::tzif::OFFSETS;
use crate::date::{civil, first_of_month, month_length, weekday};

/// The changes of this year are the last ones.
const LAST_YEAR: i32 = 2101;

/// The changes before 1969 matter to nobody's runs.
const FIRST_YEAR: i32 = 1969;

const DAY: i64 = 86_400;

/// How clocks are put forward and back each year.
pub(super) struct Rule {
    /// Seconds east of UTC.
    standard: i32,
    summer: Option<Summer>,
}

struct Summer {
    /// Seconds east of UTC.
    offset: i32,
    /// By clocks that show standard time.
    begin: Change,
    /// By clocks that show summer time.
    end: Change,
}

/// On which day of a year, and how many seconds after its midnight.
struct Change {
    day: Day,
    time: i32,
}

enum Day {
    /// `Jn`, 1 to 365: February 29 is never counted.
    WithoutLeap(i32),
    /// `n`, 0 to 365.
    WithLeap(i32),
    /// `Mm.w.d`: week 5 is the last.
    OfMonth { month: u8, week: u8, weekday: u8 },
}

impl Rule {
    pub(super) fn parse(text: &str) -> Option<Self> {
        // POSIX counts west of Greenwich.
        let offset = |text| {
            let (west, rest) = time(text)?;
            OFFSETS.contains(&-west).then_some((-west, rest))
        };
        let (standard, rest) = offset(behind_name(text)?)?;
        if rest.is_empty() {
            return Some(Self { standard, summer: None });
        }
        let rest = behind_name(rest)?;
        let (summer, rest) = if rest.starts_with(',') { (standard + 3600, rest) } else { offset(rest)? };
        let (begin, end) = rest.strip_prefix(',')?.split_once(',')?;
        let summer = Summer { offset: summer, begin: Change::parse(begin)?, end: Change::parse(end)? };
        Some(Self { standard, summer: Some(summer) })
    }

    /// Adds what happens after the last change.
    pub(super) fn extend(&self, changes: &mut Vec<(i64, i32)>) {
        let Some(&(last, _)) = changes.last() else { return };
        let Some(Summer { offset, begin, end }) = &self.summer else {
            if last == i64::MIN {
                // No change at all: the rule is the zone.
                changes[0].1 = self.standard;
            }
            return;
        };
        let day = i32::try_from(last.div_euclid(DAY)).unwrap_or(i32::MIN / 2);
        let mut later = Vec::new();
        for year in civil(day).0.max(FIRST_YEAR)..=LAST_YEAR {
            later.push((begin.at(year) - i64::from(self.standard), *offset));
            later.push((end.at(year) - i64::from(*offset), self.standard));
        }
        // Where summer is first, the year begins and ends with it; the sort keeps the order of equal instants.
        later.sort_by_key(|&(instant, _)| instant);
        changes.extend(later.into_iter().filter(|&(instant, _)| instant > last));
        // A summer that begins when the last one ends: winter has no time.
        changes.dedup_by(|later, earlier| {
            let same = later.0 == earlier.0;
            if same {
                earlier.1 = later.1;
            }
            same
        });
    }
}

impl Change {
    fn parse(text: &str) -> Option<Self> {
        let (day, time) = match text.split_once('/') {
            Some((day, at)) => (day, time(at).filter(|(_, rest)| rest.is_empty())?.0),
            None => (text, 2 * 3600),
        };
        let day = if let Some(day) = day.strip_prefix('J') {
            Day::WithoutLeap(number(day, 1, 365)?)
        } else if let Some(day) = day.strip_prefix('M') {
            let mut parts = day.split('.');
            let mut part =
                |least, most| u8::try_from(parts.next().and_then(|part| number(part, least, most))?).ok();
            let day = Day::OfMonth { month: part(1, 12)?, week: part(1, 5)?, weekday: part(0, 6)? };
            parts.next().is_none().then_some(day)?
        } else {
            Day::WithLeap(number(day, 0, 365)?)
        };
        Some(Self { day, time })
    }

    /// What the clocks show then, as seconds since 1970-01-01 00:00.
    fn at(&self, year: i32) -> i64 {
        let day = match self.day {
            Day::WithoutLeap(day) => {
                first_of_month(year, 1) + day - 1 + i32::from(day >= 60 && month_length(year, 2) == 29)
            }
            Day::WithLeap(day) => first_of_month(year, 1) + day,
            Day::OfMonth { month, week, weekday: wanted } => {
                let first = first_of_month(year, month);
                let day = (wanted + 7 - weekday(first)) % 7 + 7 * (week - 1);
                first + i32::from(if day < month_length(year, month) { day } else { day - 7 })
            }
        };
        i64::from(day) * DAY + i64::from(self.time)
    }
}

/// Behind a name: three or more letters, or anything in `<>`.
fn behind_name(text: &str) -> Option<&str> {
    if let Some(rest) = text.strip_prefix('<') {
        return rest.split_once('>').map(|(_, rest)| rest);
    }
    let rest = text.trim_start_matches(|letter: char| letter.is_ascii_alphabetic());
    (text.len() - rest.len() >= 3).then_some(rest)
}

/// `[+-]hh[:mm[:ss]]` in seconds, up to 167 hours, and what follows it.
fn time(text: &str) -> Option<(i32, &str)> {
    let (sign, text) = match text.strip_prefix('-') {
        Some(text) => (-1, text),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    };
    let end = text.find(|letter: char| letter != ':' && !letter.is_ascii_digit()).unwrap_or(text.len());
    let (parts, rest) = text.split_at(end);
    let mut parts = parts.split(':');
    let mut seconds = number(parts.next()?, 0, 167)? * 3600;
    for unit in [60, 1] {
        if let Some(part) = parts.next() {
            seconds += number(part, 0, 59)? * unit;
        }
    }
    parts.next().is_none().then_some((sign * seconds, rest))
}

/// Digits only.
fn number(text: &str, least: i32, most: i32) -> Option<i32> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|number| digits && (least..=most).contains(number))
}
