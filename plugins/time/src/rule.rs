//! The rule of times to come, `CET-1CEST,M3.5.0,M10.5.0/3`: TZ of POSIX, as tzfile(5) ends with it.

use crate::calendar::{self, DAY};
use crate::zone::Offset;

/// Two offsets and when they change, or one that stays.
struct Rule {
    standard: Offset,
    summer: Option<(Offset, Change, Change)>,
}

/// When an offset changes.
struct Change {
    day: Day,
    /// Seconds after that day's midnight, by the clock before the change.
    time: i64,
}

enum Day {
    /// `Jn`: the n-th day of the year; a leap day is not counted.
    Julian(i64),
    /// `n`: days after January 1; leap days are counted.
    Zero(i64),
    /// `Mm.w.d`: weekday d (0: Sunday) of the week w (5: the last) of month m.
    Week(i64, i64, i64),
}

/// What holds at `epoch` by this rule; none where it is not understood.
pub(crate) fn offset(text: &str, epoch: i64) -> Option<Offset> {
    let Rule { standard, summer } = parse(text)?;
    let Some((summer, start, end)) = summer else { return Some(standard) };
    let (year, _, _) = calendar::date((epoch + standard.seconds).div_euclid(DAY));
    let start = start.epoch(year) - standard.seconds;
    let end = end.epoch(year) - summer.seconds;
    // On the southern half, summer lasts over the new year.
    let is_summer = if start < end { (start..end).contains(&epoch) } else { !(end..start).contains(&epoch) };
    Some(if is_summer { summer } else { standard })
}

impl Change {
    /// By a clock that has no offset.
    fn epoch(&self, year: i64) -> i64 {
        let first = calendar::days(year, 1, 1);
        let day = match self.day {
            Day::Julian(number) => first + number - 1 + i64::from(calendar::is_leap(year) && number >= 60),
            Day::Zero(number) => first + number,
            Day::Week(month, week, weekday) => {
                let month_begins = calendar::days(year, month, 1);
                // 1970-01-01 was a Thursday.
                let ahead = (weekday - (month_begins + 4)).rem_euclid(7);
                let day = month_begins + ahead + 7 * (week - 1);
                let next_month = calendar::days(year + month / 12, month % 12 + 1, 1);
                if day >= next_month { day - 7 } else { day }
            }
        };
        day * DAY + self.time
    }
}

fn parse(text: &str) -> Option<Rule> {
    let (name, rest) = name(text)?;
    let (west, rest) = time(rest)?;
    let standard = Offset { seconds: -west, abbreviation: name, is_dst: false };
    if rest.is_empty() {
        return Some(Rule { standard, summer: None });
    }
    let (name, rest) = self::name(rest)?;
    let (west, rest) = if rest.starts_with(',') { (west - 3600, rest) } else { time(rest)? };
    let summer = Offset { seconds: -west, abbreviation: name, is_dst: true };
    let (start, end) = rest.strip_prefix(',')?.split_once(',')?;
    Some(Rule { standard, summer: Some((summer, change(start)?, change(end)?)) })
}

/// Letters, or anything between `<` and `>`.
fn name(text: &str) -> Option<(String, &str)> {
    if let Some(quoted) = text.strip_prefix('<') {
        let (name, rest) = quoted.split_once('>')?;
        return Some((name.to_owned(), rest));
    }
    let length = text.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(text.len());
    (length > 0).then(|| (text[..length].to_owned(), &text[length..]))
}

/// `[+-]h[:m[:s]]` in seconds, and what follows.
fn time(text: &str) -> Option<(i64, &str)> {
    let length =
        text.find(|c: char| !(c.is_ascii_digit() || matches!(c, '+' | '-' | ':'))).unwrap_or(text.len());
    let (time, rest) = text.split_at(length);
    let (sign, digits) = match time.strip_prefix('-') {
        Some(digits) => (-1, digits),
        None => (1, time.strip_prefix('+').unwrap_or(time)),
    };
    let mut seconds = 0;
    for (unit, part) in [3600, 60, 1].into_iter().zip(digits.splitn(3, ':')) {
        // 167 hours are the most (RFC 8536).
        seconds += unit * part.parse::<u8>().ok().filter(|_| part.len() <= 3).map(i64::from)?;
    }
    Some((sign * seconds, rest))
}

