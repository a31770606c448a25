//! Reads a crontab line by line: assignments, comments, entries, and the problems of the other
//! lines (docs/schedules.md rule 26).

use super::assignment::assignment;
use super::entry::{Entry, Environment, When};
use super::line::{Form, MAX_LINE, NO_USER, Refusal, is_user_name, read};
use super::problem::Problem;
use crate::blanks::BLANKS;
use crate::error::quoted;
use std::str;
use std::sync::Arc;

/// The longest file that is read, in bytes.
pub const MAX_BYTES: usize = 16 << 20;
/// The most entries of a file; further entries are skipped.
pub const MAX_ENTRIES: usize = 100_000;
/// The most lines of a file that set a variable; further lines are skipped.
pub const MAX_VARIABLES: usize = 256;
/// The most problems, and the most warnings, of a file that are reported one by one.
pub const MAX_PROBLEMS: usize = 100;

/// A crontab's content.
#[derive(Clone, Debug, Default)]
pub struct Crontab {
    /// The entries, in the order of the lines.
    pub entries: Vec<Entry>,
    /// The skipped lines.
    pub problems: Vec<Problem>,
    /// Lines that are used but may not mean what their author intended.
    pub warnings: Vec<Problem>,
}

/// Reads a crontab. Lines end with LF or CR LF; the last one needs no end.
pub fn parse<'a>(bytes: &'a [u8], form: Form<'a>) -> Crontab {
    let mut reader = Reader::new(form);
    if bytes.len() > MAX_BYTES {
        reader.problem(
            1,
            0,
            format!("the file is longer than {MAX_BYTES} bytes: none of it is used"),
        );
        return reader.finish();
    }
    for (index, line) in bytes.split(|&byte| byte == b'\n').enumerate() {
        let number = index + 1;
        if reader.crontab.entries.len() == MAX_ENTRIES && !is_void(line) {
            let message = format!(
                "more than {MAX_ENTRIES} entries: this line and the lines below are skipped"
            );
            reader.problem(number, 0, message);
            break;
        }
        reader.line(number, line.strip_suffix(b"\r").unwrap_or(line));
    }
    reader.finish()
}

/// Returns whether a line is blank or a comment.
fn is_void(line: &[u8]) -> bool {
    line.iter().find(|byte| !b" \t\r".contains(byte)).is_none_or(|&first| first == b'#')
}

struct Reader<'a> {
    crontab: Crontab,
    form: Form<'a>,
    /// `CRON_USER` was not a user name, so there is no user to run the entries as.
    nobody: bool,
    environment: Arc<Environment>,
    variables: usize,
    zone: Option<Arc<str>>,
    /// The last `CRON_TZ` was empty, so entries without a zone of their own have none.
    no_zone: bool,
    warned_of_mail: bool,
    /// Problems and warnings beyond [`MAX_PROBLEMS`].
    unreported: [usize; 2],
}

impl<'a> Reader<'a> {
    fn new(form: Form<'a>) -> Self {
        Self {
            crontab: Crontab::default(),
            form,
            nobody: false,
            environment: Arc::default(),
            variables: 0,
            zone: None,
            no_zone: false,
            warned_of_mail: false,
            unreported: [0, 0],
        }
    }

    fn line(&mut self, number: usize, line: &'a [u8]) {
        if is_void(line) {
            return;
        }
        if line.len() > MAX_LINE {
            return self.problem(
                number,
                MAX_LINE,
                format!("the line is longer than {MAX_LINE} bytes"),
            );
        }
        let text = match str::from_utf8(line) {
            Ok(text) => text,
            Err(error) => return self.problem(number, error.valid_up_to(), "not UTF-8".to_owned()),
        };
        if let Some(offset) = text.find('\0') {
            return self.problem(number, offset, "a NUL byte is not allowed".to_owned());
        }
        let trimmed = text.trim_start_matches(BLANKS);
        let indent = text.len() - trimmed.len();
        match assignment(trimmed) {
            Some(Ok((name, value))) => self.set(number, indent, name, value),
            Some(Err((offset, message))) => {
                self.problem(number, indent + offset, message.to_owned())
            }
            None => self.entry(number, text),
        }
    }

