//! The lines of a crontab as Debian's cron reads them (env.c and entry.c of cron 3.0pl1).
//!
//! One line that is wrong makes that cron ignore the whole file, so this parser accepts exactly the
//! lines that cron accepts, odd ones included: it skips text after a number (`5.x` is 5), a range
//! that runs backward is empty, and an empty value must be quoted.

use crate::crontab::{FIELDS, Line, WORDS};

/// A command of this many bytes is too long: cron's MAX_COMMAND, less the end of the string.
const TOO_LONG: usize = 999;

/// Parses a line; a system's crontab names users.
pub(crate) fn parse(line: &str, names_users: bool) -> Line<'_> {
    let line = line.trim_start_matches(BLANKS);
    if line.is_empty() || line.starts_with('#') {
        return Line::Nothing;
    }
    match setting(line) {
        Some(setting) => Line::Setting(setting),
        None => entry(line, names_users),
    }
}

const BLANKS: [char; 2] = [' ', '\t'];

/// Reads `NAME=value`, either quoted or not; `None` if cron takes the line for a job.
fn setting(line: &str) -> Option<String> {
    let quoted = |text: &str| text.chars().next().filter(|first| matches!(first, '"' | '\''));
    let is_space = |c: char| c.is_ascii_whitespace() || c == '\u{b}';
    let (name, rest) = match quoted(line) {
        Some(quote) => line[1..].split_once(quote).filter(|(name, _)| !name.contains('='))?,
        None => line.split_at(line.find(|c| is_space(c) || c == '=')?),
    };
    let value = rest.trim_start_matches(is_space).strip_prefix('=')?.trim_start_matches(is_space);
    let value = match quoted(value) {
        Some(quote) => {
            let (value, rest) = value[1..].split_once(quote)?;
            rest.chars().all(is_space).then_some(value)?
        }
        None => Some(value).filter(|value| !value.is_empty())?,
    };
    Some(format!("{name}={}", value.trim_end_matches(is_space)))
}

fn entry(line: &str, names_users: bool) -> Line<'_> {
    let mut rest = line;
    let mut schedule = String::new();
    let mut sets = Vec::new();
    if let Some(word) = line.strip_prefix('@') {
        let word = word.split(BLANKS).next().unwrap_or_default();
        schedule = format!("@{word}");
        if !WORDS.contains(&schedule.as_str()) {
            return Line::Bad(format!("{schedule:?} is none of {}", WORDS.join(", ")));
        }
        rest = &line[schedule.len()..];
    } else {
        for (name, least, most, names) in FIELDS {
            rest = rest.trim_start_matches(BLANKS);
            let (field, after) = rest.split_at(rest.find(BLANKS).unwrap_or(rest.len()));
            rest = after;
            match set(field, least, most, names) {
                Ok(set) => sets.push((set, field.starts_with('*'))),
                Err(why) => return Line::Bad(format!("the {name} {field:?} {why}")),
            }
            if !schedule.is_empty() {
                schedule.push(' ');
            }
            schedule.push_str(field);
        }
    }
    rest = rest.trim_start_matches(BLANKS);
    let mut user = None;
    if names_users {
        if rest.is_empty() {
            return Line::Bad("it names no user".to_owned());
        }
        let Some((name, command)) = rest.split_once(BLANKS) else {
            return Line::Bad("it has no command: a user comes before it here".to_owned());
        };
        (user, rest) = (Some(name), command);
    } else if rest.starts_with('*') {
        return Line::Bad("its command begins with *: it has a field too many".to_owned());
    }
    if rest.len() >= TOO_LONG {
        return Line::Bad(format!("its command is longer than {} bytes", TOO_LONG - 1));
    }
    let command = rest.trim_matches(BLANKS);
    if command.is_empty() {
        Line::Idle("it has no command".to_owned(), user)
    } else if is_never(&sets) {
        Line::Idle(format!("it never runs: a range of {schedule:?} runs backward"), user)
    } else {
        Line::Job { schedule, user, command }
    }
}

/// Returns whether no minute matches: a field has no value. Of the two days, one is enough unless
/// one of them is `*` (crontab(5)).
fn is_never(sets: &[(u64, bool)]) -> bool {
    let [(minute, _), (hour, _), (day, any_day), (month, _), (weekday, any_weekday)] = sets else {
        return false;
    };
    let no_day = if *any_day || *any_weekday {
        *day == 0 || *weekday == 0
    } else {
        *day == 0 && *weekday == 0
    };
    *minute == 0 || *hour == 0 || *month == 0 || no_day
}

