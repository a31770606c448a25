//! Questions to the facts of all hosts.

use super::{live, query};
use crate::cli::{FactsCertificates, FactsCount, FactsPackage, FactsService, FactsWhere};
use crate::client::Controller;
use crate::control::parsed;
use crate::cron::utc;
use crate::error::Error;
use crate::print::document;
use crate::print::listing::{self, List, Printer, Row};
use crate::print::table::Table;
use crate::terminal::safe;
use crate::{clock, exit, output, query as agent_query};
use agent_cron::Zone;
use controller_api::{
    FactCounts, FactMatch, FactSearch, HostCertificates, HostPackages, HostService, path,
};
use serde_json::value::RawValue;
use std::collections::BTreeMap;
use std::process::ExitCode;
use ureq::http::Method;

/// Hosts in one page: the most that the controller gives.
const PAGE: usize = 1000;

/// The most characters of the values of one host in a table.
const MAX_VALUES: usize = 200;

impl Row for FactMatch {
    const HEAD: &'static [&'static str] = &["HOST", "FOUND", "VALUE"];
    const WIDE: &'static [&'static str] = &[];

    fn cells(&self, wide: bool, _: &Zone) -> Vec<String> {
        let values: Vec<&str> = self.values.iter().map(|value| value.get()).collect();
        let mut text = values.join(" ");
        if !wide && let Some((at, _)) = text.char_indices().nth(MAX_VALUES) {
            text.truncate(at);
            text.push('…');
        }
        vec![safe(&self.host), self.count.to_string(), safe(&text)]
    }

    fn name(&self) -> String {
        safe(&self.host)
    }
}

impl Row for HostPackages {
    const HEAD: &'static [&'static str] = &["HOST", "VERSION"];
    const WIDE: &'static [&'static str] = &["MANAGER"];

    fn cells(&self, wide: bool, _: &Zone) -> Vec<String> {
        let joined = |texts: Vec<&str>| safe(&texts.join(" "));
        let mut cells = vec![
            safe(&self.host),
            joined(self.versions.iter().map(|it| it.version.as_str()).collect()),
        ];
        if wide {
            cells.push(joined(self.versions.iter().map(|it| it.manager.as_str()).collect()));
        }
        cells
    }

    fn name(&self) -> String {
        safe(&self.host)
    }
}

impl Row for HostService {
    const HEAD: &'static [&'static str] = &["HOST", "STATE"];
    const WIDE: &'static [&'static str] = &[];

    fn cells(&self, _: bool, _: &Zone) -> Vec<String> {
        vec![safe(&self.host), safe(&self.states.join(" "))]
    }

    fn name(&self) -> String {
        safe(&self.host)
    }
}

impl Row for HostCertificates {
    const HEAD: &'static [&'static str] = &["HOST", "CERTIFICATES", "FIRST EXPIRES", "SUBJECT"];
    const WIDE: &'static [&'static str] = &["SHA-256"];

    fn cells(&self, wide: bool, zone: &Zone) -> Vec<String> {
        let first = self.certificates.first();
        let text = |text: Option<&String>| text.map_or_else(|| "-".to_owned(), |text| safe(text));
        let mut cells = vec![
            safe(&self.host),
            self.certificates.len().to_string(),
            clock::cell(first.map(|it| &it.not_after), zone),
            text(first.map(|it| &it.subject)),
        ];
        if wide {
            cells.push(text(first.map(|it| &it.sha256)));
        }
        cells
    }

    fn name(&self) -> String {
        safe(&self.host)
    }
}

