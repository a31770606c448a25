//! `schedule list`, `show`, `hosts`, `history` and `results`.

use super::super::parsed;
use crate::cli::ScheduleName;
use crate::client::Controller;
use crate::clock;
use crate::error::Error;
use crate::print::listing::Row;
use crate::print::{Record, document, table};
use crate::terminal::safe;
use agent_cron::Zone;
use controller_api::{
    Schedule, ScheduleCounts, ScheduleEntry, ScheduleHistory, ScheduleHost, ScheduleResults,
    ScheduleState, path,
};
use serde::Deserialize;

/// Versions and results that are shown: a page.
const PAGE: usize = 100;

/// Characters of a command that a table shows.
const MAX_COMMAND: usize = 40;

impl Row for Schedule {
    const HEAD: &'static [&'static str] =
        &["SCHEDULE", "WHEN", "HOSTS", "SELECTOR", "USER", "COMMAND"];
    const WIDE: &'static [&'static str] = &["TIME ZONE", "VERSION", "AUTHOR", "CHANGED"];

    fn cells(&self, wide: bool, zone: &Zone) -> Vec<String> {
        let entry = &self.entry;
        let text = |text: &Option<String>| safe(text.as_deref().unwrap_or("-"));
        let selector = entry.selector.as_deref().filter(|selector| !selector.is_empty());
        let mut cells = vec![
            safe(entry.name.as_deref().unwrap_or_default()),
            match entry.enabled {
                Some(false) => format!("{} (off)", text(&entry.schedule)),
                _ => text(&entry.schedule),
            },
            hosts(&self.hosts),
            safe(selector.unwrap_or("(all)")),
            safe(entry.user.as_deref().unwrap_or("root")),
            short(entry.cmd.as_deref().unwrap_or_default()),
        ];
        if wide {
            cells.extend([
                safe(entry.timezone.as_deref().unwrap_or("each host's")),
                self.version.to_string(),
                safe(&self.changed_by),
                clock::shown(&self.changed_at, zone),
            ]);
        }
        cells
    }

    fn name(&self) -> String {
        safe(self.entry.name.as_deref().unwrap_or_default())
    }
}

impl Row for ScheduleHost {
    const HEAD: &'static [&'static str] = &["HOST", "STATE", "SINCE", "DRIFT", "WHY"];
    const WIDE: &'static [&'static str] = &["REVISION", "CONNECTED", "LAST SEEN"];

    fn cells(&self, wide: bool, zone: &Zone) -> Vec<String> {
        let time = |at: &Option<String>| at.as_ref().map(|at| clock::shown(at, zone));
        let drift = match (&self.drift, time(&self.drift_at)) {
            (Some(drift), Some(at)) => format!("{}, repaired {at}", safe(drift)),
            _ => "-".to_owned(),
        };
        let seen = time(&self.last_seen).filter(|_| !self.connected);
        let why = match (&self.why, &seen) {
            (Some(why), Some(seen)) => format!("{} since {seen}", safe(why)),
            (Some(why), None) => safe(why),
            (None, _) => "-".to_owned(),
        };
        let or_none = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
        let mut cells = vec![
            safe(&self.host),
            state(self.state).to_owned(),
            or_none(time(&self.since)),
            drift,
            why,
        ];
        if wide {
            cells.extend([
                or_none(self.revision.as_deref().map(safe)),
                if self.connected { "yes" } else { "no" }.to_owned(),
                or_none(time(&self.last_seen)),
            ]);
        }
        cells
    }

    fn name(&self) -> String {
        safe(&self.host)
    }
}

/// Returns a schedule for people.
pub(super) fn shown(schedule: &Schedule) -> String {
    let zone = clock::here();
    let entry = &schedule.entry;
    let mut record = Record::default();
    record
        .add("schedule", entry.name.as_deref().unwrap_or_default())
        .some("for", entry.description.as_ref())
        .add("hosts", entry.selector.as_deref().filter(|text| !text.is_empty()).unwrap_or("(all)"))
        .add("when", entry.schedule.as_deref().unwrap_or_default())
        .some("meaning", schedule.meaning.as_ref());
    for warning in &schedule.warnings {
        record.add("warning", warning);
    }
    record
        .add("time zone", entry.timezone.as_deref().unwrap_or("each host's own"))
        .add("command", entry.cmd.as_deref().unwrap_or_default())
        .add("user", entry.user.as_deref().unwrap_or("root"));
    further(&mut record, entry);
    record
        .add("standing", hosts(&schedule.hosts))
        .add("revision", &schedule.revision)
        .add("version", schedule.version.to_string())
        .add("author", by(&schedule.changed_by, &schedule.changed_at, &zone))
        .add("created", by(&schedule.created_by, &schedule.created_at, &zone));
    record.text()
}