/// Reads a list of `*`, numbers and ranges, the latter with or without steps, as a set of bits.
/// Text after it is skipped.
fn set(field: &str, least: u32, most: u32, names: &[&str]) -> Result<u64, String> {
    if field.is_empty() {
        return Err("is missing".to_owned());
    }
    let outside = || format!("is not of {least} to {most}");
    let (mut bits, mut rest) = (0, field);
    loop {
        let (mut first, mut last, mut step) = (least, most, 1);
        let mut is_range = true;
        if let Some(after) = rest.strip_prefix('*') {
            rest = after;
        } else {
            first = number(&mut rest, least, names).ok_or_else(outside)?;
            last = first;
            match rest.strip_prefix('-') {
                Some(after) => {
                    rest = after;
                    last = number(&mut rest, least, names).ok_or_else(outside)?;
                }
                None => is_range = false,
            }
        }
        if let Some(after) = rest.strip_prefix('/') {
            rest = after;
            let found = number(&mut rest, 0, &[]).filter(|step| *step > 0 && is_range);
            step = found.ok_or("has a step that is no number above 0, or one without a range")?;
        }
        if ![first, last].iter().all(|number| (least..=most).contains(number)) {
            return Err(outside());
        }
        for number in (first..=last).step_by(usize::try_from(step).unwrap_or(usize::MAX)) {
            bits |= 1 << number;
        }
        match rest.strip_prefix(',') {
            Some(after) => rest = after,
            None => return Ok(bits),
        }
    }
}

/// Reads a number or a name.
fn number(rest: &mut &str, least: u32, names: &[&str]) -> Option<u32> {
    let end = rest.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(rest.len());
    let (word, after) = rest.split_at(end);
    *rest = after;
    let by_name = names.iter().position(|name| name.eq_ignore_ascii_case(word));
    by_name.and_then(|index| Some(u32::try_from(index).ok()? + least)).or_else(|| word.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_that_cron_accepts_are_accepted() {
        for (line, names_users, want) in [
            ("17 *\t* * *\troot\tcd / && x", true, ("17 * * * *", Some("root"), "cd / && x")),
            (
                " 5.x 1-5/2.z *foo jan-DEC mon  root  y ",
                true,
                ("5.x 1-5/2.z *foo jan-DEC mon", Some("root"), "y"),
            ),
            ("0~59 * * * 7 echo", false, ("0~59 * * * 7", None, "echo")),
            ("@daily A=1 b", false, ("@daily", None, "A=1 b")),
            (
                "*/5,7 0-23/2 1,2-4 * 0 joe x\r",
                true,
                ("*/5,7 0-23/2 1,2-4 * 0", Some("joe"), "x\r"),
            ),
            ("* * 1 * sat-sun x", false, ("* * 1 * sat-sun", None, "x")),
        ] {
            let (schedule, user, command) = want;
            let want = Line::Job { schedule: schedule.to_owned(), user, command };
            assert_eq!(parse(line, names_users), want, "{line:?}");
        }
        for (line, want) in [
            ("A=b", "A=b"),
            ("A = 'b '  ", "A=b"),
            ("\"A B\"=c d ", "A B=c d"),
            ("MAILTO=\"\"", "MAILTO="),
            ("*=x", "*=x"),
        ] {
            assert_eq!(parse(line, true), Line::Setting(want.to_owned()), "{line:?}");
        }
        for line in ["", "  ", "\t# x"] {
            assert_eq!(parse(line, true), Line::Nothing, "{line:?}");
        }
        for line in ["5-1 * * * * x", "* * * * *", "* * * * sat-sun x", "@daily "] {
            assert!(matches!(parse(line, false), Line::Idle(..)), "{line:?}");
        }
    }

    #[test]
    fn lines_that_cron_rejects_are_rejected() {
        let long = format!("* * * * * root {}", "x".repeat(TOO_LONG));
        for (line, names_users, why) in [
            ("60 * * * * root x", true, "the minute \"60\" is not of 0 to 59"),
            ("* * * 0 * root x", true, "the month"),
            ("* * * * 8 root x", true, "the day of the week"),
            ("1/20 * * * * root x", true, "without a range"),
            ("*/0 * * * * root x", true, "a step"),
            ("1,,2 * * * * root x", true, "the minute"),
            ("5x * * * * root x", true, "the minute"),
            ("-5 * * * * root x", true, "the minute"),
            ("* * *", true, "the month \"\" is missing"),
            ("* * * * *", true, "names no user"),
            ("* * * * * true", true, "a user comes before it"),
            ("* * * * * * x", false, "a field too many"),
            ("@Daily root x", true, "none of"),
            ("@often root x", true, "none of"),
            ("MAILTO=", true, "the minute"),
            ("A=\"b", true, "the minute"),
            ("A='b' c", true, "the minute"),
            ("\r", true, "the minute"),
            ("é * * * * root x", true, "the minute"),
            (&long, true, "longer than 998 bytes"),
        ] {
            let Line::Bad(said) = parse(line, names_users) else { panic!("{line}") };
            assert!(said.contains(why), "{line}: {said}");
        }
    }
}
