//! Reads the line of an entry: fields, user, command (docs/schedules.md rule 27).

use super::entry::{Entry, When};
use super::problem::Problem;
use crate::blanks::BLANKS;
use crate::error::quoted;
use crate::expression::Expression;
use std::sync::Arc;

/// The longest line that is read, in bytes.
pub const MAX_LINE: usize = 64 << 10;

/// The longest user name, in bytes: Linux's `LOGIN_NAME_MAX`, without its NUL.
const MAX_USER: usize = 255;

/// The hint for a user that does not exist, in a file of the system form: the command's first word
/// may have been read as the user.
pub const NO_USER: &str = "if the lines of this file name no user, put CRON_USER=root above them";

/// The form of a file: whether its entries name their user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form<'a> {
    /// Fields, user, command, unless the file has a line `CRON_USER=name` above its first entry.
    System,
    /// Fields and command; all run as this user.
    User(&'a str),
}

/// The parts of a line.
pub(super) struct Reading<'a> {
    pub(super) when: When,
    pub(super) user: &'a str,
    pub(super) command: String,
    /// The command has a `%` without a backslash, which other crons take as the end of the command.
    pub(super) bare_percent: bool,
    /// The line could also have been read with five fields.
    pub(super) also_five: bool,
}

/// Why a line cannot be read, and the byte of it.
pub(super) struct Refusal {
    pub(super) offset: usize,
    pub(super) message: String,
}

/// Reads the one-line form of `cron.set`: fields, user, command, as in a system crontab.
///
/// # Errors
/// A [`Problem`] in line 1: the problems that a file would report for this line, and `@reboot`,
/// which is for files only.
pub fn line(text: &str) -> Result<Entry, Problem> {
    let problem = |offset: usize, message: String| Problem { line: 1, column: offset + 1, message };
    if text.len() > MAX_LINE {
        return Err(problem(MAX_LINE, format!("the line is longer than {MAX_LINE} bytes")));
    }
    if let Some(offset) = text.find(['\n', '\r', '\0']) {
        return Err(problem(offset, "line breaks and NUL bytes are not allowed".to_owned()));
    }
    let reading = read(text, Form::System, "write the user before the command")
        .map_err(|refusal| problem(refusal.offset, refusal.message))?;
    if matches!(reading.when, When::Reboot) {
        let message =
            "@reboot is allowed in crontab files only: cron.set needs a schedule with times"
                .to_owned();
        return Err(problem(0, message));
    }
    Ok(reading.entry(1))
}

impl Reading<'_> {
    pub(super) fn entry(self, line: usize) -> Entry {
        Entry {
            line,
            when: self.when,
            user: self.user.to_owned(),
            command: self.command,
            environment: Arc::default(),
            file_zone: None,
        }
    }
}

/// Splits a line into its parts. Leading blanks are ignored. Errors about a missing user contain
/// the `hint`.
pub(super) fn read<'a>(
    text: &'a str,
    form: Form<'a>,
    hint: &'a str,
) -> Result<Reading<'a>, Refusal> {
    let words = Words::new(text, hint);
    let prefixed = usize::from(
        words.get(0).is_some_and(|word| word.starts_with("CRON_TZ=") || word.starts_with("TZ=")),
    );
    if words.get(prefixed).is_some_and(|word| word.starts_with('@')) {
        return words.with_fields(prefixed + 1, prefixed, form)?.command();
    }
    let six = words.with_fields(prefixed + 6, prefixed, form);
    let five = words.with_fields(prefixed + 5, prefixed, form);
    match (six, five) {
        (Ok(six), five) => {
            let mut reading = six.command()?;
            reading.also_five = five.is_ok_and(|five| is_no_field(five.user));
            Ok(reading)
        }
        (Err(_), Ok(five)) => five.command(),
        (Err(six), Err(five)) => Err(words.neither(prefixed, six, &five)),
    }
}

/// The first words of a line, up to its command, and their places.
struct Words<'a> {
    line: &'a str,
    words: Vec<(usize, &'a str)>,
    hint: &'a str,
}

/// A reading of a line before its command is checked.
struct Fields<'a> {
    when: When,
    user: &'a str,
    /// The rest of the line after fields and user.
    rest: &'a str,
    line: &'a str,
}

