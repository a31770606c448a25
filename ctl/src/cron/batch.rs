//! `cron next -`: questions on standard input, a JSON object a line, answered a line each and in order.
//!
//! What is printed is kept together as long as more questions are there to be read, and goes out before the program
//! waits for one: a pipe that asks and waits gets its answer.

use super::instant::{self, Given};
use super::plan::{calendar, now};
use super::zone::Choice;
use crate::cli::CronNext;
use crate::error::Error;
use crate::{exit, output};
use agent_cron::{Calendar, Expression, Schedule};
use serde::Deserialize;
use std::borrow::Cow;
use std::io::{self, BufRead, BufReader};
use std::process::ExitCode;
use std::sync::Arc;

/// Bytes of one question, as of a message to an agent.
const MAX_LINE: usize = 1 << 20;

/// Bytes read at once.
const READ: usize = 256 << 10;

/// Bytes of answers that go out together at most.
const MAX_GATHERED: usize = 256 << 10;

/// Times that one question may ask for.
pub(crate) const MAX_COUNT: u16 = 10_000;

/// A question. Fields that are not known are left alone.
#[derive(Deserialize)]
struct Question<'a> {
    #[serde(borrow)]
    expr: Cow<'a, str>,
    #[serde(borrow)]
    tz: Option<Cow<'a, str>>,
    #[serde(borrow)]
    from: Option<Cow<'a, str>>,
    n: Option<u16>,
    /// Lines of a calendar: dates, as a rule.
    calendar: Option<Vec<String>>,
}

/// What holds for questions that do not say.
struct Defaults {
    zones: Choice,
    from: Option<Given>,
    calendar: Option<Arc<Calendar>>,
    count: u16,
}

/// Answers all questions. What can't be understood is answered with an error, and the next one has its turn.
///
/// # Errors
/// When the calendar or standard input can't be read, or standard output can't be written.
pub(super) fn run(next: &CronNext) -> Result<ExitCode, Error> {
    let mut defaults = Defaults {
        zones: Choice::new(next.when.tz.as_deref()),
        from: next.when.from,
        calendar: next.when.calendar.as_deref().map(calendar).transpose()?,
        count: next.count,
    };
    let mut input = BufReader::with_capacity(READ, io::stdin().lock());
    let mut line = Vec::new();
    let mut out = Vec::new();
    loop {
        let waits = !input.buffer().contains(&b'\n');
        if (waits || out.len() >= MAX_GATHERED) && !out.is_empty() {
            if !output::piece(&out)? {
                // Nobody reads any more.
                break;
            }
            out.clear();
        }
        let read = read_line(&mut input, &mut line);
        let Some(whole) = read.map_err(|error| Error::Failed(format!("standard input: {error}")))? else {
            break;
        };
        let answer = match whole {
            true => defaults.answer(&line),
            false => Err(format!("the line is longer than {MAX_LINE} bytes")),
        };
        write(&mut out, answer);
    }
    Ok(ExitCode::from(exit::DONE))
}

/// The next line without its end; `None` behind the last one. `false`: it was too long and is skipped.
fn read_line(input: &mut impl BufRead, line: &mut Vec<u8>) -> io::Result<Option<bool>> {
    line.clear();
    let (mut any, mut whole) = (false, true);
    loop {
        let bytes = match input.fill_buf() {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        if bytes.is_empty() {
            return Ok(any.then_some(whole));
        }
        any = true;
        let end = bytes.iter().position(|&byte| byte == b'\n');
        let piece = &bytes[..end.unwrap_or(bytes.len())];
        whole = whole && line.len() + piece.len() <= MAX_LINE;
        if whole {
            line.extend_from_slice(piece);
        }
        let taken = piece.len() + usize::from(end.is_some());
        input.consume(taken);
        if end.is_some() {
            return Ok(Some(whole));
        }
    }
}

impl Defaults {
    fn answer(&mut self, line: &[u8]) -> Result<Vec<i64>, String> {
        let question: Question<'_> =
            serde_json::from_slice(line).map_err(|error| format!("no question: {error}"))?;
        let count = question.n.unwrap_or(self.count);
        if count > MAX_COUNT {
            return Err(format!("n: at most {MAX_COUNT}"));
        }
        let expression = Expression::parse(&question.expr).map_err(|error| error.to_string())?;
        let zone_name = expression.zone_name().or(question.tz.as_deref());
        let zone = self.zones.of(zone_name).map_err(|error| error.to_string())?;
        let from = match &question.from {
            Some(text) => Some(Given::parse(text).map_err(|why| format!("from: {why}"))?),
            None => self.from,
        };
        let days = match &question.calendar {
            Some(lines) => Some(Arc::new(days(lines)?)),
            None => self.calendar.clone(),
        };
        let schedule = Schedule::new(&expression, &zone, days.as_ref());
        let from = from.map_or_else(now, |from| from.unix(&zone));
        Ok(schedule.after(from).take(usize::from(count)).collect())
    }
}

/// A calendar as a list of its lines.
fn days(lines: &[String]) -> Result<Calendar, String> {
    if lines.iter().any(|line| line.contains(['\n', '\r'])) {
        return Err("calendar: a day holds a line break".to_owned());
    }
    Calendar::parse(&lines.join("\n")).map_err(|error| match error {
        agent_cron::Error::Calendar { line, message, .. } => format!("calendar, day {line}: {message}"),
        other => format!("calendar: {other}"),
    })
}

fn write(out: &mut Vec<u8>, answer: Result<Vec<i64>, String>) {
    match answer {
        Ok(times) => {
            out.extend_from_slice(b"{\"next\":[");
            for (index, at) in times.into_iter().enumerate() {
                out.extend_from_slice(if index == 0 { b"\"" } else { b",\"" });
                out.extend_from_slice(instant::utc(at).as_bytes());
                out.push(b'"');
            }
            out.extend_from_slice(b"]}\n");
        }
        Err(why) => {
            out.extend_from_slice(b"{\"error\":");
            serde_json::to_writer(&mut *out, &why).expect("a text goes to memory");
            out.extend_from_slice(b"}\n");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_taken_apart_and_long_ones_skipped() {
        let long = "x".repeat(MAX_LINE + 1);
        let text = format!("a\n\n{long}\nb\n{}\nc", &long[1..]);
        // Less than a line at once.
        let mut input = BufReader::with_capacity(7, text.as_bytes());
        let mut line = Vec::new();
        let mut found = Vec::new();
        while let Some(whole) = read_line(&mut input, &mut line).unwrap() {
            found.push((whole, if whole { line.len() } else { 0 }));
        }
        assert_eq!(found, [(true, 1), (true, 0), (false, 0), (true, 1), (true, MAX_LINE), (true, 1)]);
    }
}
