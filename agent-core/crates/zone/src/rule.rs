//! The rule for the time after a file's last transition: its footer, which has the form of POSIX
//! `TZ` with the extensions of RFC 9636 (section 3.3.1), such as `EST5EDT,M3.2.0,M11.1.0`.

use crate::LocalTime;
use crate::civil::{date, first_of_month, month_length, weekday};
use crate::file::OFFSETS;

/// The first year whose transitions are computed; a file's own transitions end later.
const FIRST_YEAR: i32 = 1969;

const DAY: i64 = 86_400;

/// Days since 1970-01-01 for which years are computed, about the years -9,000 to 9,990: all sums of
/// [`first_of_month`] fit.
const DAYS: std::ops::RangeInclusive<i64> = -4_000_000..=2_930_000;

/// How clocks are put forward and back each year.
#[derive(Clone, Debug)]
pub struct Rule {
    standard: LocalTime,
    summer: Option<Summer>,
}

#[derive(Clone, Debug)]
struct Summer {
    local_time: LocalTime,
    /// By clocks that show standard time.
    begin: Change,
    /// By clocks that show summer time.
    end: Change,
}

/// The day of a year on which clocks change, and how many seconds after its midnight.
#[derive(Clone, Debug)]
struct Change {
    day: Day,
    time: i32,
}

#[derive(Clone, Debug)]
enum Day {
    /// `Jn`, 1 to 365: February 29 is never counted.
    WithoutLeap(i32),
    /// `n`, 0 to 365.
    WithLeap(i32),
    /// `Mm.w.d`: week 5 is the last.
    OfMonth { month: u8, week: u8, weekday: u8 },
}

impl Rule {
    /// Reads a rule; `None` if the text is not one.
    pub fn parse(text: &str) -> Option<Self> {
        let (abbreviation, rest) = name(text)?;
        let (offset, rest) = offset(rest)?;
        let standard = LocalTime { offset, abbreviation: abbreviation.to_owned(), is_dst: false };
        if rest.is_empty() {
            return Some(Self { standard, summer: None });
        }
        let (abbreviation, rest) = name(rest)?;
        let (offset, rest) = if rest.starts_with(',') {
            (standard.offset + 3600, rest)
        } else {
            self::offset(rest)?
        };
        let (begin, end) = rest.strip_prefix(',')?.split_once(',')?;
        let local_time = LocalTime { offset, abbreviation: abbreviation.to_owned(), is_dst: true };
        let summer = Summer { local_time, begin: Change::parse(begin)?, end: Change::parse(end)? };
        Some(Self { standard, summer: Some(summer) })
    }

    /// Returns the local time that the rule gives for an instant in Unix seconds.
    pub fn at(&self, unix: i64) -> &LocalTime {
        let Some(summer) = &self.summer else { return &self.standard };
        let day = unix.saturating_add(self.standard.offset.into()).div_euclid(DAY);
        let day = i32::try_from(day.clamp(*DAYS.start(), *DAYS.end())).unwrap_or_default();
        let (begin, end) = self.changes(summer, date(day).0);
        // On the southern half of the Earth, summer lasts over the new year.
        let is_summer =
            if begin < end { (begin..end).contains(&unix) } else { !(end..begin).contains(&unix) };
        if is_summer { &summer.local_time } else { &self.standard }
    }

    /// Returns from which instant which offset (seconds east of UTC) applies by this rule alone, up
    /// to the end of `last_year`. The first entry starts at [`i64::MIN`].
    pub fn offsets(&self, last_year: i32) -> Vec<(i64, i32)> {
        let mut offsets = vec![(i64::MIN, self.standard.offset)];
        self.extend(&mut offsets, last_year);
        offsets
    }

    /// Adds the transitions after the last of `offsets`, up to the end of `last_year`.
    pub(crate) fn extend(&self, offsets: &mut Vec<(i64, i32)>, last_year: i32) {
        let Some(&(last, _)) = offsets.last() else { return };
        let Some(summer) = &self.summer else {
            if last == i64::MIN {
                // There is no transition at all: the rule is the zone.
                offsets[0].1 = self.standard.offset;
            }
            return;
        };
        let day = i32::try_from(last.div_euclid(DAY)).unwrap_or(i32::MIN / 2);
        let mut later: Vec<(i64, i32)> = Vec::new();
        for year in date(day).0.max(FIRST_YEAR)..=last_year {
            let (begin, end) = self.changes(summer, year);
            for change in [(begin, summer.local_time.offset), (end, self.standard.offset)] {
                // In the south, a year's summer ends before the next one begins. Equal instants
                // keep their order.
                let at = later.partition_point(|&(instant, _)| instant <= change.0);
                later.insert(at, change);
            }
        }
        offsets.extend(later.into_iter().filter(|&(instant, _)| instant > last));
        // A summer that begins at the instant when the last one ends leaves no winter in between.
        offsets.dedup_by(|later, earlier| {
            let same = later.0 == earlier.0;
            if same {
                earlier.1 = later.1;
            }
            same
        });
    }

    /// Returns the instants at which summer time begins and ends in a year.
    fn changes(&self, summer: &Summer, year: i32) -> (i64, i64) {
        (
            summer.begin.at(year) - i64::from(self.standard.offset),
            summer.end.at(year) - i64::from(summer.local_time.offset),
        )
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
            let mut part = |least, most| {
                u8::try_from(parts.next().and_then(|part| number(part, least, most))?).ok()
            };
            let day = Day::OfMonth { month: part(1, 12)?, week: part(1, 5)?, weekday: part(0, 6)? };
            parts.next().is_none().then_some(day)?
        } else {
            Day::WithLeap(number(day, 0, 365)?)
        };
        Some(Self { day, time })
    }

    /// Returns the local time at the change, as seconds since 1970-01-01 00:00.
    fn at(&self, year: i32) -> i64 {
        let day = match self.day {
            Day::WithoutLeap(day) => {
                first_of_month(year, 1) + day - 1
                    + i32::from(day >= 60 && month_length(year, 2) == 29)
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

/// Splits off an abbreviation: three or more letters, or anything in `<>`.
fn name(text: &str) -> Option<(&str, &str)> {
    if let Some(rest) = text.strip_prefix('<') {
        return rest.split_once('>');
    }
    let end = text.find(|letter: char| !letter.is_ascii_alphabetic()).unwrap_or(text.len());
    (end >= 3).then(|| text.split_at(end))
}

/// Splits off an offset, which POSIX counts west of Greenwich.
fn offset(text: &str) -> Option<(i32, &str)> {
    let (west, rest) = time(text)?;
    OFFSETS.contains(&-west).then_some((-west, rest))
}

/// Splits off `[+-]hh[:mm[:ss]]`, up to 167 hours, and converts it to seconds.
fn time(text: &str) -> Option<(i32, &str)> {
    let (sign, text) = match text.strip_prefix('-') {
        Some(text) => (-1, text),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    };
    let end =
        text.find(|letter: char| letter != ':' && !letter.is_ascii_digit()).unwrap_or(text.len());
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

/// Parses a number of digits only.
fn number(text: &str, least: i32, most: i32) -> Option<i32> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|number| digits && (least..=most).contains(number))
}

#[cfg(test)]
mod tests;
