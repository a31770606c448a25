//! One value, as people read it: bytes as GiB, seconds as a duration, a time as "3 days ago".

use super::html::Html;
use super::json::Json;
use super::name::{self, Unit};
use crate::units;
use std::fmt::Write as _;
use std::time::Duration;

/// Characters of a text that stand where it is; the rest is opened by a click.
const SHOWN: usize = 160;

/// Characters of a text that a page holds at all.
const MOST: usize = 4096;

/// Elements of a list of values that stand where it is.
const ELEMENTS: usize = 12;

/// Elements of it that a page holds at all.
const MORE_ELEMENTS: usize = 200;

/// Draws a value that is no object and no list of objects.
pub(crate) fn draw(html: &mut Html, name: &str, value: &Json, now: i64) {
    match value {
        Json::List(elements) => list(html, name, elements, now),
        Json::Text(text) if text.chars().nth(SHOWN).is_some() => long_text(html, text),
        value => scalar(html, name, value, now),
    }
}

/// Draws a value in one line; a longer one is cut, and its title has the whole.
pub(crate) fn brief(html: &mut Html, name: &str, value: &Json, now: i64) {
    match value {
        Json::Text(text) if time(text).is_none() && text.chars().nth(48).is_some() => {
            html.markup("<span class=\"clip\" title=\"").clipped(text, 300).markup("\"><bdi>");
            html.clipped(text, 80).markup("</bdi></span>");
        }
        Json::List(elements) => {
            for (number, element) in elements.iter().enumerate().take(3) {
                if number > 0 {
                    html.text(", ");
                }
                brief(html, name, element, now);
            }
            if elements.len() > 3 {
                html.text(&format!(" and {} more", grouped(&(elements.len() - 3).to_string())));
            }
        }
        Json::Object(members) => {
            html.text(&counted(members.len(), "value"));
        }
        value => scalar(html, name, value, now),
    }
}

fn scalar(html: &mut Html, name: &str, value: &Json, now: i64) {
    match value {
        Json::Null => {
            html.markup("<span class=\"muted\" title=\"not known\">—</span>");
        }
        Json::Bool(true) => {
            html.text("Yes");
        }
        Json::Bool(false) => {
            html.markup("<span class=\"muted\">No</span>");
        }
        Json::Text(text) if text.is_empty() => {
            html.markup("<span class=\"muted\">empty</span>");
        }
        Json::Text(text) => match time(text) {
            Some(at) => moment(html, at, now),
            None => {
                html.markup("<bdi>").clipped(text, MOST).markup("</bdi>");
            }
        },
        Json::Number(number) => amount(html, name, number, now),
        Json::List(_) | Json::Object(_) => {}
    }
}

fn long_text(html: &mut Html, text: &str) {
    html.markup("<details class=\"more\"><summary><bdi>").clipped(text, SHOWN).markup("</bdi>");
    let most = MOST.min(html.room());
    html.markup("</summary><bdi>").clipped(text, most).markup("</bdi>");
    if text.chars().nth(MOST).is_some() {
        html.markup(" <span class=\"muted\">");
        html.text(&format!("{} in all; the JSON has it whole", bytes(text.len() as f64)));
        html.markup("</span>");
    }
    html.markup("</details>");
}

fn list(html: &mut Html, name: &str, elements: &[Json], now: i64) {
    if elements.is_empty() {
        html.markup("<span class=\"muted\">none</span>");
        return;
    }
    let some = |html: &mut Html, range: &[Json]| {
        for (number, element) in range.iter().enumerate() {
            if number > 0 {
                html.text(", ");
            }
            brief(html, name, element, now);
        }
    };
    let (first, rest) = elements.split_at(elements.len().min(ELEMENTS));
    some(html, first);
    if rest.is_empty() {
        return;
    }
    html.markup("<details class=\"more\"><summary>");
    html.text(&format!("{} more", grouped(&rest.len().to_string()))).markup("</summary>");
    let shown = &rest[..rest.len().min(MORE_ELEMENTS)];
    for (number, element) in shown.iter().enumerate() {
        if html.is_full() {
            break;
        }
        if number > 0 {
            html.text(", ");
        }
        brief(html, name, element, now);
    }
    if shown.len() < rest.len() {
        html.text(" …");
    }
    html.markup("</details>");
}

