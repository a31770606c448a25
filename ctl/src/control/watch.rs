//! `hosts --watch`: the list, and then a row for each host that changes, appears or goes.
//!
//! The API has no feed of hosts, so the list is read again every [`PAUSE`]. Of each host only a
//! digest of its row is kept.

use crate::client::Controller;
use crate::error::Error;
use crate::output;
use crate::print::Format;
use crate::print::listing::{self, List, Printer};
use crate::terminal::Progress;
use controller_api::Host;
use serde_json::value::RawValue;
use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::time::Duration;

/// The pause between two readings of the list.
const PAUSE: Duration = Duration::from_secs(2);

/// Prints the hosts and their changes until the process or its output ends.
///
/// # Errors
/// [`Error`] of the first reading. Later, a controller that is away is waited for.
pub(super) fn run(controller: &Controller, list: &List, format: Format) -> Result<(), Error> {
    if format == Format::Yaml {
        return Err(Error::usage("--watch prints a table, names or JSON, not YAML"));
    }
    let mut watch =
        Watch { printer: Printer::new::<Host>(list.key, format), format, seen: HashMap::new() };
    let mut away = false;
    loop {
        match watch.pass(controller, list) {
            Ok(true) => away = false,
            Ok(false) => return Ok(()),
            Err(error @ (Error::Unreachable(_) | Error::NoReply(_))) if !watch.seen.is_empty() => {
                if !std::mem::replace(&mut away, true) {
                    output::error(&format_args!("{}; waiting for it", error.chain()));
                }
            }
            Err(error) => return Err(error),
        }
        Progress::off();
        std::thread::sleep(PAUSE);
    }
}

struct Watch {
    printer: Printer,
    format: Format,
    /// The digest of each host's row, and the reading that last had it.
    seen: HashMap<String, (u64, bool)>,
}

impl Watch {
    /// Reads the list once and prints what has changed. Returns `false` if the output is closed.
    fn pass(&mut self, controller: &Controller, list: &List) -> Result<bool, Error> {
        for (_, present) in self.seen.values_mut() {
            *present = false;
        }
        let mut after = None;
        loop {
            let page = list.page(controller, after.as_deref())?;
            Progress::count(page.rows.len() as u64);
            let mut changed = Vec::new();
            for row in page.rows {
                if self.is_new(&row)? {
                    changed.push(row);
                }
            }
            if !self.print(&changed)? {
                return Ok(false);
            }
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        let gone: Vec<String> =
            self.seen.iter().filter(|(_, seen)| !seen.1).map(|(id, _)| id.clone()).collect();
        for id in gone {
            self.seen.remove(&id);
            output::error(&format_args!("{id} is not in the list any more"));
        }
        Ok(true)
    }

    fn is_new(&mut self, row: &RawValue) -> Result<bool, Error> {
        let host: Host = listing::read(row)?;
        let mut digest = DefaultHasher::new();
        row.get().hash(&mut digest);
        let digest = digest.finish();
        let before = self.seen.insert(host.id, (digest, true));
        Ok(before.is_none_or(|(before, _)| before != digest))
    }

    fn print(&mut self, rows: &[Box<RawValue>]) -> Result<bool, Error> {
        if rows.is_empty() {
            return Ok(true);
        }
        let text = match self.format {
            Format::Json => {
                rows.iter().map(|row| format!("{}\n", output::shown_json(row.get()))).collect()
            }
            _ => self.printer.part::<Host>(rows)?,
        };
        output::piece(text.as_bytes())
    }
}
