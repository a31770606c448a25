//! Parses an expression's text into fields (docs/schedules.md rules 1 to 4, 18 and 20).

use super::field::{FIELDS, Items};
use super::sets::Expression;
use super::warning::Warning;
use crate::blanks::BLANKS;
use crate::days;
use crate::error::{Error, quoted};

/// The longest text of an expression, in bytes.
const MAX_LEN: usize = 1024;

const NICKNAMES: [(&str, &str); 7] = [
    ("@yearly", "0 0 0 1 1 *"),
    ("@annually", "0 0 0 1 1 *"),
    ("@monthly", "0 0 0 1 * *"),
    ("@weekly", "0 0 0 * * 0"),
    ("@daily", "0 0 0 * * *"),
    ("@midnight", "0 0 0 * * *"),
    ("@hourly", "0 0 * * * *"),
];

/// A zone, six fields, and one more word, which is an error.
const MAX_WORDS: usize = 8;

/// A word of the text and its first byte.
type Word<'a> = (usize, &'a str);

impl Expression {
    /// Parses an expression: an optional zone, then six fields, five fields (at second 0), or a
    /// nickname.
    ///
    /// # Errors
    /// [`Error::Syntax`] with the place and a correct form; [`Error::NeverFires`] if no date
    /// matches.
    pub fn parse(text: &str) -> Result<Self, Error> {
        check_letters(text)?;
        let mut words = [(0, ""); MAX_WORDS];
        let mut count = 0;
        for word in text.split(BLANKS).filter(|word| !word.is_empty()) {
            if let Some(place) = words.get_mut(count) {
                *place = (word.as_ptr().addr() - text.as_ptr().addr(), word);
            }
            count += 1;
        }
        let mut words = &words[..count.min(MAX_WORDS)];
        let mut zone = None;
        if let Some(&(offset, first)) = words.first()
            && let Some(name) = first.strip_prefix("CRON_TZ=").or_else(|| first.strip_prefix("TZ="))
        {
            if name.is_empty() {
                return Err(syntax(
                    (offset, first),
                    "the name of the time zone is missing: write CRON_TZ=Europe/Berlin".to_owned(),
                ));
            }
            zone = Some(name.into());
            (words, count) = (&words[1..], count - 1);
        }
        match (words, count) {
            (&[word, ..], _) if word.1.starts_with('@') => {
                let expression = Self::of_nickname(word, zone)?;
                match words.get(1) {
                    None => Ok(expression),
                    Some(&more) => Err(syntax(more, format!("nothing may follow {}", word.1))),
                }
            }
            (_, 5) => Self::of_fields(&words[..5], zone),
            (_, 6) => Self::of_fields(&words[..6], zone),
            _ => Err(Error::Syntax {
                field: None,
                item: String::new(),
                offset: words.first().map_or(0, |word| word.0),
                message: format!(
                    "an expression has 6 fields (second minute hour day-of-month month day-of-week) or 5 (minute to \
                     day-of-week), not {count}"
                ),
            }),
        }
    }

    fn of_nickname(word: Word<'_>, zone: Option<Box<str>>) -> Result<Self, Error> {
        if let Some((_, meaning)) =
            NICKNAMES.iter().find(|(name, _)| name.eq_ignore_ascii_case(word.1))
        {
            let mut fields = [word; 6];
            fields.iter_mut().zip(meaning.split(' ')).for_each(|(field, text)| field.1 = text);
            return Self::of_fields(&fields, zone);
        }
        let message = if word.1.eq_ignore_ascii_case("@reboot") {
            "allowed only in crontab files, because it has no times".to_owned()
        } else {
            let names = NICKNAMES.map(|(name, _)| name);
            format!("the nicknames are {}", names.join(", "))
        };
        Err(syntax(word, message))
    }

    /// Parses five or six fields.
    fn of_fields(words: &[Word<'_>], zone: Option<Box<str>>) -> Result<Self, Error> {
        // Five fields leave out the second, which is 0.
        let missing = FIELDS.len() - words.len();
        let mut read: [Items; 6] = Default::default();
        read[0].numbers = 1;
        for ((field, items), word) in FIELDS.iter().zip(&mut read).skip(missing).zip(words) {
            *items = field.read(word.1, word.0)?;
        }
        let bits = |is: fn(&Items) -> bool| {
            read.iter().rev().fold(0, |bits, items| bits << 1 | u8::from(is(items)))
        };
        let (stars, questions) = (bits(|items| items.star), bits(|items| items.question));
        let [second, minute, hour, month_day, month, week_day] = &read;
        if month_day.question && week_day.question {
            let message =
                "day-of-month and day-of-week cannot both be ?: write * for one of them".to_owned();
            return Err(syntax(words[words.len() - 1], message));
        }
        let restricted = |items: &Items| !items.star && !items.question;
        let narrows = month_day.star_step && restricted(week_day)
            || week_day.star_step && restricted(month_day);
        let mut warnings = 0;
        if week_day.bare_last {
            warnings |= Warning::LastDayOfWeek.bit();
        }
        if narrows {
            warnings |= Warning::StepMeetsRestriction.bit();
        }
        let [hours, month_days, months, week_days] = [hour, month_day, month, week_day]
            .map(|items| u32::try_from(items.numbers).expect("no bit above 31"));
        let mut expression = Self {
            seconds: second.numbers,
            minutes: minute.numbers,
            hours,
            months: u16::try_from(months).expect("no bit above 12"),
            month_days: month_day.month_days,
            week_days: week_day.week_days,
            stars,
            questions,
            warnings,
            zone,
        };
        expression.month_days.numbers = month_days;
        expression.week_days.numbers = u8::try_from(week_days).expect("no bit above 6");
        if days::exist(&expression) {
            return Ok(expression);
        }
        let [.., month_day, month, week_day] = words else { unreachable!("five or six fields") };
        let week_day = if week_day.1 == "?" || week_day.1 == "*" {
            String::new()
        } else {
            format!(" and day-of-week \"{}\"", quoted(week_day.1))
        };
        let message = format!(
            "no date matches day-of-month \"{}\"{week_day} in month \"{}\"",
            quoted(month_day.1),
            quoted(month.1)
        );
        Err(Error::NeverFires { message })
    }
}

/// Checks a text's length and characters (rule 1).
fn check_letters(text: &str) -> Result<(), Error> {
    let wrong =
        |offset, message| Error::Syntax { field: None, item: String::new(), offset, message };
    if text.len() > MAX_LEN {
        return Err(wrong(
            MAX_LEN,
            format!("an expression has at most {MAX_LEN} bytes, not {}", text.len()),
        ));
    }
    match text.char_indices().find(|(_, letter)| !matches!(letter, '\t' | ' '..='~')) {
        None => Ok(()),
        Some((offset, letter)) => {
            let code = u32::from(letter);
            let message =
                format!("the character '{}' (U+{code:04X}) is not allowed", letter.escape_debug());
            Err(wrong(offset, message))
        }
    }
}

fn syntax((offset, word): Word<'_>, message: String) -> Error {
    Error::Syntax { field: None, item: quoted(word), offset, message }
}
