//! The lines of a crontab (crontab(5)), for every cron but Debian's, and of an anacrontab
//! (anacrontab(5)).

/// One line of a file.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Line<'a> {
    /// Nothing, or a comment.
    Nothing,
    /// `NAME=value`, without quotes.
    Setting(String),
    /// A schedule, a user (only in a system's crontab) and a command. In an anacrontab, `user`
    /// holds the job's name.
    Job { schedule: String, user: Option<&'a str>, command: &'a str },
    /// A valid line that never does anything, with the reason, and its user.
    Idle(String, Option<&'a str>),
    /// An invalid line, with the reason.
    Bad(String),
}

/// The words for a schedule.
pub(crate) const WORDS: [&str; 8] =
    ["@reboot", "@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly"];
const MONTHS: [&str; 12] =
    ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const DAYS: [&str; 7] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

/// The five fields: name, lowest and highest number, names for numbers.
pub(crate) const FIELDS: [(&str, u32, u32, &[&str]); 5] = [
    ("minute", 0, 59, &[]),
    ("hour", 0, 23, &[]),
    ("day of the month", 1, 31, &[]),
    ("month", 1, 12, &MONTHS),
    ("day of the week", 0, 7, &DAYS),
];

/// Parses a line of a crontab; a system's crontab names users.
pub(crate) fn parse(line: &str, names_users: bool) -> Line<'_> {
    if let Some(other) = no_job(line) {
        return other;
    }
    // SUSE and Debian: a job that cron does not log.
    let mut rest = line.trim_ascii_start();
    rest = rest.strip_prefix('-').unwrap_or(rest);
    let mut schedule = String::new();
    if rest.starts_with('@') {
        let word = next_word(&mut rest);
        if !WORDS.contains(&word.to_ascii_lowercase().as_str()) {
            return Line::Bad(format!("{word:?} is none of {}", WORDS.join(", ")));
        }
        schedule.push_str(word);
    } else {
        for (name, least, most, names) in FIELDS {
            let field = next_word(&mut rest);
            if let Err(why) = check(field, least, most, names) {
                return Line::Bad(format!("the {name} {field:?} {why}"));
            }
            if !schedule.is_empty() {
                schedule.push(' ');
            }
            schedule.push_str(field);
        }
    }
    let user = if names_users { Some(next_word(&mut rest)) } else { None };
    let command = rest.trim_ascii();
    if user == Some("") {
        return Line::Bad("it names no user".to_owned());
    }
    if command.is_empty() {
        let hint = if names_users {
            "it has no command: a user comes before it here"
        } else {
            "it has no command"
        };
        return Line::Bad(hint.to_owned());
    }
    Line::Job { schedule, user, command }
}

/// Parses a line of an anacrontab: period in days or as a word, delay in minutes, name, command.
pub(crate) fn parse_anacron(line: &str) -> Line<'_> {
    if let Some(other) = no_job(line) {
        return other;
    }
    let mut rest = line;
    let (period, delay, name) = (next_word(&mut rest), next_word(&mut rest), next_word(&mut rest));
    let command = rest.trim_ascii();
    let is_number = |text: &str| text.parse::<u32>().is_ok();
    if !(is_number(period) || WORDS.contains(&period)) || !is_number(delay) || command.is_empty() {
        return Line::Bad("it is no period, delay, name and command".to_owned());
    }
    Line::Job { schedule: format!("{period} {delay}"), user: Some(name), command }
}

/// Returns the line if it is empty, a comment, or a setting: a name, quoted or not, before `=`.
fn no_job(line: &str) -> Option<Line<'_>> {
    let line = line.trim_ascii();
    if line.is_empty() || line.starts_with('#') {
        return Some(Line::Nothing);
    }
    let (name, value) = line.split_once('=')?;
    let name = unquoted(name.trim_ascii());
    // A job's first field ends at a blank.
    if name.is_empty() || name.contains(|c: char| c.is_ascii_whitespace() || c == '*') {
        return None;
    }
    Some(Line::Setting(format!("{name}={}", unquoted(value.trim_ascii()))))
}

fn unquoted(text: &str) -> &str {
    let inner = |quote: char| text.strip_prefix(quote)?.strip_suffix(quote);
    inner('"').or_else(|| inner('\'')).unwrap_or(text)
}

fn next_word<'a>(rest: &mut &'a str) -> &'a str {
    let text = rest.trim_ascii_start();
    let end = text.find([' ', '\t']).unwrap_or(text.len());
    let (word, after) = text.split_at(end);
    *rest = after;
    word
}

