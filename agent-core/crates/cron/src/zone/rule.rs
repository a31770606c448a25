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
        let mut later: Vec<(i64, i32)> = Vec::new();
        for year in civil(day).0.max(FIRST_YEAR)..=LAST_YEAR {
            let begin = (begin.at(year) - i64::from(self.standard), *offset);
            let end = (end.at(year) - i64::from(*offset), self.standard);
            for change in [begin, end] {
                // In the south a year's summer ends before the next begins. Equal instants stay as they are.
                let at = later.partition_point(|&(instant, _)| instant <= change.0);
                later.insert(at, change);
            }
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn changes(text: &str, last: i64) -> Vec<(i64, i32)> {
        let mut changes = vec![(i64::MIN, 0)];
        if last > i64::MIN {
            changes.push((last, 1));
        }
        Rule::parse(text).unwrap().extend(&mut changes);
        changes
    }

    #[test]
    fn a_rule_goes_on_to_2101_from_the_last_change() {
        // 2026-03-08 07:00 and 2026-11-01 06:00 UTC.
        let found = changes("EST5EDT,M3.2.0,M11.1.0", 1_772_953_199);
        assert_eq!(found[2..4], [(1_772_953_200, -4 * 3600), (1_793_512_800, -5 * 3600)]);
        assert_eq!(found.len(), 2 + 2 * 76);
        assert_eq!(changes("<+0330>-3:30", 5), [(i64::MIN, 0), (5, 1)]);
        assert_eq!(changes("<+0330>-3:30", i64::MIN), [(i64::MIN, 12_600)]);
    }

    #[test]
    fn the_south_and_changes_on_other_days_are_told() {
        let first_after = |text, last| changes(text, last)[2];
        // Sydney, 2026-04-05 03:00 summer time; Nuuk, 2026-03-28 22:00 by -02; the last day of February.
        assert_eq!(first_after("AEST-10AEDT,M10.1.0,M4.1.0/3", 1_767_225_600), (1_775_318_400, 10 * 3600));
        assert_eq!(first_after("<-02>2<-01>,M3.5.0/-1,M10.5.0/0", 1_767_225_600), (1_774_746_000, -3600));
        assert_eq!(first_after("AAA0BBB,J60/0,J365", 1_704_067_200), (1_709_251_200, 3600));
        assert_eq!(first_after("AAA0BBB,59/0,J365", 1_704_067_200), (1_709_164_800, 3600));
    }

    #[test]
    fn a_summer_without_end_is_one_offset() {
        let found = changes("XXX3EDT4,0/0,J365/23", 1_767_225_600);
        // But for the end of 2101.
        assert!(found[2..found.len() - 1].iter().all(|&(_, offset)| offset == -4 * 3600), "{found:?}");
    }

    #[test]
    fn what_is_no_rule_is_refused() {
        for text in [
            "",
            "E",
            "EST",
            "EST5EDT",
            "EST5EDT,",
            "EST5EDT,M3.2.0",
            "EST5EDT,M3.2.0,M11.1.0,",
            "EST5EDT,M13.2.0,M11.1.0",
            "EST5EDT,M3.6.0,M11.1.0",
            "EST5EDT,M3.2.7,M11.1.0",
            "EST5EDT,M3.2,M11.1.0",
            "EST5EDT,J0,J365",
            "EST5EDT,J366,J1",
            "EST5EDT,366,1",
            "EST5EDT,+1,J1",
            "EST5EDT,M3.2.0/168,M11.1.0",
            "EST5:60",
            "EST5:00:00:00",
            "EST168",
            "EST-27",
            "<EST5",
            "EST5 ",
            "\u{e9}ST5",
        ] {
            assert!(Rule::parse(text).is_none(), "{text:?}");
        }
    }
}
