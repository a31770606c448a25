//! Amounts and times as people read them.

use serde_json::Value;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Milliseconds.
pub(crate) const MINUTE: i64 = 60_000;
pub(crate) const HOUR: i64 = 60 * MINUTE;
pub(crate) const DAY: i64 = 24 * HOUR;

/// Returns the time now, in milliseconds since 1970.
pub(crate) fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// Returns a time of the API in milliseconds since 1970.
pub(crate) fn millis(text: &str) -> Option<i64> {
    let time = humantime::parse_rfc3339(text).ok()?;
    i64::try_from(time.duration_since(UNIX_EPOCH).ok()?.as_millis()).ok()
}

/// Returns a time as the API writes it.
pub(crate) fn rfc3339(millis: i64) -> String {
    let since = Duration::from_millis(u64::try_from(millis).unwrap_or_default());
    humantime::format_rfc3339_millis(UNIX_EPOCH.checked_add(since).unwrap_or(UNIX_EPOCH))
        .to_string()
}

/// A time, for `parts/time.html`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Moment {
    /// For `<time datetime>`.
    pub(crate) iso: String,
    /// Such as "3 min ago"; the script keeps it true.
    pub(crate) text: String,
    /// The time itself, to the second.
    pub(crate) title: String,
}

impl Moment {
    /// Reads a time of the API.
    pub(crate) fn of(text: &str) -> Option<Self> {
        Self::at(millis(text)?, now())
    }

    /// Reads a time of something that is to come; where its minute has begun already, it is now.
    pub(crate) fn to_come(text: &str) -> Option<Self> {
        let now = now();
        Self::at(millis(text)?.max(now), now)
    }

    fn at(time: i64, now: i64) -> Option<Self> {
        let iso = rfc3339(time - time.rem_euclid(1000)).replace(".000Z", "Z");
        let title = iso.replace('T', " ").replace('Z', " UTC");
        Some(Self { iso, text: relative(time, now), title })
    }
}

/// Returns how far a time is from now, both in milliseconds: "3 min ago". The script says the same.
pub(crate) fn relative(time: i64, now: i64) -> String {
    let distance = (now - time).abs();
    if distance < 10_000 {
        return "now".to_owned();
    }
    let length = match distance {
        ..MINUTE => format!("{} s", distance / 1000),
        MINUTE..HOUR => format!("{} min", distance / MINUTE),
        HOUR..DAY => format!("{} h", distance / HOUR),
        _ => match distance / DAY {
            1 => "1 day".to_owned(),
            days @ 2..60 => format!("{days} days"),
            days @ 60..730 => format!("{} months", days / 30),
            days => format!("{} years", days / 365),
        },
    };
    if time <= now { format!("{length} ago") } else { format!("in {length}") }
}

/// Returns a number with its thousands apart: "18,000".
pub(crate) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Returns how many there are of something: "1 host", "18,000 hosts".
pub(crate) fn counted(number: u64, thing: &str) -> String {
    let end = if number == 1 { "" } else { "s" };
    format!("{} {thing}{end}", count(number))
}

/// Returns a number of bytes in the unit that leaves few digits: "1.5 GiB".
pub(crate) fn bytes(number: u64) -> String {
    const UNITS: [&str; 5] = ["KiB", "MiB", "GiB", "TiB", "PiB"];
    if number < 1024 {
        return format!("{number} B");
    }
    // Tenths, so that no rounding makes 1024 of a unit.
    let mut tenths = u128::from(number) * 10 / 1024;
    let mut unit = 0;
    while tenths >= 10_240 && unit + 1 < UNITS.len() {
        tenths /= 1024;
        unit += 1;
    }
    let (whole, tenth) = (tenths / 10, tenths % 10);
    if whole >= 100 || tenth == 0 {
        format!("{whole} {}", UNITS[unit])
    } else {
        format!("{whole}.{tenth} {}", UNITS[unit])
    }
}

/// Returns a time span in its two largest units: "1 min 5 s". Takes milliseconds.
pub(crate) fn duration(millis: u64) -> String {
    let seconds = millis / 1000;
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60);
    let days_word = if days == 1 { "day" } else { "days" };
    let parts: [(u64, &str); 4] =
        [(days, days_word), (hours, "h"), (minutes, "min"), (seconds % 60, "s")];
    if seconds == 0 {
        return format!("{millis} ms");
    }
    let Some(first) = parts.iter().position(|(number, _)| *number > 0) else {
        return String::new();
    };
    let (number, unit) = parts[first];
    match parts.get(first + 1) {
        Some((next, unit_of_next)) if *next > 0 => {
            format!("{number} {unit} {next} {unit_of_next}")
        }
        None if seconds < 10 && millis % 1000 >= 100 => {
            format!("{number}.{} s", millis % 1000 / 100)
        }
        _ => format!("{number} {unit}"),
    }
}

