//! `schedule apply` and `schedule diff`: files, their difference, and applying it.

use super::super::{parsed, said};
use crate::cli::{ScheduleApply, ScheduleFiles};
use crate::client::Controller;
use crate::error::Error;
use crate::output;
use crate::print::{Format, document};
use crate::terminal::{confirm, safe};
use agent_cron::Zones;
use controller_api::{ChangedField, ScheduleDiff, ScheduleEntry, ScheduleSet, path};
use fleet::schedule::Definition;
use fleet::schedule::file::{FileError, Files, MAX_FILE};
use serde_json::Value;
use std::fmt::Write as _;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use ureq::http::Method;

/// The most files of one directory.
const MAX_FILES: usize = 10_000;

/// Characters of a value that a difference shows.
const MAX_VALUE: usize = 60;

/// Shows the difference that files would make.
///
/// # Errors
/// Any [`Error`].
pub(super) fn diff(controller: &Controller, files: &ScheduleFiles) -> Result<(), Error> {
    let text = compared(controller, &read(files)?)?;
    document(&text, files.output.format(), || Ok(shown(&parsed(&text)?)))
}

/// Shows the difference and, once the operator agrees, makes it.
///
/// # Errors
/// Any [`Error`].
pub(super) fn run(controller: &Controller, apply: &ScheduleApply) -> Result<(), Error> {
    if apply.dry_run {
        return diff(controller, &apply.files);
    }
    let mut set = read(&apply.files)?;
    let text = compared(controller, &set)?;
    let found: ScheduleDiff = parsed(&text)?;
    let is_machine = matches!(apply.files.output.format(), Format::Json | Format::Yaml);
    if is_empty(&found) {
        return document(&text, apply.files.output.format(), || Ok(shown(&found)));
    }
    if !is_machine {
        output::bytes(shown(&found).as_bytes())?;
    }
    confirm("apply this", apply.yes.yes)?;
    set.generation = Some(found.generation);
    let text = controller.change(&Method::POST, path::SCHEDULES_APPLY, Some(&set))?;
    if is_machine {
        return document(&text, apply.files.output.format(), || Ok(String::new()));
    }
    said("applied; hosts that are connected get it now, others when they connect")
}

/// Reads the files.
fn read(files: &ScheduleFiles) -> Result<ScheduleSet, Error> {
    let mut all = Files::default();
    for path in &files.files {
        for file in each(path)? {
            let (name, text) = content(&file)?;
            all.add(&name, &text).map_err(|error| wrong(&error))?;
        }
    }
    let zones = Zones::system_or_bundled();
    for definition in all.definitions() {
        if let Some(zone) = definition.zone_name()
            && let Err(error) = zones.load(zone)
        {
            let (place, name) =
                (all.place(definition.name()).unwrap_or_default(), definition.name());
            return Err(Error::usage(format!("{place}: schedule \"{name}\": timezone: {error}")));
        }
    }
    let schedules = all.definitions().map(entry).collect::<Result<_, _>>()?;
    Ok(ScheduleSet { schedules, prune: files.prune, generation: None })
}

/// Shows the place of a mistake, and returns the error.
fn wrong(error: &FileError) -> Error {
    match (error, error.pointed()) {
        (_, Some(pointed)) => output::error_lines(&format!("{pointed}\n")),
        (FileError::Form { why, .. }, None) if why.contains('\n') => {
            output::error_lines(&format!("{why}\n"));
        }
        (_, None) => {}
    }
    Error::usage(error.to_string().lines().next().unwrap_or_default().to_owned())
}

fn entry(definition: &Definition) -> Result<ScheduleEntry, Error> {
    let mut fields = definition.to_fields();
    for name in ["user", "group"] {
        if let Some(Value::Number(number)) = fields.get(name) {
            let text = Value::String(number.to_string());
            fields.insert(name.to_owned(), text);
        }
    }
    let name = definition.name();
    // By way of text: the binary then needs one reader of entries, not a second one for values.
    serde_json::from_str(&Value::Object(fields).to_string())
        .map_err(|error| Error::usage(format!("schedule \"{name}\": {error}")))
}

/// Returns the file, or the files of a directory: those that end in .toml or .json.
fn each(path: &Path) -> Result<Vec<PathBuf>, Error> {
    if path == Path::new("-") || !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let failed = |error| Error::unavailable_by(path.display().to_string(), error);
    let mut files = Vec::new();
    for entry in std::fs::read_dir(path).map_err(failed)? {
        let file = entry.map_err(failed)?.path();
        let ends = file.extension().is_some_and(|end| end == "toml" || end == "json");
        if ends && file.is_file() {
            files.push(file);
        }
        if files.len() > MAX_FILES {
            let why = format!("{}: there are more than {MAX_FILES} files", path.display());
            return Err(Error::unavailable(why));
        }
    }
    if files.is_empty() {
        let why = format!("{}: there is no file that ends in .toml or .json", path.display());
        return Err(Error::unavailable(why));
    }
    files.sort();
    Ok(files)
}

fn content(path: &Path) -> Result<(String, String), Error> {
    let name = path.display().to_string();
    let mut text = String::new();
    let read = if path == Path::new("-") {
        std::io::stdin().lock().take(MAX_FILE + 1).read_to_string(&mut text)
    } else {
        std::fs::File::open(path).and_then(|file| file.take(MAX_FILE + 1).read_to_string(&mut text))
    };
    read.map_err(|error| Error::unavailable_by(name.clone(), error))?;
    if text.len() as u64 > MAX_FILE {
        return Err(Error::unavailable(format!("{name}: it has more than {MAX_FILE} bytes")));
    }
    let name = if name == "-" { "standard input".to_owned() } else { name };
    Ok((name, text))
}

fn compared(controller: &Controller, set: &ScheduleSet) -> Result<String, Error> {
    controller.change(&Method::POST, path::SCHEDULES_DIFF, Some(set))
}

const fn is_empty(diff: &ScheduleDiff) -> bool {
    diff.added.is_empty() && diff.changed.is_empty() && diff.removed.is_empty()
}

/// Returns a difference for people.
fn shown(diff: &ScheduleDiff) -> String {
    let mut text = String::new();
    for name in &diff.added {
        let _ = writeln!(text, "+ {}", safe(name));
    }
    for changed in &diff.changed {
        let _ = writeln!(text, "~ {}", safe(&changed.name));
        for ChangedField { field, from, to } in &changed.fields {
            let (from, to) = (value(from.as_ref()), value(to.as_ref()));
            let _ = writeln!(text, "    {}: {from} → {to}", safe(field));
        }
    }
    for name in &diff.removed {
        let _ = writeln!(text, "- {}", safe(name));
    }
    let _ = writeln!(
        text,
        "{} new, {} changed, {} removed, {} unchanged",
        diff.added.len(),
        diff.changed.len(),
        diff.removed.len(),
        diff.unchanged
    );
    text
}

fn value(value: Option<&Value>) -> String {
    let text = match value {
        None => return "(default)".to_owned(),
        Some(Value::String(text)) => safe(text),
        Some(other) => safe(&other.to_string()),
    };
    match text.char_indices().nth(MAX_VALUE) {
        Some((at, _)) => format!("{}…", text.split_at(at).0),
        None => text,
    }
}