/// Lists the hosts whose facts have something at a path.
pub(super) fn find(controller: &Controller, flags: &FactsWhere) -> Result<ExitCode, Error> {
    if flags.live.live {
        live::selected(controller, flags.selected.selector.as_deref())?;
    }
    let mut printer = Printer::new::<FactMatch>("hosts", flags.output.format());
    let mut after = None;
    loop {
        let search = FactSearch {
            path: flags.path.clone(),
            method: flags.method.clone(),
            selector: flags.selected.selector.clone(),
            limit: Some(PAGE),
            after,
        };
        let text = controller.change(&Method::POST, path::FACTS_WHERE, Some(&search))?;
        let mut page: BTreeMap<String, Box<RawValue>> = parsed(&text)?;
        let rows: Vec<Box<RawValue>> = match page.remove("hosts") {
            Some(rows) => listing::read(&rows)?,
            None => return Err(agent_query::unreadable(&"the list has no member \"hosts\"")),
        };
        if !output::piece(printer.part::<FactMatch>(&rows)?.as_bytes())? {
            return Ok(ExitCode::from(exit::DONE));
        }
        after = match page.get("next") {
            Some(next) => listing::read(next)?,
            None => None,
        };
        if after.is_none() {
            break;
        }
    }
    output::piece(printer.end().as_bytes())?;
    Ok(ExitCode::from(exit::DONE))
}

/// Lists the hosts that have a package.
pub(super) fn package(controller: &Controller, flags: &FactsPackage) -> Result<ExitCode, Error> {
    if flags.live.live {
        live::selected(controller, flags.selected.selector.as_deref())?;
    }
    let query = query(&[
        ("name", Some(&flags.name)),
        ("below", flags.below.as_deref()),
        ("above", flags.above.as_deref()),
        ("version", flags.is.as_deref()),
        ("selector", flags.selected.selector.as_deref()),
    ]);
    let list = List::new(format!("{}{query}", path::FACTS_PACKAGES), "hosts");
    listing::run::<HostPackages>(controller, &list, flags.output.format())?;
    Ok(ExitCode::from(exit::DONE))
}

/// Lists the hosts that have a service.
pub(super) fn service(controller: &Controller, flags: &FactsService) -> Result<ExitCode, Error> {
    let query = query(&[
        ("name", Some(&flags.name)),
        ("state", flags.state.as_deref()),
        ("selector", flags.selected.selector.as_deref()),
    ]);
    let list = List::new(format!("{}{query}", path::FACTS_SERVICES), "hosts");
    listing::run::<HostService>(controller, &list, flags.output.format())?;
    Ok(ExitCode::from(exit::DONE))
}

/// Lists the hosts with certificates that expire soon.
pub(super) fn certificates(
    controller: &Controller,
    flags: &FactsCertificates,
) -> Result<ExitCode, Error> {
    let now = clock::now();
    let before = utc(now.saturating_add_unsigned(flags.within));
    let since = flags.valid.then(|| utc(now));
    let query = query(&[
        ("before", Some(&before)),
        ("since", since.as_deref()),
        ("selector", flags.selected.selector.as_deref()),
    ]);
    let list = List::new(format!("{}{query}", path::FACTS_CERTIFICATES), "hosts");
    listing::run::<HostCertificates>(controller, &list, flags.output.format())?;
    Ok(ExitCode::from(exit::DONE))
}

/// Counts hosts by a value.
pub(super) fn count(controller: &Controller, flags: &FactsCount) -> Result<ExitCode, Error> {
    if flags.live.live {
        live::selected(controller, flags.selected.selector.as_deref())?;
    }
    let query = query(&[
        ("path", Some(&flags.path)),
        ("method", flags.method.as_deref()),
        ("selector", flags.selected.selector.as_deref()),
    ]);
    let text = controller.read(&format!("{}{query}", path::FACTS_COUNT))?;
    document(&text, flags.output.format(), || {
        let counts: FactCounts = parsed(&text)?;
        let mut rows: Vec<Vec<String>> = counts
            .counts
            .iter()
            .map(|count| vec![count.hosts.to_string(), value(count.value.get())])
            .collect();
        if counts.more > 0 {
            rows.push(vec!["-".to_owned(), format!("({} further values)", counts.more)]);
        }
        if counts.without > 0 {
            rows.push(vec![counts.without.to_string(), "(none)".to_owned()]);
        }
        Ok(Table::new(&["HOSTS", "VALUE"], false).part(&rows))
    })?;
    Ok(ExitCode::from(exit::DONE))
}

/// Returns a JSON value for people: a text without its quotes.
fn value(json: &str) -> String {
    match serde_json::from_str::<String>(json) {
        Ok(text) => safe(&text),
        Err(_) => safe(json),
    }
}