/// Adds the fields that are not at their default.
fn further(record: &mut Record, entry: &ScheduleEntry) {
    let seconds = |seconds: Option<u64>| seconds.map(|seconds| format!("{seconds} s"));
    record
        .some("enabled", entry.enabled.filter(|on| !on).map(|_| "no"))
        .some("group", entry.group.as_ref())
        .some("directory", entry.cwd.as_ref())
        .some("time-out", seconds(entry.timeout))
        .some("overlap", entry.overlap.as_ref())
        .some("missed", entry.missed.as_ref())
        .some("horizon", seconds(entry.horizon))
        .some("jitter", seconds(entry.jitter))
        .some("calendar", entry.calendar.as_ref());
    for (name, value) in entry.env.iter().flatten() {
        record.add("variable", format!("{name}={value}"));
    }
    for (name, value) in entry.limits.iter().flatten() {
        record.add("limit", format!("{name} {value}"));
    }
}

/// Shows the versions of a schedule.
///
/// # Errors
/// Any [`Error`].
pub(super) fn history(controller: &Controller, history: &ScheduleName) -> Result<(), Error> {
    let path = format!("{}?limit={PAGE}", path::schedule_history(&history.name));
    let text = controller.read(&path)?;
    document(&text, history.output.format(), || {
        let found: ScheduleHistory = parsed(&text)?;
        let zone = clock::here();
        let rows: Vec<[String; 5]> = found
            .versions
            .iter()
            .map(|version| {
                let entry = version.entry.as_ref();
                let field =
                    |text: Option<&String>| text.map_or_else(|| "-".to_owned(), |t| safe(t));
                [
                    version.version.to_string(),
                    clock::shown(&version.at, &zone),
                    safe(&version.by),
                    match entry {
                        Some(entry) => field(entry.schedule.as_ref()),
                        None => "(removed)".to_owned(),
                    },
                    short(entry.and_then(|entry| entry.cmd.as_deref()).unwrap_or("-")),
                ]
            })
            .collect();
        Ok(table::text(["VERSION", "AT", "BY", "WHEN", "COMMAND"], &rows))
    })
}

/// The part of a result that a table shows.
#[derive(Deserialize)]
struct Ended {
    resp: String,
    retcode: u16,
    due: Option<String>,
    #[serde(default)]
    message: String,
}

/// Shows the newest results of a schedule.
///
/// # Errors
/// Any [`Error`].
pub(super) fn results(controller: &Controller, results: &ScheduleName) -> Result<(), Error> {
    let path = format!("{}?limit={PAGE}", path::schedule_results(&results.name));
    let text = controller.read(&path)?;
    document(&text, results.output.format(), || {
        let found: ScheduleResults = parsed(&text)?;
        let zone = clock::here();
        let mut rows: Vec<[String; 4]> = Vec::with_capacity(found.results.len());
        for result in &found.results {
            let ended: Ended = parsed(result.result.get())?;
            let outcome = match (&*ended.resp, ended.retcode) {
                ("success", code) => format!("exit {code}"),
                (_, _) => safe(&ended.message),
            };
            let due = ended.due.as_ref().map(|due| clock::shown(due, &zone));
            rows.push([
                safe(&result.host),
                due.unwrap_or_else(|| "-".to_owned()),
                clock::shown(&result.received, &zone),
                outcome,
            ]);
        }
        Ok(table::text(["HOST", "DUE", "RECEIVED", "OUTCOME"], &rows))
    })
}

fn by(who: &str, at: &str, zone: &Zone) -> String {
    format!("{who}, {}", clock::shown(at, zone))
}

/// Returns the counts that are not zero as a sum.
fn hosts(counts: &ScheduleCounts) -> String {
    let all = [
        (counts.applied, "applied"),
        (counts.outdated, "outdated"),
        (counts.refused, "refused"),
        (counts.not_allowed, "not allowed"),
        (counts.failed, "failed"),
    ];
    let some: Vec<String> = all
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, name)| format!("{count} {name}"))
        .collect();
    if some.is_empty() { "-".to_owned() } else { some.join(", ") }
}

const fn state(state: ScheduleState) -> &'static str {
    match state {
        ScheduleState::Applied => "applied",
        ScheduleState::Pending => "pending",
        ScheduleState::Refused => "refused",
        ScheduleState::NotAllowed => "not allowed",
        ScheduleState::Failed => "failed",
        ScheduleState::Removing => "removing",
    }
}

fn short(command: &str) -> String {
    let text = safe(command);
    match text.char_indices().nth(MAX_COMMAND) {
        Some((at, _)) => format!("{}…", text.split_at(at).0),
        None => text,
    }
}
