//! `cron check`: lists the entries of crontab files and their problems, before an agent reads them.

use super::inspect::{Inspector, Reading, Report};
use super::instant;
use super::plan::calendar;
use crate::cli::CronCheck;
use crate::error::Error;
use crate::print::table;
use crate::terminal::safe;
use crate::{exit, output};
use agent_cron::crontab::{Problem, When};
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Characters of a command that a table shows.
const MAX_COMMAND: usize = 40;

/// The most files in one directory, as for the agent.
const MAX_FILES: usize = 1024;

/// Checks the files in order. Prints entries on standard output, problems and warnings on standard
/// error.
///
/// # Errors
/// [`Error::Failed`] if a calendar or directory cannot be read.
pub(super) fn run(check: &CronCheck) -> Result<ExitCode, Error> {
    let days = check.calendar.as_deref().map(calendar).transpose()?;
    let mut inspector = Inspector::new(check.tz.as_deref(), days, check.user.as_deref());
    let mut reports = Vec::new();
    for path in &check.files {
        for file in files(path)? {
            let report = inspector.inspect(&file);
            if !check.json {
                output::bytes(text(&report).as_bytes())?;
                output::error_lines(&findings(&report));
            }
            reports.push(report);
        }
    }
    let count = |of: fn(&Report) -> usize| reports.iter().map(of).sum::<usize>();
    let problems = count(|report| report.problems.len());
    if check.json {
        let files: Vec<Value> = reports.iter().map(value).collect();
        output::json(&json!({ "files": files, "problems": problems }).to_string())?;
    } else {
        let summary = [
            counted(reports.len(), "file", "files"),
            counted(count(|report| report.readings.len()), "entry", "entries"),
            counted(problems, "problem", "problems"),
            counted(count(|report| report.warnings.len()), "warning", "warnings"),
        ];
        output::bytes(format!("{}\n", summary.join(", ")).as_bytes())?;
    }
    Ok(ExitCode::from(if problems == 0 { exit::DONE } else { exit::FAILED }))
}

/// Returns the file, or the files of a directory.
fn files(path: &Path) -> Result<Vec<PathBuf>, Error> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let failed = |error| Error::failed_by(path.display().to_string(), error);
    let mut files = Vec::new();
    for entry in std::fs::read_dir(path).map_err(failed)? {
        files.push(entry.map_err(failed)?.path());
    }
    if files.len() > MAX_FILES {
        return Err(Error::failed(format!("{}: more than {MAX_FILES} files", path.display())));
    }
    files.sort_unstable();
    Ok(files)
}

fn counted(count: usize, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

fn text(report: &Report) -> String {
    if report.readings.is_empty() {
        return String::new();
    }
    let rows: Vec<[String; 5]> = report.readings.iter().map(row).collect();
    let head = ["LINE", "USER", "NEXT", "WHEN", "COMMAND"];
    format!("{}\n{}\n", safe(&report.path.display().to_string()), table::text(head, &rows))
}

fn row(reading: &Reading) -> [String; 5] {
    let Reading { entry, zone, next } = reading;
    let next = match (zone, next) {
        (Some(zone), Some(at)) => instant::local(*at, zone),
        (Some(_), None) => "not before 2101".to_owned(),
        (None, _) => "-".to_owned(),
    };
    [entry.line.to_string(), entry.user.clone(), next, explain(&entry.when), short(&entry.command)]
}

fn explain(when: &When) -> String {
    match when {
        When::At(expression) => expression.explain(),
        When::Reboot => "once after the host has started".to_owned(),
    }
}

fn short(command: &str) -> String {
    let line = safe(command);
    match line.char_indices().nth(MAX_COMMAND) {
        Some((at, _)) => format!("{}…", &line[..at]),
        None => line,
    }
}

/// Formats one line per finding, `FILE:LINE:COLUMN: …`, like a compiler.
fn findings(report: &Report) -> String {
    let mut text = String::new();
    let lists = [("", &report.problems), ("warning: ", &report.warnings)];
    for (kind, list) in lists {
        for Problem { line, column, message } in list {
            let place = match line {
                0 => String::new(),
                line => format!(":{line}:{column}"),
            };
            let path = report.path.display();
            let _ = writeln!(text, "{}", safe(&format!("{path}{place}: {kind}{message}")));
        }
    }
    text
}

fn value(report: &Report) -> Value {
    let list = |problems: &[Problem]| -> Vec<Value> {
        let one = |Problem { line, column, message }: &Problem| json!({ "line": line, "column": column, "message": message });
        problems.iter().map(one).collect()
    };
    let entry = |reading: &Reading| {
        let Reading { entry, zone, next } = reading;
        json!({
            "line": entry.line,
            "schedule": match &entry.when {
                When::At(expression) => expression.to_string(),
                When::Reboot => "@reboot".to_owned(),
            },
            "explain": explain(&entry.when),
            "user": entry.user,
            "timezone": zone.as_ref().map(agent_cron::Zone::name),
            "next": next.map(instant::utc),
            "command": entry.command,
        })
    };
    json!({
        "file": report.path.display().to_string(),
        "entries": report.readings.iter().map(entry).collect::<Vec<_>>(),
        "problems": list(&report.problems),
        "warnings": list(&report.warnings),
    })
}
