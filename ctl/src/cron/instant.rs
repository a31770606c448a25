//! Instants as text: parses RFC 3339, prints UTC for programs and a zone's clock for people.
//!
//! No crate: humantime supports neither offsets nor times before 1970, and a whole time library is
//! more than these functions need.

use agent_cron::{Date, Zone};
use std::fmt::Write as _;

const DAY: i64 = 86_400;

const EXPECTED: &str =
    "expected a time such as 2026-03-29, 2026-03-29T09:30, 2026-03-29T09:30:00Z or +02:00";

const WEEKDAYS: [&str; 7] = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];

/// A time from the command line: the time of a clock, and the clock's offset if the text has one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Given {
    /// Seconds since 1970-01-01 00:00 on that clock.
    wall: i64,
    /// Seconds east of UTC.
    offset: Option<i64>,
}

impl Given {
    /// Parses RFC 3339. The seconds, the time of day and the offset are optional; fractions of
    /// seconds are dropped.
    ///
    /// # Errors
    /// The expected form.
    pub(crate) fn parse(text: &str) -> Result<Self, &'static str> {
        read(text).ok_or(EXPECTED)
    }

    /// Returns the instant in Unix seconds. A time without an offset is in `zone`: the first
    /// instant if the zone's clocks show it twice; if they skip it, later by the length of the gap.
    pub(crate) fn unix(self, zone: &Zone) -> i64 {
        let Self { wall, offset: None } = self else { return self.wall - self.offset.unwrap_or(0) };
        let offset = |at: i64| i64::from(zone.offset_at(at));
        let (before, after) = (wall - offset(wall - DAY), wall - offset(wall + DAY));
        let shows = |&at: &i64| at + offset(at) == wall;
        [before.min(after), before.max(after)].into_iter().find(shows).unwrap_or(before)
    }
}

fn read(text: &str) -> Option<Given> {
    if !text.is_ascii() {
        return None;
    }
    let (date, rest) = text.split_at_checked(10)?;
    let mut parts = date.splitn(3, '-');
    let mut part = |digits| number(parts.next()?, digits);
    let (year, month, day) = (part(4)?, part(2)?, part(2)?);
    let date =
        Date::new(i32::try_from(year).ok()?, u8::try_from(month).ok()?, u8::try_from(day).ok()?)?;
    let midnight = i64::from(date.days()) * DAY;
    if rest.is_empty() {
        return Some(Given { wall: midnight, offset: None });
    }
    let rest = rest.strip_prefix(['T', 't', ' '])?;
    let (time, offset) = match rest.find(['Z', 'z', '+', '-']) {
        Some(at) => (&rest[..at], Some(offset(&rest[at..])?)),
        None => (rest, None),
    };
    Some(Given { wall: midnight + time_of_day(time)?, offset })
}

/// `09:30`, `09:30:15`, `09:30:15.5`
fn time_of_day(text: &str) -> Option<i64> {
    let mut parts = text.splitn(3, ':');
    let (hour, minute) = (number(parts.next()?, 2)?, number(parts.next()?, 2)?);
    let second = match parts.next().map(|second| second.split_once('.').unwrap_or((second, "0"))) {
        None => 0,
        Some((second, fraction)) => {
            number(fraction, fraction.len())?;
            number(second, 2)?
        }
    };
    (hour < 24 && minute < 60 && second < 60).then_some(hour * 3600 + minute * 60 + second)
}

/// `Z`, `+02:00`
fn offset(text: &str) -> Option<i64> {
    if text.eq_ignore_ascii_case("Z") {
        return Some(0);
    }
    let (sign, size) = text.split_at(1);
    let (hours, minutes) = size.split_once(':')?;
    let (hours, minutes) = (number(hours, 2)?, number(minutes, 2)?);
    let seconds = (hours < 24 && minutes < 60).then_some(hours * 3600 + minutes * 60)?;
    Some(if sign == "-" { -seconds } else { seconds })
}

/// Parses exactly `digits` digits, of which the first nine count.
fn number(text: &str, digits: usize) -> Option<i64> {
    let fits = text.len() == digits && digits > 0 && text.bytes().all(|byte| byte.is_ascii_digit());
    if fits { text[..digits.min(9)].parse().ok() } else { None }
}