fn amount(html: &mut Html, name: &str, number: &serde_json::Number, now: i64) {
    let value = number.as_f64().unwrap_or_default();
    match name::unit(name) {
        Unit::Bytes(each) => exact(html, &bytes(value * f64::from(each)), number, ""),
        Unit::Duration(parts) => exact(html, &duration(value / f64::from(parts)), number, ""),
        Unit::Days => {
            html.text(&counted_number(number, "day"));
        }
        Unit::Epoch => match epoch(value) {
            Some(at) => moment(html, at, now),
            None => {
                html.text(&number.to_string());
            }
        },
        Unit::Percent => percent(html, value, number),
        Unit::Hertz => exact(html, &hertz(value), number, " Hz"),
        Unit::Written(unit) => {
            html.text(&format!("{} {unit}", grouped(&number.to_string())));
        }
        Unit::Label => {
            html.text(&number.to_string());
        }
        Unit::None => {
            html.text(&grouped(&number.to_string()));
        }
    }
}

/// Draws a rounded amount with the exact one in its title.
fn exact(html: &mut Html, shown: &str, number: &serde_json::Number, unit: &str) {
    html.markup("<span title=\"").text(&grouped(&number.to_string())).text(unit).markup("\">");
    html.text(shown).markup("</span>");
}

fn percent(html: &mut Html, value: f64, number: &serde_json::Number) {
    let text = format!("{number} %");
    if (0.0..=100.0).contains(&value) {
        html.markup("<span class=\"share\"><progress max=\"100\" value=\"")
            .text(&number.to_string());
        html.markup("\" aria-hidden=\"true\"></progress>").text(&text).markup("</span>");
    } else {
        html.text(&text);
    }
}

fn moment(html: &mut Html, at: i64, now: i64) {
    let exact = units::rfc3339(at - at.rem_euclid(1000)).replace(".000Z", "Z");
    html.markup("<time datetime=\"").text(&exact).markup("\" title=\"");
    html.text(&exact.replace('T', " ").replace('Z', " UTC"));
    html.markup("\">").text(&units::relative(at, now)).markup("</time>");
}

/// Reads a time as providers write it, in milliseconds since 1970.
pub(crate) fn time(text: &str) -> Option<i64> {
    let is_time = text.len() >= 20 && text.len() <= 35 && text.ends_with('Z');
    is_time.then(|| units::millis(text)).flatten()
}

/// Reads seconds since 1970, until the year 9999, as times are written.
fn epoch(seconds: f64) -> Option<i64> {
    let is_time = (0.0..253_402_300_800.0).contains(&seconds);
    let millis = is_time.then(|| Duration::from_secs_f64(seconds).as_millis())?;
    i64::try_from(millis).ok()
}

/// Returns bytes in the unit that fits.
pub(crate) fn bytes(bytes: f64) -> String {
    let units = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    if bytes.abs() < 1024.0 {
        return format!("{bytes} B");
    }
    let mut amount = bytes / 1024.0;
    let mut unit = units[0];
    for next in &units[1..] {
        if amount.abs() < 1023.95 {
            break;
        }
        amount /= 1024.0;
        unit = next;
    }
    if amount.abs() < 9.995 { format!("{amount:.1} {unit}") } else { format!("{amount:.0} {unit}") }
}

fn hertz(hertz: f64) -> String {
    match hertz.abs() {
        1e9.. => format!("{:.2} GHz", hertz / 1e9),
        1e6.. => format!("{:.0} MHz", hertz / 1e6),
        1e3.. => format!("{:.0} kHz", hertz / 1e3),
        _ => format!("{hertz} Hz"),
    }
}

/// Returns a duration in its two largest units.
pub(crate) fn duration(seconds: f64) -> String {
    let sign = if seconds < 0.0 { "−" } else { "" };
    let length = seconds.abs();
    if length == 0.0 {
        return "0 s".to_owned();
    }
    if length < 1.0 {
        return match length {
            1e-3.. => format!("{sign}{:.0} ms", length * 1e3),
            1e-6.. => format!("{sign}{:.0} µs", length * 1e6),
            _ => format!("{sign}{:.0} ns", length * 1e9),
        };
    }
    if length < 60.0 {
        let whole = length.fract() == 0.0 || length >= 10.0;
        return if whole { format!("{sign}{length:.0} s") } else { format!("{sign}{length:.1} s") };
    }
    // A number beyond that is no duration.
    let mut left = Duration::from_secs_f64(length.min(1e15)).as_secs();
    let mut text = String::from(sign);
    let mut parts = 0;
    for (size, unit) in [(86_400, "d"), (3600, "h"), (60, "min"), (1, "s")] {
        let count = left / size;
        left %= size;
        if count > 0 {
            let space = if parts > 0 { " " } else { "" };
            let _ = write!(text, "{space}{} {unit}", grouped(&count.to_string()));
        }
        if count > 0 || parts > 0 {
            parts += 1;
        }
        if parts == 2 {
            break;
        }
    }
    text
}