impl<'a> Words<'a> {
    fn new(line: &'a str, hint: &'a str) -> Self {
        let start = |word: &str| word.as_ptr().addr() - line.as_ptr().addr();
        let words = line.split(BLANKS).filter(|word| !word.is_empty());
        // A zone, six fields and a user.
        Self { line, words: words.take(8).map(|word| (start(word), word)).collect(), hint }
    }

    fn get(&self, index: usize) -> Option<&'a str> {
        self.words.get(index).map(|&(_, word)| word)
    }

    /// Returns the end of word `index`, or the line's end if there are fewer.
    fn end(&self, index: usize) -> usize {
        self.words.get(index).map_or(self.line.len(), |&(start, word)| start + word.len())
    }

    /// Reads the first `count` words as the schedule.
    fn with_fields(
        &self,
        count: usize,
        prefixed: usize,
        form: Form<'a>,
    ) -> Result<Fields<'a>, Refusal> {
        let first = self.words.first().map_or(0, |&(start, _)| start);
        if self.words.len() < count {
            let found = self.words.len().saturating_sub(prefixed);
            let message = format!("too few words ({found})");
            return Err(Refusal { offset: self.line.trim_end_matches(BLANKS).len(), message });
        }
        let schedule = &self.line[first..self.end(count - 1)];
        let when = if schedule.eq_ignore_ascii_case("@reboot") {
            When::Reboot
        } else {
            When::At(Expression::parse(schedule).map_err(|error| Refusal {
                offset: first + error.offset(),
                message: error.to_string(),
            })?)
        };
        let (user, last) = match form {
            Form::User(name) => (name, count - 1),
            Form::System => (self.user(count)?, count),
        };
        Ok(Fields { when, user, rest: &self.line[self.end(last)..], line: self.line })
    }

    fn user(&self, index: usize) -> Result<&'a str, Refusal> {
        match self.words.get(index) {
            Some(&(_, word)) if is_user_name(word) => Ok(word),
            Some(&(offset, word)) => Err(Refusal {
                offset,
                message: format!("\"{}\" is not a user name; {}", quoted(word), self.hint),
            }),
            None => Err(Refusal {
                offset: self.line.trim_end_matches(BLANKS).len(),
                message: format!("no user and no command after the fields; {}", self.hint),
            }),
        }
    }

    fn neither(&self, prefixed: usize, six: Refusal, five: &Refusal) -> Refusal {
        if self.words.len() < prefixed + 5 {
            return Refusal {
                offset: five.offset,
                message: format!(
                    "{}: an entry has five or six fields, then the user and the command",
                    five.message
                ),
            };
        }
        // A message that both readings share is reported once.
        let message = match six.message == five.message {
            true => six.message,
            false => {
                format!("read with six fields: {}; read with five: {}", six.message, five.message)
            }
        };
        Refusal { offset: six.offset.min(five.offset), message }
    }
}

impl<'a> Fields<'a> {
    fn command(self) -> Result<Reading<'a>, Refusal> {
        let command = self.rest.trim_start_matches(BLANKS);
        if command.is_empty() {
            let offset = self.line.trim_end_matches(BLANKS).len();
            return Err(Refusal { offset, message: "there is no command".to_owned() });
        }
        let (command, bare_percent) = unescaped(command);
        Ok(Reading { when: self.when, user: self.user, command, bare_percent, also_five: false })
    }
}

/// Returns a command with `%` for each `\%`, as crontab(5) has it, and whether it has any other
/// `%`. Any other backslash stays, and escapes the character after it.
fn unescaped(text: &str) -> (String, bool) {
    let (mut command, mut bare) = (String::with_capacity(text.len()), false);
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        if character != '\\' {
            bare |= character == '%';
            command.push(character);
            continue;
        }
        match characters.next() {
            Some('%') => command.push('%'),
            next => {
                command.push(character);
                command.extend(next);
            }
        }
    }
    (command, bare)
}

/// Returns whether a text may be the name of an account, as in `alice`, `DOM\alice`, `müller` or
/// `5005`: the account database decides. No name contains `:`, which separates the fields of
/// passwd(5); `/`, as most commands in the place of a user do; or the signs of a field.
pub(super) fn is_user_name(text: &str) -> bool {
    (1..=MAX_USER).contains(&text.len()) && !text.contains(['/', ':', '*', '?', ','])
}

/// Returns whether a word is a name rather than a field: it begins with a letter or `_`.
fn is_no_field(text: &str) -> bool {
    text.starts_with(|first: char| first.is_alphabetic() || first == '_')
}