/// Checks a list of `*`, numbers and ranges (`a-b`, in cronie also `a~b`), with or without steps.
fn check(field: &str, least: u32, most: u32, names: &[&str]) -> Result<(), String> {
    if field.is_empty() {
        return Err("is missing".to_owned());
    }
    for item in field.split(',') {
        let (range, step) =
            item.split_once('/').map_or((item, None), |(range, step)| (range, Some(step)));
        if step.is_some_and(|step| {
            step.parse::<u32>().is_ok_and(|step| step == 0) || step.parse::<u32>().is_err()
        }) {
            return Err("has a step that is no number above 0".to_owned());
        }
        if range == "*" || range == "~" {
            continue;
        }
        let mut ends = range.splitn(2, ['-', '~']);
        let (first, last) = (ends.next().unwrap_or_default(), ends.next());
        let number = |text: &str| {
            // Cronie reads `0~` as a range up to the field's highest number.
            let by_name = names.iter().position(|name| name.eq_ignore_ascii_case(text));
            let by_name =
                by_name.and_then(|index| u32::try_from(index).ok()).map(|index| index + least);
            by_name.or_else(|| text.parse().ok()).filter(|number| (least..=most).contains(number))
        };
        let ordered = match (number(first), last) {
            (Some(_), None | Some("")) => true,
            (Some(first), Some(last)) => number(last).is_some_and(|last| {
                // Sunday is 0 and 7.
                first <= last || (most == 7 && last == 0)
            }),
            (None, _) => false,
        };
        if !ordered {
            return Err(format!("is not of {least} to {most}"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job<'a>(schedule: &str, user: Option<&'a str>, command: &'a str) -> Line<'a> {
        Line::Job { schedule: schedule.to_owned(), user, command }
    }

    #[test]
    fn lines_of_a_system_crontab_are_read() {
        for (line, want) in [
            (
                "17 *\t* * *\troot\tcd / && run-parts --report /etc/cron.hourly",
                job("17 * * * *", Some("root"), "cd / && run-parts --report /etc/cron.hourly"),
            ),
            ("@Daily www-data php x.php %in", job("@Daily", Some("www-data"), "php x.php %in")),
            ("-*/15 * * * * root true", job("*/15 * * * *", Some("root"), "true")),
            (
                "  0,30 8-17/2 1-31 jan-DEC mon,FRI root A=1 b",
                job("0,30 8-17/2 1-31 jan-DEC mon,FRI", Some("root"), "A=1 b"),
            ),
            ("0~59 ~ * * sat-sun root x", job("0~59 ~ * * sat-sun", Some("root"), "x")),
            ("", Line::Nothing),
            ("   # 1 2 3 4 5 root x", Line::Nothing),
            ("PATH = /bin:/usr/bin", Line::Setting("PATH=/bin:/usr/bin".to_owned())),
            ("MAILTO=\"\"", Line::Setting("MAILTO=".to_owned())),
            ("'A B'=c", Line::Bad(String::new())),
            ("\"X\" = ' y '", Line::Setting("X= y ".to_owned())),
        ] {
            match (parse(line, true), want) {
                (Line::Bad(_), Line::Bad(_)) => {}
                (found, want) => assert_eq!(found, want, "{line:?}"),
            }
        }
    }

    #[test]
    fn bad_lines_give_the_reason() {
        for (line, why) in [
            ("60 * * * * root x", "the minute \"60\" is not of 0 to 59"),
            ("* 24 * * * root x", "the hour"),
            ("* * 0 * * root x", "the day of the month"),
            ("* * * 13 * root x", "the month"),
            ("* * * * 8 root x", "the day of the week"),
            ("* * * * monday root x", "the day of the week"),
            ("* * * * mon root", "it has no command"),
            ("*/0 * * * * root x", "has a step"),
            ("5-1 * * * * root x", "the minute"),
            ("* * *", "the month \"\" is missing"),
            ("* * * * *", "it names no user"),
            ("* * * * * true", "a user comes before it"),
            ("@often root x", "\"@often\" is none of"),
            ("1,,2 * * * * root x", "the minute"),
            ("é * * * * root x", "the minute"),
        ] {
            let Line::Bad(said) = parse(line, true) else { panic!("{line}") };
            assert!(said.contains(why), "{line}: {said}");
        }
        assert_eq!(parse("* * * * * true", false), job("* * * * *", None, "true"));
    }

    #[test]
    fn lines_of_anacron_are_read() {
        assert_eq!(
            parse_anacron("7\t10\tcron.weekly\trun-parts /etc/cron.weekly"),
            job("7 10", Some("cron.weekly"), "run-parts /etc/cron.weekly")
        );
        assert_eq!(parse_anacron("@monthly 45 m x"), job("@monthly 45", Some("m"), "x"));
        assert_eq!(
            parse_anacron("START_HOURS_RANGE=3-22"),
            Line::Setting("START_HOURS_RANGE=3-22".to_owned())
        );
        for bad in ["x 1 a b", "1 x a b", "1 2 a", "1"] {
            assert!(matches!(parse_anacron(bad), Line::Bad(_)), "{bad}");
        }
    }
}
