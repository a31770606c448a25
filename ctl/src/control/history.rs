//! `history`: what ran where, and how it ended.

use super::between;
use crate::cli::{Filter, History, HistoryExport, HistorySub};
use crate::client::{Controller, checked};
use crate::error::Error;
use crate::print::listing::{self, List, Row};
use crate::terminal::{Progress, safe};
use crate::{clock, output};
use agent_cron::Zone;
use controller_api::{ExportEnd, HistoryEntry, Problem, path};

/// The most entries that are listed unless asked for more.
const MOST: usize = 100;

impl Row for HistoryEntry {
    const HEAD: &'static [&'static str] =
        &["ENDED", "HOST", "STATE", "CODE", "OPERATOR", "RUN", "REQUEST", "WHY"];
    const WIDE: &'static [&'static str] = &["SENT", "OUTPUT", "CHANGE"];

    fn cells(&self, wide: bool, zone: &Zone) -> Vec<String> {
        let text = |text: &Option<String>| safe(text.as_deref().unwrap_or("-"));
        let mut cells = vec![
            clock::cell(self.ended_at.as_ref(), zone),
            safe(&self.host),
            self.state.name().to_owned(),
            self.code.map_or_else(|| "-".to_owned(), |code| code.to_string()),
            text(&self.operator),
            safe(&self.run),
            safe(self.cmd.as_deref().unwrap_or(&self.method)),
            text(&self.why),
        ];
        if wide {
            cells.extend([
                clock::cell(self.sent_at.as_ref(), zone),
                text(&self.digest),
                self.change.to_string(),
            ]);
        }
        cells
    }

    fn name(&self) -> String {
        format!("{} {}", safe(&self.run), safe(&self.host))
    }
}

/// Lists a part of the history, or exports it.
///
/// # Errors
/// Any [`Error`].
pub(super) fn run(controller: &Controller, history: &History) -> Result<(), Error> {
    if let Some(HistorySub::Export(export)) = &history.export {
        return self::export(controller, export);
    }
    let path = path::with_query(path::HISTORY, &filters(&history.filter)?);
    let most = history.filter.between.limit.map_or(MOST, usize::from);
    let list = List::new(path, "entries");
    listing::first::<HistoryEntry>(controller, &list, history.output.format(), most)
}

fn filters(filter: &Filter) -> Result<Vec<String>, Error> {
    let mut parts = between(&filter.between)?;
    if let Some(run) = &filter.run {
        parts.push(format!("run={}", path::segment(run)));
    }
    if let Some(host) = &filter.host {
        parts.push(format!("host={}", path::segment(checked(host)?)));
    }
    if let Some(operator) = &filter.operator {
        parts.push(format!("operator={}", path::segment(operator)));
    }
    if let Some(state) = filter.state {
        parts.push(format!("state={}", state.name()));
    }
    Ok(parts)
}

/// Prints each entry on its line as it arrives. The last line, which says that the export is whole,
/// is checked and not printed.
fn export(controller: &Controller, export: &HistoryExport) -> Result<(), Error> {
    let mut parts = filters(&export.filter)?;
    if export.results {
        parts.push("results=true".to_owned());
    }
    let most = export.filter.between.limit.map_or(u64::MAX, u64::from);
    let mut lines = controller.lines(&path::with_query(path::HISTORY_EXPORT, &parts))?;
    Progress::off();
    let mut printed = 0;
    while let Some(line) = lines.next_line()? {
        if let Ok(ExportEnd { exported }) = serde_json::from_str(&line) {
            return match exported == printed {
                true => Ok(()),
                false => {
                    Err(Error::no_reply(format!("the export has {printed} entries of {exported}")))
                }
            };
        }
        if let Ok(Problem { detail, .. }) = serde_json::from_str(&line) {
            return Err(Error::no_reply(detail));
        }
        if printed == most || !output::piece(format!("{}\n", output::shown_json(&line)).as_bytes())?
        {
            return Ok(());
        }
        printed += 1;
    }
    Err(Error::no_reply(format!("the export was cut off after {printed} entries")))
}