    fn entry(&mut self, number: usize, text: &str) {
        if self.nobody {
            return self.problem(number, 0, "skipped: CRON_USER above names no user".to_owned());
        }
        let reading = match read(text, self.form, NO_USER) {
            Ok(reading) => reading,
            Err(Refusal { offset, message }) => return self.problem(number, offset, message),
        };
        if self.no_zone
            && matches!(&reading.when, When::At(expression) if expression.zone_name().is_none())
        {
            let message = "skipped: CRON_TZ above names no time zone";
            return self.problem(number, 0, message.to_owned());
        }
        if reading.bare_percent {
            let message = "% is an ordinary character here, also without a backslash: other crons \
                           end the command there";
            self.warning(number, message.to_owned());
        }
        if reading.also_five {
            let message = "read with six fields, of which the first is the second; five fields \
                           would be valid too";
            self.warning(number, message.to_owned());
        }
        if let When::At(expression) = &reading.when {
            for warning in expression.warnings() {
                self.warning(number, warning.to_string());
            }
        }
        self.crontab.entries.push(Entry {
            environment: Arc::clone(&self.environment),
            file_zone: self.zone.clone(),
            ..reading.entry(number)
        });
    }

    fn set(&mut self, number: usize, indent: usize, name: &str, value: &'a str) {
        self.variables += 1;
        if self.variables > MAX_VARIABLES {
            let message = format!(
                "more than {MAX_VARIABLES} lines set variables: \"{}\" is not set",
                quoted(name)
            );
            return self.problem(number, indent, message);
        }
        match name {
            "CRON_TZ" if value.is_empty() => {
                self.no_zone = true;
                self.problem(number, indent, "CRON_TZ names no time zone".to_owned());
            }
            "CRON_TZ" => (self.zone, self.no_zone) = (Some(value.into()), false),
            "HOME" if !value.starts_with('/') => {
                let message = "ignored: HOME must be an absolute path, in which the commands start";
                self.problem(number, indent, message.to_owned());
            }
            "CRON_USER" => self.set_user(number, indent, value),
            "LOGNAME" | "USER" => {
                self.warning(
                    number,
                    format!("ignored: {name} is always the user that the entry runs as"),
                );
            }
            _ => {
                if name == "MAILTO" && !value.is_empty() && !self.warned_of_mail {
                    self.warned_of_mail = true;
                    let message = "no mail is sent: the result of each run goes to the controller";
                    self.warning(number, message.to_owned());
                }
                Arc::make_mut(&mut self.environment).set(name, value);
            }
        }
    }

    fn set_user(&mut self, number: usize, indent: usize, name: &'a str) {
        if !self.crontab.entries.is_empty() {
            let message = "ignored: CRON_USER must be above the first entry";
            self.problem(number, indent, message.to_owned());
        } else if is_user_name(name) {
            self.nobody = false;
            self.form = Form::User(name);
        } else {
            self.nobody = true;
            self.problem(
                number,
                indent,
                format!("CRON_USER: \"{}\" is not a user name", quoted(name)),
            );
        }
    }

    fn problem(&mut self, line: usize, offset: usize, message: String) {
        let problem = Problem { line, column: offset + 1, message };
        add(&mut self.crontab.problems, &mut self.unreported[0], problem);
    }

    fn warning(&mut self, line: usize, message: String) {
        add(
            &mut self.crontab.warnings,
            &mut self.unreported[1],
            Problem { line, column: 1, message },
        );
    }

    fn finish(mut self) -> Crontab {
        let lists = [&mut self.crontab.problems, &mut self.crontab.warnings];
        for (list, unreported) in lists.into_iter().zip(self.unreported) {
            if let (Some(last), 1..) = (list.last(), unreported) {
                let message = format!("{unreported} more further down");
                list.push(Problem { line: last.line, column: 1, message });
            }
        }
        self.crontab
    }
}

/// Adds a problem, or counts it if the list is full.
fn add(list: &mut Vec<Problem>, unreported: &mut usize, problem: Problem) {
    if list.len() < MAX_PROBLEMS {
        list.push(problem);
    } else {
        *unreported += 1;
    }
}
