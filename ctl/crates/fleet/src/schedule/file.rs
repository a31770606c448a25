//! Files of schedules: TOML with a `[[schedules]]` for each, or the same in JSON.

use super::{Definition, EntryError};
use serde::Deserialize;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::fmt;
use toml::Spanned;

/// The most bytes of one file.
pub const MAX_FILE: u64 = 8 << 20;

/// Why a file is not accepted.
///
/// `{}` writes one line; `{:#}` adds the text with a caret below the mistake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FileError {
    /// It is not TOML, or not JSON, or has another form.
    Form {
        /// The file's name.
        file: String,
        /// The place and the reason.
        why: String,
    },
    /// An entry is wrong.
    Entry {
        /// The file's name, and the line at which the entry begins, where that is known.
        place: String,
        /// The entry's name, or its number.
        entry: String,
        /// What is wrong.
        error: Box<EntryError>,
    },
    /// Two entries have one name.
    Twice {
        /// The name.
        name: String,
        /// Where the first entry stands.
        first: String,
        /// Where the second one stands.
        second: String,
    },
}

impl FileError {
    /// Returns the text around the mistake and a caret below it, where the mistake has a place.
    pub fn pointed(&self) -> Option<String> {
        match self {
            Self::Entry { error, .. } => error.pointed(),
            Self::Form { .. } | Self::Twice { .. } => None,
        }
    }
}

impl fmt::Display for FileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Form { file, why } => write!(f, "{file}: {why}"),
            Self::Entry { place, entry, error } => {
                write!(f, "{place}: schedule {entry}: ")?;
                if f.alternate() { write!(f, "{error:#}") } else { write!(f, "{error}") }
            }
            Self::Twice { name, first, second } => {
                write!(f, "{second}: schedule \"{name}\" stands already in {first}")
            }
        }
    }
}

impl std::error::Error for FileError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Entry { error, .. } => Some(&**error),
            Self::Form { .. } | Self::Twice { .. } => None,
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TomlForm {
    #[serde(default)]
    schedules: Vec<Spanned<Map<String, Value>>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct JsonForm {
    #[serde(default)]
    schedules: Vec<Map<String, Value>>,
}

/// Schedules from several files; no two have one name.
#[derive(Debug, Default)]
pub struct Files {
    definitions: BTreeMap<String, (Definition, String)>,
}

impl Files {
    /// Adds the schedules of one file. A name that ends in `.json` means JSON, any other TOML.
    ///
    /// # Errors
    /// The first mistake.
    pub fn add(&mut self, file: &str, text: &str) -> Result<(), FileError> {
        for (line, fields) in entries(file, text)?.into_iter().enumerate() {
            let (number, (line, fields)) = (line + 1, fields);
            let place = line.map_or_else(|| file.to_owned(), |line| format!("{file}:{line}"));
            let entry = match fields.get("name").and_then(Value::as_str) {
                Some(name) if name.len() <= super::MAX_NAME => format!("{name:?}"),
                Some(_) | None => format!("{number}"),
            };
            let definition = Definition::parse(&fields).map_err(|error| FileError::Entry {
                place: place.clone(),
                entry,
                error: Box::new(error),
            })?;
            let name = definition.name().to_owned();
            if let Some((_, first)) = self.definitions.get(&name) {
                return Err(FileError::Twice { name, first: first.clone(), second: place });
            }
            self.definitions.insert(name, (definition, place));
        }
        Ok(())
    }

    /// Returns the schedules, ordered by name.
    pub fn definitions(&self) -> impl Iterator<Item = &Definition> {
        self.definitions.values().map(|(definition, _)| definition)
    }

    /// Returns where a schedule stands: the file, and the line in TOML.
    pub fn place(&self, name: &str) -> Option<&str> {
        self.definitions.get(name).map(|(_, place)| place.as_str())
    }
}

/// An entry's line, where that is known, and its fields.
type Entry = (Option<usize>, Map<String, Value>);

fn entries(file: &str, text: &str) -> Result<Vec<Entry>, FileError> {
    let form = |why: String| FileError::Form { file: file.to_owned(), why };
    if file.ends_with(".json") {
        let read: JsonForm = serde_json::from_str(text).map_err(|error| form(error.to_string()))?;
        return Ok(read.schedules.into_iter().map(|fields| (None, fields)).collect());
    }
    let read: TomlForm =
        toml::from_str(text).map_err(|error| form(error.to_string().trim_end().to_owned()))?;
    let line = |at: usize| {
        text.as_bytes()[..at.min(text.len())].iter().filter(|b| **b == b'\n').count() + 1
    };
    Ok(read
        .schedules
        .into_iter()
        .map(|entry| (Some(line(entry.span().start)), entry.into_inner()))
        .collect())
}
