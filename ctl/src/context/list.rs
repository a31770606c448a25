//! `context list`, `use` and `remove`.

use super::file::Contexts;
use super::login::said;
use crate::cli::ContextName;
use crate::error::Error;
use crate::print::Output;
use crate::print::listing::{Printer, Row};
use crate::terminal::safe;
use crate::{clock, exit, output};
use agent_cron::Zone;
use serde::{Deserialize, Serialize};
use std::process::ExitCode;

/// A context without its token.
#[derive(Serialize, Deserialize)]
struct Shown {
    name: String,
    current: bool,
    url: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    operator: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires: Option<String>,
    logged_in: bool,
}

impl Row for Shown {
    const HEAD: &'static [&'static str] = &["CURRENT", "CONTEXT", "OPERATOR", "URL"];
    const WIDE: &'static [&'static str] = &["TOKEN EXPIRES"];

    fn cells(&self, wide: bool, zone: &Zone) -> Vec<String> {
        let operator = match (&self.operator, self.logged_in) {
            (Some(operator), true) => safe(operator),
            _ => "(logged out)".to_owned(),
        };
        let current = if self.current { "*" } else { "" };
        let mut cells = vec![current.to_owned(), safe(&self.name), operator, safe(&self.url)];
        if wide {
            cells.push(clock::cell(self.expires.as_ref(), zone));
        }
        cells
    }

    fn name(&self) -> String {
        safe(&self.name)
    }
}

/// Prints the contexts.
///
/// # Errors
/// [`Error::Unavailable`] if they cannot be read.
pub(crate) fn list(format: &Output) -> Result<ExitCode, Error> {
    let contexts = Contexts::read()?;
    let rows = contexts.contexts.into_iter().map(|(name, entry)| Shown {
        current: contexts.current.as_ref() == Some(&name),
        name,
        url: entry.url,
        operator: entry.operator,
        expires: entry.expires,
        logged_in: entry.token.is_some(),
    });
    let raw =
        |row: Shown| serde_json::value::to_raw_value(&row).expect("a context serializes to memory");
    let rows: Vec<_> = rows.map(raw).collect();
    let mut printer = Printer::new::<Shown>("contexts", format.format());
    let text = printer.part::<Shown>(&rows)? + &printer.end();
    output::bytes(text.as_bytes())?;
    Ok(ExitCode::from(exit::DONE))
}

/// Makes a context the current one.
///
/// # Errors
/// [`Error::Usage`] if there is none of this name.
pub(crate) fn use_one(wanted: &ContextName) -> Result<ExitCode, Error> {
    let name = &wanted.name;
    Contexts::update(|all| {
        all.find(name)?;
        all.current = Some(name.clone());
        Ok(())
    })?;
    said(&format!("context {} is the current one", safe(name)));
    Ok(ExitCode::from(exit::DONE))
}

/// Forgets a context. Its token stays valid until it expires; `logout` ends it.
///
/// # Errors
/// [`Error::Usage`] if there is none of this name.
pub(crate) fn remove(wanted: &ContextName) -> Result<ExitCode, Error> {
    let name = &wanted.name;
    let had_token = Contexts::update(|all| {
        let context = all.find(name)?;
        all.contexts.remove(name);
        if all.current.as_ref() == Some(name) {
            all.current = None;
        }
        Ok(context.entry.token.is_some())
    })?;
    let token = if had_token { "; its token is valid until it expires" } else { "" };
    said(&format!("context {} is removed{token}", safe(name)));
    Ok(ExitCode::from(exit::DONE))
}