/// Returns a number with separators between its thousands.
pub(crate) fn grouped(number: &str) -> String {
    let (sign, rest) = match number.strip_prefix('-') {
        Some(rest) => ("−", rest),
        None => ("", number),
    };
    let (whole, fraction) = match rest.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (rest, None),
    };
    if !whole.bytes().all(|byte| byte.is_ascii_digit()) {
        return number.to_owned();
    }
    let mut text = sign.to_owned();
    for (place, digit) in whole.chars().enumerate() {
        if place > 0 && (whole.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    if let Some(fraction) = fraction {
        text.push('.');
        text.push_str(fraction.get(..4).unwrap_or(fraction));
    }
    text
}

/// Returns a number of things.
pub(crate) fn counted(number: usize, thing: &str) -> String {
    let end = if number == 1 { "" } else { "s" };
    format!("{} {thing}{end}", grouped(&number.to_string()))
}

fn counted_number(number: &serde_json::Number, thing: &str) -> String {
    let end = if number.as_i64() == Some(1) { "" } else { "s" };
    format!("{} {thing}{end}", grouped(&number.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(name: &str, json: &str) -> String {
        let mut html = Html::new(10_000);
        draw(&mut html, name, &serde_json::from_str(json).unwrap(), 1_800_000_000_000);
        html.finish().to_string()
    }

    #[test]
    fn amounts_have_the_unit_that_their_name_says() {
        for (name, json, wanted) in [
            ("size_bytes", "8589934592", "8.0 GiB"),
            ("size_bytes", "0", "0 B"),
            ("size_bytes", "18446744073709551615", "16 EiB"),
            ("uptime_seconds", "273905", "3 d 4 h"),
            ("uptime_seconds", "3605", "1 h"),
            ("busy_seconds", "0.0125", "12 ms"),
            ("utc_offset_seconds", "-3600", "−1 h"),
            ("max_hz", "3400000000", "3.40 GHz"),
            ("speed_mbps", "10000", "10,000 Mbit/s"),
            ("temperature_celsius", "41.5", "41.5 °C"),
            ("count", "1234567", "1,234,567"),
            ("pid", "12345", "12345"),
            ("days_left", "-3", "−3 days"),
            ("n", "1e300", "1e+300"),
        ] {
            let drawn = drawn(name, json);
            assert!(drawn.contains(wanted), "{name} {json}: {drawn}");
        }
    }

    #[test]
    fn times_say_how_long_ago_and_have_the_exact_one_in_the_title() {
        for (name, json, wanted) in [
            ("installed", "\"2027-01-12T08:00:00Z\"", "3 days ago"),
            ("not_after_epoch", "1800864000", "in 10 days"),
            ("time", "\"2027-01-15T07:59:59.123456789Z\"", "now"),
        ] {
            let drawn = drawn(name, json);
            assert!(drawn.contains(wanted) && drawn.contains("<time datetime="), "{json}: {drawn}");
        }
        assert_eq!(drawn("epoch", "-5"), "-5");
        assert_eq!(drawn("epoch", "1e300"), "1e+300");
        assert_eq!(drawn("x", "\"2027-99-12T08:00:00Z\""), "<bdi>2027-99-12T08:00:00Z</bdi>");
    }

    #[test]
    fn a_long_text_and_a_long_list_are_opened_by_a_click_and_cut() {
        let text = drawn("x", &format!("\"{}\"", "<b>".repeat(350_000)));
        assert!(text.len() < 40_000 && text.contains("1.0 MiB in all"), "{}", text.len());
        assert!(!text.contains("<b>"));
        let list = drawn("x", &format!("[{}1]", "1,".repeat(100_000)));
        assert!(list.len() < 10_000 && list.contains("99,989 more"), "{}", list.len());
    }
}
