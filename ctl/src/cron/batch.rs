//! `cron next -`: reads queries from standard input, one JSON object per line, and prints one reply
//! per line in order.
//!
//! Replies are batched while more input is buffered, and flushed before the next read that may
//! block, so a program that writes one query and waits gets its reply.

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

/// The longest query, in bytes, as for a message to an agent.
const MAX_LINE: usize = 1 << 20;

/// Bytes per read.
const READ: usize = 256 << 10;

/// The most replies in one batch, in bytes.
const MAX_BATCH: usize = 256 << 10;

/// The most times in one reply.
pub(crate) const MAX_COUNT: u16 = 10_000;

/// A query. Unknown fields are ignored.
#[derive(Deserialize)]
struct Query<'a> {
    #[serde(borrow)]
    expr: Cow<'a, str>,
    #[serde(borrow)]
    tz: Option<Cow<'a, str>>,
    #[serde(borrow)]
    from: Option<Cow<'a, str>>,
    n: Option<u16>,
    /// Lines of a calendar, usually dates.
    calendar: Option<Vec<String>>,
}

/// The values of fields that a query leaves out.
struct Defaults {
    zones: Choice,
    from: Option<Given>,
    calendar: Option<Arc<Calendar>>,
    count: u16,
}

/// Replies to all queries. The reply to an invalid query is an error; the next query follows.
///
/// # Errors
/// If the calendar or standard input cannot be read, or standard output cannot be written.
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
        if (waits || out.len() >= MAX_BATCH) && !out.is_empty() {
            if !output::piece(&out)? {
                // The pipe is closed.
                break;
            }
            out.clear();
        }
        let read = read_line(&mut input, &mut line);
        let Some(whole) =
            read.map_err(|error| Error::failed_by("cannot read standard input", error))?
        else {
            break;
        };
        let reply = match whole {
            true => defaults.reply(&line),
            false => Err(format!("the line is longer than {MAX_LINE} bytes")),
        };
        write(&mut out, reply);
    }
    Ok(ExitCode::from(exit::DONE))
}

/// Reads the next line without its end; `None` after the last. `false`: the line was too long and
/// was skipped.
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
    fn reply(&mut self, line: &[u8]) -> Result<Vec<i64>, String> {
        let query: Query<'_> =
            serde_json::from_slice(line).map_err(|error| format!("invalid query: {error}"))?;
        let count = query.n.unwrap_or(self.count);
        if count > MAX_COUNT {
            return Err(format!("n: at most {MAX_COUNT}"));
        }
        let expression = Expression::parse(&query.expr).map_err(|error| error.to_string())?;
        let zone_name = expression.zone_name().or(query.tz.as_deref());
        let zone = self.zones.of(zone_name).map_err(|error| error.to_string())?;
        let from = match &query.from {
            Some(text) => Some(Given::parse(text).map_err(|why| format!("from: {why}"))?),
            None => self.from,
        };
        let days = match &query.calendar {
            Some(lines) => Some(Arc::new(days(lines)?)),
            None => self.calendar.clone(),
        };
        let schedule = Schedule::new(&expression, &zone, days.as_ref());
        let from = from.map_or_else(now, |from| from.unix(&zone));
        Ok(schedule.after(from).take(usize::from(count)).collect())
    }
}

/// Parses a calendar from the list of its lines.
fn days(lines: &[String]) -> Result<Calendar, String> {
    if lines.iter().any(|line| line.contains(['\n', '\r'])) {
        return Err("calendar: a day contains a line break".to_owned());
    }
    Calendar::parse(&lines.join("\n")).map_err(|error| match error {
        agent_cron::Error::Calendar { line, message, .. } => {
            format!("calendar, day {line}: {message}")
        }
        other => format!("calendar: {other}"),
    })
}

fn write(out: &mut Vec<u8>, reply: Result<Vec<i64>, String>) {
    match reply {
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
            serde_json::to_writer(&mut *out, &why).expect("a text serializes to memory");
            out.extend_from_slice(b"}\n");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_split_and_long_lines_skipped() {
        let long = "x".repeat(MAX_LINE + 1);
        let text = format!("a\n\n{long}\nb\n{}\nc", &long[1..]);
        // The buffer is shorter than a line.
        let mut input = BufReader::with_capacity(7, text.as_bytes());
        let mut line = Vec::new();
        let mut found = Vec::new();
        while let Some(whole) = read_line(&mut input, &mut line).unwrap() {
            found.push((whole, if whole { line.len() } else { 0 }));
        }
        assert_eq!(
            found,
            [(true, 1), (true, 0), (false, 0), (true, 1), (true, MAX_LINE), (true, 1)]
        );
    }
}
