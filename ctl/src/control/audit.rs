//! `audit`: reads the audit log, follows it, and verifies it.

use super::parsed;
use super::since::first_since;
use crate::cli::{Audit, AuditSub};
use crate::client::{Controller, LONG_WAIT, checked};
use crate::error::Error;
use crate::print::listing::{self, List, Printer, Row};
use crate::print::{Format, Output, Record, document};
use crate::terminal::{Progress, safe};
use crate::{clock, output};
use agent_cron::Zone;
use controller_api::{Event, EventOutcome, EventsVerified, MAX_WAIT_SECONDS, path};
use serde_json::value::RawValue;
use serde_json::{Map, Value};
use std::time::Duration;

/// The pause before a controller that is away is asked again.
const PAUSE: Duration = Duration::from_secs(2);

impl Row for Event {
    const HEAD: &'static [&'static str] =
        &["TIME", "ACTOR", "ACTION", "HOSTS", "OUTCOME", "DETAIL"];
    const WIDE: &'static [&'static str] = &["EVENT", "FROM", "ENDED", "RESULT"];

    fn cells(&self, wide: bool, zone: &Zone) -> Vec<String> {
        let mut cells = vec![
            clock::shown(&self.time, zone),
            safe(&self.actor),
            safe(&self.action),
            hosts(self),
            outcome(self.outcome).to_owned(),
            said(&self.detail),
        ];
        if wide {
            cells.extend([
                self.sequence.to_string(),
                self.source.map_or_else(|| "-".to_owned(), |source| source.to_string()),
                clock::cell(self.ended.as_ref(), zone),
                said(&self.outcome_detail),
            ]);
        }
        cells
    }

    fn name(&self) -> String {
        self.sequence.to_string()
    }
}

/// Prints events, or verifies the log.
///
/// # Errors
/// Any [`Error`]; [`Error::Failed`] for a log that was tampered with.
pub(super) fn run(controller: &Controller, audit: &Audit) -> Result<(), Error> {
    if let Some(AuditSub::Verify(format)) = &audit.verify {
        return verify(controller, format);
    }
    let after = match &audit.since {
        Some(since) => Some(first_since(controller, since)?.to_string()),
        None => None,
    };
    let list = List { path: query(audit)?, key: "events", after };
    let format = audit.output.format();
    if audit.follow {
        follow(controller, &list, format)
    } else {
        listing::run::<Event>(controller, &list, format)
    }
}

fn query(audit: &Audit) -> Result<String, Error> {
    let mut parts = Vec::new();
    if let Some(actor) = &audit.actor {
        parts.push(format!("actor={}", path::segment(actor)));
    }
    if let Some(action) = &audit.action {
        parts.push(format!("action={}", path::segment(action)));
    }
    if let Some(host) = &audit.host {
        parts.push(format!("host={}", path::segment(checked(host)?)));
    }
    let mark = if parts.is_empty() { "" } else { "?" };
    Ok(format!("{}{mark}{}", path::EVENTS, parts.join("&")))
}

/// Prints events as they happen, until the process or its output ends. JSON is one event per line.
fn follow(controller: &Controller, list: &List, format: Format) -> Result<(), Error> {
    if format == Format::Yaml {
        return Err(Error::usage("--follow prints a table, names or JSON, not YAML"));
    }
    let mut printer = Printer::new::<Event>(list.key, format);
    let mut after = list.after.clone().unwrap_or_else(|| "0".to_owned());
    let (mut replied, mut away) = (false, false);
    loop {
        let rows = match list.waited(controller, &after, if replied { MAX_WAIT_SECONDS } else { 0 })
        {
            Ok(rows) => rows,
            // A controller that restarts is waited for.
            Err(error @ (Error::Unreachable(_) | Error::NoReply(_))) if replied => {
                if !std::mem::replace(&mut away, true) {
                    output::error(&format_args!("{}; waiting for it", error.chain()));
                }
                std::thread::sleep(PAUSE);
                continue;
            }
            Err(error) => return Err(error),
        };
        (replied, away) = (true, false);
        Progress::off();
        if let Some(last) = rows.last() {
            after = listing::read::<Event>(last)?.sequence.to_string();
        }
        if !rows.is_empty() && !output::piece(lines(&mut printer, format, &rows)?.as_bytes())? {
            return Ok(());
        }
    }
}

fn lines(printer: &mut Printer, format: Format, rows: &[Box<RawValue>]) -> Result<String, Error> {
    match format {
        Format::Json => {
            Ok(rows.iter().map(|row| format!("{}\n", output::shown_json(row.get()))).collect())
        }
        _ => printer.part::<Event>(rows),
    }
}

fn verify(controller: &Controller, format: &Output) -> Result<(), Error> {
    let text = controller.read_within(path::EVENTS_VERIFY, LONG_WAIT)?;
    let found: EventsVerified = parsed(&text)?;
    document(&text, format.format(), || Ok(verified(&found)))?;
    match found.intact {
        true => Ok(()),
        false => Err(Error::failed(format!(
            "the audit log was changed behind the controller's back: {}",
            found.fault.as_deref().unwrap_or("no further detail")
        ))),
    }
}

fn verified(found: &EventsVerified) -> String {
    let mut record = Record::default();
    record.add("intact", if found.intact { "yes" } else { "NO" });
    record.add("lines", found.lines.to_string());
    if let (Some(first), Some(last)) = (found.first, found.last) {
        record.add("numbers", format!("{first} to {last}"));
    }
    record.some("digest", found.digest.as_ref()).some("fault", found.fault.as_ref());
    record.text()
}

fn hosts(event: &Event) -> String {
    match event.hosts.as_slice() {
        [] => "-".to_owned(),
        [one] => safe(one),
        [first, others @ ..] => format!("{} and {} more", safe(first), others.len()),
    }
}

/// Returns the members of a detail in one cell: `by=api_token path=/api/v1/tokens`.
fn said(detail: &Map<String, Value>) -> String {
    let member = |(name, value): (&String, &Value)| match value {
        Value::String(text) => safe(&format!("{name}={text}")),
        other => safe(&format!("{name}={other}")),
    };
    let said = detail.iter().filter(|(_, value)| !value.is_null());
    let members: Vec<String> = said.map(member).collect();
    if members.is_empty() { "-".to_owned() } else { members.join(" ") }
}

fn outcome(outcome: EventOutcome) -> &'static str {
    match outcome {
        EventOutcome::Begun => "begun",
        EventOutcome::Succeeded => "succeeded",
        EventOutcome::Refused => "refused",
        EventOutcome::Failed => "failed",
        EventOutcome::Unknown => "unknown",
    }
}
