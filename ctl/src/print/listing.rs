//! Prints a list page by page: each page is printed before the next is asked for.

use super::format::Format;
use super::table::Table;
use super::yaml;
use crate::client::Controller;
use crate::error::Error;
use crate::terminal::{self, Progress};
use crate::{clock, output, query};
use agent_cron::Zone;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use std::collections::BTreeMap;
use std::io::{self, IsTerminal as _};
use std::time::Duration;

/// Rows in one page: the most that the controller gives.
const PAGE: usize = 1000;

/// One thing of a list.
pub(crate) trait Row: DeserializeOwned {
    /// The columns of a table.
    const HEAD: &'static [&'static str];
    /// The further columns of `-o wide`.
    const WIDE: &'static [&'static str];

    /// Returns the cells below the columns, and below the further columns with `wide`. They
    /// contain nothing that steers a terminal.
    fn cells(&self, wide: bool, zone: &Zone) -> Vec<String>;

    /// Returns the name, for `-o name`.
    fn name(&self) -> String;
}

/// A list of the API.
pub(crate) struct List {
    /// Its path, with the query that chooses its rows.
    pub(crate) path: String,
    /// The member of the body that has the rows.
    pub(crate) key: &'static str,
    /// Where to begin: the value of `after`.
    pub(crate) after: Option<String>,
}

/// A page as it came.
pub(crate) struct Page {
    /// The rows, as the controller wrote them.
    pub(crate) rows: Vec<Box<RawValue>>,
    /// Where the next page begins.
    pub(crate) next: Option<String>,
}

impl List {
    /// Makes a list of everything below `path`.
    pub(crate) fn new(path: impl Into<String>, key: &'static str) -> Self {
        Self { path: path.into(), key, after: None }
    }

    /// Asks for the page after `after`.
    ///
    /// # Errors
    /// Any [`Error`] of a request.
    pub(crate) fn page(&self, controller: &Controller, after: Option<&str>) -> Result<Page, Error> {
        self.part(controller, after, PAGE)
    }

    /// Asks for the page after `after` of at most `limit` rows.
    fn part(
        &self,
        controller: &Controller,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Page, Error> {
        let mark = if self.path.contains('?') { '&' } else { '?' };
        let mut path = format!("{}{mark}limit={limit}", self.path);
        if let Some(after) = after {
            path.push_str("&after=");
            path.push_str(&controller_api::path::segment(after));
        }
        self.parsed(&controller.read(&path)?)
    }

    /// Asks for the rows after `after`, and waits for one if there is none: at most `wait` seconds.
    ///
    /// # Errors
    /// Any [`Error`] of a request.
    pub(crate) fn waited(
        &self,
        controller: &Controller,
        after: &str,
        wait: u64,
    ) -> Result<Vec<Box<RawValue>>, Error> {
        let mark = if self.path.contains('?') { '&' } else { '?' };
        let path = format!("{}{mark}limit={PAGE}&after={after}&wait={wait}", self.path);
        let text = controller.read_within(&path, Duration::from_secs(wait))?;
        self.parsed(&text).map(|page| page.rows)
    }

    fn parsed(&self, text: &str) -> Result<Page, Error> {
        let mut body: BTreeMap<String, Box<RawValue>> =
            serde_json::from_str(text).map_err(|error| query::unreadable(&error))?;
        let rows = body.remove(self.key).ok_or_else(|| {
            query::unreadable(&format_args!("the list has no member \"{}\"", self.key))
        })?;
        Ok(Page {
            rows: read(&rows)?,
            next: body.get("next").map(|next| position(next)).transpose()?.flatten(),
        })
    }
}

/// Returns a page's `next` as the text of a query: a name, or a number.
fn position(next: &RawValue) -> Result<Option<String>, Error> {
    Ok(match read::<serde_json::Value>(next)? {
        serde_json::Value::Null => None,
        serde_json::Value::String(name) => Some(name),
        number => Some(number.to_string()),
    })
}

/// Parses one row.
///
/// # Errors
/// [`Error::Unavailable`] for a row that is none.
pub(crate) fn read<'a, T: Deserialize<'a>>(raw: &'a RawValue) -> Result<T, Error> {
    serde_json::from_str(raw.get()).map_err(|error| query::unreadable(&error))
}

/// Prints a whole list.
///
/// # Errors
/// Any [`Error`] of a request, or of printing.
pub(crate) fn run<T: Row>(
    controller: &Controller,
    list: &List,
    format: Format,
) -> Result<(), Error> {
    let mut printer = Printer::new::<T>(list.key, format);
    let mut after = list.after.clone();
    loop {
        let page = list.page(controller, after.as_deref())?;
        Progress::count(page.rows.len() as u64);
        if !output::piece(printer.part::<T>(&page.rows)?.as_bytes())? {
            return Ok(());
        }
        match page.next {
            Some(next) if after.as_ref() != Some(&next) => after = Some(next),
            _ => break,
        }
    }
    output::piece(printer.end().as_bytes()).map(|_| ())
}

/// Prints the first `most` rows of a list.
///
/// # Errors
/// As [`run`].
pub(crate) fn first<T: Row>(
    controller: &Controller,
    list: &List,
    format: Format,
    most: usize,
) -> Result<(), Error> {
    let mut printer = Printer::new::<T>(list.key, format);
    let (mut after, mut left) = (list.after.clone(), most);
    while left > 0 {
        let mut page = list.part(controller, after.as_deref(), left.min(PAGE))?;
        page.rows.truncate(left);
        left -= page.rows.len();
        if !output::piece(printer.part::<T>(&page.rows)?.as_bytes())? {
            return Ok(());
        }
        match page.next {
            Some(next) if after.as_ref() != Some(&next) => after = Some(next),
            _ => break,
        }
    }
    output::piece(printer.end().as_bytes()).map(|_| ())
}

/// Prints a list that has no pages.
///
/// # Errors
/// As [`run`].
pub(crate) fn whole<T: Row>(
    controller: &Controller,
    list: &List,
    format: Format,
) -> Result<(), Error> {
    let page = list.parsed(&controller.read(&list.path)?)?;
    let mut printer = Printer::new::<T>(list.key, format);
    let text = printer.part::<T>(&page.rows)? + &printer.end();
    output::bytes(text.as_bytes())
}

/// Formats rows as they arrive.
pub(crate) struct Printer {
    format: Format,
    key: &'static str,
    table: Table,
    zone: Zone,
    /// JSON is laid out for people.
    people: bool,
    begun: bool,
}

impl Printer {
    pub(crate) fn new<T: Row>(key: &'static str, format: Format) -> Self {
        let wide = format == Format::Wide;
        let head = if wide { [T::HEAD, T::WIDE].concat() } else { T::HEAD.to_vec() };
        Self {
            format,
            key,
            table: Table::new(&head, wide),
            zone: clock::here(),
            people: io::stdout().is_terminal(),
            begun: false,
        }
    }