/// Returns a share in percent. What is not all is never "100 %", and what is something never "0 %".
pub(crate) fn percent(part: u64, whole: u64) -> String {
    let share = u128::from(part) * 100 / u128::from(whole.max(1));
    match share {
        0 if part > 0 => "under 1 %".to_owned(),
        share => format!("{share} %"),
    }
}

/// Returns the first line of a text, cut to a number of characters.
pub(crate) fn line(text: &str, most: usize) -> String {
    let whole = text.trim();
    let first = whole.lines().next().unwrap_or_default();
    let cut: String = first.chars().take(most).collect();
    if cut.len() < whole.len() { format!("{cut}…") } else { cut }
}

/// Writes a value of JSON for people: lists and members with commas between them; nothing where there
/// is nothing.
pub(crate) fn words(value: &Value) -> String {
    let part = |value: &Value| match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    match value {
        Value::Null => String::new(),
        Value::Array(list) => list.iter().map(part).collect::<Vec<_>>().join(", "),
        Value::Object(members) => {
            let member = |(name, value): (&String, &Value)| format!("{name}={}", part(value));
            members.iter().map(member).collect::<Vec<_>>().join(", ")
        }
        other => part(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_value_is_written_in_words_and_nothing_as_nothing() {
        for (value, text) in [
            (json!({"env": "prod", "rack": 7}), "env=prod, rack=7"),
            (json!(["a", "b"]), "a, b"),
            (json!([]), ""),
            (json!({}), ""),
            (json!(null), ""),
            (json!("uptime"), "uptime"),
            (json!(true), "true"),
            (json!({"a": {"b": 1}}), r#"a={"b":1}"#),
        ] {
            assert_eq!(words(&value), text);
        }
    }

    #[test]
    fn times_are_told_by_their_distance() {
        let now = 1_800_000_000_000;
        for (time, text) in [
            (now - 3_000, "now"),
            (now - 59_000, "59 s ago"),
            (now - 61_000, "1 min ago"),
            (now - 5 * HOUR - 1, "5 h ago"),
            (now - DAY, "1 day ago"),
            (now - 45 * DAY, "45 days ago"),
            (now - 100 * DAY, "3 months ago"),
            (now - 800 * DAY, "2 years ago"),
            (now + 7 * MINUTE, "in 7 min"),
        ] {
            assert_eq!(relative(time, now), text);
        }
        let moment = Moment::at(now + 999, now).unwrap();
        assert_eq!(moment.iso, "2027-01-15T08:00:00Z");
        assert_eq!(moment.title, "2027-01-15 08:00:00 UTC");
        assert_eq!(millis(&rfc3339(now)), Some(now));
        assert_eq!(millis("yesterday"), None);
    }

    #[test]
    fn numbers_and_shares_are_readable_and_true() {
        for (number, text) in [(0, "0"), (999, "999"), (1000, "1,000"), (1_234_567, "1,234,567")] {
            assert_eq!(count(number), text);
        }
        for (part, text) in [(0, "0 %"), (1, "under 1 %"), (999, "99 %"), (1000, "100 %")] {
            assert_eq!(percent(part, 1000), text);
        }
    }

    #[test]
    fn bytes_and_spans_are_written_in_large_units() {
        for (number, text) in [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1 KiB"),
            (1536, "1.5 KiB"),
            ((1 << 20) - 1, "1023 KiB"),
            (3 << 30, "3 GiB"),
            (u64::MAX, "16383 PiB"),
        ] {
            assert_eq!(bytes(number), text);
        }
        for (millis, text) in [
            (0, "0 ms"),
            (250, "250 ms"),
            (1000, "1 s"),
            (1250, "1.2 s"),
            (59_999, "59 s"),
            (65_000, "1 min 5 s"),
            (3_600_000, "1 h"),
            (90_061_000, "1 day 1 h"),
            (7 * 86_400_000, "7 days"),
        ] {
            assert_eq!(duration(millis), text);
        }
    }

    #[test]
    fn a_text_is_cut_to_its_first_line() {
        assert_eq!(line("uptime\n", 10), "uptime");
        assert_eq!(line("set -e\ndf -h", 10), "set -e…");
        assert_eq!(line("äöüäöü", 3), "äöü…");
    }
}