/// `M3.5.0/2`, `J60`, `59/-1`.
fn change(text: &str) -> Option<Change> {
    let (day, clock) = text.split_once('/').unwrap_or((text, "2"));
    let (time, rest) = time(clock)?;
    let number = |text: &str, from: i64, to: i64| {
        text.parse::<i64>().ok().filter(|number| (from..=to).contains(number))
    };
    let day = if let Some(week) = day.strip_prefix('M') {
        let mut parts = week.splitn(3, '.');
        let mut next = |from, to| number(parts.next()?, from, to);
        Day::Week(next(1, 12)?, next(1, 5)?, next(0, 6)?)
    } else if let Some(day) = day.strip_prefix('J') {
        Day::Julian(number(day, 1, 365)?)
    } else {
        Day::Zero(number(day, 0, 365)?)
    };
    rest.is_empty().then_some(Change { day, time })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[expect(clippy::disallowed_methods, reason = "date(1) reads TZ by itself")]
    fn rules_are_read_as_date_reads_them() {
        for rule in [
            "UTC0",
            "CET-1CEST,M3.5.0,M10.5.0/3",
            "EST5EDT,M3.2.0,M11.1.0",
            "<+0330>-3:30",
            "<-03>3<-02>,M3.5.0/-2,M10.5.0/-1",
            "IST-1GMT0,M10.5.0,M3.5.0/1",
            "AEST-10AEDT,M10.1.0,M4.1.0/3",
            "NZST-12NZDT,M9.5.0,M4.1.0/3",
            "XXX3YYY2:30:15,J60/0,J300/24",
            "XXX-1YYY,59/1:30,299",
        ] {
            let epochs: Vec<i64> = (0..500).map(|index| 1_700_000_000 + index * 3_333_333).collect();
            let input: String = epochs.iter().map(|epoch| format!("@{epoch}\n")).collect();
            let file = std::env::temp_dir().join(format!("getinfo-time-rule-{}", std::process::id()));
            std::fs::write(&file, input).unwrap();
            let output = std::process::Command::new("date")
                .args(["+%::z %Z", "-f"])
                .arg(&file)
                .env("TZ", rule)
                .output()
                .unwrap();
            std::fs::remove_file(&file).unwrap();
            let text = String::from_utf8_lossy(&output.stdout).into_owned();
            assert_eq!(text.lines().count(), epochs.len());
            for (epoch, want) in epochs.iter().zip(text.lines()) {
                let found = offset(rule, *epoch).unwrap();
                let (sign, size) =
                    if found.seconds < 0 { ('-', -found.seconds) } else { ('+', found.seconds) };
                let (hour, minute, second) = (size / 3600, size / 60 % 60, size % 60);
                let ours = format!("{sign}{hour:02}:{minute:02}:{second:02} {}", found.abbreviation);
                assert_eq!(ours, want, "{rule} {epoch}");
            }
        }
    }

    #[test]
    fn what_is_no_rule_is_not_understood() {
        for rule in [
            "",
            "0",
            "UTC",
            "<+03",
            "CET-1CEST",
            "CET-1CEST,M3.5.0",
            "CET-1CEST,M13.5.0,M10.5.0",
            "CET-1CEST,M3.5.7,M1.1.1",
            "CET-1CEST,J0,J1",
            "CET-1CEST,M3.5.0/x,J1",
            "CET-1CEST,M3.5,J1",
            "CET-999",
            "CET-1:",
            "\u{fffd}",
            "CET-1CEST,,",
        ] {
            assert!(offset(rule, 0).is_none(), "{rule:?}");
        }
    }
}