    /// Returns the text of the next rows.
    ///
    /// # Errors
    /// [`Error::Unavailable`] for a row that is none.
    pub(crate) fn part<T: Row>(&mut self, rows: &[Box<RawValue>]) -> Result<String, Error> {
        match self.format {
            Format::Json => Ok(self.json(rows)),
            Format::Yaml => self.yaml(rows),
            Format::Name => {
                let name = |row: &RawValue| Ok(format!("{}\n", read::<T>(row)?.name()));
                rows.iter().map(|row| name(row)).collect()
            }
            Format::Table | Format::Wide => {
                let wide = self.format == Format::Wide;
                let cells = |row: &RawValue| Ok(read::<T>(row)?.cells(wide, &self.zone));
                let rows: Vec<Vec<String>> =
                    rows.iter().map(|row| cells(row)).collect::<Result<_, Error>>()?;
                Ok(self.table.part(&rows))
            }
        }
    }

    /// Returns the text after the last row.
    pub(crate) fn end(&mut self) -> String {
        match (self.format, self.begun, self.people) {
            (Format::Json, true, true) => "\n  ]\n}\n".to_owned(),
            (Format::Json, true, false) => "]}\n".to_owned(),
            (Format::Json, false, true) => format!("{{\n  \"{}\": []\n}}\n", self.key),
            (Format::Json, false, false) => format!("{{\"{}\":[]}}\n", self.key),
            (Format::Yaml, false, _) => format!("{}: []\n", self.key),
            _ => String::new(),
        }
    }

    fn json(&mut self, rows: &[Box<RawValue>]) -> String {
        let mut text = String::new();
        for row in rows {
            let first = !std::mem::replace(&mut self.begun, true);
            if self.people {
                match first {
                    true => text.push_str(&format!("{{\n  \"{}\": [\n", self.key)),
                    false => text.push_str(",\n"),
                }
                let row =
                    output::for_people(row.get()).unwrap_or_else(|| terminal::safe(row.get()));
                let lines: Vec<String> = row.lines().map(|line| format!("    {line}")).collect();
                text.push_str(&lines.join("\n"));
            } else {
                match first {
                    true => text.push_str(&format!("{{\"{}\":[", self.key)),
                    false => text.push(','),
                }
                text.push_str(row.get());
            }
        }
        text
    }

    fn yaml(&mut self, rows: &[Box<RawValue>]) -> Result<String, Error> {
        let mut text = String::new();
        for row in rows {
            if !std::mem::replace(&mut self.begun, true) {
                text.push_str(&format!("{}:\n", self.key));
            }
            text.push_str(&yaml::item(row.get()).map_err(|error| query::unreadable(&error))?);
        }
        Ok(text)
    }
}
