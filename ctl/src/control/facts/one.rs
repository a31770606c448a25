//! The facts of one host, their changes, and the difference of two.

use super::{live, query, time};
use crate::cli::{FactsChanges, FactsDiff, FactsShow};
use crate::client::{Controller, checked};
use crate::control::parsed;
use crate::error::Error;
use crate::print::listing::{self, List, Row};
use crate::print::{Format, document};
use crate::terminal::safe;
use crate::{clock, exit, output};
use agent_cron::Zone;
use controller_api::{Fact, FactChange, FactDiff, FactState, HostFacts, path};
use fleet::facts::short_name;
use std::collections::BTreeSet;
use std::process::ExitCode;

impl Row for FactState {
    const HEAD: &'static [&'static str] = &["FACT", "STATE", "SINCE", "UNTIL", "SIZE"];
    const WIDE: &'static [&'static str] = &["SHA-256", "PROBLEM"];

    fn cells(&self, wide: bool, zone: &Zone) -> Vec<String> {
        let state = match (self.present, &self.failed_since) {
            (_, Some(_)) => "failing",
            (true, None) => "known",
            (false, None) => "absent",
        };
        let mut cells = vec![
            safe(short_name(&self.method)),
            state.to_owned(),
            clock::shown(&self.since, zone),
            self.until.as_ref().map_or_else(|| "now".to_owned(), |at| clock::shown(at, zone)),
            self.bytes.map_or_else(|| "-".to_owned(), |bytes| bytes.to_string()),
        ];
        if wide {
            cells.push(safe(self.digest.as_deref().unwrap_or("-")));
            let problem = self.problem.as_ref().zip(self.failed_since.as_ref());
            cells.push(problem.map_or_else(
                || "-".to_owned(),
                |(why, since)| format!("since {}: {}", clock::shown(since, zone), safe(why)),
            ));
        }
        cells
    }

    fn name(&self) -> String {
        safe(&self.method)
    }
}

/// Shows a host's facts, or one of them.
pub(super) fn show(controller: &Controller, flags: &FactsShow) -> Result<ExitCode, Error> {
    let host = checked(&flags.id)?;
    if flags.live.live {
        live::one(controller, host)?;
    }
    let at = flags.at.as_deref().map(|at| time("--at", at)).transpose()?;
    let query = query(&[("at", at.as_deref())]);
    let Some(method) = &flags.method else {
        let text = controller.read(&format!("{}{query}", path::host_facts(host)))?;
        return list(&text, flags.output.format());
    };
    let text = controller.read(&format!("{}{query}", path::host_fact(host, method)))?;
    let fact: Fact = parsed(&text)?;
    let zone = clock::here();
    if let (Some(since), Some(problem)) = (&fact.state.failed_since, &fact.state.problem) {
        let since = clock::shown(since, &zone);
        output::error(&format_args!(
            "{method} has failed since {since}; an answer here is the last one before: {}",
            safe(problem)
        ));
    }
    let Some(data) = &fact.data else {
        if fact.state.failed_since.is_none() {
            output::error(&format_args!("host {host} has no provider {method}"));
        }
        return Ok(ExitCode::from(exit::FAILED));
    };
    match flags.output.format() {
        // The answer itself: the same as of `-c METHOD`.
        Format::Json | Format::Table | Format::Wide | Format::Name => output::json(data.get())?,
        Format::Yaml => document(data.get(), Format::Yaml, || Ok(String::new()))?,
    }
    Ok(ExitCode::from(exit::DONE))
}

fn list(text: &str, format: Format) -> Result<ExitCode, Error> {
    document(text, format, || {
        let facts: HostFacts = parsed(text)?;
        let wide = format == Format::Wide;
        let head = if wide {
            [FactState::HEAD, FactState::WIDE].concat()
        } else {
            FactState::HEAD.to_vec()
        };
        let zone = clock::here();
        if format == Format::Name {
            return Ok(facts.facts.iter().map(|fact| fact.name() + "\n").collect());
        }
        let rows: Vec<_> = facts.facts.iter().map(|fact| fact.cells(wide, &zone)).collect();
        Ok(crate::print::table::Table::new(&head, wide).part(&rows))
    })?;
    Ok(ExitCode::from(exit::DONE))
}

/// Lists the changes of a fact.
pub(super) fn changes(controller: &Controller, flags: &FactsChanges) -> Result<ExitCode, Error> {
    let path = path::host_fact_changes(checked(&flags.id)?, &flags.method);
    listing::run::<FactState>(controller, &List::new(path, "changes"), flags.output.format())?;
    Ok(ExitCode::from(exit::DONE))
}

/// Compares the facts of two places.
pub(super) fn diff(controller: &Controller, flags: &FactsDiff) -> Result<ExitCode, Error> {
    let (from, to) = (place(&flags.from)?, place(&flags.to)?);
    let methods = match &flags.method {
        Some(method) => vec![method.clone()],
        None => {
            let of = |place: &str| methods(controller, place);
            of(&from)?.intersection(&of(&to)?).cloned().collect()
        }
    };
    let mut same = true;
    for method in methods {
        let query = query(&[("from", Some(&from)), ("to", Some(&to)), ("method", Some(&method))]);
        let text = controller.read(&format!("{}{query}", path::FACTS_DIFF))?;
        let diff: FactDiff = parsed(&text)?;
        if diff.lines.is_empty() {
            continue;
        }
        same = false;
        match flags.output.format() {
            Format::Json => output::json(diff.patch.get())?,
            Format::Yaml => document(diff.patch.get(), Format::Yaml, || Ok(String::new()))?,
            Format::Name => output::bytes(format!("{}\n", safe(&diff.method)).as_bytes())?,
            Format::Table | Format::Wide => output::bytes(lines(&diff).as_bytes())?,
        }
    }
    // As diff(1): 0 if nothing differs.
    Ok(ExitCode::from(if same { exit::DONE } else { exit::FAILED }))
}

/// Returns `HOST` or `HOST@TIME` as the API reads it.
fn place(text: &str) -> Result<String, Error> {
    match text.split_once('@') {
        None => checked(text).map(str::to_owned),
        Some((host, at)) => Ok(format!("{}@{}", checked(host)?, time("@", at)?)),
    }
}

/// Returns the providers that are known at a place.
fn methods(controller: &Controller, place: &str) -> Result<BTreeSet<String>, Error> {
    let (host, at) = match place.split_once('@') {
        Some((host, at)) => (host, Some(at)),
        None => (place, None),
    };
    let query = query(&[("at", at)]);
    let facts: HostFacts =
        parsed(&controller.read(&format!("{}{query}", path::host_facts(host)))?)?;
    Ok(facts.facts.into_iter().filter(|fact| fact.present).map(|fact| fact.method).collect())
}

/// Writes a difference for people.
fn lines(diff: &FactDiff) -> String {
    let mut text = format!("{}\n", safe(short_name(&diff.method)));
    for line in &diff.lines {
        let value = |value: &Option<String>| safe(value.as_deref().unwrap_or_default());
        let path = safe(&line.path);
        text += &match line.change {
            FactChange::Added => format!("  + {path}: {}\n", value(&line.new)),
            FactChange::Removed => format!("  - {path}: {}\n", value(&line.old)),
            FactChange::Changed => {
                format!("  ~ {path}: {} -> {}\n", value(&line.old), value(&line.new))
            }
        };
    }
    if diff.truncated {
        text += "  … and more; -o json shows all\n";
    }
    text
}