/// `2026-01-05T00:00:00Z`
pub(crate) fn utc(at: i64) -> String {
    let mut text = String::with_capacity(20);
    write_wall(&mut text, at, 'T');
    text.push('Z');
    text
}

/// `Mon 2026-01-05 01:00:00 +01:00`
pub(crate) fn local(at: i64, zone: &Zone) -> String {
    let offset = i64::from(zone.offset_at(at));
    let wall = at + offset;
    let mut text = String::with_capacity(32);
    text.push_str(date(wall).map_or("", |date| WEEKDAYS[usize::from(date.weekday())]));
    text.push(' ');
    write_wall(&mut text, wall, ' ');
    let (sign, size) = (if offset < 0 { '-' } else { '+' }, offset.abs());
    let _ = write!(text, " {sign}{:02}:{:02}", size / 3600, size / 60 % 60);
    if size % 60 != 0 {
        let _ = write!(text, ":{:02}", size % 60);
    }
    text
}

fn date(wall: i64) -> Option<Date> {
    Date::of_days(i32::try_from(wall.div_euclid(DAY)).ok()?)
}

fn write_wall(text: &mut String, wall: i64, between: char) {
    let Some(date) = date(wall) else {
        // Beyond the range of any schedule.
        text.push('?');
        return;
    };
    let second = wall.rem_euclid(DAY);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    let (year, month, day) = (date.year(), date.month(), date.day());
    let _ = write!(text, "{year:04}-{month:02}-{day:02}{between}{hour:02}:{minute:02}:{second:02}");
}

#[cfg(test)]
mod tests {
    use super::*;
    use agent_cron::Zones;

    #[test]
    fn times_with_an_offset_are_instants() {
        for (text, wanted) in [
            ("1970-01-01T00:00:00Z", 0),
            ("1970-01-01t00:00:00z", 0),
            ("1970-01-01 00:00Z", 0),
            ("2026-01-05T00:00:00Z", 1_767_571_200),
            ("2026-01-05T01:00:00+01:00", 1_767_571_200),
            ("2026-01-04T19:00:00.999999999999-05:00", 1_767_571_200),
            ("2100-12-31T23:59:59Z", 4_133_980_799),
            ("1900-01-01T00:00:00Z", -2_208_988_800),
        ] {
            assert_eq!(Given::parse(text).unwrap().unix(&Zone::utc()), wanted, "{text}");
        }
    }

    #[test]
    fn times_without_an_offset_are_in_the_zone() {
        let berlin = Zones::system().load("Europe/Berlin").unwrap();
        for (text, wanted) in [
            ("2026-01-05", "Mon 2026-01-05 00:00:00 +01:00"),
            ("2026-07-05T12:30", "Sun 2026-07-05 12:30:00 +02:00"),
            // A skipped time, and a time that clocks show twice.
            ("2026-03-29 02:30", "Sun 2026-03-29 03:30:00 +02:00"),
            ("2026-10-25 02:30", "Sun 2026-10-25 02:30:00 +02:00"),
            ("2026-10-25 03:00", "Sun 2026-10-25 03:00:00 +01:00"),
        ] {
            let at = Given::parse(text).unwrap().unix(&berlin);
            assert_eq!(local(at, &berlin), wanted, "{text}");
        }
    }

    #[test]
    fn malformed_times_are_rejected() {
        for text in [
            "",
            "now",
            "2026",
            "2026-02-29",
            "2026-13-01",
            "2026-1-1",
            "2026-01-01T",
            "2026-01-01T24:00",
            "2026-01-01T00:60Z",
            "2026-01-01T00:00:60Z",
            "2026-01-01T00:00:00.Z",
            "2026-01-01T00:00:00.xZ",
            "2026-01-01T00:00:00ZZ",
            "2026-01-01T00:00:00+1",
            "2026-01-01T00:00:00+24:00",
            "2026-01-01T00:00:00+é0:00",
            "+026-01-01",
            "2026-01-01Z",
        ] {
            assert_eq!(Given::parse(text), Err(EXPECTED), "{text:?}");
        }
    }

    #[test]
    fn utc_texts_parse_to_the_same_second() {
        for at in (-100_000_i64..5_000_000_000).step_by(86_399 * 7) {
            let text = utc(at);
            assert_eq!(Given::parse(&text).unwrap().unix(&Zone::utc()), at, "{text}");
        }
    }
}
